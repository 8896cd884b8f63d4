//! Jobs that wait for the engine, and those that have ended. The engine does one after the other, except that a look
//! at the model steps in between two steps of a long job.

use super::job::{LOADS, likeness};
use super::{Job, Lap, Stage, State, Tone};
use crate::input::Effect;
use locus_protocol::{AimVerdict, Command, JobId, JobKind, Keep, Outcome, Redo, Task, Try, Undo};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// How long after a trace a key may have been meant for it.
const TOO_SOON: Duration = Duration::from_millis(700);
/// Ended jobs that are remembered.
const REMEMBERED: usize = 200;

/// A job as it was ordered.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub job: JobId,
    pub kind: JobKind,
    pub title: String,
    /// What the engine is to do.
    pub task: Task,
}

/// A job that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    pub order: Order,
    pub outcome: Outcome,
    /// How long it took.
    pub seconds: f64,
    /// The verdict on its edit, where it made or tried one.
    pub verdict: Option<AimVerdict>,
    /// Whether it was done and came to nothing all the same: an edit that did not take, a trace without effects.
    pub fell_short: bool,
    /// Fingerprint of the model that was there.
    model: Option<String>,
}

/// A job that stands still while a look is done between two of its steps.
#[derive(Clone, Debug, PartialEq)]
pub struct StandingBy {
    /// How far it is.
    pub job: Job,
    /// Its order; unknown where another process gave it.
    pub order: Option<Order>,
}

/// The running job, and those that wait or have ended.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    pub job: Option<Job>,
    /// Its order; unknown where another process gave it.
    pub running: Option<Order>,
    /// The job that goes on when the running one, a look, has ended.
    pub standing_by: Option<StandingBy>,
    /// Those that wait, the next one first.
    pub waiting: VecDeque<Order>,
    /// Those that have ended, the oldest first.
    pub ended: VecDeque<Ended>,
    /// The last job's number.
    pub last: JobId,
    /// Jobs that are for nothing if another one, which comes first, does not do what it is to do: that one, then this.
    follows: Vec<(JobId, JobId)>,
    /// Edits that were ordered in the place of another: the job, and the number of the edit that was undone for it.
    replaces: Vec<(JobId, u64)>,
    /// What the phases of jobs took that were done last, by what such jobs have in common.
    took: HashMap<String, Vec<Lap>>,
}

impl Jobs {
    /// No job; the next one gets the next number.
    #[must_use]
    pub fn none(&self) -> Self {
        Self { last: self.last, ..Self::default() }
    }

    /// What a job that has begun was ordered to do.
    #[must_use]
    pub fn begun(&self, job: JobId) -> Option<&Order> {
        let standing_by = self.standing_by.as_ref().and_then(|standing_by| standing_by.order.as_ref());
        self.running.iter().chain(standing_by).find(|order| order.job == job)
    }

    /// The edit that a job was ordered in the place of.
    fn replaced_by(&self, job: JobId) -> Option<u64> {
        self.replaces.iter().find(|(replacing, _)| *replacing == job).map(|(_, edit)| *edit)
    }

    /// The load that waits, where one does: what is ordered after it runs on that model.
    #[must_use]
    pub fn waiting_load(&self) -> Option<&Order> {
        self.waiting.iter().find(|order| order.kind == JobKind::Load)
    }

    /// Another model is there, or the same anew: its edits have other numbers, and another takes other times.
    pub fn change_model(&mut self, is_another: bool) {
        self.replaces.clear();
        self.took.retain(|likeness, _| !is_another || likeness.starts_with(LOADS));
    }

    /// Remembers what a job took.
    fn learn(&mut self, likeness: String, laps: Vec<Lap>) {
        if !laps.is_empty() && !likeness.is_empty() {
            self.took.insert(likeness, laps);
        }
    }

    /// What a job of this kind took last; nothing where none was done.
    fn took(&self, likeness: &str) -> &[Lap] {
        self.took.get(likeness).map_or(&[], Vec::as_slice)
    }

    /// Whether a job waits.
    #[must_use]
    pub fn waits(&self, job: JobId) -> bool {
        self.waiting.iter().any(|order| order.job == job)
    }

