//! The file that says what is swept (docs/sweeps.md).

use crate::error::{Error, Result};
use locus_protocol::Measures;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Bytes of the file at most.
pub const LARGEST: u64 = 1 << 20;
/// Seeds, edits or localizers at most.
const MOST: usize = 1000;
/// Layers that can be named at most.
const MOST_LAYERS: usize = 10_000;

/// A grid: every edit at every layer with every seed, for every fact, and every localizer for every fact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grid {
    /// What it is for, in words.
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub facts: FactChoice,
    /// What is measured of each edit.
    #[serde(default)]
    pub measures: MeasureChoice,
    /// Random seeds of the edits.
    #[serde(default = "first_seed")]
    pub seeds: Vec<u64>,
    #[serde(default)]
    pub edits: Vec<EditAxis>,
    /// What says for each fact at which layer it is.
    #[serde(default)]
    pub localizers: Vec<LocalizerAxis>,
}

fn first_seed() -> Vec<u64> {
    vec![0]
}

/// Which facts are swept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct FactChoice {
    /// Their file, relative to the grid's; those of `--facts` or of the model without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// So many that pass the filters, in the order of the file; all without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// Only facts with these numbers in their file (`case_id`); all without it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<u64>,
    /// Looks at no more facts than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<usize>,
    /// Only facts whose true answer the model says within 36 tokens (Hase et al. 2023).
    pub correct_only: bool,
    /// Only facts whose true answer is more probable than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_probability: Option<f64>,
    /// Leaves out facts whose scores say little: the answer lies in the subject, both answers are the same, several
    /// answer tokens begin alike, the record is there twice; and neighborhood prompts that mention the subject.
    pub skip_marked: bool,
}

/// What is measured besides likelihoods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct MeasureChoice {
    /// Tokens that the model says freely after each prompt, to look for the target in; 0 for none.
    pub free_generation: usize,
    /// Judges success by the mean over a target's tokens, as ROME and MEMIT do.
    pub per_token: bool,
    /// Computes normalized scores from the first prompt of each kind only, as the published code does.
    pub first_prompt: bool,
    /// The perplexity of what the unedited model says of the subject.
    pub essence: bool,
    /// The entropy of texts on the records' generation prompts.
    pub fluency: bool,
}

/// One edit at many places.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EditAxis {
    /// Its name in tables; method and window by default.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Id of the method.
    pub method: String,
    /// Ids of the objectives.
    pub objectives: Vec<String>,
    /// The layers around which it is made.
    #[serde(default)]
    pub layers: LayerChoice,
    /// Layers that it changes around each, as windows of a trace are counted.
    #[serde(default = "one")]
    pub window: usize,
    /// Hyperparameters of the method that differ from those that suit the model.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
    /// Hyperparameters of the method with one objective, by the objective's id; they go before `settings`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings_with: Map<String, Value>,
    /// Hyperparameters of the objectives, by the objective's id.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub objective_settings: Map<String, Value>,
}

fn one() -> usize {
    1
}

impl EditAxis {
    /// Its name in tables.
    #[must_use]
    pub fn label(&self) -> String {
        match (self.name.is_empty(), self.window) {
            (false, _) => self.name.clone(),
            (true, 1) => self.method.clone(),
            (true, window) => format!("{}-{window}", self.method),
        }
    }

    /// The layers around which it is made on a model that has `layers`, in order.
    ///
    /// # Errors
    /// It names no layer, or one that the model does not have; its window is wider than the model, so that around two
    /// layers it would be the same edit.
    pub fn centers(&self, layers: usize) -> Result<Vec<usize>, String> {
        if self.window > layers {
            return Err(format!(
                "a window of {} layers is wider than the model, which has {layers}; give `window = {layers}` or less",
                self.window
            ));
        }
        self.layers.of(layers)
    }

    /// The method's hyperparameters with an objective.
    #[must_use]
    pub fn settings_for(&self, objective: &str) -> Map<String, Value> {
        let mut settings = self.settings.clone();
        settings.extend(table_of(&self.settings_with, objective));
        settings
    }

    /// Hyperparameters of an objective; empty where the grid gives none.
    #[must_use]
    pub fn settings_of(&self, objective: &str) -> Map<String, Value> {
        table_of(&self.objective_settings, objective)
    }
}

