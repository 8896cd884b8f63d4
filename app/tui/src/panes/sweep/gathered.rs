//! The rows of a sweep as they come: what each table and curve is made of, each row once.

use super::pace::Pace;
use locus_protocol::{JobId, Localized, SweepRow, SweepStarted, SweptCell};
use locus_records::averages::Mean;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// Scores that are shown, by their names in rows, each with its heading.
pub const SCORES: [(&str, &str); 6] = [
    ("rewrite_score", "rewrite"),
    ("paraphrase_score", "paraphrase"),
    ("neighborhood_score", "neighborhood"),
    ("overall_score", "overall"),
    ("after.rewrite_says", "says target"),
    ("neighborhood_kept", "kept"),
];

/// An edit of the grid with one objective.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edit {
    /// Id of the objective.
    pub objective: String,
    /// Name of the edit in the grid.
    pub name: String,
}

/// What a row holds for tables and curves.
#[derive(Clone, Debug)]
struct Held<T> {
    /// When it was written.
    time: String,
    /// Its numbers, or why it has none.
    numbers: Result<T, String>,
}

impl<T> Held<T> {
    /// Takes the place of a row with the same key, as rows of a ledger do: numbers before none, then the newest.
    fn give_way(&mut self, other: Self) -> bool {
        let rank = |held: &Self| (held.numbers.is_ok(), held.time.clone());
        let gives_way = rank(&other) > rank(self);
        if gives_way {
            *self = other;
        }
        gives_way
    }
}

/// The cells of one edit around one layer: the number of the fact, and its scores; NaN where a record has none.
type Cells = Vec<(usize, Held<[f64; SCORES.len()]>)>;

/// Where the row of a key is held.
#[derive(Clone, Debug)]
enum Place {
    Cell(Edit, usize, usize),
    Localized(String, usize),
    Fact,
}

/// The rows of one sweep.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// The job that tells them.
    job: Option<JobId>,
    /// What the sweep starts from, once it was told, and when that was.
    pub started: Option<(Duration, SweepStarted)>,
    edits: BTreeMap<Edit, BTreeMap<usize, Cells>>,
    localizers: BTreeMap<String, Vec<Held<Vec<f64>>>>,
    places: HashMap<String, Place>,
    /// Numbers of the facts that have cells, as they come.
    fact_numbers: HashMap<String, usize>,
    facts: usize,
    /// By their places in [`SCORES`]: whether any cell has them.
    scores: [bool; SCORES.len()],
    pace: Pace,
    /// Whether nothing was left to do when it was told first, so that the job can only retry.
    is_retry: bool,
}

impl Gathered {
    /// Starts over where another job tells something.
    pub fn of_job(&mut self, job: JobId) {
        if self.job != Some(job) {
            *self = Self { job: Some(job), ..Self::default() };
        }
    }

    /// The job that tells the rows.
    pub fn job(&self) -> Option<JobId> {
        self.job
    }

    /// What the sweep starts from. Rows that come later are new ones.
    pub fn start(&mut self, now: Duration, started: &SweepStarted) {
        if self.started.is_none() {
            self.pace.begin(now);
            self.is_retry = started.done >= started.cells + started.localizations;
        }
        self.started = Some((now, started.clone()));
    }

    /// Takes a row; one that was told before counts once.
    pub fn take(&mut self, now: Duration, row: &SweepRow) {
        let is_known = self.places.contains_key(row.key());
        match row {
            SweepRow::Fact(fact) if !is_known => {
                self.facts += 1;
                self.places.insert(fact.key.clone(), Place::Fact);
            }
            SweepRow::Fact(_) => {}
            SweepRow::Cell(cell) => self.take_cell(cell),
            SweepRow::Localized(found) => self.take_localized(found),
        }
        if !is_known && self.started.is_some() {
            self.pace.note(now);
        }
    }

