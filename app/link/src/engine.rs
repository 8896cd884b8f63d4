//! An engine as a front sees it: a process that it started, or a socket that it joined.

use crate::death::{Death, How, Running};
use crate::lines::{Lines, line_of};
use crate::messages::{FromEngine, Hello, ToEngine, Welcome};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use locus_protocol::{Blame, Event, JobId};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// News that may wait for a front; what waits longer, waits on the engine's side, where rows are merged.
const WAITING: usize = 1024;
/// Lines of standard error that are kept.
const LAST_WORDS: usize = 8;
/// How long opening a library may take. It is milliseconds for one that does nothing else.
const OPENING: Duration = Duration::from_secs(30);
/// How often that is looked at, and a process that is waited for.
const GLANCE: Duration = Duration::from_millis(20);
/// How long a process may take to end after it has closed its streams.
const END: Duration = Duration::from_secs(5);
/// What ssh ends with when the line is gone.
const LINE_GONE: i32 = 255;

/// How a front comes to an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// It starts a program of this machine.
    Program(PathBuf),
    /// It starts a command that speaks the protocol on its standard streams, as the shell would write it.
    Command(String),
    /// It joins an engine that runs.
    Socket(PathBuf),
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The program is not there or cannot be run.
    #[error("{}: the engine cannot be started ({source}); put it beside locus, or name a command with \
             --engine", program.display())]
    Program {
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The command of `--engine` cannot be run.
    #[error("--engine {command}: {problem}")]
    Command {
        command: String,
        /// What is wrong, and the remedy.
        problem: String,
    },
    /// There is no engine at the socket any more.
    #[error("{}: no engine can be joined there ({source}); `locus attach --list` lists the running \
             ones", socket.display())]
    Socket {
        socket: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system has no room for a thread.
    #[error("cannot start a thread: {0}; free some memory, or end other programs")]
    Thread(std::io::Error),
}

/// What a front learns.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// The engine is there.
    Welcome(Box<Welcome>),
    /// It does not start.
    Refused {
        message: String,
        /// Who is to blame.
        blame: Blame,
    },
    Event(Box<Event>),
    /// A line on the engine's standard error.
    Said(String),
    /// Another front took over, or gave back.
    Control {
        /// Whether this front may order.
        yours: bool,
        /// The least number that a job may have.
        next_job: JobId,
    },
    /// All that happened before has been told.
    CaughtUp,
    /// The engine ended; nothing comes after it.
    Gone(Box<Death>),
}

pub struct Engine {
    orders: Option<Sender<ToEngine>>,
    news: Receiver<News>,
    /// Whether it goes on without this front.
    kept: Arc<AtomicBool>,
    /// Whether the engine has said so.
    confirmed: Arc<AtomicBool>,
    /// Whether another front orders: the engine goes on with that one.
    is_taken: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What is known of what the engine does.
#[derive(Default)]
struct Doing {
    plugin: Option<String>,
    opening: Option<(PathBuf, Instant)>,
    running: Vec<Running>,
    last_words: VecDeque<String>,
}

impl Engine {
    /// Starts an engine, or joins one, and says `hello` to it. This returns at once: the first news is the answer.
    ///
    /// # Errors
    /// There is nothing to start or to join.
    pub fn start(way: &Way, hello: &Hello) -> Result<Self, LinkError> {
        let (orders, to_write) = unbounded();
        let (tell, news) = bounded(WAITING);
        let doing = Arc::new(Mutex::new(Doing::default()));
        let mut threads = Vec::new();
        let first = ToEngine::Hello(Box::new(hello.clone()));
        let (child, input, output, errors) = match way {
            Way::Socket(socket) => {
                let failed = |source| LinkError::Socket { socket: socket.clone(), source };
                let stream = UnixStream::connect(socket).map_err(failed)?;
                let output: Box<dyn Read + Send> = Box::new(stream.try_clone().map_err(failed)?);
                (None, Box::new(Closing(stream)) as Box<dyn Write + Send>, output, None)
            }
            _ => {
                let mut child = spawn(way, hello)?;
                let (input, output) = (child.stdin.take(), child.stdout.take());
                let errors = child.stderr.take();
                let missing = || LinkError::Thread(std::io::Error::other("the engine has no standard streams"));
                let (input, output) = (input.ok_or_else(missing)?, output.ok_or_else(missing)?);
                (
                    Some(child),
                    Box::new(input) as Box<dyn Write + Send>,
                    Box::new(output) as Box<dyn Read + Send>,
                    errors,
                )
            }
        };
        let child = Arc::new(Mutex::new(child));
        let kept = Arc::new(AtomicBool::new(hello.keep || matches!(way, Way::Socket(_))));
        let noted = Arc::clone(&kept);
        threads.push(thread("orders", move || write(input, first, &to_write, &noted))?);
        let errors = match errors {
            Some(errors) => {
                let (doing, tell) = (Arc::clone(&doing), tell.clone());
                Some(thread("errors", move || listen(errors, &doing, &tell))?)
            }
            None => None,
        };
        let stuck = Arc::new(AtomicBool::new(false));
        if matches!(way, Way::Program(_)) {
            let (doing, child, stuck) = (Arc::downgrade(&doing), Arc::clone(&child), Arc::clone(&stuck));
            thread("opening", move || {
                while let Some(doing) = doing.upgrade() {
                    let since = locked(&doing).opening.as_ref().map(|(_, since)| *since);
                    if since.is_some_and(|since| since.elapsed() > OPENING) && !stuck.swap(true, Ordering::SeqCst) {
                        let _ = locked(&child).as_mut().map(Child::kill);
                    }
                    drop(doing);
                    std::thread::sleep(OPENING / 60);
                }
            })?;
        }
        let is_command = matches!(way, Way::Command(_));
        let goes_on = Arc::clone(&kept);
        let confirmed = Arc::new(AtomicBool::new(matches!(way, Way::Socket(_))));
        let confirms = Arc::clone(&confirmed);
        let is_taken = Arc::new(AtomicBool::new(false));
        let takes = Arc::clone(&is_taken);
        threads.push(thread("news", move || {
            read(output, &doing, &tell, (&confirms, &takes));
            if let Some(errors) = errors {
                // whoever holds standard error open after the engine's end is not waited for
                wait_for(|| errors.is_finished(), END);
            }
            let how = match ended(&child, goes_on.load(Ordering::SeqCst)) {
                _ if stuck.load(Ordering::SeqCst) => How::Stuck,
                Some(status) => how(status, is_command),
                None => How::Cut,
            };
            let mut doing = locked(&doing);
            let death = Death {
                how,
                plugin: doing.plugin.take(),
                opening: doing.opening.take().map(|(file, _)| file),
                running: doing.running.pop(),
                last_words: doing.last_words.drain(..).collect(),
            };
            let _ = tell.send(News::Gone(Box::new(death)));
        })?);
        Ok(Self { orders: Some(orders), news, kept, confirmed, is_taken, threads })
    }

