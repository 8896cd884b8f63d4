//! The loop around state, update and view.

use crate::analyst::Analyst;
use crate::cargo::Builder;
use crate::input::{AnalysisEvent, BuildEvent, Effect, Input};
use crate::options::WorkbenchOptions;
use crate::own_files;
use crate::remembered_file;
use crate::state::Tone;
use crate::terminal::{self, Message, Reader, Screen, Signal, Terminal, has_hung_up, watch_signals};
use crate::update::update;
use crate::view::{draw, title};
use crate::workbench::Workbench;
use anyhow::Context;
use crossbeam_channel::{Receiver, SendTimeoutError, Sender, bounded, never, select};
use locus_link::{Death, News, ToEngine};
use locus_protocol::{Blame, Command, Event, LogLevel, Outcome};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command as Process, ExitStatus};
use std::time::{Duration, Instant};

/// Longest wait of the loop, so that a terminal that hung up is noticed within a second.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// Events that are folded before keys are looked at again.
const BATCH: usize = 2048;
/// How long an order may wait for the engine to take it.
const PATIENCE: Duration = Duration::from_millis(250);

/// The engine, as the workbench sees it.
pub struct Handles {
    /// What is said to it. The channel needs room for one message at least.
    pub orders: Sender<ToEngine>,
    /// Events and other news of the engine, in order.
    pub news: Receiver<News>,
    /// Starts another one where it has ended; without it none is started.
    pub again: Option<Again>,
    /// Whether it ran before this front came, so that it tells first what happened until then.
    pub joined: bool,
    /// Whether it goes on when the workbench is left.
    pub keep: bool,
}

/// Starts an engine in the place of one that ended in this way. The flag says whether the session has recorded anything:
/// then what is in place is what the journal of operations names last.
pub type Again = Box<dyn FnMut(Option<&Death>, bool) -> Result<(Sender<ToEngine>, Receiver<News>), String>>;

/// How the workbench came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    Left {
        /// What is to be told of it, a line each.
        said: Vec<String>,
    },
    /// A signal ended it, or the terminal is gone.
    CutOff,
    /// The engine refuses to start.
    Refused {
        message: String,
        /// Who is to blame.
        blame: Blame,
    },
}

/// Takes the terminal, runs the workbench until the user leaves, and gives the terminal back.
///
/// # Errors
/// There is no terminal, it refuses, or a keymap is wrong.
pub fn run(handles: Handles, options: WorkbenchOptions) -> anyhow::Result<Ending> {
    let mut state = Workbench::new(&options)?;
    state.state.link.keep = handles.keep;
    state.state.link.joined = handles.joined;
    if handles.joined {
        // until what happened before has been told
        state.state.link.follows = Some("a running engine".to_owned());
    }
    let remembered = options.memory.as_deref().map_or(Ok(None), remembered_file::read);
    match remembered {
        Ok(Some(remembered)) => state.recall(remembered),
        Ok(None) => {}
        Err(why) => state.say(Tone::Bad, why),
    }
    let (sender, messages) = bounded(4096);
    // first of all: a signal that comes while the terminal is being taken must give it back
    watch_signals(sender.clone())?;
    let terminal = Terminal::take(sender.clone()).context("the terminal cannot be used")?;
    let mut workbench = Loop::new(state, handles, options, terminal, sender.clone())?;
    // The screen comes first, then everything else.
    workbench.draw(Instant::now())?;
    workbench.reader = Some(Reader::start(sender)?);
    // what is followed has its own model
    let first = match &workbench.state.state().link.follows {
        Some(_) => Vec::new(),
        None => workbench.state.begin(),
    };
    let result = match workbench.carry_out(first) {
        ControlFlow::Continue(()) => workbench.turn(&messages),
        ControlFlow::Break(ending) => Ok(ending),
    };
    workbench.leave();
    result
}

/// Why no engine was joined: what the command behind `--engine` said last, or how it ended.
fn not_joined(death: &Death) -> String {
    let last = death.last_words.iter().rev().map(|line| line.trim()).find(|line| !line.is_empty());
    let why = last.map(|line| line.strip_prefix("locus-engine: ").unwrap_or(line).to_owned());
    format!("no engine could be joined: {}", why.unwrap_or_else(|| death.sentence()))
}

