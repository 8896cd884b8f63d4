//! The rows that Hase et al. (2023) published for GPT-J on CounterFact (tables 2 to 6), to stand beside computed ones.

use crate::panel::Panel;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Tables of the paper as far as they can be read without doubt.
const TABLE: &str = include_str!("../data/published.csv");

/// The model of all rows.
pub const MODEL: &str = "GPT-J";

/// One published row. R² with three digits at most, as printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaperRow {
    /// The number of the table in the paper.
    pub table: usize,
    /// rewrite, paraphrase, neighborhood or overall.
    pub score: String,
    pub objective: String,
    pub method: String,
    pub window: usize,
    /// All facts, or those with a concentrated trace.
    pub subset: Subset,
    pub facts: usize,
    pub layer: f64,
    pub trace: f64,
    pub both: f64,
    /// Not in table 2 of Hase et al. (2023).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<f64>,
    /// As printed: a number, or "<0.0001". Not in table 2 of Hase et al. (2023).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p: Option<String>,
}

/// Which facts a published row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subset {
    All,
    Concentrated,
}

static ROWS: LazyLock<Vec<PaperRow>> = LazyLock::new(|| {
    let mut reader = csv::Reader::from_reader(TABLE.as_bytes());
    reader.deserialize().filter_map(Result::ok).collect()
});

pub fn rows() -> &'static [PaperRow] {
    &ROWS
}

/// The published row of a panel's method, window, objective and score, whatever the model of the panel is.
pub fn row(panel: &Panel, subset: Subset) -> Option<&'static PaperRow> {
    let fits = |row: &&PaperRow| {
        row.subset == subset
            && row.window == panel.window
            && key(&row.objective) == key(&panel.objective)
            && score_key(&row.score) == score_key(&panel.score)
            && method_key(&row.method) == method_key(&panel.method)
    };
    rows().iter().find(fits)
}

/// Letters and digits only, so that names and ids agree.
fn key(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn score_key(name: &str) -> String {
    let key = key(name);
    key.strip_suffix("score").map_or_else(|| key.clone(), str::to_owned)
}

fn method_key(name: &str) -> String {
    let key = key(name);
    // the published name is FT, and it is the constrained kind
    match key.strip_prefix("constrained").unwrap_or(&key) {
        "ft" => "finetuning".to_owned(),
        other => other.to_owned(),
    }
}