    /// Takes a waiting job out of the queue.
    pub fn drop_waiting(&mut self, job: JobId) -> Option<Order> {
        let place = self.waiting.iter().position(|order| order.job == job)?;
        self.waiting.remove(place)
    }
}

/// Whether a job makes an edit that is put in place, so that the table of layers is its.
fn is_edit(task: &Task) -> bool {
    matches!(task, Task::Edit(_) | Task::Keep(_))
}

impl State {
    /// Orders a job: it begins now, or when those that were ordered before have ended.
    pub fn order(&mut self, title: String, task: impl Into<Task>) -> Vec<Effect> {
        self.jobs.last += 1;
        let (job, task) = (self.jobs.last, task.into());
        let order = Order { job, kind: task.kind(), title, task };
        let begins = self.jobs.job.is_none() || order.task.is_look() && self.lets_look_in();
        if begins {
            let mut effects = self.announce(job, &order.task);
            effects.extend(self.start(order));
            return effects;
        }
        // the table of layers shows the edit that runs until one that waits begins
        let effects = if is_edit(&order.task) { Vec::new() } else { self.announce(job, &order.task) };
        self.jobs.waiting.push_back(order);
        effects
    }

    /// Orders that an edit is undone, and that its fact is edited again. Where the second comes to nothing, the first is
    /// put back, see [`Self::put_back`].
    pub fn replace(&mut self, edit: u64, title: String, task: impl Into<Task>) -> Vec<Effect> {
        let effects = self.order_after("undo".to_owned(), Undo::of(edit), title, task);
        self.jobs.replaces.push((self.jobs.last, edit));
        effects
    }

    /// Orders a job, and another one after it that is for nothing without the first.
    pub fn order_after(
        &mut self,
        first_title: String,
        first: impl Into<Task>,
        title: String,
        task: impl Into<Task>,
    ) -> Vec<Effect> {
        let mut effects = self.order(first_title, first);
        let before = self.jobs.last;
        effects.extend(self.order(title, task));
        self.jobs.follows.push((before, self.jobs.last));
        effects
    }

    /// Orders jobs that have ended once more, all of them after another one where there is something to do first. What was
    /// in the place of another edit is so again.
    pub fn order_all_again(&mut self, first: Option<Task>, orders: Vec<Order>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let before = first.map(|first| {
            effects.extend(self.order(first.title(), first));
            self.jobs.last
        });
        for order in orders {
            let replaced = self.jobs.replaced_by(order.job);
            effects.extend(match replaced {
                Some(edit) => self.replace(edit, order.title, order.task),
                None => self.order(order.title, order.task),
            });
            // the undo of what is replaced comes first
            let begins = self.jobs.last - u64::from(replaced.is_some());
            self.jobs.follows.extend(before.map(|before| (before, begins)));
        }
        effects
    }

    /// A job ended: those that were ordered to follow it are dropped where it did not do what it was to do. Gives the title
    /// of the last of them.
    pub fn drop_follower(&mut self, job: JobId, outcome: &Outcome) -> Option<String> {
        let mut ended = vec![job];
        let mut title = None;
        while let Some(job) = ended.pop() {
            let (gone, left): (Vec<_>, _) = self.jobs.follows.drain(..).partition(|(first, _)| *first == job);
            self.jobs.follows = left;
            if *outcome == Outcome::Done {
                continue;
            }
            for (_, follower) in gone {
                self.edits.abandon(follower, Stage::Cancelled(String::new()));
                if let Some(order) = self.jobs.drop_waiting(follower) {
                    self.compare.forget(follower);
                    title = Some(order.title);
                }
                ended.push(follower);
            }
        }
        title
    }

    /// A job ended: where it was to put an edit in the place of another and did not, that one is put back.
    pub fn put_back(&mut self, job: JobId, outcome: &Outcome) -> Vec<Effect> {
        let Some(edit) = self.jobs.replaced_by(job) else { return Vec::new() };
        let was_taken_back = self.edits.undone.last().is_some_and(|undone| undone.number == edit);
        if *outcome == Outcome::Done || !was_taken_back || self.engine.gone {
            return Vec::new();
        }
        self.redo_first(edit)
    }