fn table_of(tables: &Map<String, Value>, name: &str) -> Map<String, Value> {
    tables.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Layers as a grid names them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LayerChoice {
    /// `"all"`, `"0-11"`, `"0,4-6"`.
    Text(String),
    List(Vec<usize>),
    One(usize),
    /// All of them, where the grid says nothing.
    #[default]
    #[serde(skip)]
    All,
}

/// What says for each fact at which layer it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LocalizerAxis {
    /// Its name in tables; its kind by default.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Which one, see docs/sweeps.md.
    pub kind: String,
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

impl LocalizerAxis {
    /// Its name in tables.
    #[must_use]
    pub fn label(&self) -> String {
        if self.name.is_empty() { self.kind.clone() } else { self.name.clone() }
    }
}

/// Layers of a window around a center, as traces count them (Hase et al. 2023, `trace_important_window`): `window / 2`
/// below it, the rest from it upwards, what is beyond the model cut off.
#[must_use]
pub fn window_of(center: usize, window: usize, layers: usize) -> Vec<usize> {
    (center.saturating_sub(window / 2)..(center + window.div_ceil(2)).min(layers)).collect()
}

impl MeasureChoice {
    /// What an evaluation is asked.
    #[must_use]
    pub fn measures(&self) -> Measures {
        Measures {
            per_token: self.per_token,
            first_prompt: self.first_prompt,
            essence: self.essence,
            fluency: self.fluency,
            free_generation: self.free_generation,
            said_tokens: 0,
            ..Measures::default()
        }
    }
}

impl Grid {
    /// Reads the file of a grid; gives its text as well.
    ///
    /// # Errors
    /// It cannot be read, or is no grid.
    pub fn read(path: &Path) -> Result<(Self, String)> {
        let text = locus_files::text(path, LARGEST).map_err(|error| Error::Grid {
            path: path.to_owned(),
            message: format!("the grid cannot be read ({error}); see configs/sweeps for examples"),
        })?;
        Ok((Self::parse(path, &text)?, text))
    }

    /// Reads the text of a grid; `path` is named in errors.
    ///
    /// # Errors
    /// It is no grid, or one that says nothing or contradicts itself.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let bad = |message: String| Error::Grid { path: path.to_owned(), message };
        let grid: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start].lines().count().max(1));
            let at = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            bad(format!("{at}{}", error.message().lines().collect::<Vec<_>>().join(" ")))
        })?;
        grid.check().map_err(bad)?;
        Ok(grid)
    }

    fn check(&self) -> Result<(), String> {
        if self.edits.is_empty() && self.localizers.is_empty() {
            return Err("the grid has neither [[edits]] nor [[localizers]]; add one".to_owned());
        }
        if self.seeds.is_empty() {
            return Err("`seeds` is empty; leave it out for the seed 0".to_owned());
        }
        let mut seeds = BTreeSet::new();
        if let Some(seed) = self.seeds.iter().find(|seed| !seeds.insert(**seed)) {
            return Err(format!("`seeds` names {seed} twice; name each seed once"));
        }
        if self.facts.count == Some(0) || self.facts.first == Some(0) {
            return Err("`count` and `first` of [facts] must be at least 1".to_owned());
        }
        if let Some(least) = self.facts.least_probability.filter(|least| !(0.0..1.0).contains(least)) {
            return Err(format!("`least-probability` must be at least 0 and below 1, not {least}"));
        }
        if self.seeds.len() > MOST || self.edits.len() > MOST || self.localizers.len() > MOST {
            return Err(format!("there are more than {MOST} seeds, edits or localizers; split the sweep"));
        }
        let mut names = BTreeSet::new();
        for edit in &self.edits {
            let label = edit.label();
            if edit.objectives.is_empty() {
                return Err(format!("the edit `{label}` has no objective; name one in `objectives`"));
            }
            let objectives: BTreeSet<&String> = edit.objectives.iter().collect();
            if objectives.len() < edit.objectives.len() {
                return Err(format!("the edit `{label}` names an objective twice"));
            }
            if edit.window == 0 {
                return Err(format!("the edit `{label}` has a window of 0 layers; it must be at least 1"));
            }
            for tables in [&edit.settings_with, &edit.objective_settings] {
                if let Some((name, _)) = tables.iter().find(|(_, table)| !table.is_object()) {
                    return Err(format!(
                        "the edit `{label}`: `{name}` must be a table: {name} = {{ steps = 5 }} under its objective's id"
                    ));
                }
                if let Some(name) = tables.keys().find(|name| !edit.objectives.contains(name)) {
                    return Err(format!(
                        "the edit `{label}` has settings for `{name}`, which is not one of its objectives"
                    ));
                }
            }
            edit.layers.of(usize::MAX).map_err(|error| format!("the edit `{label}`: {error}"))?;
            if !names.insert(label.clone()) {
                return Err(format!("two edits are named `{label}`; give each its own `name`"));
            }
        }
        names.clear();
        for localizer in &self.localizers {
            if !names.insert(localizer.label()) {
                let label = localizer.label();
                return Err(format!("two localizers are named `{label}`; give each its own `name`"));
            }
        }
        Ok(())
    }
}

