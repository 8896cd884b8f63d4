//! Heat maps as a table in the columns of Hase et al. 2023, one row per token and layer.

use crate::cli::Failure;
use crate::cli::csv_file::CsvFile;
use crate::cli::trace::Traced;
use locus_protocol::{Fact, TraceKind};
use std::path::Path;

/// The published ones, and after them on which model the trace was taken and why its effects mean nothing, if they do.
const COLUMNS: [&str; 17] = [
    "input_id",
    "orig_pred_prob",
    "corrupted_pred_prob",
    "subj_begin_idx",
    "subj_end_idx",
    "token_idx",
    "layer_idx",
    "restore_prob",
    "token_str",
    "module",
    "seq_len",
    "last_seq_token",
    "is_correct",
    "is_subj_token",
    "trace_window_size",
    "edits",
    "undefined",
];

/// A table that is being written.
pub struct TraceTable(CsvFile);

impl TraceTable {
    /// Begins the table with the names of the columns.
    ///
    /// # Errors
    /// The file cannot be written; another program writes it.
    pub fn create(file: &Path) -> Result<Self, Failure> {
        let mut table = CsvFile::begin(file)?;
        table.add(COLUMNS)?;
        Ok(Self(table))
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// The system cannot keep it.
    pub fn finish(self) -> Result<(), Failure> {
        self.0.finish()
    }

    /// Adds a heat map; `facts` gives the number of the record.
    ///
    /// # Errors
    /// The file cannot be written any more.
    pub fn add(&mut self, traced: &Traced, facts: &[Fact]) -> Result<(), Failure> {
        let Some(started) = &traced.started else { return Ok(()) };
        let number = facts.iter().position(|fact| *fact == started.order.fact).unwrap_or(0);
        let begin = started.tokens.iter().position(|token| token.subject).unwrap_or(0);
        let end = started.tokens.iter().rposition(|token| token.subject).map_or(0, |last| last + 1);
        // as published: the greatest of all, so that no share exceeds one
        let original = traced.scores.iter().flatten().copied().fold(started.clean, f64::max);
        let (module, window) = match started.order.kind {
            TraceKind::Hidden => ("None", 1),
            TraceKind::Mlp => ("mlp", started.order.window),
            TraceKind::Attention => ("attn", started.order.window),
        };
        let word = |truth: bool| if truth { "True" } else { "False" }.to_owned();
        let numbers: Vec<String> = started.in_place.iter().map(u64::to_string).collect();
        let (edits, undefined) = (numbers.join(" "), started.undefined().unwrap_or_default());
        let tokens = started.tokens.len();
        let rows = traced.scores.iter().zip(&started.tokens).enumerate().flat_map(|(token, (row, text))| {
            row.iter().enumerate().map(move |(layer, score)| (token, text, layer, score))
        });
        for (token, text, layer, score) in rows {
            let cells: [String; 17] = [
                number.to_string(),
                original.to_string(),
                started.corrupted.to_string(),
                begin.to_string(),
                end.to_string(),
                token.to_string(),
                layer.to_string(),
                score.to_string(),
                text.text.clone(),
                module.to_owned(),
                tokens.to_string(),
                word(token + 1 == tokens),
                word(started.correct),
                // as published: true for every token from the subject on
                word(token >= begin),
                window.to_string(),
                edits.clone(),
                undefined.clone(),
            ];
            self.0.add(cells)?;
        }
        self.0.flush()
    }
}
