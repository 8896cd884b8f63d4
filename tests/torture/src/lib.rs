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
mod sweeps;
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

    /// Takes so many of a list, spread over all of it: one of each so many, each time the next of them and after each round
    /// one more, so that lists that repeat themselves are met at all their places.
    #[must_use]
    pub fn spread<T>(self, list: Vec<T>) -> Vec<T> {
        let step = self.0.max(1);
        let place = |block: usize| (block + block / step) % step;
        let chosen = list.into_iter().enumerate().filter(|(index, _)| index % step == place(index / step));
        chosen.map(|(_, item)| item).collect()
    }
}

/// A campaign by its name.
pub type Campaign = (&'static str, fn(Share) -> anyhow::Result<Tally>);

/// All of them.
pub const CAMPAIGNS: [Campaign; 6] = [
    ("kills", kills::run),
    ("sweeps", sweeps::run),
    ("system-calls", system_calls::run),
    ("malformed", malformed::run),
    ("mutations", mutations::run),
    ("hostile", hostile::run),
];

#[cfg(test)]
mod tests {
    use super::Share;
    use std::collections::BTreeSet;

    #[test]
    fn a_share_is_one_in_so_many_and_meets_every_place_of_a_list_that_repeats_itself() {
        assert_eq!(Share(1).spread(vec![1, 2, 3]), [1, 2, 3]);
        assert_eq!(Share(20).spread(vec![1, 2, 3]), [1]);
        assert_eq!((Share(20).of(3), Share(2).of(5)), (1, 3));
        for share in [2, 3, 6, 9, 18] {
            let list = (0..1800).map(|number| number % 18).collect();
            let chosen = Share(share).spread(list);
            assert_eq!(chosen.len(), 1800 / share);
            assert_eq!(chosen.into_iter().collect::<BTreeSet<_>>().len(), 18, "one in {share}");
        }
    }
}