    fn take_cell(&mut self, cell: &SweptCell) {
        let scores = SCORES.map(|(name, _)| cell.numbers.get(name).copied().unwrap_or(f64::NAN));
        self.scores.iter_mut().zip(scores).for_each(|(has, score)| *has |= score.is_finite());
        let numbers = cell.failed.clone().map_or(Ok(scores), Err);
        let held = Held { time: cell.time.clone(), numbers };
        if let Some(Place::Cell(edit, layer, index)) = self.places.get(&cell.key) {
            let known = self.edits.get_mut(edit).and_then(|layers| layers.get_mut(layer)?.get_mut(*index));
            known.map(|(_, known)| known.give_way(held));
            return;
        }
        let next = self.fact_numbers.len();
        let fact = *self.fact_numbers.entry(cell.fact.clone()).or_insert(next);
        let edit = Edit { objective: cell.objective.clone(), name: cell.edit.clone() };
        let cells = self.edits.entry(edit.clone()).or_default().entry(cell.layer).or_default();
        self.places.insert(cell.key.clone(), Place::Cell(edit, cell.layer, cells.len()));
        cells.push((fact, held));
    }

    fn take_localized(&mut self, found: &Localized) {
        let numbers = found.failed.clone().map_or_else(|| Ok(found.effects.clone()), Err);
        let held = Held { time: found.time.clone(), numbers };
        if let Some(Place::Localized(name, index)) = self.places.get(&found.key) {
            let known = self.localizers.get_mut(name).and_then(|all| all.get_mut(*index));
            known.map(|known| known.give_way(held));
            return;
        }
        let all = self.localizers.entry(found.localizer.clone()).or_default();
        self.places.insert(found.key.clone(), Place::Localized(found.localizer.clone(), all.len()));
        all.push(held);
    }

    /// Whether no row has come and nothing was told.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && self.started.is_none()
    }

    /// The edits with an objective each, in order.
    pub fn edits(&self) -> Vec<&Edit> {
        self.edits.keys().collect()
    }

    /// Places in [`SCORES`] of those that any cell has.
    pub fn scores(&self) -> Vec<usize> {
        (0..SCORES.len()).filter(|score| self.scores[*score]).collect()
    }

    /// Layers of the model, as far as they are known.
    pub fn layers(&self) -> usize {
        let of_cells = self.edits.values().filter_map(|layers| layers.keys().next_back()).map(|layer| layer + 1);
        let of_effects = self.localizers.values().flatten().filter_map(|held| held.numbers.as_ref().ok()).map(Vec::len);
        let told = self.started.iter().map(|(_, started)| started.layers);
        told.chain(of_cells).chain(of_effects).max().unwrap_or(0)
    }

    /// A score of an edit around a layer, over facts: the seeds of a fact count as one, with their mean.
    pub fn score(&self, edit: &Edit, layer: usize, score: usize) -> Option<Mean> {
        let cells = self.edits.get(edit)?.get(&layer)?;
        // by fact: the sum over its seeds, and how many they are
        let mut facts = vec![(0.0_f64, 0.0_f64); self.fact_numbers.len()];
        for (fact, cell) in cells {
            let value = cell.numbers.as_ref().ok().map(|scores| scores[score]).filter(|value| value.is_finite());
            let (Some(value), Some((sum, seeds))) = (value, facts.get_mut(*fact)) else { continue };
            *sum += value;
            *seeds += 1.0;
        }
        let means = facts.into_iter().filter(|(_, seeds)| *seeds > 0.0).map(|(sum, seeds)| sum / seeds);
        Mean::of(&means.collect::<Vec<f64>>())
    }

    /// Cells of an edit around a layer that failed.
    pub fn failed_at(&self, edit: &Edit, layer: usize) -> usize {
        let cells = self.edits.get(edit).and_then(|layers| layers.get(&layer));
        cells.map_or(0, |cells| cells.iter().filter(|(_, cell)| cell.numbers.is_err()).count())
    }

    /// Names of the localizers.
    pub fn localizers(&self) -> Vec<&str> {
        self.localizers.keys().map(String::as_str).collect()
    }

    /// A localizer's effect by layer, the mean over facts, and how many facts that are.
    pub fn effects(&self, localizer: &str) -> (Vec<f64>, usize) {
        let found = self.localizers.get(localizer).into_iter().flatten().filter_map(|held| held.numbers.as_ref().ok());
        let mut sums: Vec<f64> = Vec::new();
        let mut count = 0_usize;
        for effects in found.filter(|effects| !effects.is_empty()) {
            sums.resize(sums.len().max(effects.len()), 0.0);
            sums.iter_mut().zip(effects).for_each(|(sum, effect)| *sum += effect);
            count += 1;
        }
        #[expect(clippy::cast_precision_loss, reason = "facts")]
        sums.iter_mut().for_each(|sum| *sum /= count as f64);
        (sums, count)
    }

    /// Facts that were looked at.
    pub fn facts(&self) -> usize {
        self.facts
    }

    /// Cells and localizations that are done, the failed among them.
    pub fn done(&self) -> usize {
        self.places.len() - self.facts
    }

    /// Those that there are; none as long as nobody knows.
    pub fn all(&self) -> Option<usize> {
        self.started.as_ref().map(|(_, started)| started.cells + started.localizations)
    }

    /// Whether nothing is left to do.
    pub fn is_complete(&self) -> bool {
        self.all().is_some_and(|all| self.done() >= all)
    }

    /// Whether the job retries cells that failed, which count as done all the while.
    pub fn is_retry(&self) -> bool {
        self.is_retry
    }

    /// How many have failed, and the reason that most of them have.
    pub fn failures(&self) -> Option<(usize, &str)> {
        let cells = self.edits.values().flat_map(BTreeMap::values).flatten();
        let of_cells = cells.map(|(_, cell)| cell.numbers.as_ref().err());
        let of_localizers = self.localizers.values().flatten().map(|found| found.numbers.as_ref().err());
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for why in of_cells.chain(of_localizers).flatten() {
            *reasons.entry(why).or_default() += 1;
        }
        let most = reasons.iter().max_by_key(|(_, count)| **count).map(|(why, _)| *why)?;
        Some((reasons.values().sum(), most))
    }

    /// Number of distinct objectives among the edits.
    pub fn objectives(&self) -> usize {
        self.edits.keys().map(|edit| &edit.objective).collect::<BTreeSet<_>>().len()
    }

    /// Cells per second of late.
    pub fn rate(&self, now: Duration) -> Option<f64> {
        self.pace.rate(now)
    }

    /// Time until all are done, by the pace of late or else as it was told.
    pub fn left(&self, now: Duration) -> Option<Duration> {
        let (told_at, started) = self.started.as_ref()?;
        let left = self.all()?.saturating_sub(self.done());
        #[expect(clippy::cast_precision_loss, reason = "cells")]
        let by_pace = self.rate(now).map(|rate| left as f64 / rate);
        let as_told = || Some(started.seconds? - now.saturating_sub(*told_at).as_secs_f64());
        Duration::try_from_secs_f64(by_pace.or_else(as_told)?.max(0.0)).ok()
    }

    /// How long ago the last row came that was new.
    pub fn since_last(&self, now: Duration) -> Option<Duration> {
        self.pace.last().map(|last| now.saturating_sub(last))
    }
}