struct Loop {
    state: Workbench,
    handles: Handles,
    options: WorkbenchOptions,
    terminal: Terminal,
    screen: Screen,
    /// Where threads tell things.
    messages: Sender<Message>,
    /// The thread that reads keys, once it does.
    reader: Option<Reader>,
    /// The build that runs, or the last one.
    builder: Option<Builder>,
    /// The analysis that is computed, or the last one.
    analyst: Option<Analyst>,
    /// How the last engine ended.
    death: Option<Box<Death>>,
    /// Whether this front may order, as the engine said last.
    controls: bool,
    started: Instant,
    frame: Duration,
    next_frame: Instant,
    changed: bool,
}

impl Loop {
    fn new(
        mut state: Workbench,
        handles: Handles,
        options: WorkbenchOptions,
        terminal: Terminal,
        messages: Sender<Message>,
    ) -> anyhow::Result<Self> {
        let (columns, rows) = crossterm::terminal::size()?;
        let screen = terminal.screen()?;
        let started = Instant::now();
        let frame = Duration::from_secs(1) / options.frames_per_second.max(1);
        update(&mut state, Input::Resize(columns, rows));
        Ok(Self {
            state,
            handles,
            options,
            terminal,
            screen,
            messages,
            reader: None,
            builder: None,
            analyst: None,
            death: None,
            controls: true,
            started,
            frame,
            next_frame: started,
            changed: true,
        })
    }

    /// Turns until the user leaves or the terminal is gone.
    fn turn(&mut self, messages: &Receiver<Message>) -> anyhow::Result<Ending> {
        loop {
            let mut urgent = false;
            let mut flow = ControlFlow::Continue(());
            select! {
                recv(messages) -> message => {
                    if let Ok(message) = message {
                        urgent = matches!(message, Message::Key(_) | Message::Paste(_) | Message::Resize(..));
                        flow = self.take_message(message);
                    }
                }
                recv(self.handles.news) -> news => flow = self.take_news(news.ok()),
                default(self.wait()) => flow = self.feed(Input::Tick(self.started.elapsed())),
            }
            for message in messages.try_iter().take(BATCH).collect::<Vec<_>>() {
                if flow.is_continue() {
                    urgent |= matches!(message, Message::Key(_) | Message::Paste(_) | Message::Resize(..));
                    flow = self.take_message(message);
                }
            }
            for news in self.handles.news.clone().try_iter().take(BATCH) {
                if flow.is_continue() {
                    flow = self.take_news(Some(news));
                }
            }
            if let ControlFlow::Break(ending) = flow {
                return Ok(ending);
            }
            if has_hung_up() {
                return Ok(Ending::CutOff);
            }
            let now = Instant::now();
            if self.changed && (urgent || now >= self.next_frame) && self.draw(now).is_err() {
                // Who cannot be written to has hung up.
                return Ok(Ending::CutOff);
            }
        }
    }

    /// How long nothing needs to be done.
    fn wait(&self) -> Duration {
        let frame = self.changed.then(|| self.next_frame.saturating_duration_since(Instant::now()));
        let tick = self.state.next_tick().map(|at| at.saturating_sub(self.started.elapsed()));
        [frame, tick, Some(LONGEST_WAIT)].into_iter().flatten().min().unwrap_or(LONGEST_WAIT)
    }

    /// Folds an input, after the time that has passed until then.
    fn feed(&mut self, input: Input) -> ControlFlow<Ending> {
        if !matches!(input, Input::Tick(_)) {
            let effects = update(&mut self.state, Input::Tick(self.started.elapsed()));
            self.carry_out(effects)?;
        }
        self.changed = true;
        let effects = update(&mut self.state, input);
        self.carry_out(effects)
    }

