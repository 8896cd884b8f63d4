//! What all fronts share: the history, who orders, and when the engine ends.

use crate::history::History;
use crate::last_word;
use crate::outlet::Outlet;
use crate::streams;
use crossbeam_channel::Sender;
use locus_link::{FromEngine, ToEngine, line_of};
use locus_protocol::{Command, Control, Event, JobId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that a front that needs every event may be behind before the engine waits for it.
const MOST_BEHIND: u64 = 64 << 20;
/// Bytes that are written to a front at once.
const PART: usize = 256 << 10;
/// How long the running job may take to stop once nobody is there any more.
const PATIENCE: Duration = Duration::from_secs(4);
/// The exit code of an engine that was cut off.
const CUT_OFF: i32 = 130;

/// What all fronts share.
pub struct Hub {
    state: Mutex<State>,
    changed: Condvar,
    control: Control,
    /// Where the process is told on whom it depends.
    depends: Sender<Depends>,
    files: Files,
}

/// What changes on whom the process depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depends {
    /// Whether it goes on when no front is left.
    Kept(bool),
    /// Whether it goes on without the front that started it, as another one that may order is there.
    Joined(bool),
}

/// The front that started the engine.
const FIRST: u64 = 0;

/// Files of the engine.
#[derive(Clone, Default)]
pub struct Files {
    /// The socket by which fronts may join; it goes with the engine.
    pub socket: Option<PathBuf>,
    /// Where an engine that is kept writes its complaints.
    pub log: Option<PathBuf>,
    /// The file that every event is written to.
    pub journal: Option<PathBuf>,
}

/// What a front that comes is told of the engine.
pub struct Standing {
    /// Whether the engine goes on when no front is left.
    pub keep: bool,
    /// The least number that a job may have.
    pub next_job: JobId,
    /// The model that is loaded; empty where there is none.
    pub model: String,
}

struct State {
    history: History,
    /// Whether fronts may come later: what was told is kept for them.
    shared: bool,
    fronts: BTreeMap<u64, Seat>,
    next_front: u64,
    /// The front that orders.
    control: Option<u64>,
    keep: bool,
    next_job: JobId,
    /// Name of the model.
    model: String,
    /// Jobs that were ordered and have not ended.
    jobs: BTreeSet<JobId>,
    /// Where orders go, until the engine is to end.
    commands: Option<Sender<Command>>,
    /// Nothing more will be told.
    over: bool,
}

impl State {
    /// Whether a front that may order is there besides the one that started the engine.
    fn has_joined(&self) -> bool {
        self.fronts.iter().any(|(&number, seat)| seat.may_order && number != FIRST)
    }
}

struct Seat {
    outlet: Arc<Outlet>,
    /// How much of the history it has.
    place: u64,
    /// Where the history ended when it came, until it has read that far.
    catches_up: Option<u64>,
    every_event: bool,
    /// Whether it does more than look on.
    may_order: bool,
    /// What is said to it alone, before more of the history.
    notes: VecDeque<Vec<u8>>,
}

impl Hub {
    /// Without a front yet.
    pub fn new(
        commands: Sender<Command>,
        control: Control,
        depends: Sender<Depends>,
        shared: bool,
        keep: bool,
        files: Files,
    ) -> Self {
        let state = State {
            history: History::default(),
            shared,
            fronts: BTreeMap::new(),
            next_front: 0,
            control: None,
            keep,
            next_job: 0,
            model: String::new(),
            jobs: BTreeSet::new(),
            commands: Some(commands),
            over: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), control, depends, files }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Files of the engine.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Lets a front in; `welcome` says to it first how the engine stands. One that does more than look on orders from now on.
    /// Gives its number.
    pub fn enter(
        &self,
        outlet: Arc<Outlet>,
        watch: bool,
        every_event: bool,
        welcome: impl FnOnce(Standing) -> Vec<u8>,
    ) -> u64 {
        let mut state = self.state();
        let number = state.next_front;
        state.next_front += 1;
        let catches_up = Some(state.history.end()).filter(|&end| end > 0);
        let standing = Standing { keep: state.keep, next_job: state.next_job, model: state.model.clone() };
        let (outlet_of_seat, notes) = (Arc::clone(&outlet), [welcome(standing)].into());
        let seat = Seat { outlet: outlet_of_seat, place: 0, catches_up, every_event, may_order: !watch, notes };
        state.fronts.insert(number, seat);
        if !watch {
            let next_job = state.next_job;
            if let Some(former) = state.control.replace(number).and_then(|former| state.fronts.get_mut(&former)) {
                former.notes.push_back(line_of(&FromEngine::Control { yours: false, next_job }));
            }
            last_word::tell_to(Some(outlet));
            let _ = self.depends.send(Depends::Joined(state.has_joined()));
        }
        drop(state);
        self.changed.notify_all();
        number
    }

