//! How fast rows come.

use std::collections::VecDeque;
use std::time::Duration;

/// Rows of so long ago still say how fast they come now.
const LATELY: Duration = Duration::from_secs(60);
/// So many rows are looked at, however long ago they came.
const LEAST: usize = 32;
/// A shorter time says nothing.
const SHORTEST: Duration = Duration::from_secs(1);

/// When rows came of late.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    since: Duration,
    came: VecDeque<Duration>,
}

impl Pace {
    /// Rows are going to come from now on.
    pub fn begin(&mut self, now: Duration) {
        *self = Self { since: now, came: VecDeque::new() };
    }

    /// A row has come.
    pub fn note(&mut self, now: Duration) {
        self.came.push_back(now);
        let is_old = |came: &Duration| now.saturating_sub(*came) > LATELY;
        while self.came.len() > LEAST && self.came.front().is_some_and(is_old) {
            self.since = self.came.pop_front().unwrap_or(self.since);
        }
    }

    /// Rows a second of late; none as long as that says nothing.
    pub fn rate(&self, now: Duration) -> Option<f64> {
        let time = now.saturating_sub(self.since);
        #[expect(clippy::cast_precision_loss, reason = "rows of a minute")]
        let rate = self.came.len() as f64 / time.as_secs_f64();
        (!self.came.is_empty() && time >= SHORTEST).then_some(rate)
    }

    /// When the last row came.
    pub fn last(&self) -> Option<Duration> {
        self.came.back().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use std::time::Duration;

    #[test]
    fn the_last_minute_says_how_fast_rows_come() {
        let mut pace = Pace::default();
        pace.begin(Duration::from_secs(10));
        assert_eq!(pace.rate(Duration::from_secs(20)), None);
        (11..=300).for_each(|second| pace.note(Duration::from_secs(second)));
        let slow = pace.rate(Duration::from_secs(300)).expect("a rate");
        assert!((slow - 1.0).abs() < 1e-9, "{slow}");
        // ten a second from here on: after a minute nothing is left of the time before
        (3001..=3600).for_each(|tenth| pace.note(Duration::from_millis(100 * tenth)));
        let fast = pace.rate(Duration::from_secs(360)).expect("a rate");
        assert!((fast - 10.0).abs() < 0.2, "{fast}");
    }
}
