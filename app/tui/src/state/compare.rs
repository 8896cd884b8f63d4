//! What trying variants of an edit has shown.

use super::{EditView, Engine, MOST_VARIANTS, Settings, Stage, State, Variant, Variants};
use locus_protocol::{
    Applied, EditOrder, EditStarted, Fact, JobId, Outcome, PluginKind, Step, Tried, TriedOn, model_with,
};

use serde::{Deserialize, Serialize};

/// Attempts that are remembered, so that going back to a fact shows what was found for it.
const REMEMBERED: usize = 32;

/// An order that was tried, or is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub asked: EditOrder,
    /// Numbers of the edits that the model has on which it was tried; none for the unedited model.
    pub on_top_of: Vec<u64>,
    /// How far it is, and what it shows of each layer.
    pub view: EditView,
    /// What it would do, once it has been measured.
    pub tried: Option<Tried>,
    /// How long it took.
    pub seconds: Option<f64>,
    /// Whether the engine keeps its changes, so that it can be put in place.
    pub kept: bool,
    /// Its number, where it was put in place.
    pub number: Option<u64>,
}

impl Attempt {
    /// Its job; none of an earlier session's.
    fn job(&self) -> Option<JobId> {
        Some(self.view.job).filter(|job| *job > 0)
    }

    /// The same for another session, which knows edits by their operations, no job, and none of its changes; nothing where
    /// an edit has no operation.
    #[must_use]
    pub fn recorded(&self, operation: &dyn Fn(u64) -> Option<u64>) -> Option<Self> {
        let all = |edits: &[u64]| edits.iter().map(|edit| operation(*edit)).collect::<Option<Vec<u64>>>();
        let mut attempt = self.clone();
        attempt.on_top_of = all(&self.on_top_of)?;
        attempt.view = self.view.recorded(operation)?;
        attempt.number = self.number.and_then(operation);
        attempt.kept = false;
        if let Some(tried) = &mut attempt.tried {
            (tried.would.job, tried.bytes) = (0, 0);
            tried.on_top_of = all(&tried.on_top_of)?;
        }
        Some(attempt)
    }
}

/// What the numbers of an attempt have to do with the model that variants are measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// They are of that model, or are being found on it.
    Same,
    /// They are of the model as it was before it became the last edit in place itself.
    InPlace,
    /// They are of another model, and stand beside no others.
    Other,
}

#[derive(Clone, Debug, Default)]
pub struct Compare {
    pub variants: Variants,
    /// The model that variants are measured on.
    pub on: TriedOn,
    /// Runs of variants, the oldest first.
    attempts: Vec<Attempt>,
}

impl Compare {
    /// The last attempt at an order, best on the model with these edits in place, which variants are measured on.
    #[must_use]
    pub fn attempt(&self, order: &EditOrder, wanted: &[u64]) -> Option<(&Attempt, Ground)> {
        let ground = |attempt: &Attempt| match wanted.split_last() {
            _ if attempt.on_top_of == wanted => Ground::Same,
            Some((last, below)) if attempt.number == Some(*last) && attempt.on_top_of == below => Ground::InPlace,
            _ => Ground::Other,
        };
        let mine = || self.attempts.iter().rev().filter(|attempt| attempt.asked == *order);
        let best = mine().find(|attempt| ground(attempt) == Ground::Same).or_else(|| mine().next())?;
        Some((best, ground(best)))
    }

    /// What attempts show of each layer, the newest first.
    pub fn views(&self) -> impl Iterator<Item = &EditView> {
        self.attempts.iter().rev().map(|attempt| &attempt.view)
    }

