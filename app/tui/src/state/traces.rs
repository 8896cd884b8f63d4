//! Heat maps: the running one and those that were made before.

use locus_protocol::{Fact, Intervention, JobId, Outcome, TraceAnswer, TraceKind, TraceOrder, TraceStarted};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Heat maps that are kept.
const KEPT: usize = 24;

/// One heat map, with the order that asked for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceView {
    /// What it starts from.
    pub started: TraceStarted,
    /// Restored probability by layer, for each token whose row is done.
    pub scores: Vec<Option<Vec<f64>>>,
    /// First-order estimate of the whole map, shown until exact rows come; empty where there is none.
    pub preview: Vec<Vec<f64>>,
    pub outcome: Option<Outcome>,
    /// Why its effects mean nothing, where they do.
    pub undefined: Option<String>,
}

/// The cell with the greatest effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// Position in the prompt.
    pub token: usize,
    pub layer: usize,
    /// The indirect effect there: restored minus corrupted probability, from -1 to 1.
    pub effect: f64,
}

impl TraceView {
    /// The same for another session, which knows edits by their operations and no job; nothing where one has none.
    #[must_use]
    pub fn recorded(&self, operation: &dyn Fn(u64) -> Option<u64>) -> Option<Self> {
        let mut view = self.clone();
        view.started.job = 0;
        view.started.order.without.clear();
        view.started.in_place = view.started.in_place.iter().map(|edit| operation(*edit)).collect::<Option<_>>()?;
        Some(view)
    }

    /// Probability of the answer with a cell restored or ablated.
    #[must_use]
    pub fn score(&self, token: usize, layer: usize) -> Option<f64> {
        self.scores.get(token)?.as_ref()?.get(layer).copied()
    }

    /// Effect of a cell: what restoring it recovers, or the share that ablating it removes; none where effects are
    /// undefined.
    #[must_use]
    pub fn effect(&self, token: usize, layer: usize) -> Option<f64> {
        self.defined(self.score(token, layer)?)
    }

    /// First-order estimate of the effect of a cell whose exact value is not there.
    #[must_use]
    pub fn previewed(&self, token: usize, layer: usize) -> Option<f64> {
        match self.scores.get(token)? {
            Some(_) => None,
            None => self.defined(*self.preview.get(token)?.get(layer)?),
        }
    }

    fn defined(&self, score: f64) -> Option<f64> {
        self.undefined.is_none().then(|| self.started.effect(score))
    }

    /// Whether some of what is shown is an estimate.
    #[must_use]
    pub fn shows_preview(&self) -> bool {
        !self.preview.is_empty() && self.rows_done() < self.started.tokens.len()
    }

    /// The effect that would be the greatest possible: all that noise took away, or all of the probability.
    #[must_use]
    pub fn full_effect(&self) -> f64 {
        match self.started.order.intervention.is_ablation() {
            true => 1.0,
            false => (self.started.clean - self.started.corrupted).max(1e-6),
        }
    }

    /// The last token of the subject.
    #[must_use]
    pub fn last_subject_token(&self) -> Option<usize> {
        self.started.tokens.iter().rposition(|token| token.subject)
    }

    /// The last token of the prompt.
    #[must_use]
    pub fn last_token(&self) -> Option<usize> {
        self.started.tokens.len().checked_sub(1)
    }

    /// The cell with the greatest effect among those done, of all tokens or of one.
    #[must_use]
    pub fn peak(&self, only: Option<usize>) -> Option<Peak> {
        let tokens = 0..self.started.tokens.len();
        let cells = tokens.filter(|token| only.is_none_or(|only| only == *token)).flat_map(|token| {
            (0..self.started.layers)
                .filter_map(move |layer| Some(Peak { token, layer, effect: self.effect(token, layer)? }))
        });
        cells.filter(|peak| !peak.effect.is_nan()).max_by(|one, other| one.effect.total_cmp(&other.effect))
    }

    /// The greatest effect that is shown, an estimate where nothing exact is there.
    #[must_use]
    pub fn greatest_shown(&self) -> Option<f64> {
        self.effects_shown().max_by(f64::total_cmp)
    }

    /// The least effect that is shown: below zero where a state takes from the answer.
    #[must_use]
    pub fn least_shown(&self) -> Option<f64> {
        self.effects_shown().min_by(f64::total_cmp)
    }

    fn effects_shown(&self) -> impl Iterator<Item = f64> {
        let cells = (0..self.started.tokens.len())
            .flat_map(|token| (0..self.started.layers).map(move |layer| (token, layer)))
            .filter_map(|(token, layer)| self.effect(token, layer).or_else(|| self.previewed(token, layer)));
        cells.filter(|effect| !effect.is_nan())
    }

    /// Rows that are done.
    #[must_use]
    pub fn rows_done(&self) -> usize {
        self.scores.iter().flatten().count()
    }
}

/// A trace that ended before there was a heat map.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    pub order: TraceOrder,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, Default)]
pub struct Traces {
    /// What was ordered and has not begun.
    pub ordered: Option<(JobId, TraceOrder)>,
    /// The last trace that came to nothing.
    pub trouble: Option<Trouble>,
    kept: Vec<TraceView>,
    /// The answers that the user chose, by prompt.
    answers: HashMap<String, TraceAnswer>,
}

/// What distinguishes the maps of one fact.
fn what(order: &TraceOrder) -> (TraceKind, Intervention) {
    (order.kind, order.intervention)
}

