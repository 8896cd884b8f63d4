//! The JSON that crosses. Types with parameters are written from references and read as values.

use crate::error::{Error, Result};
use crate::host::ModelInfo;
use crate::request::{Delta, EditRequest, Edited, FactToEdit, Form, Reduction};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tch::Tensor;

/// What `plan` is called with.
#[derive(Serialize, Deserialize)]
pub struct PlanArguments<Request = EditRequest, Settings = Map<String, Value>, Model = ModelInfo> {
    pub request: Request,
    pub settings: Settings,
    /// What the model is.
    pub model: Model,
}

/// What `edit` is called with.
#[derive(Serialize, Deserialize)]
pub struct EditArguments<Request = EditRequest, Settings = Map<String, Value>> {
    pub request: Request,
    pub settings: Settings,
}

/// What `create` is called with.
#[derive(Serialize, Deserialize)]
pub struct CreateArguments<Settings = Map<String, Value>> {
    pub settings: Settings,
}

/// What `goal` is called with.
#[derive(Serialize, Deserialize)]
pub struct GoalArguments<F = FactToEdit> {
    pub fact: F,
}

/// What `loss` is called with, beside the log-probabilities.
#[derive(Serialize, Deserialize)]
pub struct LossArguments {
    /// How they become one number.
    pub reduction: Reduction,
}

/// What a method gives back; tensors are named by their index.
#[derive(Default, Serialize, Deserialize)]
pub struct EditedRecord {
    #[serde(default)]
    pub deltas: Vec<DeltaRecord>,
    /// Numbers about the edit as a whole.
    #[serde(default, with = "locus_plugin_data::number::map")]
    pub metrics: BTreeMap<String, f64>,
    /// What the user should know.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What kept it from going further.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// Tensors worth keeping with the edit.
    #[serde(default)]
    pub artifacts: Vec<ArtifactRecord>,
    /// By fact, where the request was for edits apart; all tensors are in one list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apart: Vec<EditedRecord>,
}

/// A change of one parameter, with its tensors by index into those of the reply.
#[derive(Serialize, Deserialize)]
pub struct DeltaRecord {
    /// The parameter's name in the checkpoint.
    pub parameter: String,
    #[serde(flatten)]
    pub form: FormRecord,
}

/// A change by its tensors.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(tag = "form", content = "tensors", rename_all = "kebab-case")]
pub enum FormRecord {
    /// Indices of `left` and `right`.
    LowRank([usize; 2]),
    /// Index of the difference.
    Dense([usize; 1]),
}

/// One tensor by name.
#[derive(Serialize, Deserialize)]
pub struct ArtifactRecord {
    pub name: String,
    /// Index into the tensors of the reply.
    pub tensor: usize,
}

impl EditedRecord {
    /// Takes the tensors out.
    #[must_use]
    pub fn pack(edited: Edited) -> (Self, Vec<Tensor>) {
        let mut tensors = Vec::new();
        (Self::packed(edited, &mut tensors), tensors)
    }

    /// Takes the tensors of several edits out.
    #[must_use]
    pub fn pack_apart(edited: Vec<Edited>) -> (Self, Vec<Tensor>) {
        let mut tensors = Vec::new();
        let apart = edited.into_iter().map(|edited| Self::packed(edited, &mut tensors)).collect();
        (Self { apart, ..Self::default() }, tensors)
    }

    fn packed(edited: Edited, tensors: &mut Vec<Tensor>) -> Self {
        let mut put = |tensor: Tensor| {
            tensors.push(tensor);
            tensors.len() - 1
        };
        let (metrics, notes, limits) = (edited.metrics, edited.notes, edited.limits);
        let mut record = Self { metrics, notes, limits, ..Self::default() };
        for Delta { parameter, form } in edited.deltas {
            let form = match form {
                Form::LowRank { left, right } => FormRecord::LowRank([put(left), put(right)]),
                Form::Dense(difference) => FormRecord::Dense([put(difference)]),
            };
            record.deltas.push(DeltaRecord { parameter, form });
        }
        for (name, tensor) in edited.artifacts {
            record.artifacts.push(ArtifactRecord { name, tensor: put(tensor) });
        }
        record
    }