    /// The attempt of a job.
    #[must_use]
    pub fn of_job(&self, job: JobId) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.view.job == job)
    }

    fn of_job_mut(&mut self, job: JobId) -> Option<&mut Attempt> {
        self.attempts.iter_mut().find(|attempt| attempt.view.job == job)
    }

    /// An attempt was ordered on top of these edits. Gives the jobs of attempts that are forgotten for it.
    pub fn begin(&mut self, job: JobId, order: &EditOrder, on_top_of: Vec<u64>) -> Vec<JobId> {
        let same = |attempt: &Attempt| {
            attempt.asked == *order && attempt.on_top_of == on_top_of && attempt.view.stage != Stage::Running
        };
        let mut forgotten: Vec<JobId> =
            self.attempts.extract_if(.., |attempt| same(attempt)).filter_map(|attempt| attempt.job()).collect();
        let view = EditView::new(job, order.clone());
        self.attempts.push(Attempt {
            asked: order.clone(),
            on_top_of,
            view,
            tried: None,
            seconds: None,
            kept: false,
            number: None,
        });
        forgotten.extend(self.forget_oldest());
        forgotten
    }

    /// An edit that was made and is in place counts as an attempt at what it asked.
    pub fn note_edit(&mut self, asked: &EditOrder, view: EditView, would: Applied, on_top_of: Vec<u64>) {
        let number = Some(would.number);
        let tried = Some(Tried { would, bytes: 0, on_top_of: on_top_of.clone() });
        let view = EditView { stage: Stage::Tried, ..view };
        self.attempts.push(Attempt {
            asked: asked.clone(),
            on_top_of,
            view,
            tried,
            seconds: None,
            kept: false,
            number,
        });
        // those whose changes the engine keeps are forgotten with them, when variants are run
        let oldest = self.attempts.iter().position(|attempt| !attempt.kept && attempt.view.stage != Stage::Running);
        if let Some(oldest) = oldest.filter(|_| self.attempts.len() > REMEMBERED) {
            self.attempts.remove(oldest);
        }
    }

    /// An attempt was put in place under a number; the engine keeps it as an edit from then on.
    pub fn note_kept(&mut self, tried: JobId, number: u64) {
        if let Some(attempt) = self.of_job_mut(tried) {
            (attempt.kept, attempt.number) = (false, Some(number));
        }
    }

    /// Says once more what an attempt was asked, in the words of a variant's settings.
    pub fn ask(&mut self, job: JobId, order: EditOrder) {
        if let Some(attempt) = self.of_job_mut(job) {
            attempt.asked = order;
        }
    }

    /// A plugin's build was replaced: what was found with it is what the old build does, by its new id.
    pub fn rename(&mut self, kind: PluginKind, id: &str, old: &str) {
        for order in self.attempts.iter_mut().flat_map(|attempt| [&mut attempt.asked, &mut attempt.view.order]) {
            let name = if kind == PluginKind::Method { &mut order.method } else { &mut order.objective };
            if name == id {
                old.clone_into(name);
            }
        }
    }

    /// Forgets the oldest attempts where there are too many; gives their jobs.
    fn forget_oldest(&mut self) -> Vec<JobId> {
        let mut forgotten = Vec::new();
        while self.attempts.len() > REMEMBERED
            && let Some(oldest) = self.attempts.iter().position(|attempt| attempt.view.stage != Stage::Running)
        {
            forgotten.extend(self.attempts.remove(oldest).job());
        }
        forgotten
    }

    /// An attempt that was ordered elsewhere, as a recording tells it, gets a variant of its own.
    pub fn adopt(&mut self, engine: &Engine, started: &EditStarted) {
        let settings = Settings::of_order(engine, &started.order);
        let fact = &started.order.fact;
        let asked = |settings: &Settings| settings.order(engine, vec![fact.clone()]).ok();
        // what the settings ask, so that the variant finds its attempt again
        let order = asked(&settings).unwrap_or_else(|| started.order.clone());
        let known = self.variants.list.iter().any(|variant| asked(&variant.settings).as_ref() == Some(&order));
        if !known && self.variants.add(settings.clone()).is_none() {
            self.variants.cursor = MOST_VARIANTS - 1;
            self.variants.remove();
            self.variants.add(settings);
        }
        self.begin(started.job, &order, started.on_top_of.clone());
    }

    /// The method begins; whether the job is one of ours.
    pub fn start(&mut self, started: &EditStarted) -> bool {
        let Some(attempt) = self.of_job_mut(started.job) else { return false };
        attempt.view.begin(started.clone());
        // what is measured is what the engine says, whatever was ordered
        attempt.on_top_of.clone_from(&started.on_top_of);
        true
    }

    /// The method made a step; whether the job is one of ours.
    pub fn step(&mut self, step: &Step) -> bool {
        let Some(attempt) = self.of_job_mut(step.job) else { return false };
        attempt.view.step(step.clone());
        true
    }

    /// An attempt was measured.
    pub fn finish(&mut self, tried: Tried) {
        let Some(attempt) = self.of_job_mut(tried.would.job) else { return };
        attempt.view.take(&tried.would);
        attempt.view.stage = Stage::Tried;
        attempt.on_top_of.clone_from(&tried.on_top_of);
        (attempt.tried, attempt.kept) = (Some(tried), true);
    }

    /// The job of an attempt has ended.
    pub fn end(&mut self, job: JobId, outcome: &Outcome, seconds: f64) {
        let Some(attempt) = self.of_job_mut(job) else { return };
        attempt.seconds = Some(seconds);
        match outcome {
            Outcome::Done => {}
            Outcome::Cancelled { kept } => attempt.view.abandon(Stage::Cancelled(kept.clone())),
            Outcome::Failed { error, .. } => attempt.view.abandon(Stage::Failed(error.clone())),
        }
    }

    /// Attempts that came to numbers, the oldest first.
    pub fn finished(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.tried.is_some())
    }

    /// Attempts of an earlier session, the oldest first.
    pub fn restore(&mut self, attempts: Vec<Attempt>) {
        self.attempts = attempts;
    }

    /// All attempts are forgotten: another model is there.
    pub fn forget_all(&mut self) {
        self.attempts.clear();
    }

    /// The engine that kept the changes is gone: what was measured stays, and nothing of it can be put in place.
    pub fn lose_changes(&mut self) {
        self.attempts.iter_mut().for_each(|attempt| attempt.kept = false);
    }

    /// An attempt that never began is forgotten.
    pub fn forget(&mut self, job: JobId) {
        self.attempts.retain(|attempt| attempt.view.job != job);
    }

    /// Bytes of changes that the engine keeps for the remembered attempts.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let kept = self.attempts.iter().filter(|attempt| attempt.kept);
        kept.filter_map(|attempt| attempt.tried.as_ref()).map(|tried| tried.bytes).sum()
    }
}

impl State {
    /// Numbers of the edits in place that variants are measured on top of.
    #[must_use]
    pub fn measured_on(&self) -> Vec<u64> {
        self.compare.on.edits(self.edits.numbers())
    }

    /// Which model variants are measured from.
    #[must_use]
    pub fn measured_from(&self) -> String {
        format!("from {}", model_with(&self.measured_on()))
    }

    /// The last attempt of a variant with the selected fact, where it is of the model that variants are measured on: numbers
    /// of another one stand beside no others.
    #[must_use]
    pub fn attempt_of(&self, variant: &Variant) -> Option<&Attempt> {
        self.attempt_with(variant, self.fact()?)
    }

    /// The same with another fact.
    #[must_use]
    pub fn attempt_with(&self, variant: &Variant, fact: &Fact) -> Option<&Attempt> {
        let order = variant.order(&self.engine, fact).ok()?;
        let (attempt, ground) = self.compare.attempt(&order, &self.measured_on())?;
        (ground != Ground::Other).then_some(attempt)
    }
}
