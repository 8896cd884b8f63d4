//! An analysis of the rows that a sweep's folder holds: what `locus analyze` computes, with the numbers behind its plots.
//! It reads files and takes its time, so that a thread of its own runs it (`analyst`).

use locus_analysis::panel::Malformed;
use locus_analysis::{Analysis, Cell, Panel, Settings, Study};
use locus_protocol::SweepRow;
use locus_sweep::Ledger;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Resamples and permutations where all of them would take long.
const FEW: usize = 200;
/// Products of one resample over all tables above which there are [`FEW`] of them; about ten seconds of all of them.
const MUCH: f64 = 8.0e6;

/// Which rows are known: a row's key, shortened, and whether it holds numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownRows(HashMap<u64, bool>);

impl KnownRows {
    /// Notes a cell or a localization; facts are no results. Numbers take the place of none.
    pub fn note(&mut self, row: &SweepRow) {
        if !matches!(row, SweepRow::Fact(_)) {
            *self.0.entry(short(row.key())).or_default() |= row.failed().is_none();
        }
    }

    /// Whether nothing of a row is news.
    #[must_use]
    pub fn has(&self, row: &SweepRow) -> bool {
        matches!(row, SweepRow::Fact(_))
            || self.0.get(&short(row.key())).is_some_and(|has_numbers| *has_numbers || row.failed().is_some())
    }

    /// Takes out those that others have as well.
    pub fn forget(&mut self, others: &Self) {
        self.0.retain(|key, has_numbers| others.0.get(key).is_none_or(|theirs| !theirs && *has_numbers));
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets all rows, so that each counts as new.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

fn short(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// Scores and effects of one table: what a scatter plot shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    /// Centers of the edits, as in the table.
    pub layers: Vec<usize>,
    /// `[fact, layer]`; NaN where a score is missing.
    scores: Vec<f64>,
    /// By localizer, in their order: `[fact, layer]`, NaN where an effect is missing. Tables share them.
    effects: Vec<Arc<Vec<f64>>>,
}

impl Points {
    /// Effect and score of each fact that has both at a layer, by the layer's place, and how many facts have not.
    #[must_use]
    pub fn at(&self, localizer: usize, place: usize) -> (Vec<(f64, f64)>, usize) {
        let Some(effects) = self.effects.get(localizer) else { return (Vec::new(), 0) };
        let count = self.layers.len().max(1);
        let of_layer = |values: &[f64]| values.iter().copied().skip(place).step_by(count).collect::<Vec<f64>>();
        let pairs = of_layer(effects).into_iter().zip(of_layer(&self.scores));
        let (there, missing): (Vec<_>, Vec<_>) = pairs.partition(|(effect, score)| (effect + score).is_finite());
        (there, missing.len())
    }
}

/// An analysis with where it is from.
#[derive(Clone, Debug, PartialEq)]
pub struct Analyzed {
    /// The folder of the sweep.
    pub folder: PathBuf,
    /// Cells and localizations that it is of, the failed among them.
    pub rows: KnownRows,
    /// Whether it has fewer resamples and permutations than `locus analyze`, since those would take long.
    pub is_quick: bool,
    /// How long it took.
    pub took: Duration,
    pub analysis: Analysis,
    /// By table, in the order of the analysis.
    pub points: Vec<Points>,
}

/// Computes the analysis of the rows in a folder. `told` hears how much is done, of how much, and says whether to go on;
/// nothing comes back where it does not.
///
/// # Errors
/// One sentence: the folder cannot be read, or no cell has a score yet.
pub fn analyze(
    folder: &Path,
    fully: bool,
    told: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Option<Analyzed>, String> {
    let begun = Instant::now();
    let ledger = Ledger::read(folder).map_err(|error| error.to_string())?;
    let rows = ledger.rows().map_err(|error| error.to_string())?;
    let mut known = KnownRows::default();
    rows.iter().for_each(|row| known.note(row));
    let study = locus_sweep::study(&ledger, &rows, &[]);
    drop(rows);
    let full = Settings::default();
    let is_quick = !fully && products(&study) > MUCH;
    let settings = if is_quick { Settings { resamples: FEW, permutations: FEW, ..full } } else { full };
    let analysis = locus_analysis::analyze_while(&study, &settings, told).map_err(|refused| match refused {
        locus_analysis::Refused::Study(Malformed::Empty) => {
            format!("{}: no cell has a score yet; compute again once rows arrive", folder.display())
        }
        other => other.to_string(),
    })?;
    Ok(analysis.map(|analysis| Analyzed {
        folder: folder.to_owned(),
        rows: known,
        is_quick,
        took: begun.elapsed(),
        analysis,
        points: points(&study),
    }))
}

/// Products that one resample of all tables takes, about: a table of columns by columns for each fact.
fn products(study: &Study) -> f64 {
    let of = |panel: &Panel| (panel.localizers.len() * panel.facts.len() * panel.layers.len().pow(2)) as f64;
    study.panels.iter().map(of).sum()
}

fn points(study: &Study) -> Vec<Points> {
    let mut shared: Vec<Arc<Vec<f64>>> = Vec::new();
    let flat = |table: &[Vec<Cell>]| -> Vec<f64> {
        table.iter().flatten().map(|cell| cell.value().unwrap_or(f64::NAN)).collect()
    };
    let mut of = |panel: &Panel| {
        let effects = panel.localizers.iter().map(|localizer| {
            let own = flat(&localizer.effects);
            match shared.iter().find(|known| same(known, &own)) {
                Some(known) => Arc::clone(known),
                None => {
                    let own = Arc::new(own);
                    shared.push(Arc::clone(&own));
                    own
                }
            }
        });
        Points { layers: panel.layers.clone(), effects: effects.collect(), scores: flat(&panel.scores) }
    };
    study.panels.iter().map(&mut of).collect()
}

/// Whether two tables are the same, gaps included.
fn same(one: &[f64], other: &[f64]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.to_bits() == other.to_bits())
}

#[cfg(test)]
mod tests {
    use super::{KnownRows, Points};
    use locus_protocol::{SweepRow, SweptCell};
    use std::sync::Arc;

    fn cell(key: &str, failed: bool) -> SweepRow {
        let failed = failed.then(|| "no memory".to_owned());
        SweepRow::Cell(SweptCell { key: key.to_owned(), failed, ..SweptCell::default() })
    }

    #[test]
    fn a_row_that_failed_is_news_again_once_it_has_numbers() {
        let mut known = KnownRows::default();
        [cell("a", false), cell("b", true)].iter().for_each(|row| known.note(row));
        assert!(known.has(&cell("a", false)) && known.has(&cell("a", true)) && known.has(&cell("b", true)));
        assert!(!known.has(&cell("b", false)) && !known.has(&cell("c", true)));
        let mut since = KnownRows::default();
        [cell("a", false), cell("b", false), cell("c", true)].iter().for_each(|row| since.note(row));
        since.forget(&known);
        assert_eq!(since.len(), 2, "b has numbers now, c is new");
    }

    #[test]
    fn points_are_those_of_the_layer_and_gaps_are_counted() {
        let effects = vec![Arc::new(vec![0.1, 0.2, 0.3, 0.4, f64::NAN, 0.6])];
        let points = Points { layers: vec![3, 7], scores: vec![1.0, 2.0, 3.0, f64::NAN, 5.0, 6.0], effects };
        assert_eq!(points.at(0, 0), (vec![(0.1, 1.0), (0.3, 3.0)], 1));
        assert_eq!(points.at(0, 1), (vec![(0.2, 2.0), (0.6, 6.0)], 1));
        assert_eq!(points.at(1, 0), (vec![], 0));
    }
}