    /// Writes to a front what happens, until nothing more will happen or nobody reads.
    pub fn tell(&self, front: u64) {
        let mut state = self.state();
        loop {
            let over = state.over;
            let State { history, fronts, .. } = &mut *state;
            let Some(seat) = fronts.get_mut(&front) else { return };
            let mut bytes: Vec<u8> = seat.notes.drain(..).flatten().collect();
            let (told, next) = history.since(seat.place, PART, !seat.every_event);
            seat.place = next;
            bytes.extend(told);
            if seat.catches_up.is_some_and(|end| end <= next) {
                seat.catches_up = None;
                bytes.extend(line_of(&FromEngine::CaughtUp));
            }
            if bytes.is_empty() {
                if over {
                    state.fronts.remove(&front);
                    drop(state);
                    self.changed.notify_all();
                    return;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let outlet = Arc::clone(&seat.outlet);
            if !state.shared {
                let read = state.fronts.values().map(|seat| seat.place).min().unwrap_or(next);
                state.history.forget(read);
            }
            drop(state);
            // the engine may be waiting for room
            self.changed.notify_all();
            if !outlet.write(&bytes) {
                self.leave(front);
                return;
            }
            state = self.state();
        }
    }

    /// Tells the fronts whether the engine goes on without them.
    pub fn confirm(&self, keep: bool) {
        let mut state = self.state();
        for seat in state.fronts.values_mut() {
            seat.notes.push_back(line_of(&FromEngine::Kept { keep }));
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Notes what happened. Waits only where a front that needs every event is far behind.
    pub fn note(&self, event: Event) {
        let mut state = self.state();
        match &event {
            Event::Finished { job, .. } => {
                state.jobs.remove(job);
            }
            Event::Model(model) => state.model.clone_from(&model.name),
            Event::Unloaded => state.model.clear(),
            _ => {}
        }
        state.history.push(event);
        self.changed.notify_all();
        loop {
            let State { history, fronts, .. } = &*state;
            let behind = |seat: &Seat| seat.every_event && history.bytes_since(seat.place) > MOST_BEHIND;
            if !fronts.values().any(behind) {
                return;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Does what a front says, where it may.
    pub fn hear(&self, front: u64, message: ToEngine) {
        let mut state = self.state();
        if state.control != Some(front) {
            return;
        }
        match message {
            ToEngine::Do { order } => {
                if let Some(job) = order.job() {
                    state.next_job = state.next_job.max(job + 1);
                    state.jobs.insert(job);
                }
                if let Some(commands) = &state.commands {
                    let _ = commands.send(order);
                }
            }
            // a wish for a job that has ended is none
            ToEngine::Cancel { job } if state.jobs.contains(&job) => self.control.cancel(job),
            ToEngine::Pause { job, wait } if state.jobs.contains(&job) => self.control.pause(job, wait),
            ToEngine::Cancel { .. } | ToEngine::Pause { .. } => {}
            ToEngine::Keep { keep } => {
                state.keep = keep && state.shared;
                let _ = self.depends.send(Depends::Kept(state.keep));
            }
            ToEngine::End => {
                drop(state);
                self.end();
            }
            // said once, and answered
            ToEngine::Hello(_) => {}
        }
    }

    /// A front has gone. Where it ordered, the one that came last of those that may orders from now on. Without any the
    /// engine ends, unless it is kept.
    pub fn leave(&self, front: u64) {
        let mut state = self.state();
        let is_known = state.fronts.remove(&front).is_some();
        let ordered = state.control == Some(front);
        let next_job = state.next_job;
        let heir = state.fronts.iter_mut().rev().find(|(_, seat)| seat.may_order);
        let is_alone = heir.is_none();
        if ordered {
            let heir = heir.map(|(&number, seat)| {
                seat.notes.push_back(line_of(&FromEngine::Control { yours: true, next_job }));
                (number, Arc::clone(&seat.outlet))
            });
            state.control = heir.as_ref().map(|(number, _)| *number);
            last_word::tell_to(heir.map(|(_, outlet)| outlet));
        }
        if front == FIRST || is_alone {
            // nobody listens to it any more
            streams::lose_errors(self.files.log.as_deref().filter(|_| state.keep));
        }
        let _ = self.depends.send(Depends::Joined(state.has_joined()));
        let ends = ordered && is_alone && !state.keep && !state.over;
        drop(state);
        self.changed.notify_all();
        if is_known && ends {
            self.end();
        }
    }

    /// Has the engine stop what it does and end.
    pub fn end(&self) {
        let mut state = self.state();
        let (commands, jobs) = (state.commands.take(), state.jobs.clone());
        drop(state);
        if commands.is_none() {
            return;
        }
        drop(commands);
        jobs.into_iter().for_each(|job| self.control.cancel(job));
        let socket = self.files.socket.clone();
        let _ = std::thread::Builder::new().name("end".to_owned()).spawn(move || {
            std::thread::sleep(PATIENCE);
            // a step of a big model takes longer than anybody waits
            end_now(socket.as_deref(), CUT_OFF);
        });
    }

    /// Nothing more will be told: waits until the fronts have all of it, but not long.
    pub fn finish(&self) {
        let mut state = self.state();
        state.over = true;
        self.changed.notify_all();
        while !state.fronts.is_empty() {
            let (next, waited) = self.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            state = next;
            if waited.timed_out() {
                return;
            }
        }
    }
}

/// Ends the process at once. An ordinary end takes libtorch down around threads that may still compute.
pub fn end_now(socket: Option<&std::path::Path>, code: i32) -> ! {
    if let Some(socket) = socket {
        let _ = std::fs::remove_file(socket);
    }
    signal_hook::low_level::exit(code)
}