impl Traces {
    /// The answer of a fact that the user wants traced; nothing where it was not chosen.
    #[must_use]
    pub fn chosen_answer(&self, fact: &Fact) -> Option<&TraceAnswer> {
        self.answers.get(&fact.prompt())
    }

    /// The user chose which answer of a fact is traced.
    pub fn choose_answer(&mut self, fact: &Fact, answer: TraceAnswer) {
        self.answers.insert(fact.prompt(), answer);
    }

    /// Other edits are in place: what was chosen before them is no choice any more.
    pub fn forget_answers(&mut self) {
        self.answers.clear();
    }

    /// Starts a heat map; an older one of the same fact, kind, answer and model gives way.
    pub fn begin(&mut self, started: TraceStarted) {
        self.ordered = None;
        self.trouble = None;
        // whoever ordered it, it is what shows
        self.choose_answer(&started.order.fact, started.order.answer.clone());
        self.kept.retain(|view| {
            view.started.order.fact != started.order.fact
                || what(&view.started.order) != what(&started.order)
                || view.started.order.answer != started.order.answer
                || view.started.in_place != started.in_place
        });
        if self.kept.len() == KEPT {
            self.kept.remove(0);
        }
        let scores = vec![None; started.tokens.len()];
        let undefined = started.undefined();
        self.kept.push(TraceView { started, scores, preview: Vec::new(), outcome: None, undefined });
    }

    /// Heat maps that are done, the oldest first.
    pub fn finished(&self) -> impl Iterator<Item = &TraceView> {
        self.kept.iter().filter(|view| view.outcome == Some(Outcome::Done))
    }

    /// Heat maps of an earlier session, the oldest first.
    pub fn restore(&mut self, kept: Vec<TraceView>) {
        self.kept = kept;
    }

    /// Takes the estimate of a whole map.
    pub fn preview(&mut self, job: JobId, scores: Vec<Vec<f64>>) {
        if let Some(view) = self.running_mut(job) {
            view.preview = scores;
        }
    }

    pub fn fill(&mut self, job: JobId, token: usize, scores: Vec<f64>) {
        if let Some(row) = self.running_mut(job).and_then(|view| view.scores.get_mut(token)) {
            *row = Some(scores);
        }
    }

    pub fn end(&mut self, job: JobId, outcome: &Outcome) {
        if let Some(view) = self.running_mut(job) {
            view.outcome = Some(outcome.clone());
        } else if let Some((_, order)) = self.ordered.take_if(|(ordered, _)| *ordered == job)
            && *outcome != Outcome::Done
        {
            self.trouble = Some(Trouble { order, outcome: outcome.clone() });
        }
    }

    /// The heat map of a fact in which states of a kind were restored.
    #[must_use]
    pub fn of(&self, fact: &Fact, kind: TraceKind) -> Option<&TraceView> {
        self.newest(fact, kind, Intervention::Restore)
    }

    /// The newest heat map of a fact by kind and intervention, of whatever model.
    #[must_use]
    pub fn newest(&self, fact: &Fact, kind: TraceKind, intervention: Intervention) -> Option<&TraceView> {
        self.all(fact, (kind, intervention)).next()
    }

    /// The heat map of a fact by kind and intervention of the model with these edits in place: the newest that has effects,
    /// whichever answer it is about.
    #[must_use]
    pub fn of_model(
        &self,
        fact: &Fact,
        kind: TraceKind,
        intervention: Intervention,
        in_place: &[u64],
    ) -> Option<&TraceView> {
        let of_model = || self.all(fact, (kind, intervention)).filter(|view| view.started.is_of(in_place));
        of_model().find(|view| view.undefined.is_none()).or_else(|| of_model().next())
    }

    /// The same of one answer.
    #[must_use]
    pub fn of_answer(&self, order: &TraceOrder, in_place: &[u64]) -> Option<&TraceView> {
        let mut all = self.all(&order.fact, what(order));
        all.find(|view| view.started.order.answer == order.answer && view.started.is_of(in_place))
    }

    /// The newest heat map of one answer, of whatever model.
    #[must_use]
    pub fn newest_of_answer(&self, order: &TraceOrder) -> Option<&TraceView> {
        self.all(&order.fact, what(order)).find(|view| view.started.order.answer == order.answer)
    }

    fn all(&self, fact: &Fact, wanted: (TraceKind, Intervention)) -> impl Iterator<Item = &TraceView> {
        let is_wanted =
            move |view: &&TraceView| what(&view.started.order) == wanted && view.started.order.fact == *fact;
        self.kept.iter().rev().filter(is_wanted)
    }

    /// The newest heat map.
    #[must_use]
    pub fn last(&self) -> Option<&TraceView> {
        self.kept.last()
    }

    /// The heat map that runs.
    #[must_use]
    pub fn running(&self) -> Option<&TraceView> {
        self.kept.last().filter(|view| view.outcome.is_none())
    }

    /// Whether any heat map of a fact exists.
    #[must_use]
    pub fn any_of(&self, fact: &Fact) -> bool {
        self.kept.iter().any(|view| view.started.order.fact == *fact)
    }

    fn running_mut(&mut self, job: JobId) -> Option<&mut TraceView> {
        self.kept.last_mut().filter(|view| view.started.job == job && view.outcome.is_none())
    }
}