    fn take_message(&mut self, message: Message) -> ControlFlow<Ending> {
        match message {
            Message::Key(key) => self.feed(Input::Key(key)),
            Message::Paste(text) => self.feed(Input::Paste(text)),
            Message::Resize(columns, rows) => self.feed(Input::Resize(columns, rows)),
            Message::Output { source, text } => {
                self.feed(Input::engine(Event::Log { source: source.to_owned(), level: LogLevel::Info, text }))
            }
            Message::Signal(Signal::Continue) => {
                // Somebody stopped us without asking; the shell has changed the terminal since.
                if self.terminal.take_again().is_err() {
                    return ControlFlow::Break(Ending::CutOff);
                }
                self.come_back(Duration::ZERO)
            }
            Message::Build { number, event } => self.feed(Input::Build { number, event }),
            Message::Analysis { number, event } => self.feed(Input::Analysis { number, event }),
            Message::Signal(Signal::End) | Message::HangUp => ControlFlow::Break(Ending::CutOff),
        }
    }

    fn take_news(&mut self, news: Option<News>) -> ControlFlow<Ending> {
        match news {
            Some(News::Event(event)) => self.feed(Input::Engine(event)),
            Some(News::Said(text)) => {
                self.feed(Input::engine(Event::Log { source: "stderr".to_owned(), level: LogLevel::Info, text }))
            }
            Some(News::Welcome(welcome)) => {
                self.controls = welcome.controls;
                self.feed(Input::Welcome(welcome))
            }
            Some(News::Refused { message, blame }) => ControlFlow::Break(Ending::Refused { message, blame }),
            Some(News::Control { yours, next_job }) => {
                self.controls = yours;
                self.feed(Input::Control { yours, next_job })
            }
            Some(News::CaughtUp) => self.feed(Input::CaughtUp { controls: self.controls }),
            // one that was to be joined and never answered: there is nothing to show
            Some(News::Gone(death)) if self.handles.joined && self.state.state().link.process.is_none() => {
                ControlFlow::Break(Ending::Refused { message: not_joined(&death), blame: Blame::Request })
            }
            Some(News::Gone(death)) => {
                self.handles.news = never();
                self.death = Some(death.clone());
                self.feed(Input::EngineDied(death))
            }
            None => {
                self.handles.news = never();
                self.feed(Input::EngineGone)
            }
        }
    }

    /// Starts an engine in the place of the one that ended.
    fn start_engine(&mut self) -> ControlFlow<Ending> {
        let recorded = self.state.state().link.recorded;
        let death = self.death.take();
        let started = self.handles.again.as_mut().map(|again| again(death.as_deref(), recorded));
        match started {
            Some(Ok((orders, news))) => {
                (self.handles.orders, self.handles.news) = (orders, news);
                self.feed(Input::EngineStarted)
            }
            Some(Err(why)) => self.feed(Input::EngineNotStarted(why)),
            None => {
                let quit = self.state.state().key("quit");
                self.feed(Input::EngineNotStarted(format!("this workbench did not start the engine; {quit} leaves")))
            }
        }
    }

    /// Carries effects out; those that have an answer feed it back.
    fn carry_out(&mut self, effects: Vec<Effect>) -> ControlFlow<Ending> {
        let mut saved: Vec<Result<String, String>> = Vec::new();
        for effect in effects {
            match effect {
                Effect::Send(command) => self.send(*command)?,
                Effect::Pause(job, wait) => self.say(ToEngine::Pause { job, wait }),
                Effect::Cancel(job) => self.say(ToEngine::Cancel { job }),
                Effect::StartEngine => self.start_engine()?,
                Effect::Keep(keep) => {
                    self.handles.keep = keep;
                    self.say(ToEngine::Keep { keep });
                }
                Effect::Redraw => {
                    self.screen.forget();
                    self.changed = true;
                }
                Effect::Reload => {
                    let read = own_files::read(&self.options);
                    self.feed(Input::Reloaded(read.map(Box::new)))?;
                }
                Effect::Suspend => self.suspend()?,
                Effect::Ring => {
                    // who cannot be written to is noticed when the screen is drawn
                    let _ = self.screen.ring();
                }
                Effect::Build { number, folder } => self.build(number, &folder)?,
                Effect::StopBuild => self.builder = None,
                Effect::Analyze { number, folder, fully } => self.analyze(number, &folder, fully)?,
                Effect::OpenEditor { file, line } => self.open_editor(&file, line)?,
                Effect::Page { title, text } => self.page(title, text)?,
                Effect::Quit => return ControlFlow::Break(Ending::Left { said: self.last_lines() }),
                Effect::Copy { what, text } => {
                    let answer = terminal::copy(&what, &text, &mut self.screen).map_err(|error| error.to_string());
                    self.feed(Input::Answer(answer))?;
                }
                Effect::Save { name, contents } => saved.push(save(&self.options.export_folder, &name, &contents)),
            }
        }
        if saved.is_empty() {
            return ControlFlow::Continue(());
        }
        let paths: Result<Vec<String>, String> = saved.into_iter().collect();
        self.feed(Input::Answer(paths.map(|paths| format!("wrote {}", listed(&paths)))))
    }

