//! Campaigns against the program: what a crash, a full disk, a damaged file or a bad plugin leads to.
//!
//! Every campaign makes many small attempts, judges each, and gives its figures. An attempt is good where the program
//! refuses with one sentence, or really succeeds: no panic, no silent success, nothing lost or doubled, no wrong bit.
//! Seeds are fixed, so that a fault comes again. `locus-torture` (`cargo xtask torture`) runs them.

mod homes;
mod hostile;
mod judging;
mod keeping;
mod kills;
mod malformed;
mod mutations;
mod pool;
mod samples;
mod spoiling;
mod system_calls;
mod tally;

pub use tally::Tally;

/// How much of a campaign is run: one attempt in so many.
#[derive(Clone, Copy, Debug)]
pub struct Share(pub usize);

impl Share {
    /// How many attempts are left of `all`; always one.
    #[must_use]
    pub fn of(self, all: usize) -> usize {
        all.div_ceil(self.0.max(1)).max(1)
    }

    /// Takes so many of a list, spread over all of it.
    #[must_use]
    pub fn spread<T>(self, list: Vec<T>) -> Vec<T> {
        let step = self.0.max(1);
        list.into_iter().step_by(step).collect()
    }
}

/// A campaign by its name.
pub type Campaign = (&'static str, fn(Share) -> anyhow::Result<Tally>);

/// All of them.
pub const CAMPAIGNS: [Campaign; 5] = [
    ("kills", kills::run),
    ("system-calls", system_calls::run),
    ("malformed", malformed::run),
    ("mutations", mutations::run),
    ("hostile", hostile::run),
];
