//! Rows of several folders as one. Merging is a pure function of the rows: the same rows give the same bytes.

use crate::error::{Error, Result};
use crate::ledger::{Damage, Ledger, read_lines, wins};
use locus_protocol::SweepRow;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Relative difference of a number beyond which two rows of one key contradict each other.
const ROUNDING: f64 = 1e-4;

/// Rows of several folders as one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    /// The rows, facts first, then by their keys' order in the grid's plan as far as that can be told, then by key.
    pub rows: Vec<SweepRow>,
    /// Rows that were there more than once with the same numbers.
    pub doubled: usize,
    /// Keys whose rows have different numbers, in a sentence each.
    pub conflicts: Vec<String>,
    /// Lines that are no rows and are left out, in a sentence each.
    pub damage: Vec<String>,
}

impl Merged {
    /// The rows as a file, one a line.
    #[must_use]
    pub fn text(&self) -> String {
        let line = |row: &SweepRow| serde_json::to_string(row).unwrap_or_default() + "\n";
        self.rows.iter().map(line).collect()
    }
}

/// Merges the rows of these folders.
///
/// # Errors
/// One of them holds no sweep, or one of another model, data or program.
pub fn merge(folders: &[PathBuf]) -> Result<Merged> {
    let Some((first, others)) = folders.split_first() else { return Ok(Merged::default()) };
    let ledger = Ledger::read(first)?;
    for other in others {
        let theirs = Ledger::read(other)?;
        if let Some(what) = theirs.identity().differs(ledger.identity()) {
            let message = format!(
                "its rows do not belong with those of {}: {what}; merge them \
                                   separately",
                first.display()
            );
            return Err(Error::folder(other, message));
        }
    }
    let mut by_key: BTreeMap<String, SweepRow> = BTreeMap::new();
    let (mut doubled, mut conflicts, mut damage) = (0, Vec::new(), Vec::new());
    for folder in folders {
        let (rows, lines) = read_lines(folder)?;
        damage.extend(lines.iter().map(Damage::left_out));
        for row in rows {
            let Some(known) = by_key.get(row.key()) else {
                by_key.insert(row.key().to_owned(), row);
                continue;
            };
            match contradiction(known, &row) {
                Some(what) => conflicts.push(what),
                None => doubled += 1,
            }
            if wins(&row, known) {
                by_key.insert(row.key().to_owned(), row);
            }
        }
    }
    for sentences in [&mut conflicts, &mut damage] {
        sentences.sort();
        sentences.dedup();
    }
    Ok(Merged { rows: in_order(by_key), doubled, conflicts, damage })
}

/// Facts by their place, then localizations and cells fact by fact.
fn in_order(by_key: BTreeMap<String, SweepRow>) -> Vec<SweepRow> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for row in by_key.values() {
        if let SweepRow::Fact(fact) = row {
            places.insert(fact.fact.clone(), fact.index);
        }
    }
    let place = |fact: &str| places.get(fact).copied().unwrap_or(usize::MAX);
    let mut rows: Vec<SweepRow> = by_key.into_values().collect();
    rows.sort_by_cached_key(|row| match row {
        SweepRow::Fact(fact) => (0, fact.index, String::new(), 0, fact.key.clone()),
        SweepRow::Localized(found) => (1, place(&found.fact), found.localizer.clone(), 0, found.key.clone()),
        SweepRow::Cell(cell) => {
            let edit = format!("{}\0{}\0{:020}", cell.edit, cell.objective, cell.seed);
            (2, place(&cell.fact), edit, cell.layer, cell.key.clone())
        }
    });
    rows
}

/// What two rows of one key say differently.
fn contradiction(one: &SweepRow, other: &SweepRow) -> Option<String> {
    let differs = |one: f64, other: f64| (one - other).abs() > ROUNDING * one.abs().max(other.abs()).max(1.0);
    match (one, other) {
        (SweepRow::Cell(one), SweepRow::Cell(other)) if one.failed.is_none() && other.failed.is_none() => {
            let (name, mine) = one
                .numbers
                .iter()
                .find(|(name, mine)| other.numbers.get(*name).is_none_or(|theirs| differs(**mine, *theirs)))?;
            let theirs = other.numbers.get(name).map_or("nothing".to_owned(), ToString::to_string);
            Some(format!("{} of {} at layer {}: {name} is {mine} and {theirs}", one.edit, one.fact, one.layer))
        }
        (SweepRow::Localized(one), SweepRow::Localized(other)) if one.failed.is_none() && other.failed.is_none() => {
            let same = one.effects.len() == other.effects.len()
                && one.effects.iter().zip(&other.effects).all(|(mine, theirs)| !differs(*mine, *theirs));
            (!same).then(|| format!("{} of {}: the effects differ", one.localizer, one.fact))
        }
        _ => None,
    }
}
