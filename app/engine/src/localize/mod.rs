//! Localizers: what says, for a fact, at which layer a model keeps it, as a number for every layer.
//!
//! A localizer is one file here and one line in [`LOCALIZERS`]. The question of Hase et al. (2023) is whether the layer
//! that one picks is a better place to edit than one fixed layer. Formulas: docs/algorithms.md#localizers.

mod attribution;
mod causal_trace;
mod corruption;
mod edit_gradient;
mod fixed_layer;
mod random_layer;
mod settings;
mod shared;

pub use settings::Settings;
pub use shared::Shared;

use crate::error::{Error, Result};
use crate::model::Model;
use locus_protocol::Fact;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a localizer is asked.
pub struct Asked<'a> {
    /// The unedited model.
    pub model: &'a Model,
    pub fact: &'a Fact,
    /// All facts, from which a corruption may take other subjects.
    pub facts: &'a [Fact],
    /// Standard deviation of the embeddings of all subjects.
    pub deviation: f64,
    /// What localizers of one fact share.
    pub shared: &'a Shared,
    /// What the user has set.
    pub settings: Settings<'a>,
}

/// What a localizer found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Effect by layer: the higher, the more the fact is there.
    pub effects: Vec<f64>,
    /// The same by halves of its noise draws, where it has such.
    pub halves: Vec<Vec<f64>>,
    /// Further numbers by name.
    pub numbers: BTreeMap<String, f64>,
}

/// Asked between two parts of the work; its error ends it.
pub type Listen<'a> = &'a mut dyn FnMut() -> Result<()>;

/// Computes a localizer's effects for one fact.
pub type Find = fn(&Asked<'_>, Listen<'_>) -> Result<Found>;

pub struct Localizer {
    /// The name by which a grid asks for it.
    pub kind: &'static str,
    /// What it does, in one clause.
    pub about: &'static str,
    /// Its settings: name, and what each is.
    pub settings: &'static [(&'static str, &'static str)],
    /// Computes a localizer's effects for one fact.
    pub find: Find,
}

pub const LOCALIZERS: &[Localizer] = &[
    causal_trace::LOCALIZER,
    attribution::LOCALIZER,
    edit_gradient::LOCALIZER,
    random_layer::LOCALIZER,
    fixed_layer::LOCALIZER,
];

/// The localizer of a kind, with what a user has set checked by name.
///
/// # Errors
/// There is none of that kind, or it has no such setting; says which there are.
pub fn localizer(kind: &str, settings: &Map<String, Value>) -> Result<&'static Localizer> {
    of(LOCALIZERS, kind, settings)
}

fn of<'a>(all: &'a [Localizer], kind: &str, settings: &Map<String, Value>) -> Result<&'a Localizer> {
    let Some(found) = all.iter().find(|localizer| localizer.kind == kind) else {
        let kinds: Vec<&str> = all.iter().map(|localizer| localizer.kind).collect();
        return Err(Error::Request(format!("there is no localizer `{kind}`; there are {}", kinds.join(", "))));
    };
    if let Some(name) = settings.keys().find(|name| found.settings.iter().all(|(known, _)| known != name)) {
        let known: Vec<&str> = found.settings.iter().map(|(name, _)| *name).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(Error::Request(format!("the localizer `{kind}` has no setting `{name}`; it has {known}")));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{Found, LOCALIZERS, Localizer, localizer, of};
    use serde_json::{Map, json};

    #[test]
    fn what_is_not_there_is_said_with_what_there_is() {
        let nothing = Map::new();
        let error = localizer("tracing", &nothing).map(|_| ()).expect_err("unknown").to_string();
        assert!(error.contains("no localizer `tracing`") && error.contains("causal-trace"), "{error}");
        let settings = Map::from_iter([("windows".to_owned(), json!(3))]);
        let error = localizer("causal-trace", &settings).map(|_| ()).expect_err("unknown").to_string();
        assert!(error.contains("no setting `windows`") && error.contains("window"), "{error}");
    }

    #[test]
    fn the_documents_list_every_localizer_and_setting() {
        let text = include_str!("../../../../docs/sweeps.md");
        for localizer in LOCALIZERS {
            assert!(text.contains(&format!("| `{}` |", localizer.kind)), "{} is not in docs/sweeps.md", localizer.kind);
            for (name, _) in localizer.settings {
                assert!(text.contains(&format!("`{name}`")), "{name} of {} is not in docs/sweeps.md", localizer.kind);
            }
        }
    }

    #[test]
    fn one_file_and_one_line_add_a_localizer() {
        let mut all: Vec<&Localizer> = LOCALIZERS.iter().collect();
        let last = Localizer {
            kind: "last-layer",
            about: "the last layer",
            settings: &[],
            find: |asked, _| {
                let layers = asked.model.architecture.layers;
                let effects = (0..layers).map(|layer| f64::from(u8::from(layer + 1 == layers))).collect();
                Ok(Found { effects, ..Found::default() })
            },
        };
        all.push(&last);
        let kinds: Vec<&str> = all.iter().map(|localizer| localizer.kind).collect();
        let mut different = kinds.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), kinds.len(), "each has a name of its own");
        assert!(of(&[last], "last-layer", &Map::new()).is_ok());
        assert!(LOCALIZERS.iter().all(|localizer| !localizer.about.is_empty()));
    }
}
