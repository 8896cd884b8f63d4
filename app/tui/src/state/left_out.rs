//! What facts are on the model without some of the edits in place: asked for where a view shows such a model.

use super::{Of, Seen, State, View};
use crate::input::Effect;
use locus_protocol::{LeaveOut, LeftOut, Outcome, Task, counted};

/// Looks that are kept.
const KEPT: usize = 32;

/// What the engine has measured on models without some of the edits in place.
#[derive(Clone, Debug, Default)]
pub struct LeftOuts {
    /// Results, the oldest first, at most [`KEPT`].
    kept: Vec<LeftOut>,
    /// Looks that came to nothing, and why: they are not ordered again by themselves.
    failed: Vec<(LeaveOut, String)>,
}

impl LeftOuts {
    /// Takes in what was seen; what was seen of the same fact and model before gives way.
    pub fn take(&mut self, seen: LeftOut) {
        self.kept.retain(|known| known.fact != seen.fact || known.with != seen.with);
        if self.kept.len() == KEPT {
            self.kept.remove(0);
        }
        self.kept.push(seen);
    }

    /// A look ended: one that came to nothing is not ordered again until a model is chosen again.
    pub fn end(&mut self, look: &LeaveOut, outcome: &Outcome) {
        self.failed.retain(|(known, _)| known != look);
        let why = match outcome {
            Outcome::Done => return,
            Outcome::Cancelled { .. } => "it was canceled".to_owned(),
            Outcome::Failed { error, .. } => error.clone(),
        };
        self.failed.push((look.clone(), why));
    }

    /// What came to nothing may be tried again.
    pub fn try_again(&mut self) {
        self.failed.clear();
    }

    /// Forgets all of it.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

impl<'a> Seen<'a> {
    /// What is known of the fact that is shown on a model without some of the edits in place.
    #[must_use]
    pub fn left_out(&self, of: Of) -> Option<&'a LeftOut> {
        if matches!(of, Of::AsItIs | Of::Variant(_)) {
            return None;
        }
        let (fact, with) = (self.fact()?, self.edits_of(of)?);
        let in_place = self.edits.numbers();
        let mut kept = self.all().left_outs.kept.iter();
        kept.find(|seen| seen.fact == *fact && seen.with == with && seen.in_place == in_place)
    }

    /// Why nothing is known of the fact on such a model although somebody looked.
    #[must_use]
    pub fn look_failed(&self, of: Of) -> Option<&'a str> {
        let (fact, lacks) = (self.fact()?, self.lacks(of)?);
        let mut failed = self.all().left_outs.failed.iter();
        failed.find(|(look, _)| look.fact == *fact && look.edits == lacks).map(|(_, why)| why.as_str())
    }

    /// The edits in place that a model lacks; nothing where it has others.
    #[must_use]
    pub fn lacks(&self, of: Of) -> Option<Vec<u64>> {
        let (has, in_place) = (self.edits_of(of)?, self.edits.numbers());
        let is_part = has.iter().all(|edit| in_place.contains(edit));
        is_part.then(|| in_place.into_iter().filter(|edit| !has.contains(edit)).collect())
    }
}

impl State {
    /// The look that a view on the screen lacks; nothing where it was ordered, or has come to nothing.
    fn missing_look(&self) -> Option<LeaveOut> {
        let wanted = |view: &View| {
            let seen = Seen::new(self, view);
            let mut models = [Some(view.of), view.against].into_iter().flatten();
            models.find_map(|of| {
                let is_known = match of {
                    Of::Without(_) => seen.left_out(of).is_some(),
                    // what was found before any edit is as good
                    Of::Unedited => {
                        self.edits.applied.is_empty() || seen.unedited_rows().is_some() || seen.left_out(of).is_some()
                    }
                    Of::AsItIs | Of::Variant(_) => true,
                };
                let fact = seen.fact().filter(|_| !is_known)?.clone();
                let look = LeaveOut { fact, edits: seen.lacks(of)? };
                self.may_look(&look).then_some(look)
            })
        };
        let shown = self.screen.tree();
        // heat maps have traces of their own
        let mut views = shown.panes().into_iter().filter(|view| super::kind_of(view) != "trace");
        views.find_map(|view| wanted(self.screen.windows.view(view)))
    }

    fn may_look(&self, look: &LeaveOut) -> bool {
        let is_it = |task: &Task| matches!(task, Task::LeaveOut(known) if known == look);
        let runs = self.jobs.running.iter().chain(&self.jobs.waiting).any(|order| is_it(&order.task));
        !runs && !self.left_outs.failed.iter().any(|(known, _)| known == look)
    }

    /// Has what a view on the screen lacks asked for, once the selection rests.
    pub fn want_looks(&mut self) {
        let orders = self.link.follows.is_none() && self.next_tokens.due.is_none();
        if orders && self.screen.windows.shows_less() && self.missing_look().is_some() {
            self.want_prediction();
        }
    }

    /// Orders what a view on the screen lacks.
    pub fn order_look(&mut self) -> Vec<Effect> {
        let Some(look) = self.missing_look() else { return Vec::new() };
        let without = match look.edits.as_slice() {
            [edit] => format!("edit {edit}"),
            edits => counted(edits.len(), "edit"),
        };
        self.order(format!("measuring {} without {without}", look.fact.subject), look)
    }
}