    /// Says something to the engine that needs no answer.
    fn say(&self, message: ToEngine) {
        let _ = self.handles.orders.send_timeout(message, PATIENCE);
    }

    /// Hands an order to the engine. Where it takes none, the order's job has failed.
    fn send(&mut self, order: Command) -> ControlFlow<Ending> {
        let job = order.job();
        match self.handles.orders.send_timeout(ToEngine::Do { order }, PATIENCE) {
            Ok(()) => ControlFlow::Continue(()),
            // that it has ended is told as news
            Err(SendTimeoutError::Disconnected(_)) => ControlFlow::Continue(()),
            Err(SendTimeoutError::Timeout(_)) => {
                let error = "the engine is busy and accepts no orders; try again in a moment".to_owned();
                match job {
                    Some(job) => {
                        let outcome = Outcome::Failed { error, blame: Blame::Request };
                        self.feed(Input::engine(Event::Finished { job, outcome, seconds: 0.0 }))
                    }
                    None => self.feed(Input::Answer(Err(error))),
                }
            }
        }
    }

    fn suspend(&mut self) -> ControlFlow<Ending> {
        let left = Instant::now();
        match self.terminal.suspend() {
            Ok(()) => self.come_back(left.elapsed()),
            Err(error) => self.feed(Input::Answer(Err(format!("the workbench cannot be suspended: {error}")))),
        }
    }

    /// Starts cargo; what it says comes back as messages.
    fn build(&mut self, number: u64, folder: &Path) -> ControlFlow<Ending> {
        // the one before stops, whatever it was
        self.builder = None;
        let messages = self.messages.clone();
        let tell = move |event| {
            let _ = messages.send(Message::Build { number, event });
        };
        match Builder::start(folder, tell) {
            Ok(builder) => {
                self.builder = Some(builder);
                ControlFlow::Continue(())
            }
            Err(why) => self.feed(Input::Build { number, event: BuildEvent::Ended(Err(why)) }),
        }
    }

    /// Begins an analysis; what it says comes back as messages.
    fn analyze(&mut self, number: u64, folder: &Path, fully: bool) -> ControlFlow<Ending> {
        // the one before stops
        self.analyst = None;
        let messages = self.messages.clone();
        let tell = move |event| {
            let _ = messages.send(Message::Analysis { number, event });
        };
        match Analyst::start(folder.to_owned(), fully, tell) {
            Ok(analyst) => {
                self.analyst = Some(analyst);
                ControlFlow::Continue(())
            }
            Err(why) => self.feed(Input::Analysis { number, event: AnalysisEvent::Ended(Err(why)) }),
        }
    }

    /// Lends the terminal to a program; it is ours again when that has ended.
    fn lend(&mut self, program: &mut Process, input: &str) -> io::Result<ExitStatus> {
        if let Some(reader) = &self.reader {
            reader.pause();
        }
        let lent = self.terminal.lend(program, input);
        if let Some(reader) = &self.reader {
            reader.go_on();
        }
        lent
    }