impl LayerChoice {
    /// The layers on a model that has `layers`, in order. For `usize::MAX` only the spelling is looked at.
    ///
    /// # Errors
    /// It names no layer, or one that the model does not have.
    pub fn of(&self, layers: usize) -> Result<Vec<usize>, String> {
        let all = || if layers == usize::MAX { Vec::new() } else { (0..layers).collect() };
        let mut named = match self {
            Self::All => return Ok(all()),
            Self::Text(text) if text.trim() == "all" => return Ok(all()),
            Self::Text(text) => ranges(text)?,
            Self::List(list) => list.clone(),
            Self::One(layer) => vec![*layer],
        };
        named.sort_unstable();
        named.dedup();
        if named.is_empty() {
            return Err("`layers` is empty; leave it out for all layers".to_owned());
        }
        if let Some(layer) = named.iter().find(|&&layer| layer >= layers) {
            return Err(format!("there is no layer {layer}; the model has layers 0 to {}", layers.saturating_sub(1)));
        }
        Ok(named)
    }
}

fn ranges(text: &str) -> Result<Vec<usize>, String> {
    let bad = || format!("`layers = \"{text}\"` must look like \"all\", \"0-11\" or \"0,4-6\"");
    let mut layers = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first: usize = first.trim().parse().map_err(|_| bad())?;
        let last: usize = last.trim().parse().map_err(|_| bad())?;
        if first > last || last - first >= MOST_LAYERS || layers.len() > MOST_LAYERS {
            return Err(bad());
        }
        layers.extend(first..=last);
    }
    Ok(layers)
}

#[cfg(test)]
mod tests {
    use super::{Grid, LayerChoice, window_of};
    use std::path::Path;

    fn parse(text: &str) -> Result<Grid, String> {
        Grid::parse(Path::new("grid.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_grid_is_read_as_it_is_written() {
        let text = r#"
            title = "small"
            seeds = [0, 1]
            [facts]
            count = 12
            correct-only = true
            cases = [3, 17]
            [measures]
            free-generation = 20
            [[edits]]
            method = "one"
            objectives = ["aim", "other"]
            layers = "0-2,5"
            settings = { steps = 5 }
            settings-with = { other = { steps = 7 } }
            [[edits]]
            method = "one"
            objectives = ["aim"]
            window = 5
            [[localizers]]
            kind = "causal-trace"
            states = "mlp"
            window = 3
        "#;
        let grid = parse(text).expect("grid");
        assert_eq!(grid.edits.iter().map(super::EditAxis::label).collect::<Vec<_>>(), ["one", "one-5"]);
        assert_eq!(grid.facts.cases, [3, 17]);
        assert_eq!(grid.edits[0].layers.of(12), Ok(vec![0, 1, 2, 5]));
        assert_eq!(grid.edits[1].layers.of(3), Ok(vec![0, 1, 2]));
        assert_eq!(grid.edits[0].settings_for("aim")["steps"], 5);
        assert_eq!(grid.edits[0].settings_for("other")["steps"], 7);
        assert_eq!(grid.localizers[0].settings["window"], 3);
        assert!(grid.edits[0].layers.of(5).expect_err("beyond").contains("no layer 5; the model has layers 0 to 4"));
    }

    #[test]
    fn what_makes_no_sense_is_said_in_one_sentence() {
        let edit = "[[edits]]\nmethod = \"one\"\nobjectives = [\"aim\"]\n";
        for (text, says) in [
            (String::new(), "neither [[edits]] nor [[localizers]]"),
            ("titel = 1".to_owned(), "titel"),
            (format!("seeds = []\n{edit}"), "`seeds` is empty"),
            (format!("seeds = [0, 3, 0]\n{edit}"), "`seeds` names 0 twice"),
            (format!("{edit}window = 0"), "window of 0 layers"),
            (format!("{edit}layers = \"5-3\""), "must look like"),
            (format!("{edit}layers = \"0-99999999999\""), "must look like"),
            (format!("{edit}layers = []"), "`layers` is empty"),
            (format!("{edit}{edit}"), "two edits are named `one`"),
            (format!("{edit}settings-with = {{ other = {{ steps = 1 }} }}"), "not one of its objectives"),
            (format!("[facts]\ncount = 0\n{edit}"), "must be at least 1"),
            (format!("[facts]\nleast-probability = 2.0\n{edit}"), "at least 0 and below 1"),
            ("[[edits]]\nmethod = \"one\"\nobjectives = []".to_owned(), "has no objective"),
        ] {
            let error = parse(&text).expect_err(&text);
            assert!(error.contains(says) && error.starts_with("grid.toml: ") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn windows_are_those_of_a_trace() {
        assert_eq!(window_of(5, 1, 28), [5]);
        assert_eq!(window_of(5, 5, 28), [3, 4, 5, 6, 7]);
        assert_eq!(window_of(0, 5, 28), [0, 1, 2]);
        assert_eq!(window_of(27, 5, 28), [25, 26, 27]);
        assert_eq!(window_of(5, 4, 28), [3, 4, 5, 6]);
        assert_eq!(LayerChoice::default().of(2), Ok(vec![0, 1]));
    }
}
