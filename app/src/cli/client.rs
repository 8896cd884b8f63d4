//! An engine as a command uses it: orders one job after the other and listens until each has ended.

use crate::cli::Failure;
use crate::cli::arguments::Common;
use crate::cli::engine::{self, Ended, source, start_of, way};
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{self, Output};
use crate::cli::{hub, reproducible};
use crossbeam_channel::RecvTimeoutError;
use locus_link::{Engine, Hello, News, ToEngine, Way};
use locus_protocol::{
    Command, EditInPlace, Event, Fact, Inspect, Inspected, JobId, Load, LogLevel, ModelReady, OpenPlugins, Outcome,
    Place, PluginReady, PluginRefused, Start, Task,
};
use locus_records::Preference;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often it is looked whether the user wants to stop.
const GLANCE: Duration = Duration::from_millis(50);
/// How long an engine may take to end once its front has left.
const PATIENCE: Duration = Duration::from_secs(10);
/// Libraries that may end an engine one after the other when they are opened.
const MOST_LEFT_OUT: usize = 100;

/// What the engine has told so far.
#[derive(Default)]
pub struct Known {
    /// Plugins, with the defaults that suit the model once there is one.
    pub plugins: Vec<PluginReady>,
    /// Files that are none.
    pub refused: Vec<PluginRefused>,
    pub model: Option<ModelReady>,
    /// Where the facts come from.
    pub facts_source: String,
    pub facts: Vec<Fact>,
    /// The edits in place when that was told last.
    pub in_place: Vec<EditInPlace>,
    /// Hashes of the parameters that edits have touched, as they were then.
    pub weights: BTreeMap<String, String>,
}

pub struct Client {
    /// There until the client is dropped.
    engine: Option<Engine>,
    way: Way,
    hello: Hello,
    /// What was ordered: all of it is ordered again where opening a library ended the engine.
    ordered: Vec<Command>,
    /// The job whose end is waited for, and whether it has been told to stop.
    waits_for: Option<(JobId, bool)>,
    output: Output,
    interrupt: Interrupt,
    next: JobId,
    common: Common,
    /// What the engine has told so far.
    pub known: Known,
}

impl Client {
    /// Starts an engine. The first interrupt cancels the running job, a second one ends the program.
    ///
    /// # Errors
    /// Flags that contradict each other; a journal that cannot be written; there is no engine.
    pub fn start(common: &Common) -> Result<Self, Failure> {
        Self::start_with(common, start_of(common)?)
    }

    fn start_with(common: &Common, start: Start) -> Result<Self, Failure> {
        let way = way(common)?;
        let interrupt = Interrupt::watch()?;
        let mut hello = Hello { every_event: true, ..Hello::new(start) };
        let output = Output::new(common.json);
        let engine = connect(&way, &mut hello, &output)?;
        Ok(Self {
            engine: Some(engine),
            way,
            hello,
            ordered: Vec::new(),
            waits_for: None,
            output,
            interrupt,
            next: 0,
            common: common.clone(),
            known: Known::default(),
        })
    }

    /// Starts an engine and loads the model.
    ///
    /// # Errors
    /// Those of [`Self::start`]; the model cannot be loaded.
    pub fn with_model(common: &Common) -> Result<Self, Failure> {
        Self::with_model_and(common, |_| {})
    }

    /// The same for a command that needs no plugin: none is opened but those of `--plugin`.
    ///
    /// # Errors
    /// Those of [`Self::with_model`].
    pub fn with_model_alone(common: &Common) -> Result<Self, Failure> {
        Self::with_model_and(common, |start| start.open_plugins = OpenPlugins::WhenNeeded)
    }

    /// An engine without a model, for a look at a file or at the machine.
    ///
    /// # Errors
    /// Those of [`Self::start`]; the look itself fails.
    pub fn inspect(common: &Common, what: Inspect) -> Result<Inspected, Failure> {
        let quiet = Common { json: false, plugins: Vec::new(), journal: None, ..common.clone() };
        let start = Start { open_plugins: OpenPlugins::WhenNeeded, ..start_of(&quiet)? };
        let mut client = Self::start_with(&quiet, start)?;
        let mut found = None;
        client.ask(Command::Inspect { what }, &mut |event| {
            if let Event::Inspected(inspected) = event {
                found = Some(inspected.clone());
            }
        })?;
        found.ok_or_else(|| Failure::failed("the engine sent no findings; please report it"))
    }