#[cfg(test)]
mod tests {
    use super::{Edit, Gathered};
    use locus_protocol::{Localized, SweepRow, SweepStarted, SweptCell};
    use locus_sweep::layer_table;
    use std::time::Duration;

    fn cell(fact: usize, layer: usize, score: f64) -> SweepRow {
        SweepRow::Cell(SweptCell {
            key: format!("{fact}-{layer}"),
            fact: fact.to_string(),
            edit: "rome".into(),
            objective: "aim".into(),
            layer,
            numbers: [("rewrite_score".to_owned(), score)].into(),
            time: "1".into(),
            ..SweptCell::default()
        })
    }

    fn failed(fact: usize, layer: usize) -> SweepRow {
        let SweepRow::Cell(cell) = cell(fact, layer, f64::NAN) else { unreachable!() };
        SweepRow::Cell(SweptCell { numbers: [].into(), failed: Some("no memory".into()), ..cell })
    }

    fn gathered(rows: &[SweepRow]) -> Gathered {
        let mut gathered = Gathered::default();
        gathered.of_job(1);
        rows.iter().for_each(|row| gathered.take(Duration::ZERO, row));
        gathered
    }

    fn edit() -> Edit {
        Edit { objective: "aim".into(), name: "rome".into() }
    }

    #[test]
    fn the_table_is_that_of_the_folder() {
        let rows: Vec<SweepRow> = (0..7)
            .flat_map(|fact| (0..3).map(move |layer| cell(fact, layer, (fact * layer) as f64 / 7.0)))
            .chain([failed(9, 1)])
            .collect();
        let gathered = gathered(&rows);
        let tables = layer_table(&rows, &["rewrite_score"]);
        for row in &tables[0].rows {
            let (here, there) =
                (gathered.score(&edit(), row.layer, 0).expect("a mean"), row.scores[0].expect("a mean"));
            assert_eq!((here.mean, here.half_width, here.count), (there.mean, there.half_width, there.count));
            assert_eq!(gathered.failed_at(&edit(), row.layer), row.failed);
        }
        assert_eq!((tables[0].rows.len(), gathered.scores()), (3, vec![0]));
    }

