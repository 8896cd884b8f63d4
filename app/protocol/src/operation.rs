//! What was done to a model, as recorded in the journal of operations.

use crate::{Aim, AimVerdict, Applied, BeforeAfter, EditOrder, WeightChange};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Identifies a model by its name and weights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelMark {
    /// Name of the model for display.
    pub name: String,
    /// Identifies these weights in this number format.
    pub fingerprint: String,
}

/// Identifies a plugin by its id and file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginMark {
    pub id: String,
    pub version: String,
    /// SHA-256 of the plugin's file, in hexadecimal.
    pub sha256: String,
}

/// Identifies facts by their source and contents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactsMark {
    /// The file, or what else they come from.
    pub source: String,
    /// SHA-256 of the facts as they were read.
    pub sha256: String,
}

/// The schema of the journal's lines that is written, and the newest that is read. It increases when an older program
/// would misread a line; lines without it have schema 1.
pub const OPERATION_SCHEMA: u32 = 2;

/// Kinds of [`Deed`], as lines of the journal name them.
pub const DEEDS: [&str; 4] = ["edit", "apply", "undo", "redo"];

fn first_schema() -> u32 {
    1
}

/// One line of the journal of operations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// The schema of the line, see [`OPERATION_SCHEMA`].
    #[serde(default = "first_schema")]
    pub schema: u32,
    /// Version of the program that wrote it; empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub program: String,
    /// Counts from 1 over the whole journal; never reused.
    pub number: u64,
    /// When it was done, in UTC.
    pub time: String,
    /// The run of the program that did it.
    pub run: String,
    /// What kind of run that was.
    pub origin: Origin,
    /// Model that the edits apply to, unedited.
    pub model: ModelMark,
    /// Whether it was computed in reproducible mode: the same bits on every x86-64 processor.
    #[serde(default)]
    pub reproducible: bool,
    /// For an edit: the facts that its numbers draw on besides its own, where that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<FactsMark>,
    /// Edit, undo, or redo, with its details.
    #[serde(flatten)]
    pub deed: Deed,
    /// Operations whose edits were in place afterwards, in order.
    pub in_place: Vec<u64>,
    /// Operations whose edits could be redone afterwards, the next one last.
    #[serde(default)]
    pub taken_back: Vec<u64>,
    /// SHA-256 of every parameter that an edit has touched, as it was afterwards; empty if no model was loaded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, String>,
}

/// What did an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The workbench, or a command that changes what its next start restores.
    Workbench,
    /// A command that loads its own model.
    Command,
}

/// What an operation did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Deed {
    /// A method edited facts.
    Edit(Box<EditDeed>),
    /// An edit of a file was applied.
    Apply(Box<EditDeed>),
    /// An edit was undone.
    Undo {
        /// The operation that first applied it.
        edit: u64,
    },
    /// An edit was redone.
    Redo {
        /// The operation that first applied it.
        edit: u64,
    },
}

/// An edit: its order, what made it, its results, and the file of its change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EditDeed {
    /// A few words: method, layer, fact.
    pub title: String,
    /// The method that ran.
    pub method: PluginMark,
    /// The objective that ran.
    pub objective: PluginMark,
    /// What was ordered, with all settings that suit the model filled in.
    pub order: EditOrder,
    /// Per changed parameter: norm of the change, absolute and relative.
    pub changes: Vec<WeightChange>,
    /// What the objective aimed at, for the first fact.
    #[serde(default)]
    pub aim: Aim,
    /// The record's prompts before and after; `None` for an edit of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<BeforeAfter>,
    /// Numbers that the method reported.
    #[serde(default, with = "crate::number::map")]
    pub metrics: BTreeMap<String, f64>,
    /// Measures of the edit by name.
    #[serde(default, with = "crate::number::map")]
    pub numbers: BTreeMap<String, f64>,
    /// Sentences of the method for the user.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Whether it took, and what it did to the other prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<AimVerdict>,
    /// Whether it was found on the unedited model and applied on top of other edits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub found_on_unedited: bool,
    /// The file of its change.
    pub delta: DeltaMark,
    /// The file of the tensors that the method kept, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<DeltaMark>,
    /// The file that it was read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
}

impl EditDeed {
    /// An edit as it was made, without the file of its change.
    #[must_use]
    pub fn of(order: EditOrder, method: PluginMark, objective: PluginMark, applied: &Applied) -> Self {
        Self {
            title: applied.title.clone(),
            method,
            objective,
            order,
            changes: applied.changes.clone(),
            aim: applied.aim.clone(),
            scores: Some(applied.scores.clone()),
            metrics: applied.metrics.clone(),
            numbers: applied.numbers.clone(),
            notes: applied.notes.clone(),
            verdict: applied.verdict.clone(),
            found_on_unedited: applied.found_on_unedited,
            delta: DeltaMark::default(),
            artifacts: None,
            source: None,
        }
    }

