//! The running or last edit as the table of layers shows it, and the edits in place.

use super::Prediction;
use locus_protocol::{AimVerdict, Applied, EditInPlace, EditOrder, EditStarted, Fact, JobId, LayerRow, Rescored, Step};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Losses that are kept for the small chart.
const HISTORY: usize = 512;

/// Relative change of a weight above which an edit gets a mark: it is larger than the weight itself.
pub const LARGE: f64 = 1.0;

/// How far an edit is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    Running,
    /// It is in place.
    Applied,
    /// It was measured and is not in place.
    Tried,
    /// It was in place and has been undone.
    Undone,
    /// The user stopped it; this is what was kept.
    Cancelled(String),
    /// It failed; the sentence of the engine.
    Failed(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EditView {
    pub job: JobId,
    pub order: EditOrder,
    /// Its number once it is in place.
    pub number: Option<u64>,
    /// Whether its rows are those of a model with other edits in place.
    pub stale: bool,
    /// Layers that the method edits.
    pub layers: Vec<usize>,
    pub before: Vec<LayerRow>,
    pub rows: Vec<LayerRow>,
    /// The last step, from 0.
    pub step: Option<u64>,
    /// Steps the method may take.
    pub steps: u64,
    /// The layer it works on.
    pub layer: Option<usize>,
    /// Terms of the loss in the last step.
    pub losses: BTreeMap<String, f64>,
    /// Each term of the loss by step, `loss` the total; NaN where a step has no such term.
    #[serde(with = "gaps")]
    pub terms: BTreeMap<String, Vec<f64>>,
    /// How far it is.
    pub stage: Stage,
    /// Numbers of the edits that the model has on which it is found; none for the unedited model.
    pub on_top_of: Vec<u64>,
    /// Whether it was found on the unedited model and put on top of these.
    pub found_on_unedited: bool,
    /// The verdict on it, once it was measured.
    pub verdict: Option<AimVerdict>,
}

/// Terms of the loss in a record: what is no number is a gap.
mod gaps {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    type Gaps = BTreeMap<String, Vec<Option<f64>>>;

    pub fn serialize<S: Serializer>(terms: &BTreeMap<String, Vec<f64>>, serializer: S) -> Result<S::Ok, S::Error> {
        let gap = |value: &f64| value.is_finite().then_some(*value);
        let gaps: Gaps = terms.iter().map(|(name, values)| (name.clone(), values.iter().map(gap).collect())).collect();
        gaps.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Vec<f64>>, D::Error> {
        let number = |value: Option<f64>| value.unwrap_or(f64::NAN);
        let gaps = Gaps::deserialize(deserializer)?;
        Ok(gaps.into_iter().map(|(name, values)| (name, values.into_iter().map(number).collect())).collect())
    }
}

impl EditView {
    /// The same for another session, which knows edits by their operations and no job; nothing where one has none.
    #[must_use]
    pub fn recorded(&self, operation: &dyn Fn(u64) -> Option<u64>) -> Option<Self> {
        let mut view = self.clone();
        view.job = 0;
        view.number = view.number.and_then(operation);
        view.on_top_of = view.on_top_of.iter().map(|edit| operation(*edit)).collect::<Option<_>>()?;
        Some(view)
    }

    /// An edit that was ordered just now.
    #[must_use]
    pub fn new(job: JobId, order: EditOrder) -> Self {
        let layers = order.layers.clone();
        Self {
            job,
            order,
            number: None,
            stale: false,
            layers,
            before: Vec::new(),
            rows: Vec::new(),
            step: None,
            steps: 0,
            layer: None,
            losses: BTreeMap::new(),
            terms: BTreeMap::new(),
            stage: Stage::Running,
            on_top_of: Vec::new(),
            found_on_unedited: false,
            verdict: None,
        }
    }

    pub fn begin(&mut self, started: EditStarted) {
        *self = Self::new(started.job, started.order);
        (self.layers, self.steps) = (started.layers, started.steps);
        (self.before, self.rows) = (started.rows.clone(), started.rows);
        self.on_top_of = started.on_top_of;
    }

    /// The method made a step.
    pub fn step(&mut self, step: Step) {
        let kept = self.terms.values().map(Vec::len).max().unwrap_or(0);
        for name in step.losses.keys() {
            self.terms.entry(name.clone()).or_insert_with(|| vec![f64::NAN; kept]);
        }
        for (name, values) in &mut self.terms {
            values.push(step.losses.get(name).copied().unwrap_or(f64::NAN));
            if values.len() > HISTORY {
                values.remove(0);
            }
        }
        (self.step, self.steps, self.layer) = (Some(step.step), step.steps, Some(step.layer));
        self.losses = step.losses;
        // rows that a later step of the same moment repeats are left out
        if !step.rows.is_empty() {
            self.rows = step.rows;
        }
    }

    /// What was measured: the rows of the edited model, with how far each layer's weights moved, and the verdict.
    pub fn take(&mut self, applied: &Applied) {
        self.verdict.clone_from(&applied.verdict);
        self.found_on_unedited = applied.found_on_unedited;
        self.rows.clone_from(&applied.rows);
        for row in &mut self.rows {
            let change = applied.changes.iter().find(|change| change.layer == Some(row.layer));
            row.weight_change = row.weight_change.or(change.map(|change| change.relative));
        }
    }

    /// It came to nothing: the rows are those of the model as it was.
    pub fn abandon(&mut self, stage: Stage) {
        if self.stage == Stage::Running {
            self.rows.clone_from(&self.before);
            self.stage = stage;
        }
    }

    /// The total loss of each step.
    #[must_use]
    pub fn history(&self) -> &[f64] {
        self.terms.get("loss").map_or(&[], Vec::as_slice)
    }

    /// A layer's row, now.
    #[must_use]
    pub fn row(&self, layer: usize) -> Option<&LayerRow> {
        self.rows.iter().find(|row| row.layer == layer)
    }

    /// A layer's row before the edit.
    #[must_use]
    pub fn row_before(&self, layer: usize) -> Option<&LayerRow> {
        self.before.iter().find(|row| row.layer == layer)
    }

    /// The last layer's rows before and now: what the model answers.
    #[must_use]
    pub fn last_rows(&self) -> Option<(&LayerRow, &LayerRow)> {
        Some((self.before.last()?, self.rows.last()?))
    }
}

/// The last edit that was put in place, for another session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptEdit {
    view: EditView,
    last: Option<(EditOrder, Applied)>,
    last_on_top_of: Vec<u64>,
}

/// The running or last edit, and the edits in place.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// The running or last edit.
    pub view: Option<EditView>,
    /// The edit as it was when the view was frozen.
    pub frozen: Option<Box<EditView>>,
    /// Steps that have arrived since then and are not shown.
    pub held: usize,
    /// What the last edit that was put in place brought about, and its order.
    pub last: Option<(EditOrder, Applied)>,
    /// Numbers of the edits that were in place when it was measured.
    last_on_top_of: Vec<u64>,
    /// Titles of the edits in place, the oldest first.
    pub applied: Vec<EditInPlace>,
    /// Titles of the edits that can be redone, the next one last.
    pub undone: Vec<EditInPlace>,
    /// How they fared together when they were scored last, unless others are in place since.
    pub rescored: Option<Rescored>,
    /// Whether all weights are those of the checkpoint, once the engine has checked it.
    pub unedited: Option<bool>,
    /// Operations of the journal by the numbers of the edits that they put in place, of all that were told.
    operations: BTreeMap<u64, u64>,
    /// The last edit of an earlier session, until it is known to be in place.
    earlier: Option<KeptEdit>,
}

