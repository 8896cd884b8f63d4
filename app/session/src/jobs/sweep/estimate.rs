//! How long what is left of a sweep is going to take: by kind, from those that were timed.

use std::collections::BTreeMap;
use std::time::Duration;

/// Cells of one kind.
#[derive(Debug, Default)]
struct Kind {
    left: usize,
    timed: usize,
    seconds: f64,
}

/// Measured times by kind of work, for the estimate of the rest.
#[derive(Debug, Default)]
pub struct Estimate {
    kinds: BTreeMap<String, Kind>,
}

impl Estimate {
    /// Nothing is done yet; `groups` are kinds with how many cells each.
    pub fn new(groups: &[(String, usize)]) -> Self {
        let mut estimate = Self::default();
        for (kind, count) in groups {
            estimate.kinds.entry(kind.clone()).or_default().left += count;
        }
        estimate
    }

    /// Cells of a kind are done without having been timed.
    pub fn done(&mut self, kind: &str, count: usize) {
        if let Some(kind) = self.kinds.get_mut(kind) {
            kind.left = kind.left.saturating_sub(count);
        }
    }

    /// Whether any cell of a kind was timed.
    pub fn is_timed(&self, kind: &str) -> bool {
        self.kinds.get(kind).is_some_and(|kind| kind.timed > 0)
    }

    /// Cells of a group are done now, `computed` of which took so long. Says whether they were the first of their kind.
    pub fn timed(&mut self, kind: &str, done: usize, computed: usize, took: Duration) -> bool {
        self.done(kind, done);
        let Some(kind) = self.kinds.get_mut(kind) else { return false };
        let is_first = kind.timed == 0;
        kind.timed += computed;
        kind.seconds += took.as_secs_f64();
        is_first
    }

    /// Seconds that are left; `None` where a kind that is left was never timed.
    pub fn left(&self) -> Option<f64> {
        self.kinds
            .values()
            .filter(|kind| kind.left > 0)
            .map(|kind| (kind.timed > 0).then(|| kind.left as f64 * kind.seconds / kind.timed as f64))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::Estimate;
    use std::time::Duration;

    #[test]
    fn time_is_estimated_once_every_kind_was_timed() {
        let mut estimate = Estimate::new(&[("slow".into(), 4), ("fast".into(), 4), ("slow".into(), 4)]);
        assert!(estimate.timed("slow", 4, 4, Duration::from_secs(8)));
        assert_eq!(estimate.left(), None);
        assert!(estimate.timed("fast", 4, 2, Duration::from_secs(1)));
        assert_eq!(estimate.left(), Some(8.0));
        assert!(!estimate.timed("slow", 4, 4, Duration::from_secs(8)));
        assert_eq!(estimate.left(), Some(0.0));
    }

    #[test]
    fn what_is_done_already_is_not_timed_and_what_is_left_of_a_group_counts() {
        let mut estimate = Estimate::new(&[("edit".into(), 16), ("edit".into(), 16), ("edit".into(), 16)]);
        estimate.done("edit", 16);
        assert!(!estimate.is_timed("edit"));
        assert_eq!(estimate.left(), None);
        // two cells of the second group were computed, and nothing of the third
        assert!(estimate.timed("edit", 2, 2, Duration::from_secs(4)));
        assert!(estimate.is_timed("edit"));
        assert_eq!(estimate.left(), Some(60.0));
    }
}