    /// Says something to the engine. What an engine that is gone is told is lost; that it is gone is news.
    pub fn tell(&self, message: ToEngine) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(message);
        }
    }

    /// The channel for orders; `None` once the connection is closed.
    #[must_use]
    pub fn orders(&self) -> Option<Sender<ToEngine>> {
        self.orders.clone()
    }

    /// The channel of what the engine tells, in its order.
    #[must_use]
    pub fn news(&self) -> &Receiver<News> {
        &self.news
    }

    /// Closes the connection and waits for the end of an engine that was started from here, that nobody keeps and that no
    /// other front has taken over; what it tells until then goes to `last`. `false` where it took longer than `patience`.
    pub fn leave(mut self, patience: Duration, mut last: impl FnMut(News)) -> bool {
        let start = Instant::now();
        if self.is_taken.load(Ordering::SeqCst) {
            return true;
        }
        if self.kept.load(Ordering::SeqCst) {
            // an engine that does not know it yet would end with this process
            while !self.confirmed.load(Ordering::SeqCst) && start.elapsed() < patience {
                match self.news.recv_timeout(GLANCE) {
                    Ok(news) => last(news),
                    Err(error) if error.is_disconnected() => break,
                    Err(_) => {}
                }
            }
            return true;
        }
        self.orders = None;
        loop {
            match self.news.recv_timeout(GLANCE) {
                Ok(news) => last(news),
                Err(error) if error.is_disconnected() => break,
                Err(_) if start.elapsed() > patience => return false,
                Err(_) => {}
            }
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        true
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, LinkError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(LinkError::Thread)
}

/// Starts the process with its standard streams in our hands.
fn spawn(way: &Way, hello: &Hello) -> Result<Child, LinkError> {
    let mut command = match way {
        Way::Command(text) => {
            let wrong = |problem: &str| LinkError::Command { command: text.clone(), problem: problem.to_owned() };
            let words = shlex::split(text).ok_or_else(|| wrong("a quotation mark is not closed"))?;
            let (program, arguments) = words.split_first().ok_or_else(|| wrong("name a command"))?;
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
        Way::Program(program) | Way::Socket(program) => {
            let mut command = Command::new(program);
            command.arg("--stdio");
            locus_records::waiting::prepare(&mut command);
            if !hello.keep {
                command.arg("--with-front");
            }
            if hello.start.as_ref().is_some_and(|start| start.reproducible) {
                locus_records::reproducible::prepare(&mut command);
            }
            command
        }
    };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|source| match way {
        Way::Command(text) => LinkError::Command {
            command: text.clone(),
            problem: format!(
                "cannot be started ({source}); name a command that speaks the protocol on its standard \
                              streams"
            ),
        },
        Way::Program(program) | Way::Socket(program) => LinkError::Program { program: program.clone(), source },
    })
}

/// Writes what is said until nobody says anything any more, or nobody reads.
fn write(mut input: Box<dyn Write + Send>, first: ToEngine, said: &Receiver<ToEngine>, kept: &AtomicBool) {
    let mut next = Some(first);
    while let Some(message) = next {
        let mut bytes = Vec::new();
        for message in std::iter::once(message).chain(said.try_iter()) {
            match message {
                ToEngine::Keep { keep } => kept.store(keep, Ordering::SeqCst),
                ToEngine::End => kept.store(false, Ordering::SeqCst),
                _ => {}
            }
            bytes.extend(line_of(&message));
        }
        if input.write_all(&bytes).and_then(|()| input.flush()).is_err() {
            return;
        }
        next = said.recv().ok();
    }
}

/// Reads what the engine says until its end.
fn read(
    output: Box<dyn Read + Send>,
    doing: &Mutex<Doing>,
    tell: &Sender<News>,
    (confirmed, is_taken): (&AtomicBool, &AtomicBool),
) {
    let mut lines = Lines::new(output);
    let mut is_there = false;
    while let Ok(Some(line)) = lines.read() {
        let news = match serde_json::from_slice(line) {
            Ok(FromEngine::Welcome(welcome)) => {
                is_there = true;
                confirmed.fetch_or(welcome.keep, Ordering::SeqCst);
                News::Welcome(welcome)
            }
            Ok(FromEngine::Refused { message, blame }) => News::Refused { message, blame },
            Ok(FromEngine::Event { event }) => {
                locked(doing).note(&event);
                News::Event(event)
            }
            Ok(FromEngine::Inside { plugin, opening }) => {
                let mut doing = locked(doing);
                doing.opening = opening.map(|file| (file, Instant::now()));
                doing.plugin = plugin;
                continue;
            }
            Ok(FromEngine::Control { yours, next_job }) => {
                is_taken.store(!yours, Ordering::SeqCst);
                News::Control { yours, next_job }
            }
            Ok(FromEngine::Kept { keep }) => {
                confirmed.store(keep, Ordering::SeqCst);
                continue;
            }
            Ok(FromEngine::CaughtUp) => News::CaughtUp,
            // what a login shell prints before the engine starts
            Err(_) if !is_there => News::Said(String::from_utf8_lossy(line).into_owned()),
            // what a newer engine says and this program does not know
            Err(_) => continue,
        };
        if tell.send(news).is_err() {
            return;
        }
    }
}

impl Doing {
    fn note(&mut self, event: &Event) {
        match event {
            Event::Started { job, kind, title } => {
                self.running.push(Running { job: *job, kind: *kind, title: title.clone() });
            }
            Event::Finished { job, .. } => self.running.retain(|running| running.job != *job),
            _ => {}
        }
    }
}

/// Passes on what the engine writes on standard error.
fn listen(errors: ChildStderr, doing: &Mutex<Doing>, tell: &Sender<News>) {
    let mut errors = BufReader::new(errors);
    let mut line = Vec::new();
    while errors.by_ref().take(1 << 16).read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).into_owned();
        line.clear();
        {
            let mut doing = locked(doing);
            doing.last_words.push_back(text.clone());
            if doing.last_words.len() > LAST_WORDS {
                doing.last_words.pop_front();
            }
        }
        if tell.send(News::Said(text)).is_err() {
            return;
        }
    }
}