    /// The same with what it starts from changed by `change`.
    ///
    /// # Errors
    /// Those of [`Self::with_model`].
    pub fn with_model_and(common: &Common, change: impl FnOnce(&mut Start)) -> Result<Self, Failure> {
        let mut start = start_of(common)?;
        change(&mut start);
        let common = &hub::settled(common)?;
        let mut client = Self::start_with(common, start)?;
        let source = source(common);
        client.job(Load { source }, &mut |_| {})?;
        if !common.with_edits.is_empty() {
            let in_place = common.with_edits.clone();
            client
                .job(Place { in_place, taken_back: Vec::new() }, &mut |_| {})
                .map_err(|failure| Failure { message: format!("--with-edits: {}", failure.message), ..failure })?;
        }
        Ok(client)
    }

    /// What the settings of the user prefer.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn preference(&self) -> Result<Preference, Failure> {
        reproducible::preference(&self.common)
    }

    /// Whether records are printed instead of tables.
    pub fn json(&self) -> bool {
        self.output.json
    }

    /// Whether the user wants to stop.
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Orders a job and listens until it has ended. Gives its number.
    ///
    /// # Errors
    /// The job failed or was cancelled; the output is gone.
    pub fn job(&mut self, task: impl Into<Task>, listen: &mut dyn FnMut(&Event)) -> Result<JobId, Failure> {
        // a signal that came when the last job had no step left to look for it
        if self.interrupt.has_come() {
            return Err(Failure::cancelled("everything reported so far is done, nothing after it"));
        }
        let id = self.next;
        self.next += 1;
        self.send(Command::start(id, task))?;
        self.waits_for = Some((id, false));
        loop {
            let event = self.receive()?;
            listen(&event);
            if let Event::Finished { job, outcome, .. } = event
                && job == id
            {
                self.output.clear();
                self.waits_for = None;
                return ended(outcome).map(|()| id);
            }
        }
    }

    /// Undoes or redoes an edit, and returns the event that reports it.
    ///
    /// # Errors
    /// There is no such edit; it cannot be recorded; the output is gone.
    pub fn history(&mut self, task: impl Into<Task>) -> Result<Event, Failure> {
        let mut told = None;
        self.job(task, &mut |event| {
            if let Event::Edits { .. } = event {
                told = Some(event.clone());
            }
        })?;
        told.ok_or_else(|| Failure::failed("the engine did not list the edits in place; please report it"))
    }

    /// Listens until the plugins have been told.
    ///
    /// # Errors
    /// A plugin that was asked for cannot be used.
    pub fn plugins(&mut self) -> Result<(), Failure> {
        self.ask(Command::Plugins, &mut |_| {})
    }

    /// The word that the model predicts after a fact's prompt, empty if the continuation is no word, and its next
    /// token.
    ///
    /// # Errors
    /// The prompt cannot be run; the output is gone.
    pub fn says(&mut self, fact: &Fact) -> Result<(String, String), Failure> {
        self.send(Command::Predict { fact: fact.clone() })?;
        loop {
            match self.receive()? {
                Event::Prediction { says, top, .. } => {
                    let next = top.into_iter().next().map(|token| token.text);
                    return Ok((says, next.unwrap_or_default()));
                }
                // it has been passed on
                Event::Log { source, level, .. } if source == "engine" && level == LogLevel::Error => {
                    return Err(Failure::silent());
                }
                _ => {}
            }
        }
    }

    /// Gives a short order and listens until it is answered.
    fn ask(&mut self, order: Command, listen: &mut dyn FnMut(&Event)) -> Result<(), Failure> {
        self.send(order)?;
        loop {
            let event = self.receive()?;
            listen(&event);
            if let Event::Answered { outcome, .. } = event {
                return ended(outcome);
            }
        }
    }

    fn send(&mut self, command: Command) -> Result<(), Failure> {
        self.ordered.push(command.clone());
        self.engine()?.tell(ToEngine::Do { order: command });
        Ok(())
    }

    fn engine(&self) -> Result<&Engine, Failure> {
        self.engine.as_ref().ok_or_else(gone)
    }

    fn receive(&mut self) -> Result<Event, Failure> {
        let event = loop {
            if let (true, Some((job, false))) = (self.interrupt.has_come(), self.waits_for) {
                self.waits_for = Some((job, true));
                self.engine()?.tell(ToEngine::Cancel { job });
            }
            match self.engine()?.news().recv_timeout(GLANCE) {
                Ok(News::Event(event)) => break *event,
                Ok(News::Said(line)) => self.output.pass_on(&line),
                Ok(News::Gone(death)) => {
                    self.output.clear();
                    self.engine = None;
                    // who ends a job of a cluster ends all of its processes
                    if self.interrupt.has_come() {
                        return Err(Failure::cancelled("everything reported so far is done, nothing after it"));
                    }
                    self.start_again(&death)?;
                }
                Ok(News::Refused { message, blame }) => return Err(Failure::job(&message, blame)),
                Ok(News::Welcome(_) | News::Control { .. } | News::CaughtUp) => {}
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
            }
        };
        self.output.record(&event)?;
        match &event {
            Event::Plugin(plugin) => {
                let same = |known: &PluginReady| known.kind == plugin.kind && known.id == plugin.id;
                self.known.plugins.retain(|known| !same(known));
                self.known.plugins.push(plugin.clone());
            }
            Event::PluginRefused(refused) => self.known.refused.push(refused.clone()),
            Event::Model(model) => self.known.model = Some(model.clone()),
            Event::Facts { source, facts } => {
                self.known.facts_source.clone_from(source);
                self.known.facts.clone_from(facts);
            }
            Event::Edits { applied, weights, .. } => {
                self.known.in_place.clone_from(applied);
                self.known.weights.clone_from(weights);
            }
            _ => {}
        }
        Ok(event)
    }
}

