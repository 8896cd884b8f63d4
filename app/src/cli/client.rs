//! A session as a command uses it: orders one job after the other and listens until each has ended.

use crate::cli::Failure;
use crate::cli::arguments::{Common, Dtype};
use crate::cli::interrupt::Interrupt;
use crate::cli::output::Output;
use crate::cli::places::Places;
use crossbeam_channel::RecvTimeoutError;
use locus_plugin_host::SearchPaths;
use locus_protocol::{
    Command, EditInPlace, Event, Fact, JobId, Load, ModelReady, ModelSource, Outcome, Place, PluginReady,
    PluginRefused, Task,
};
use locus_protocol::{DeviceRequest, MomentsOptions, NumberFormat, OpenPlugins, Reading, Role};
use locus_session::{Handles, Options};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::Duration;

/// Threads at most: no processor has as many.
const MOST_THREADS: i32 = 1024;

/// How often it is looked whether the user wants to stop.
const GLANCE: Duration = Duration::from_millis(50);

/// What the session has told so far.
#[derive(Default)]
pub struct Known {
    /// Plugins, with the defaults that suit the model once there is one.
    pub plugins: Vec<PluginReady>,
    /// Files that are none.
    pub refused: Vec<PluginRefused>,
    /// The model.
    pub model: Option<ModelReady>,
    /// Where the facts come from.
    pub facts_source: String,
    /// The facts.
    pub facts: Vec<Fact>,
    /// The edits in place when that was told last.
    pub in_place: Vec<EditInPlace>,
    /// Hashes of the parameters that edits have touched, as they were then.
    pub weights: BTreeMap<String, String>,
}

/// A running session.
pub struct Client {
    /// There until the client is dropped.
    handles: Option<Handles>,
    output: Output,
    interrupt: Interrupt,
    next: JobId,
    /// The job whose end is waited for.
    waits_for: Option<JobId>,
    /// What the session has told so far.
    pub known: Known,
}

impl Client {
    /// Starts a session. The first interrupt cancels the running job, a second one ends the program.
    ///
    /// # Errors
    /// Flags that make no sense; a journal that cannot be written.
    pub fn start(common: &Common) -> Result<Self, Failure> {
        Self::start_with(common, options(common)?)
    }

    fn start_with(common: &Common, options: Options) -> Result<Self, Failure> {
        let handles = locus_session::start(options)?;
        let interrupt = Interrupt::watch()?;
        Ok(Self {
            handles: Some(handles),
            output: Output::new(common.json),
            interrupt,
            next: 0,
            waits_for: None,
            known: Known::default(),
        })
    }