    /// Orders that an edit is redone before all that waits: after another edit nothing could be redone, after a load
    /// that of another model.
    fn redo_first(&mut self, edit: u64) -> Vec<Effect> {
        let effects = self.order(format!("redoing edit {edit}"), Redo::default());
        if self.jobs.waits(self.jobs.last) {
            self.jobs.waiting.rotate_right(1);
        }
        effects
    }

    /// Whether a job runs that lets a look in now.
    fn lets_look_in(&self) -> bool {
        let lets_in = |order: &Order| order.task.lets_looks_in();
        let is_cancelled = self.jobs.job.as_ref().is_some_and(|job| job.cancelling);
        self.jobs.standing_by.is_none() && !is_cancelled && self.jobs.running.as_ref().is_some_and(lets_in)
    }

    /// Why nothing can look at the model now.
    ///
    /// # Errors
    /// A job is running that lets no look in, or the model is not there.
    pub fn ready_for_a_look(&self) -> Result<(), String> {
        let steps_in = self.lets_look_in() && self.engine.model.is_some() && !self.engine.gone;
        if steps_in && self.link.follows.is_none() { Ok(()) } else { self.ready_for_a_job() }
    }

    /// Why no job can be ordered now, not even one that waits its turn.
    ///
    /// # Errors
    /// The model is not there, or no engine; or another model is on its way.
    pub fn ready_to_wait(&self) -> Result<(), String> {
        let waits = self.engine.model.is_some() && !self.engine.gone && self.link.follows.is_none();
        let loads = self.job().is_some_and(|job| job.kind == JobKind::Load);
        match self.jobs.waiting_load() {
            _ if !waits || loads => self.ready_for_a_job(),
            Some(load) => {
                let jobs = self.key("jobs");
                Err(format!("{} waits, and nothing is ordered behind it; {jobs} lists what waits", load.title))
            }
            None => Ok(()),
        }
    }

    /// Why a job that has ended cannot be ordered again now.
    ///
    /// # Errors
    /// No job can be ordered now, but the first model may be tried again all the same; or the job was of another model.
    pub fn ready_again(&self, ended: &Ended) -> Result<(), String> {
        let lacks_model = self.job().is_none() && self.engine.model.is_none() && !self.engine.gone;
        let is_first_load = ended.order.kind == JobKind::Load && lacks_model && self.link.follows.is_none();
        if is_first_load {
            return Ok(());
        }
        self.ready_to_wait()?;
        match self.was_of_another(ended) {
            true => Err(format!("that job was of another model; {} lists models", self.key("models"))),
            false => Ok(()),
        }
    }

    /// Whether an ended job was of another model than the one that is there: it would do something else on this one.
    #[must_use]
    pub fn was_of_another(&self, ended: &Ended) -> bool {
        let is_of_none = matches!(ended.order.kind, JobKind::Load | JobKind::Reload);
        !is_of_none && self.engine.model.as_ref().map(|model| &model.fingerprint) != ended.model.as_ref()
    }

    /// What is told of a job that waits; nothing where it has begun.
    #[must_use]
    pub fn waits_words(&self) -> Option<String> {
        let waiting = self.jobs.waiting.back()?;
        let before = self.jobs.waiting.len() - 1 + usize::from(self.jobs.job.is_some());
        let before = if before == 1 { "one job".to_owned() } else { format!("{before} jobs") };
        Some(format!("{} waits for {before}; {} lists them", waiting.title, self.key("jobs")))
    }

    #[must_use]
    pub fn job(&self) -> Option<&Job> {
        self.jobs.job.as_ref()
    }

    /// Why no edit can be undone or redone now; such keys may follow one another at once.
    ///
    /// # Errors
    /// A job of another kind is running, or the model is not there.
    pub fn ready_for_history(&self) -> Result<(), String> {
        let is_running = self.job().is_some_and(|job| matches!(job.kind, JobKind::Undo | JobKind::Redo));
        if is_running && self.link.follows.is_none() { self.ready_to_wait() } else { self.ready_for_a_job() }
    }

    /// A job that runs, or stands by.
    #[must_use]
    pub fn running(&self, job: JobId) -> Option<&Job> {
        self.jobs.job.iter().chain(self.standing_by()).find(|running| running.id == job)
    }