impl Edits {
    /// The edit that the screen shows.
    #[must_use]
    pub fn shown(&self) -> Option<&EditView> {
        self.frozen.as_deref().or(self.view.as_ref())
    }

    /// Whether a method works right now.
    #[must_use]
    pub fn running(&self) -> bool {
        self.view.as_ref().is_some_and(|view| view.stage == Stage::Running)
    }

    /// The last edit, where it is in place and was recorded.
    #[must_use]
    pub fn kept(&self, operation: &dyn Fn(u64) -> Option<u64>) -> Option<KeptEdit> {
        let view = self.view.as_ref().filter(|view| view.stage == Stage::Applied)?.recorded(operation)?;
        view.number?;
        let all = |edits: &[u64]| edits.iter().map(|edit| operation(*edit)).collect::<Option<Vec<u64>>>();
        let last_on_top_of = all(&self.last_on_top_of)?;
        let mut last = self.last.clone();
        if let Some((_, applied)) = &mut last {
            (applied.job, applied.number) = (0, operation(applied.number)?);
        }
        Some(KeptEdit { view, last, last_on_top_of })
    }

    /// The last edit of an earlier session; it shows once it is known to be in place.
    pub fn restore(&mut self, earlier: Option<KeptEdit>) {
        self.earlier = earlier;
    }

    /// Starts an edit that was ordered.
    pub fn order(&mut self, job: JobId, order: EditOrder) {
        self.view = Some(EditView::new(job, order));
        self.thaw();
    }

    /// Shows an edit that was tried and is to be put in place.
    pub fn order_kept(&mut self, job: JobId, tried: EditView) {
        let in_place = self.numbers();
        let mut view = EditView { job, stage: Stage::Running, ..tried };
        if view.on_top_of != in_place {
            // they are of another model; the engine tells those of this one
            (view.before, view.rows, view.verdict) = (Vec::new(), Vec::new(), None);
            view.on_top_of = in_place;
        }
        self.view = Some(view);
    }

    pub fn begin(&mut self, started: EditStarted) {
        let mut view = EditView::new(started.job, started.order.clone());
        view.begin(started);
        // an edit is made of the model as it is
        view.on_top_of = self.numbers();
        self.view = Some(view);
    }