    /// Starts a session and loads the model.
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
        Self::with_model_and(common, |options| options.open_plugins = OpenPlugins::WhenNeeded)
    }

    /// The same with some options set by `change`.
    ///
    /// # Errors
    /// Those of [`Self::with_model`].
    pub fn with_model_and(common: &Common, change: impl FnOnce(&mut Options)) -> Result<Self, Failure> {
        let mut options = options(common)?;
        change(&mut options);
        let mut client = Self::start_with(common, options)?;
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
            return Err(Failure::cancelled("what was told before is done, nothing after it"));
        }
        let id = self.next;
        self.next += 1;
        self.send(Command::start(id, task))?;
        self.waits_for = Some(id);
        loop {
            let event = self.receive()?;
            listen(&event);
            if let Event::Finished { job, outcome, .. } = event
                && job == id
            {
                self.waits_for = None;
                self.output.clear();
                return ended(outcome).map(|()| id);
            }
        }
    }

    /// Takes an edit back or puts one on again, and gives what is told of it.
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
        told.ok_or_else(|| Failure::failed("the engine told nothing of the edits in place; please report it"))
    }

    /// Listens until the plugins have been told.
    ///
    /// # Errors
    /// A plugin that was asked for cannot be used.
    pub fn plugins(&mut self) -> Result<(), Failure> {
        self.send(Command::Plugins)?;
        loop {
            if let Event::Answered { outcome, .. } = self.receive()? {
                return ended(outcome);
            }
        }
    }

    fn send(&self, command: Command) -> Result<(), Failure> {
        self.handles()?.commands.send(command).map_err(|_| gone())
    }

    fn handles(&self) -> Result<&Handles, Failure> {
        self.handles.as_ref().ok_or_else(gone)
    }

    fn receive(&mut self) -> Result<Event, Failure> {
        let event = loop {
            let handles = self.handles()?;
            if let (true, Some(job)) = (self.interrupt.has_come(), self.waits_for) {
                handles.control.cancel(job);
            }
            match handles.events.recv_timeout(GLANCE) {
                Ok(event) => break event,
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

/// Waits for the engine: where the program ends while a thread computes, libtorch comes down around it.
impl Drop for Client {
    fn drop(&mut self) {
        let Some(Handles { commands, events, control, thread, .. }) = self.handles.take() else { return };
        if let Some(job) = self.waits_for {
            control.cancel(job);
        }
        // nobody waits for room in a channel without a reader
        drop((commands, events));
        let _ = thread.join();
    }
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

/// The model that the flags name.
pub fn source(common: &Common) -> ModelSource {
    common.model.clone().map_or(ModelSource::BuiltIn, ModelSource::Folder)
}

/// A session's options out of the flags.
///
/// # Errors
/// A device that cannot be read; no home folder.
pub fn options(common: &Common) -> Result<Options, Failure> {
    if common.threads.is_some_and(|threads| threads < 1) {
        return Err(Failure::usage("--threads must be at least 1"));
    }
    if common.reproducible && common.threads.is_some_and(|threads| threads != 1) {
        let message = "the reproducible mode computes on one thread; leave --threads out, or --reproducible (in the \
                       workbench `reproducible = true` of workbench.toml)";
        return Err(Failure::usage(format!("--threads: {message}")));
    }
    if common.threads.is_some_and(|threads| threads > MOST_THREADS) {
        return Err(Failure::usage(format!("--threads must be at most {MOST_THREADS}")));
    }
    let places = Places::find()?;
    for file in &common.apply {
        let why = match locus_files::open(file) {
            Ok(_) => continue,
            Err(error) if error.kind() == ErrorKind::NotFound => "there is no such file".to_owned(),
            Err(error) => format!("cannot be read ({error})"),
        };
        let message = format!("--apply {}: {why}; give one that `locus edit --save FILE` wrote", file.display());
        return Err(Failure::usage(message));
    }
    if common.corpus_tokens == Some(0) {
        return Err(Failure::usage("--corpus-tokens must be at least 1"));
    }
    if common.corpus_sample == Some(0) {
        return Err(Failure::usage("--corpus-sample must be at least 1"));
    }
    Ok(Options {
        device: device(&common.device)?,
        number_format: match common.dtype {
            Dtype::Float32 => NumberFormat::Float32,
            Dtype::Bfloat16 => NumberFormat::BFloat16,
            Dtype::Float16 => NumberFormat::Float16,
        },
        threads: common.threads,
        reproducible: common.reproducible,
        facts: common.facts.clone(),
        reading: Reading { skip_bad: common.skip_bad, zsre: common.zsre.into(), seed: 0 },
        corpus: common.corpus.clone(),
        corpus_tokens: common.corpus_tokens,
        moments: MomentsOptions {
            column: common.corpus_column.clone(),
            sample: common.corpus_sample,
            float64_sums: common.float64_sums,
            keep_every: None,
        },
        cache: places.cache,
        search: SearchPaths::standard(Some(&places.plugins), &[]),
        plugins: common.plugins.clone(),
        open_plugins: OpenPlugins::AtStart,
        journals: common.journal.iter().cloned().collect(),
        apply: common.apply.clone(),
        operations: Some((places.state, Role::Command)),
    })
}

/// Reads `--device`.
fn device(text: &str) -> Result<DeviceRequest, Failure> {
    match text.split_once(':') {
        None if text == "auto" => Ok(DeviceRequest::Automatic),
        None if text == "cpu" => Ok(DeviceRequest::Cpu),
        None if text == "cuda" => Ok(DeviceRequest::Cuda(0)),
        Some(("cuda", index)) if index.parse::<usize>().is_ok() => {
            Ok(DeviceRequest::Cuda(index.parse().unwrap_or_default()))
        }
        _ => Err(Failure::usage(format!("--device must be auto, cpu, cuda or cuda:N, not `{text}`"))),
    }
}