    /// The same, to change it.
    pub fn running_mut(&mut self, job: JobId) -> Option<&mut Job> {
        let standing_by = self.jobs.standing_by.as_mut().map(|standing_by| &mut standing_by.job);
        self.jobs.job.iter_mut().chain(standing_by).find(|running| running.id == job)
    }

    /// The job that goes on when the running one, a look, has ended.
    #[must_use]
    pub fn standing_by(&self) -> Option<&Job> {
        self.jobs.standing_by.as_ref().map(|standing_by| &standing_by.job)
    }

    /// Whether a job stands by.
    #[must_use]
    pub fn stands_by(&self, job: JobId) -> bool {
        self.standing_by().is_some_and(|standing_by| standing_by.id == job)
    }

    /// Time until the running job, the one that stands by for it and all that wait are done, where all of it is known.
    #[must_use]
    pub fn all_left(&self) -> Option<Duration> {
        let begun = |job: &Job| job.left(self.now).filter(|left| left.is_whole).map(|left| left.time);
        let mut time = begun(self.jobs.job.as_ref()?)?;
        if let Some(job) = self.standing_by() {
            time += begun(job)?;
        }
        let mut seconds = 0.0;
        for order in &self.jobs.waiting {
            let laps = self.jobs.took(&likeness(&order.task));
            if laps.is_empty() {
                return None;
            }
            seconds += laps.iter().map(|lap| lap.seconds).sum::<f64>();
        }
        Some(time + Duration::try_from_secs_f64(seconds).ok()?)
    }

    /// The job that a pause is meant for: a look is not worth one.
    #[must_use]
    pub fn pauses(&self) -> Option<&Job> {
        self.standing_by().or(self.jobs.job.as_ref())
    }

    /// A job begins; the one that runs stands by.
    pub fn begin(&mut self, job: Job) {
        if let Some(mut job) = self.jobs.job.replace(job) {
            job.stand_by(self.now);
            let order = self.jobs.running.take();
            self.jobs.standing_by = Some(StandingBy { job, order });
        }
    }

    /// A job has ended. Where it was the running one, the one that stood by goes on.
    pub fn end(&mut self, job: JobId, outcome: &Outcome, seconds: f64) -> Option<Job> {
        let StandingBy { job: ended, order } = if self.stands_by(job) {
            // it made its last step before it heard of the look
            self.jobs.standing_by.take()?
        } else {
            let ended = self.jobs.job.take_if(|running| running.id == job)?;
            let order = self.jobs.running.take();
            // of other looks nobody knows, so that no key is meant for them
            let was_trace = order.as_ref().is_some_and(|order| order.kind == JobKind::Trace);
            if let Some(StandingBy { mut job, order }) = self.jobs.standing_by.take() {
                if was_trace {
                    job.go_on_after_a_trace(self.now);
                } else {
                    job.go_on(self.now);
                }
                (self.jobs.job, self.jobs.running) = (Some(job), order);
            }
            StandingBy { job: ended, order }
        };
        if let Some(order) = order {
            if *outcome == Outcome::Done {
                self.jobs.learn(likeness(&order.task), ended.clone().laps(self.now));
            }
            let is_seen = match order.kind {
                // in the list of edits
                JobKind::Undo | JobKind::Redo => true,
                // in the view that it was for
                JobKind::LeaveOut => *outcome == Outcome::Done,
                _ => false,
            };
            if !is_seen {
                self.remember(order, outcome, seconds);
            }
        }
        Some(ended)
    }

    /// Has the panes expect what a job is going to tell.
    fn announce(&mut self, job: JobId, task: &Task) -> Vec<Effect> {
        match task {
            Task::Trace(order) => self.traces.ordered = Some((job, order.clone())),
            Task::Edit(order) => self.edits.order(job, order.clone()),
            Task::Try(Try { order, on }) => {
                let on_top_of = on.edits(self.edits.numbers());
                let forgotten = self.compare.begin(job, order, on_top_of);
                let forget = |tried| Effect::Send(Box::new(Command::Drop { tried }));
                return forgotten.into_iter().map(forget).collect();
            }
            Task::Keep(Keep { tried }) => {
                if let Some(attempt) = self.compare.of_job(*tried) {
                    self.edits.order_kept(job, attempt.view.clone());
                }
            }
            _ => {}
        }
        Vec::new()
    }