    /// The method made a step.
    pub fn step(&mut self, step: Step) {
        let Some(view) = self.view.as_mut().filter(|view| view.job == step.job) else { return };
        view.step(step);
        if self.frozen.is_some() {
            self.held += 1;
        }
    }

    /// The edit is in place.
    pub fn apply(&mut self, applied: Applied) {
        let view = self.view.as_ref().filter(|view| view.job == applied.job);
        let in_place = applied.in_place().of_facts(view.into_iter().flat_map(|view| view.order.facts()));
        self.note([&in_place]);
        let below = self.numbers();
        self.applied.push(in_place);
        self.rescored = None;
        self.undone.clear();
        self.unedited = Some(false);
        let Some(view) = self.view.as_mut().filter(|view| view.job == applied.job) else { return };
        view.take(&applied);
        (view.stage, view.number) = (Stage::Applied, Some(applied.number));
        self.last = Some((view.order.clone(), applied));
        self.last_on_top_of = below;
    }

    /// The job came to nothing: the table shows the model as it is, which is the model as it was.
    pub fn abandon(&mut self, job: JobId, stage: Stage) {
        if let Some(view) = self.view.as_mut().filter(|view| view.job == job) {
            view.abandon(stage);
        }
    }

    /// Remembers what is known of edits beyond the time that they are in place.
    fn note<'a>(&mut self, edits: impl IntoIterator<Item = &'a EditInPlace>) {
        for edit in edits {
            self.operations.extend(edit.operation.map(|operation| (edit.number, operation)));
        }
    }

    /// Numbers of the edits that were in place when the last edit was measured.
    #[must_use]
    pub fn last_on_top_of(&self) -> &[u64] {
        &self.last_on_top_of
    }

    /// The operation of the journal that put an edit in place, where it was recorded.
    #[must_use]
    pub fn operation_of(&self, edit: u64) -> Option<u64> {
        self.operations.get(&edit).copied()
    }

    /// The newest edit in place of a fact.
    #[must_use]
    pub fn of_fact(&self, fact: &Fact) -> Option<&EditInPlace> {
        self.applied.iter().rev().find(|edit| edit.edits(fact))
    }

    /// Numbers of the edits in place, the oldest first.
    #[must_use]
    pub fn numbers(&self) -> Vec<u64> {
        self.applied.iter().map(|edit| edit.number).collect()
    }

    /// What is in place after an undo or redo.
    pub fn settle(&mut self, applied: Vec<EditInPlace>, undone: Vec<EditInPlace>, rows: Vec<LayerRow>, unedited: bool) {
        let is_there = |number: Option<u64>| applied.iter().any(|edit| Some(edit.number) == number);
        if let Some(KeptEdit { view, last, last_on_top_of }) = self.earlier.take()
            && self.view.is_none()
            && is_there(view.number)
        {
            (self.view, self.last, self.last_on_top_of) = (Some(view), last, last_on_top_of);
        } else if let Some(view) = self.view.as_mut()
            && let Some(number) = view.number
        {
            let is_in_place = applied.iter().any(|edit| edit.number == number);
            let was_in_place = self.applied.iter().any(|edit| edit.number == number);
            view.stage = if is_in_place { Stage::Applied } else { Stage::Undone };
            // the rows are about the fact of the edit that was undone or redone
            view.stale = is_in_place == was_in_place;
            if !view.stale && !rows.is_empty() {
                view.rows = rows;
            }
        }
        self.note(applied.iter().chain(&undone));
        self.rescored = None;
        (self.applied, self.undone, self.unedited) = (applied, undone, Some(unedited));
    }

    /// Rows of the model as it is for a fact: they replace those of an edit that were made with other edits in place.
    pub fn refresh(&mut self, told: &Prediction) {
        let stale = self.view.as_mut().filter(|view| view.stale && told.is_about(&view.order.fact));
        if let Some(view) = stale.filter(|_| !told.rows.is_empty()) {
            let before = std::mem::take(&mut view.rows);
            let with_change = |row: &LayerRow| {
                let of_the_edit = before.iter().find(|known| known.layer == row.layer);
                let (change, metrics) =
                    of_the_edit.map_or((None, BTreeMap::new()), |known| (known.weight_change, known.metrics.clone()));
                LayerRow { weight_change: change, metrics, ..row.clone() }
            };
            view.rows = told.rows.iter().map(with_change).collect();
            view.stale = false;
        }
    }

    /// Freezes the view, or has it follow again.
    pub fn toggle_freeze(&mut self) {
        if self.frozen.is_some() {
            self.thaw();
        } else {
            self.frozen = self.view.clone().map(Box::new);
            self.held = 0;
        }
    }

    fn thaw(&mut self) {
        self.frozen = None;
        self.held = 0;
    }
}

/// Whether a weight changed by more than its own norm.
#[must_use]
pub fn is_large(edit: &EditInPlace) -> bool {
    edit.relative > LARGE
}
