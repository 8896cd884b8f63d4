//! What a job has of the thread while it runs: where it tells what happens, whether it is to stop or to wait, and looks
//! that step in between two of its steps.

use crate::emitter::Emitter;
use crate::error::{Error, Stopped};
use crate::model::loaded::Loaded;
use crate::orders::Orders;
use crossbeam_channel::Receiver;
use locus_engine::at_once;
use locus_protocol::{Command, Control, Event, JobId, LogLevel, Outcome, Phase, Task};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How often a job that pauses looks whether it may go on.
const GLANCE: Duration = Duration::from_millis(20);
/// Different lines that a job writes into the log at most, where it says each once.
const MOST_SAID: usize = 1000;

/// The pace of jobs, and where they tell what happens.
pub struct Pace<'a> {
    /// Sends the job's events.
    pub emitter: Emitter,
    /// What was ordered and has not begun.
    pub orders: Orders<'a>,
    /// Which jobs are to stop, and which to wait.
    control: &'a Control,
    /// Does what only looks at the model while a job stands still.
    look: Look,
    /// The job whose steps are made now; a look between two steps of a long job takes its place meanwhile.
    turn: Cell<Option<Turn>>,
    /// How long looks have held the running job up.
    looked: Cell<Duration>,
    /// Lines of the log that were written in the running job, where it says each once only.
    said: RefCell<Option<BTreeSet<String>>>,
}

/// What does a look between two steps of a job. It has what a look may read, and nothing that could be changed.
pub type Look = fn(&Pace<'_>, &Loaded, Command);

/// The job whose steps are made.
#[derive(Clone, Copy)]
struct Turn {
    job: JobId,
    /// Whether looks may step in.
    lets_looks_in: bool,
}

impl<'a> Pace<'a> {
    /// No job yet; `look` does what only looks at the model.
    pub fn new(emitter: Emitter, commands: &'a Receiver<Command>, control: &'a Control, look: Look) -> Self {
        let orders = Orders::new(commands);
        Self {
            emitter,
            orders,
            control,
            look,
            turn: Cell::default(),
            looked: Cell::default(),
            said: RefCell::default(),
        }
    }
}

impl Pace<'_> {
    /// A job begins, whatever was before it. Gives when.
    pub fn begin(&self, job: JobId, task: &Task) -> Instant {
        self.emitter.begin();
        at_once::begin();
        self.looked.set(Duration::ZERO);
        self.said.replace(None);
        self.take_turn(job, task, task.lets_looks_in())
    }

    /// A look begins between two steps of a job. Gives when.
    pub fn begin_look(&self, job: JobId, task: &Task) -> Instant {
        self.take_turn(job, task, false)
    }

    fn take_turn(&self, job: JobId, task: &Task, lets_looks_in: bool) -> Instant {
        self.tell(Event::Started { job, kind: task.kind(), title: task.title() });
        self.turn.set(Some(Turn { job, lets_looks_in }));
        Instant::now()
    }

    /// Whether the running job may begin.
    ///
    /// # Errors
    /// What it tells cannot be written down; it was canceled while it waited.
    pub fn may_begin(&self) -> Result<(), Stopped> {
        self.emitter.check()?;
        if self.is_cancelled() { Err(Error::Cancelled.into()) } else { Ok(()) }
    }

    /// No steps are made any more. Gives how long looks have held the job up, which is not its own time.
    pub fn stop(&self) -> Duration {
        self.tell_halved();
        self.turn.set(None);
        self.looked.get()
    }

    /// Says how a job ended.
    pub fn end(&self, job: JobId, took: Duration, result: Result<(), Stopped>) {
        let outcome = match result {
            Ok(()) => Outcome::Done,
            Err(stopped) if stopped.error.is_cancelled() => Outcome::Cancelled { kept: stopped.kept },
            Err(Stopped { error, .. }) => error.outcome(),
        };
        self.control.ended(job);
        self.tell(Event::Finished { job, outcome, seconds: took.as_secs_f64() });
    }

    /// Tells what happened, see [`Emitter::tell`].
    pub fn tell(&self, event: Event) {
        self.emitter.tell(event);
    }

    /// Writes a line into the log.
    pub fn log(&self, source: &str, level: LogLevel, text: impl Into<String>) {
        let text = text.into();
        let is_new = |said: &mut BTreeSet<String>| said.len() < MOST_SAID && said.insert(format!("{source}: {text}"));
        if self.said.borrow_mut().as_mut().is_none_or(is_new) {
            self.emitter.log(source, level, text);
        }
    }

    /// Has the running job, which does the same many times, write each line of the log once.
    pub fn say_each_once(&self) {
        self.said.replace(Some(BTreeSet::new()));
    }

    /// Writes a failure that nobody waits for into the log.
    pub fn log_failure(&self, result: Result<(), Error>) {
        if let Err(error) = result {
            self.log("engine", LogLevel::Error, error.to_string());
        }
    }

    /// Says what plugins have left behind since it was said last.
    pub fn tell_remarks(&self) {
        for remark in locus_plugin_host::take_remarks() {
            self.log(&remark.plugin, LogLevel::Warning, remark.to_string());
        }
    }

    /// Says which batches were halved for want of memory since it was said last.
    fn tell_halved(&self) {
        for warning in at_once::take_warnings() {
            self.log("engine", LogLevel::Warning, warning);
        }
    }

    /// Whether the user wants the running job to stop.
    pub fn is_cancelled(&self) -> bool {
        self.turn.get().is_some_and(|turn| self.control.is_cancelled(turn.job))
    }

    /// Waits as long as the running job is to pause, and looks whether it is to go on.
    ///
    /// # Errors
    /// The user canceled; what the job told cannot be written down.
    pub fn check_cancel(&self) -> locus_engine::Result<()> {
        self.between_steps(None);
        self.goes_on()
    }

    fn goes_on(&self) -> locus_engine::Result<()> {
        self.emitter.check()?;
        if self.is_cancelled() { Err(locus_engine::Error::Cancelled) } else { Ok(()) }
    }

    /// Between two steps of a job: does what was asked meanwhile and only looks at the model, one such thing at a time,
    /// and waits as long as the job is to pause.
    fn between_steps(&self, loaded: Option<&Loaded>) {
        let Some(turn) = self.turn.get() else { return };
        self.tell_halved();
        loop {
            if turn.lets_looks_in
                && let Some(loaded) = loaded
                && let Some(look) = self.orders.next_look()
            {
                let start = Instant::now();
                self.turn.set(None);
                // as between two jobs, whatever the step that was interrupted has set
                tch::with_grad(|| (self.look)(self, loaded, look));
                self.turn.set(Some(turn));
                self.looked.set(self.looked.get() + start.elapsed());
            }
            if !self.control.is_paused(turn.job) || self.is_cancelled() {
                return;
            }
            std::thread::sleep(GLANCE);
        }
    }
}