    /// Lends the terminal to the user's pager; where there is none, the text is shown here.
    fn page(&mut self, title: String, text: String) -> ControlFlow<Ending> {
        let left = Instant::now();
        let text = locus_protocol::shown::shown_lines(&text).into_owned();
        let lent = self.lend(&mut terminal::pager(), &text);
        self.come_back(left.elapsed())?;
        match lent {
            Ok(status) if !terminal::is_missing(status) => ControlFlow::Continue(()),
            _ => self.feed(Input::NoPager { title, text }),
        }
    }

    /// Lends the terminal to the user's editor.
    fn open_editor(&mut self, file: &Path, line: usize) -> ControlFlow<Ending> {
        let Some(mut editor) = terminal::editor(file, line) else {
            let text = format!("set EDITOR to open {}:{line} from here", file.display());
            return self.feed(Input::Answer(Err(text)));
        };
        let left = Instant::now();
        let lent = self.lend(&mut editor, "");
        self.come_back(left.elapsed())?;
        match lent {
            Ok(status) if status.success() => ControlFlow::Continue(()),
            Ok(status) => self.feed(Input::Answer(Err(format!("the editor ended with {status}")))),
            Err(error) => self.feed(Input::Answer(Err(format!("the editor cannot be started: {error}")))),
        }
    }

    /// The terminal is ours again: another screen, of another size perhaps.
    fn come_back(&mut self, away: Duration) -> ControlFlow<Ending> {
        match self.terminal.screen() {
            Ok(screen) => self.screen = screen,
            Err(_) => return ControlFlow::Break(Ending::CutOff),
        }
        if let Ok((columns, rows)) = crossterm::terminal::size() {
            self.feed(Input::Resize(columns, rows))?;
        }
        self.feed(Input::Continued { away })
    }

    fn draw(&mut self, now: Instant) -> io::Result<()> {
        let (columns, rows) = self.state.size();
        let mut picture = Buffer::empty(Rect::new(0, 0, columns, rows));
        let cursor = draw(&self.state, &mut picture);
        self.screen.show(picture, cursor)?;
        self.screen.name(&title(&self.state))?;
        self.changed = false;
        self.next_frame = now + self.frame;
        Ok(())
    }

    /// What is told once the terminal is given back: where all of it is written down, and how to come back.
    fn last_lines(&self) -> Vec<String> {
        let link = &self.state.state().link;
        let mut said = Vec::new();
        if let Some(journal) = link.journal.as_ref().filter(|_| link.follows.is_none()) {
            let journal = locus_protocol::shown::shown(&journal.display().to_string()).into_owned();
            said.push(format!("locus: the journal of this session is {journal}"));
        }
        if let Some(process) = link.process.filter(|_| self.handles.keep && link.shared) {
            said.push(format!("locus: the engine keeps running; `locus attach {process}` rejoins it"));
        }
        said
    }

    /// Ends the engine, unless it is to go on; a job that runs is canceled then.
    fn leave(self) {
        drop(self.builder);
        drop(self.analyst);
        drop(self.reader);
        drop(self.screen);
        drop(self.terminal);
        if let Some(file) = &self.options.memory {
            // what is lost without it is where things stood on the screen
            let _ = remembered_file::write(file, &self.state.remembered());
        }
        if !self.handles.keep && self.controls {
            let _ = self.handles.orders.send_timeout(ToEngine::End, PATIENCE);
        }
    }
}

/// Paths in a few words: those that differ in their ending only are named once.
fn listed(paths: &[String]) -> String {
    let split: Option<Vec<(&str, &str)>> = paths.iter().map(|path| path.rsplit_once('.')).collect();
    match split.as_deref() {
        Some([(stem, first), rest @ ..]) if rest.iter().all(|(other, _)| other == stem) => {
            let endings: String = rest.iter().map(|(_, ending)| format!(", .{ending}")).collect();
            format!("{stem}.{first}{endings}")
        }
        _ => paths.join(" and "),
    }
}

/// Writes a new file, under the name or one like it; returns its path.
fn save(folder: &Path, name: &str, contents: &str) -> Result<String, String> {
    let path = folder.join(name);
    let written = locus_files::write_like(&path, contents.as_bytes());
    written.map(|path| path.display().to_string()).map_err(|refusal| format!("{}: {refusal}", path.display()))
}