    /// What was reported when it was made, as far as it is recorded; `None` for an edit of a file.
    #[must_use]
    pub fn applied(&self, number: u64) -> Option<Applied> {
        Some(Applied {
            job: 0,
            title: self.title.clone(),
            number,
            operation: Some(number),
            facts: self.order.facts().count(),
            verdict: self.verdict.clone(),
            found_on_unedited: self.found_on_unedited,
            aim: self.aim.clone(),
            changes: self.changes.clone(),
            rows: Vec::new(),
            scores: self.scores.clone()?,
            metrics: self.metrics.clone(),
            notes: self.notes.clone(),
            numbers: self.numbers.clone(),
            said: Vec::new(),
            free_texts: Vec::new(),
            weights: BTreeMap::new(),
        })
    }
}

/// A file of changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeltaMark {
    /// The file, relative to the journal's folder.
    pub file: PathBuf,
    /// SHA-256 of its contents.
    pub sha256: String,
}

impl Operation {
    /// The edit that the operation made, if it made one.
    #[must_use]
    pub fn edit(&self) -> Option<&EditDeed> {
        match &self.deed {
            Deed::Edit(edit) | Deed::Apply(edit) => Some(edit),
            Deed::Undo { .. } | Deed::Redo { .. } => None,
        }
    }
}

impl EditDeed {
    /// Norm of all its changes together, and the largest `‖ΔW‖ / ‖W‖` of a parameter.
    #[must_use]
    pub fn norms(&self) -> (f64, f64) {
        let edit = crate::EditInPlace::new(0, "", &self.changes, 1);
        (edit.norm, edit.relative)
    }
}

#[cfg(test)]
mod tests {
    use super::{DEEDS, Deed, EditDeed, ModelMark, OPERATION_SCHEMA, Operation, Origin, PluginMark};
    use crate::{Applied, BeforeAfter, EditOrder, PromptScore, WeightChange};
    use std::collections::BTreeMap;

    fn deed() -> EditDeed {
        let mark = PluginMark::default();
        EditDeed::of(EditOrder::default(), mark.clone(), mark, &Applied { title: "t".into(), ..Applied::default() })
    }

    #[test]
    fn an_edit_that_went_astray_still_makes_a_line_that_is_read_again() {
        let mut scores = BeforeAfter::default();
        scores.after.rewrite = vec![PromptScore { prompt: "p".into(), new: f64::NAN, truth: 0.25 }];
        let change = WeightChange { parameter: "w".into(), layer: None, norm: f64::INFINITY, relative: f64::INFINITY };
        let operation = Operation {
            schema: OPERATION_SCHEMA,
            program: "0.0.0".into(),
            number: 3,
            time: "2026-01-01T00:00:00Z".into(),
            run: "run".into(),
            origin: Origin::Workbench,
            model: ModelMark::default(),
            reproducible: true,
            facts: None,
            deed: Deed::Edit(Box::new(EditDeed {
                changes: vec![change],
                scores: Some(scores),
                metrics: BTreeMap::from([("x".into(), f64::NAN)]),
                ..deed()
            })),
            in_place: vec![3],
            taken_back: Vec::new(),
            weights: BTreeMap::new(),
        };
        let line = serde_json::to_string(&operation).expect("a line");
        let read: Operation = serde_json::from_str(&line).expect(&line);
        let edit = read.edit().expect("an edit");
        let score = &edit.scores.as_ref().expect("scores").after.rewrite[0];
        assert!(score.new.is_nan() && score.truth == 0.25, "{line}");
        assert!(edit.changes[0].norm.is_infinite() && edit.metrics["x"].is_nan(), "{line}");

        // one that an older program wrote
        let mut old: serde_json::Value = serde_json::from_str(&line).expect(&line);
        old.as_object_mut().expect("a record").retain(|name, _| name != "schema" && name != "program");
        let read: Operation = serde_json::from_value(old).expect("an operation");
        assert_eq!((read.schema, read.program.as_str()), (1, ""));
    }

    #[test]
    fn every_deed_is_known_by_its_kind() {
        let kind = |deed: &Deed| serde_json::to_value(deed).expect("a record")["kind"].as_str().map(str::to_owned);
        let all = [
            Deed::Edit(Box::new(deed())),
            Deed::Apply(Box::new(deed())),
            Deed::Undo { edit: 1 },
            Deed::Redo { edit: 1 },
        ];
        assert_eq!(all.each_ref().map(|deed| kind(deed).expect("a kind")), DEEDS);
    }
}