/// The running job as far as it only reads: its number, the model, and the pace.
#[derive(Clone, Copy)]
pub struct RunningJob<'a> {
    /// Number of the job.
    pub number: JobId,
    /// The model that it is about, which looks between its steps see, too.
    pub loaded: &'a Loaded,
    /// Where it tells what happens, and whether it is to go on.
    pub pace: &'a Pace<'a>,
}

impl RunningJob<'_> {
    /// Sends an event of the job.
    pub fn tell(self, event: Event) {
        self.pace.tell(event);
    }

    /// Writes a line into the log.
    pub fn log(self, source: &str, level: LogLevel, text: impl Into<String>) {
        self.pace.log(source, level, text);
    }

    /// Tells how far the job is, not too often.
    pub fn progress(self, phase: Phase, done: u64, total: u64) {
        self.pace.emitter.progress(self.number, phase, done, total);
    }

    /// Lets looks step in and waits as long as the job is to pause.
    pub fn between_steps(self) {
        self.pace.between_steps(Some(self.loaded));
    }

    /// The same, and looks whether the job is to go on.
    ///
    /// # Errors
    /// The user canceled; what the job told cannot be written down.
    pub fn check_cancel(self) -> locus_engine::Result<()> {
        self.between_steps();
        self.pace.goes_on()
    }

    /// Whether the user wants the job to stop.
    pub fn is_cancelled(self) -> bool {
        self.pace.is_cancelled()
    }
}