impl Client {
    /// Starts a new engine where opening a library ended the last one, and orders again what had been ordered. An engine
    /// that died of anything else, or after something was changed, is not started again by a command.
    fn start_again(&mut self, death: &locus_link::Death) -> Result<(), Failure> {
        let is_a_look = |command: &Command| {
            matches!(
                command,
                Command::Do { task: Task::Load(_) | Task::Place(_), .. } | Command::Plugins | Command::Inspect { .. }
            )
        };
        let before = self.ordered.len().saturating_sub(1);
        let is_known = !engine::leave_out(&self.way, &mut self.hello, death);
        if is_known || !self.ordered[..before].iter().all(is_a_look) {
            return Err(engine::died(death));
        }
        output::complain(&engine::died(death).message);
        let engine = connect(&self.way, &mut self.hello, &self.output)?;
        for order in &self.ordered {
            engine.tell(ToEngine::Do { order: order.clone() });
        }
        (self.engine, self.known) = (Some(engine), Known::default());
        Ok(())
    }
}

/// Waits for the engine's end, and passes on what it says until then.
impl Drop for Client {
    fn drop(&mut self) {
        let Some(engine) = self.engine.take() else { return };
        engine.tell(ToEngine::End);
        engine.leave(PATIENCE, |news| {
            if let News::Said(line) = news {
                self.output.pass_on(&line);
            }
        });
    }
}

/// A new engine that has answered. Libraries that end it when they are opened are left out, one after the other.
fn connect(way: &Way, hello: &mut Hello, output: &Output) -> Result<Engine, Failure> {
    let mut early = |news| {
        // nothing else happens before the welcome
        if let News::Said(line) = news {
            output.pass_on(&line);
        }
    };
    for _ in 0..MOST_LEFT_OUT {
        match engine::start(way, hello, &mut early) {
            Ok(engine) => return Ok(engine),
            Err(Ended::Failed(failure)) => return Err(failure),
            Err(Ended::Died(death)) if engine::leave_out(way, hello, &death) => {
                output::complain(&engine::died(&death).message);
            }
            Err(Ended::Died(death)) => return Err(engine::died(&death)),
        }
    }
    Err(gone())
}

fn ended(outcome: Outcome) -> Result<(), Failure> {
    match outcome {
        Outcome::Done => Ok(()),
        Outcome::Cancelled { kept } => Err(Failure::cancelled(&kept)),
        Outcome::Failed { error, blame } => Err(Failure::job(&error, blame)),
    }
}

fn gone() -> Failure {
    Failure::failed("the engine has ended; please report it")
}