    /// Takes a job that waits out of the queue, and those that are for nothing without it. An edit that it was to
    /// replace stays in place: its undo goes as well, or is followed by a redo where it has begun.
    pub fn drop_waiting(&mut self, job: JobId) -> Vec<Effect> {
        if self.jobs.drop_waiting(job).is_none() {
            return Vec::new();
        }
        self.compare.forget(job);
        let outcome = Outcome::Cancelled { kept: String::new() };
        self.drop_follower(job, &outcome);
        let Some(edit) = self.jobs.replaced_by(job) else { return Vec::new() };
        let undo = self.jobs.follows.iter().find(|(_, follower)| *follower == job).map(|(undo, _)| *undo);
        match undo {
            Some(undo) if self.jobs.waits(undo) => self.drop_waiting(undo),
            Some(undo) => {
                let effects = self.redo_first(edit);
                self.jobs.follows.push((undo, self.jobs.last));
                effects
            }
            None => self.put_back(job, &outcome),
        }
    }

    /// Starts the next job that waits, unless one runs; a look, where one does that lets looks in.
    pub fn start_next(&mut self) -> Vec<Effect> {
        let next = match self.jobs.job {
            _ if self.engine.gone => None,
            None => self.jobs.waiting.pop_front(),
            Some(_) if self.lets_look_in() => {
                let look = self.jobs.waiting.iter().position(|order| order.task.is_look());
                look.and_then(|place| self.jobs.waiting.remove(place))
            }
            Some(_) => None,
        };
        let Some(next) = next else { return Vec::new() };
        let mut effects = self.start(next);
        // a look that waits may step in
        effects.extend(self.start_next());
        effects
    }

    /// Has a job stop that runs or stands by. One that has just gone on after a trace is spared once: the key was
    /// perhaps meant for the trace.
    pub fn cancel(&mut self, job: JobId) -> Vec<Effect> {
        let now = self.now;
        let Some(running) = self.running_mut(job).filter(|running| !running.cancelling) else { return Vec::new() };
        if running.went_on.take().is_some_and(|then| now.saturating_sub(then) < TOO_SOON) {
            let text = format!("the trace has ended, {} resumes; the same key again cancels it", running.title);
            self.notices.say(now, Tone::Plain, text);
            return Vec::new();
        }
        running.cancelling = true;
        self.notices.clear();
        vec![Effect::Cancel(job)]
    }

    /// Has the job that a pause is meant for wait where it is, or go on.
    pub fn toggle_pause(&mut self) -> Vec<Effect> {
        let (now, pauses) = (self.now, self.pauses().map(|job| job.id));
        let Some(job) = pauses.and_then(|job| self.running_mut(job)) else { return Vec::new() };
        job.paused = !job.paused;
        if !job.paused {
            job.go_on(now);
        }
        vec![Effect::Pause(job.id, job.paused)]
    }

    /// Orders a job that has ended once more.
    pub fn order_again(&mut self, ended: &Order) -> Vec<Effect> {
        self.order(ended.title.clone(), ended.task.clone())
    }

    fn remember(&mut self, order: Order, outcome: &Outcome, seconds: f64) {
        if self.jobs.ended.len() == REMEMBERED {
            self.jobs.ended.pop_front();
        }
        let model = self.engine.model.as_ref().map(|model| model.fingerprint.clone());
        let outcome = outcome.clone();
        self.jobs.ended.push_back(Ended { order, outcome, seconds, verdict: None, fell_short: false, model });
    }

    fn start(&mut self, order: Order) -> Vec<Effect> {
        // nobody pressed a key for a look that a view lacks
        if order.kind != JobKind::LeaveOut {
            self.notices.clear();
        }
        if is_edit(&order.task) {
            self.announce(order.job, &order.task);
        }
        let laps = self.jobs.took(&likeness(&order.task)).to_vec();
        self.begin(Job::new(order.job, order.kind, order.title.clone(), self.now).expecting(laps));
        let effect = Effect::Send(Box::new(Command::start(order.job, order.task.clone())));
        self.jobs.running = Some(order);
        vec![effect]
    }
}
