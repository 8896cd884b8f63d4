//! What is known of the connection to the engine: whose it is, and what becomes of it when this front leaves or it ends.

use super::{Order, State};
use crate::input::Effect;
use std::path::PathBuf;

/// Times in a row that an engine may end before it is no longer started by itself.
const MOST_DEATHS: u32 = 2;

/// The connection to the engine.
#[derive(Clone, Debug, Default)]
pub struct Link {
    /// The run that another process orders and this one shows; nothing can be ordered then.
    pub follows: Option<String>,
    /// Number of the engine's process.
    pub process: Option<u32>,
    /// The file that every event is written to.
    pub journal: Option<PathBuf>,
    /// Whether other fronts may join it, so that it can go on without this one.
    pub shared: bool,
    /// Whether it goes on when this front leaves.
    pub keep: bool,
    /// Whether the engine was started by another front, so that this one cannot start another in its place.
    pub joined: bool,
    /// Whether an engine was started in the place of one that ended, and the model is not there yet.
    pub coming_back: bool,
    /// Whether this session has told of anything in the journal of operations: what is in place is what stands there last.
    pub recorded: bool,
    /// The job that ran when the engine ended.
    pub lost: Option<Order>,
    /// Whether that job is to run again once the model is there.
    pub resume: bool,
    deaths: u32,
}

impl Link {
    /// No engine has answered yet; the run of another process is shown, or none.
    #[must_use]
    pub fn new(follows: Option<String>) -> Self {
        Self { follows, ..Self::default() }
    }

    /// An engine has ended; whether another one is to be started by itself.
    pub fn died(&mut self) -> bool {
        self.deaths += 1;
        self.coming_back = self.deaths <= MOST_DEATHS && !self.joined;
        self.coming_back
    }

    /// A job other than loading was done: the engine is well.
    pub fn is_well(&mut self) {
        self.deaths = 0;
    }
}

impl State {
    /// Runs the job again that the engine's end cut off, now or once the model is there again.
    pub fn run_lost_again(&mut self) -> Vec<Effect> {
        if self.ready_for_a_job().is_err() {
            self.link.resume = true;
            return Vec::new();
        }
        match self.link.lost.take() {
            Some(order) => self.order_again(&order),
            None => Vec::new(),
        }
    }
}
