//! Second moments of the MLP keys: what can be done with them, and what is told of them.

use super::{Job, JobId, JobKind};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What to do with the second moments of the unedited model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum SecondMomentsTask {
    /// Collects those of all layers, unless they are kept already; goes on where an earlier run was stopped.
    Collect,
    /// Checks a file.
    Verify {
        /// The file; the one that an edit would use without it.
        file: Option<PathBuf>,
    },
    /// Takes over published ones, which edits of the model use from then on.
    Import {
        /// A `.npz` file of one layer, a folder of such files, or a safetensors file.
        path: PathBuf,
        /// The layer, where the name of the file does not say it.
        layer: Option<usize>,
    },
    /// Writes them for other programs.
    Export {
        /// The file they are read from; the one that an edit would use without it.
        file: Option<PathBuf>,
        /// Which layers; all of them where the list is empty.
        layers: Vec<usize>,
        /// As what.
        target: SecondMomentsTarget,
    },
}

impl Job for SecondMomentsTask {
    fn kind(&self) -> JobKind {
        JobKind::SecondMoments
    }

    fn title(&self) -> String {
        match self {
            Self::Collect => "collecting second moments".to_owned(),
            Self::Verify { .. } => "checking second moments".to_owned(),
            Self::Import { path, .. } => format!("importing second moments from {}", path.display()),
            Self::Export { .. } => "exporting second moments".to_owned(),
        }
    }

    fn lets_looks_in(&self) -> bool {
        true
    }
}

/// As what second moments are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "kebab-case")]
pub enum SecondMomentsTarget {
    /// One `.npz` file a layer, as the authors of ROME publish them.
    Archives {
        /// The folder.
        folder: PathBuf,
        /// Number of documents to write down; the number that is known without it.
        sample_size: Option<u64>,
    },
    /// One safetensors file with entries `layerN.mom2`.
    Safetensors {
        /// The file.
        file: PathBuf,
    },
}

/// Second moments that were collected, checked, taken over or written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SecondMomentsReport {
    /// The job.
    pub job: JobId,
    /// The file they are in.
    pub file: PathBuf,
    /// Fingerprint of their model.
    pub model: String,
    /// Fingerprint of their corpus, or `imported`.
    pub corpus: String,
    /// What the corpus is called.
    pub corpus_name: String,
    /// In which format they were summed up.
    pub precision: String,
    /// By layer.
    pub layers: Vec<SecondMomentsLayer>,
    /// What is wrong with the whole file, one sentence each; only a check looks for it.
    #[serde(default)]
    pub problems: Vec<String>,
    /// Files that were written for other programs.
    #[serde(default)]
    pub written: Vec<PathBuf>,
}

/// The second moment of one layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SecondMomentsLayer {
    /// The layer.
    pub layer: usize,
    /// Keys it is the mean over; 0 where nobody knows.
    pub tokens: u64,
    /// Documents they come from; 0 where nobody knows.
    pub documents: u64,
    /// The file it was imported from; empty where it was collected.
    #[serde(default)]
    pub source: String,
    /// Keys that never fired.
    pub dead_keys: i64,
    /// Relative deviation of the sums from float64, where it is known.
    #[serde(default)]
    pub deviation: Option<f64>,
    /// What a check finds.
    #[serde(default)]
    pub check: Option<SecondMomentsCheck>,
}

/// What a check of one layer finds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SecondMomentsCheck {
    /// Largest difference of mirrored entries, against the largest entry.
    pub asymmetry: f64,
    /// Smallest eigenvalue among the keys that fire; none where there the matrix is singular.
    pub smallest: Option<f64>,
    /// Largest eigenvalue.
    pub largest: f64,
    /// Condition number among the keys that fire; none where there the matrix is singular.
    pub condition: Option<f64>,
    /// What is wrong, one sentence each.
    pub problems: Vec<String>,
}