    /// Puts the tensors of several edits back in.
    ///
    /// # Errors
    /// Those of [`Self::unpack`]; there are not `count` edits.
    pub fn unpack_apart(self, tensors: &[Tensor], count: usize) -> Result<Vec<Edited>> {
        let told = self.apart.len();
        if told != count {
            return Err(Error::Failed(format!("unusable answer: {told} edits for {count} facts")));
        }
        self.apart.into_iter().map(|record| record.unpack(tensors)).collect()
    }

    /// Puts the tensors back in.
    ///
    /// # Errors
    /// [`Error::Failed`] when an index has no tensor.
    pub fn unpack(self, tensors: &[Tensor]) -> Result<Edited> {
        let get = |index: usize| -> Result<Tensor> {
            let count = tensors.len();
            let missing = || Error::Failed(format!("unusable answer: tensor {index} of {count} is missing"));
            Ok(tensors.get(index).ok_or_else(missing)?.shallow_clone())
        };
        let (metrics, notes, limits) = (self.metrics, self.notes, self.limits);
        let mut edited = Edited { metrics, notes, limits, ..Edited::default() };
        for DeltaRecord { parameter, form } in self.deltas {
            let form = match form {
                FormRecord::LowRank([left, right]) => Form::LowRank { left: get(left)?, right: get(right)? },
                FormRecord::Dense([difference]) => Form::Dense(get(difference)?),
            };
            edited.deltas.push(Delta { parameter, form });
        }
        for ArtifactRecord { name, tensor } in self.artifacts {
            edited.artifacts.push((name, get(tensor)?));
        }
        Ok(edited)
    }
}

#[cfg(test)]
mod tests {
    use super::EditedRecord;
    use crate::host::{Cell, Cells, Read, Site, SuffixRequest};
    use crate::request::Edited;
    use tch::Tensor;

    fn through_json<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> (String, T) {
        let text = serde_json::to_string(value).expect("written");
        let back = serde_json::from_str(&text).expect("read");
        (text, back)
    }

    #[test]
    fn a_suffix_request_survives() {
        let cell = Cell { row: 1, position: 4 };
        let request = SuffixRequest {
            rows: vec![vec![1, 2], vec![3]],
            facts: vec![0, 1],
            add: vec![
                Cells { site: Site::MlpOut(3), cells: vec![cell] },
                Cells { site: Site::Embedding, cells: vec![] },
            ],
            parameters: vec!["w".to_owned()],
            read: vec![Read { cell, token: 7 }],
            distributions: vec![cell],
            capture: vec![Cells { site: Site::MlpKey(0), cells: vec![cell] }],
        };
        let (text, back) = through_json(&request);
        assert_eq!(back, request);
        assert!(text.contains(r#"{"site":"mlp-out","layer":3,"cells":[{"row":1,"position":4}]}"#), "{text}");
        assert!(text.contains(r#"{"row":1,"position":4,"token":7}"#), "{text}");
    }

    #[test]
    fn an_edit_survives_with_numbers_that_json_does_not_have() {
        let tensor = |value: f64| Tensor::full([1, 1], value, (tch::Kind::Float, tch::Device::Cpu));
        let edited = Edited::new()
            .low_rank("a", tensor(1.0), tensor(2.0))
            .dense("b", tensor(3.0))
            .metric("loss", f64::NAN)
            .note("well")
            .limit("the clamp was reached at step 4: raise clamp")
            .artifact("key", tensor(4.0));
        let (record, tensors) = EditedRecord::pack(edited);
        let (text, back) = through_json(&record);
        assert!(text.contains(r#"{"parameter":"a","form":"low-rank","tensors":[0,1]}"#), "{text}");
        let edited = back.unpack(&tensors).expect("unpacked");
        assert!(edited.metrics["loss"].is_nan());
        assert_eq!(edited.limits, ["the clamp was reached at step 4: raise clamp"]);
        assert_eq!(edited.artifacts[0].1.double_value(&[0, 0]), 4.0);
        let (record, _) = EditedRecord::pack(edited);
        assert!(record.unpack(&tensors[..2]).expect_err("too few").to_string().contains("tensor 2 of 2"));
    }
}
