//! What reaches the workbench from outside, and what it asks of the world.

use crate::analyzed::Analyzed;
use crate::keys::{Key, Keymap};
use crate::options::Own;
use locus_link::{Death, Welcome};
use locus_protocol::{Command, Event, JobId};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Something that happened. Time comes in as [`Input::Tick`] only, so that a test needs no clock.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Time since the workbench started.
    Tick(Duration),
    /// A key was pressed.
    Key(Key),
    Paste(String),
    /// The screen has this many columns and rows now.
    Resize(u16, u16),
    /// The engine told something.
    Engine(Box<Event>),
    /// Nothing more will be heard of the engine, and nobody knows why.
    EngineGone,
    /// The engine has answered.
    Welcome(Box<Welcome>),
    /// The engine has ended.
    EngineDied(Box<Death>),
    /// Another engine was started in its place.
    EngineStarted,
    /// No other one could be started: one sentence.
    EngineNotStarted(String),
    /// Another front orders now, or this one again.
    Control {
        /// Whether this one may order.
        yours: bool,
        /// The least number that a job may have.
        next_job: JobId,
    },
    /// All that happened before this front came has been told.
    CaughtUp {
        /// Whether this front may order.
        controls: bool,
    },
    /// The workbench was stopped (Ctrl-z) and goes on.
    Continued {
        /// For how long it was away.
        away: Duration,
    },
    /// A plugin's crate that is built told something.
    Build {
        /// Which build of the session.
        number: u64,
        event: BuildEvent,
    },
    /// The analysis of a sweep that is computed told something.
    Analysis {
        /// Which one of the session.
        number: u64,
        event: AnalysisEvent,
    },
    /// There is no pager: the text is shown here.
    NoPager {
        /// What the text is.
        title: String,
        text: String,
    },
    /// The user's files of settings and keys were read again, or one of them is wrong: one sentence.
    Reloaded(Result<Box<Reloaded>, String>),
    /// How an effect went that had an answer: a sentence either way.
    Answer(Result<String, String>),
}

impl Input {
    /// An event of the engine.
    #[must_use]
    pub fn engine(event: Event) -> Self {
        Self::Engine(Box::new(event))
    }
}

/// What the user's files of settings and keys say.
#[derive(Clone, Debug, PartialEq)]
pub struct Reloaded {
    /// The shipped key map with the user's own laid over it.
    pub keymap: Keymap,
    /// What the settings say of the workbench itself.
    pub own: Own,
    /// Ids of the method and the objective that a form starts with.
    pub plugins: [String; 2],
}

/// Something that the loop around the state is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send an order to the engine.
    Send(Box<Command>),
    /// Have a job stop that runs or stands by.
    Cancel(JobId),
    /// Have a job wait where it is, or go on.
    Pause(JobId, bool),
    /// Forget what the terminal shows and draw everything.
    Redraw,
    /// Give the terminal back and stop until the shell says `fg`.
    Suspend,
    /// Have cargo build the crate in a folder; a build that runs is stopped first.
    Build {
        /// Which build of the session.
        number: u64,
        folder: PathBuf,
    },
    StopBuild,
    /// Compute the analysis of the rows of a sweep; one that is computed is stopped first.
    Analyze {
        /// Which one of the session.
        number: u64,
        folder: PathBuf,
        /// With as many resamples as `locus analyze`, however long that takes.
        fully: bool,
    },
    /// Give the terminal to the user's editor until that is left.
    OpenEditor {
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// Give the terminal to the user's pager until that is left.
    Page {
        /// What the text is.
        title: String,
        text: String,
    },
    /// Start another engine in the place of the one that ended.
    StartEngine,
    /// Have the engine go on, or not, when this front leaves.
    Keep(bool),
    /// Read the user's files of settings and keys again.
    Reload,
    /// Ring the terminal's bell: something that took long has ended.
    Ring,
    Quit,
    /// Put something on the clipboard.
    Copy {
        /// What it is, in a few words.
        what: String,
        text: String,
    },
    /// Write a file into the export folder.
    Save {
        /// Its name, without the folder.
        name: String,
        /// What goes into it.
        contents: String,
    },
}

/// A place in a source file that cargo complains about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `error`, `warning` or `note`, as cargo grades it.
    pub level: String,
    /// The file, as an editor finds it.
    pub file: PathBuf,
    /// Line and column, counted from 1.
    pub place: (usize, usize),
    /// The complaint in a line.
    pub message: String,
}

/// What a build tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildEvent {
    /// Lines that cargo wrote, and the place they are about, if they are about one.
    Said(String, Option<Problem>),
    /// It is done: the library, or a sentence about why there is none.
    Ended(Result<PathBuf, String>),
}

/// What an analysis tells while it is computed.
#[derive(Clone, Debug, PartialEq)]
pub enum AnalysisEvent {
    /// So many localizers of tables are computed.
    Computed {
        /// Tables that are computed, out of `all`.
        done: usize,
        all: usize,
    },
    /// It is done, or there is none: one sentence.
    Ended(Result<Arc<Analyzed>, String>),
}