    #[test]
    fn seeds_of_a_fact_count_as_one() {
        let seed = |fact: usize, seed: u64, score: f64| {
            let SweepRow::Cell(cell) = cell(fact, 0, score) else { unreachable!() };
            SweepRow::Cell(SweptCell { key: format!("{fact} {seed}"), seed, ..cell })
        };
        let rows: Vec<SweepRow> = (0..4)
            .flat_map(|fact| (0..3).map(move |number| seed(fact, number, (fact as f64 + number as f64) / 8.0)))
            .collect();
        let here = gathered(&rows).score(&edit(), 0, 0).expect("a mean");
        let there = layer_table(&rows, &["rewrite_score"])[0].rows[0].scores[0].expect("a mean");
        assert_eq!((here.mean, here.half_width, here.count), (there.mean, there.half_width, there.count));
        assert_eq!((here.mean, here.count), (2.5 / 8.0, 4), "facts, not cells");
    }

    #[test]
    fn a_row_that_is_told_twice_counts_once() {
        let twice = [cell(0, 3, 0.5), cell(0, 3, 0.5), cell(1, 3, 1.0)];
        let gathered = gathered(&twice);
        assert_eq!((gathered.done(), gathered.score(&edit(), 3, 0).map(|mean| mean.count)), (2, Some(2)));
    }

    #[test]
    fn numbers_take_the_place_of_a_failure_and_not_the_other_way() {
        for rows in [[failed(0, 3), cell(0, 3, 0.5)], [cell(0, 3, 0.5), failed(0, 3)]] {
            let gathered = gathered(&rows);
            assert_eq!((gathered.done(), gathered.failed_at(&edit(), 3)), (1, 0));
            assert_eq!(gathered.score(&edit(), 3, 0).map(|mean| mean.mean), Some(0.5));
        }
        let gathered = gathered(&[failed(0, 3), failed(1, 3)]);
        assert_eq!(gathered.failures(), Some((2, "no memory")));
    }

    #[test]
    fn effects_are_means_over_facts() {
        let found = |fact: usize, effects: Vec<f64>| {
            let key = format!("l{fact}");
            SweepRow::Localized(Localized { key, localizer: "trace".into(), effects, ..Localized::default() })
        };
        let none = Localized { key: "x".into(), localizer: "trace".into(), ..Localized::default() };
        let none = SweepRow::Localized(Localized { failed: Some("no subject".into()), ..none });
        let gathered = gathered(&[found(0, vec![1.0, 3.0]), found(1, vec![3.0, 0.0]), none]);
        assert_eq!(gathered.effects("trace"), (vec![2.0, 1.5], 2));
        assert_eq!((gathered.layers(), gathered.localizers()), (2, vec!["trace"]));
    }

    #[test]
    fn another_job_begins_anew_and_its_pace_counts_new_rows_only() {
        let mut gathered = gathered(&[cell(0, 0, 1.0)]);
        gathered.of_job(2);
        assert!(gathered.is_empty());
        (0..10).for_each(|fact| gathered.take(Duration::from_secs(1), &cell(fact, 0, 1.0)));
        let started = SweepStarted { job: 2, cells: 100, localizations: 10, ..SweepStarted::default() };
        gathered.start(Duration::from_secs(2), &started);
        let now = Duration::from_secs(12);
        assert_eq!(gathered.rate(now), None, "rows of the ledger were not computed now");
        (10..60).for_each(|fact| gathered.take(now, &cell(fact, 0, 1.0)));
        assert_eq!((gathered.rate(now), gathered.left(now)), (Some(5.0), Some(Duration::from_secs(10))));
        assert_eq!((gathered.done(), gathered.all(), gathered.is_complete()), (60, Some(110), false));
    }
}