/// How a process that has closed its streams ended; one that does not is ended, unless it goes on.
fn ended(child: &Mutex<Option<Child>>, goes_on: bool) -> Option<ExitStatus> {
    let mut status = None;
    wait_for(
        || {
            let mut child = locked(child);
            let Some(process) = child.as_mut() else { return true };
            status = process.try_wait().ok().flatten();
            status.is_some()
        },
        if goes_on { END / 5 } else { END },
    );
    if status.is_none()
        && !goes_on
        && let Some(mut process) = locked(child).take()
    {
        let _ = process.kill();
        let _ = process.wait();
    }
    status
}

fn how(status: ExitStatus, is_command: bool) -> How {
    match (status.signal(), status.code()) {
        (Some(signal), _) => How::Signal(signal),
        (None, Some(LINE_GONE)) if is_command => How::Cut,
        (None, code) => How::Exit(code.unwrap_or_default()),
    }
}

fn wait_for(mut is_done: impl FnMut() -> bool, patience: Duration) {
    let start = Instant::now();
    let mut pause = Duration::from_micros(200);
    while !is_done() && start.elapsed() < patience {
        std::thread::sleep(pause);
        pause = (pause * 2).min(GLANCE);
    }
}

/// A socket whose sending half is closed when nobody writes to it any more.
struct Closing(UnixStream);

impl Write for Closing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}
