//! How fast this machine runs a model.

use super::{Job, JobId, JobKind};
use serde::{Deserialize, Serialize};

/// Measures the model as it is, or random weights in a published shape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// `gpt2-xl`, `gpt-j-6b` or `llama-3-8b`; `None` for the loaded model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
}

impl Job for Rates {
    fn kind(&self) -> JobKind {
        JobKind::Rates
    }

    fn title(&self) -> String {
        match &self.shape {
            Some(shape) => format!("measuring rates of {shape}"),
            None => "measuring rates".to_owned(),
        }
    }
}

/// Speed of this machine relative to plain copies and matrix products.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RatesMeasured {
    pub job: JobId,
    /// What was run: the model, or the shape.
    pub model: String,
    /// Device that was measured.
    pub device: String,
    /// Number format of weights and activations.
    pub number_format: String,
    /// Bytes that a plain copy reads and writes each second.
    pub copy_bytes: f64,
    /// Operations of a plain matrix product each second.
    pub product_operations: f64,
    /// One entry per kind of work.
    pub rates: Vec<RateMeasured>,
}

/// How fast one kind of work was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RateMeasured {
    /// Kind of work that was timed.
    pub what: String,
    /// Wall time, in seconds.
    pub seconds: f64,
    /// Bytes of weights that projections read each second.
    pub bytes: f64,
    /// Operations of projections each second.
    pub operations: f64,
    /// The bytes as a fraction of those of the plain copy.
    pub of_copy: f64,
    /// The operations as a fraction of those of the plain product.
    pub of_product: f64,
}
