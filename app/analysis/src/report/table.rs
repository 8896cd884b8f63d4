//! A table before it is text: what stands in its cells, and why some are empty.

use super::number::{fixed, probability};
use crate::bootstrap::Interval;
use crate::clustered::Coefficient;
use crate::unavailable::Computed;

/// A table of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Letters, digits and hyphens: the label in LaTeX, the anchor in HTML.
    pub id: String,
    pub title: String,
    pub columns: Vec<String>,
    /// How many columns at the left hold words; the others hold numbers.
    pub words: usize,
    pub rows: Vec<Row>,
    /// Sentences above the table: how to read it, and how many facts and layers it rests on.
    pub reading: Vec<String>,
    /// Sentences below the table: where the numbers are from, and what their names mean.
    pub notes: Vec<String>,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub cells: Vec<Content>,
    /// Published by others: printed in another tone.
    pub quoted: bool,
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Text(String),
    /// No number, and why.
    Missing(String),
    /// An empty cell: the number does not apply to this row.
    Empty,
}

impl Content {
    /// A number with so many digits after the point.
    pub fn number(value: f64, digits: usize) -> Self {
        Content::Text(fixed(value, digits))
    }

    /// A p value, printed as in the paper.
    pub fn p(value: f64) -> Self {
        Content::Text(probability(value))
    }

    /// A probability that may not belong here.
    pub fn p_or_empty(value: Option<f64>) -> Self {
        value.map_or(Content::Empty, Content::p)
    }

    pub fn count(value: usize) -> Self {
        Content::Text(value.to_string())
    }

    /// "0.12 [0.05, 0.19]".
    pub fn bounded(estimate: f64, low: f64, high: f64, digits: usize) -> Self {
        Content::Text(format!("{} [{}, {}]", fixed(estimate, digits), fixed(low, digits), fixed(high, digits)))
    }

    /// A number that was computed, or why there is none.
    pub fn computed<T>(value: &Computed<T>, show: impl Fn(&T) -> Content) -> Self {
        match value {
            Ok(value) => show(value),
            Err(reason) => Content::Missing(reason.to_string()),
        }
    }

    /// An interval that was computed, or why there is none.
    pub fn interval(value: &Computed<Interval>, digits: usize) -> Self {
        Self::computed(value, |own| Self::bounded(own.estimate, own.low, own.high, digits))
    }

    /// A coefficient with its bounds, or why there is none.
    pub fn coefficient(value: &Computed<Coefficient>, digits: usize) -> Self {
        Self::computed(value, |own| Self::bounded(own.estimate, own.low, own.high, digits))
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Content::Text(text.to_owned())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Content::Text(text)
    }
}

impl Row {
    /// A row of computed numbers.
    pub fn new(cells: Vec<Content>) -> Self {
        Self { cells, quoted: false }
    }

    /// A row that others published.
    pub fn quoted(cells: Vec<Content>) -> Self {
        Self { cells, quoted: true }
    }
}

impl Table {
    /// Why cells are empty, each reason once, in the order of the cells.
    pub fn reasons(&self) -> Vec<&str> {
        let mut reasons: Vec<&str> = Vec::new();
        for cell in self.rows.iter().flat_map(|row| &row.cells) {
            if let Content::Missing(reason) = cell
                && !reasons.contains(&reason.as_str())
            {
                reasons.push(reason);
            }
        }
        reasons
    }

    /// What is printed in a cell; "– (2)" points to the second reason.
    pub fn printed(&self, content: &Content) -> String {
        match content {
            Content::Text(text) => text.clone(),
            Content::Empty => String::new(),
            Content::Missing(reason) => {
                let place = self.reasons().iter().position(|other| other == reason).unwrap_or_default();
                format!("– ({})", place + 1)
            }
        }
    }

    /// The reasons that dashes point to.
    pub fn numbered_reasons(&self) -> Vec<String> {
        let reasons = self.reasons().into_iter().enumerate();
        reasons.map(|(place, reason)| format!("({}) Not computed: {reason}.", place + 1)).collect()
    }

    /// The numbered reasons for empty cells, then the notes.
    pub fn all_notes(&self) -> Vec<String> {
        self.numbered_reasons().into_iter().chain(self.notes.iter().cloned()).collect()
    }

    /// The columns in blocks that are no wider than `room`, each with the words at the left. `measure` says how wide a head
    /// (`true`) or a cell of a column is, space between columns included.
    pub fn blocks(&self, room: f64, measure: impl Fn(usize, bool, &str) -> f64) -> Vec<Vec<usize>> {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| measure(column, false, &self.printed(&row.cells[column])));
            cells.fold(measure(column, true, &self.columns[column]), f64::max)
        };
        let words: Vec<usize> = (0..self.words.min(self.columns.len())).collect();
        let left: f64 = words.iter().map(|column| width(*column)).sum();
        let mut blocks = vec![words.clone()];
        let mut used = left;
        for column in words.len()..self.columns.len() {
            let own = width(column);
            let is_first = blocks.last().is_some_and(|block| block.len() == words.len());
            if used + own > room && !is_first {
                blocks.push(words.clone());
                used = left;
            }
            used += own;
            if let Some(block) = blocks.last_mut() {
                block.push(column);
            }
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_table_is_cut_into_blocks_that_all_begin_alike() {
        let row = Row::new(["ROME", "0.12", "0.34", "0.56"].map(Content::from).into());
        let table = Table {
            id: "wide".to_owned(),
            title: "Wide".to_owned(),
            columns: ["method", "a", "b", "c"].map(str::to_owned).into(),
            words: 1,
            rows: vec![row],
            reading: Vec::new(),
            notes: Vec::new(),
        };
        let letters = |_: usize, _: bool, text: &str| text.len() as f64;
        assert_eq!(table.blocks(100.0, letters), [vec![0, 1, 2, 3]]);
        assert_eq!(table.blocks(14.0, letters), [vec![0, 1, 2], vec![0, 3]]);
        assert_eq!(table.blocks(1.0, letters), [vec![0, 1], vec![0, 2], vec![0, 3]], "no column is left out");
    }
}
