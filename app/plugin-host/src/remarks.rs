//! What plugins leave changed behind them, remembered until somebody says it: once each, with how often it was.

use crate::thread_state::Changes;
use std::cell::RefCell;
use std::fmt;

/// Different remarks that are kept at most. A plugin that finds more to do wrong is known well enough.
const MOST: usize = 100;

thread_local! {
    static REMARKS: RefCell<Vec<Remark>> = const { RefCell::new(Vec::new()) };
}

/// What a plugin left behind in calls of this thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The id of the plugin whose call it was; the path of a file that was being loaded.
    pub plugin: String,
    /// What it left, and that it is put back or cannot be.
    pub left: String,
    /// After how many calls.
    pub times: u64,
}

impl fmt::Display for Remark {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "the plugin `{}` {}", self.plugin, self.left)?;
        if self.times > 1 { write!(to, " ({} times)", self.times) } else { Ok(()) }
    }
}

/// Takes what plugins have left behind since it was taken last, in all calls of this thread.
#[must_use]
pub fn take_remarks() -> Vec<Remark> {
    REMARKS.take()
}

/// Remembers what a call of `plugin` changed.
pub(crate) fn remember(plugin: &str, changes: &Changes) {
    if !changes.put_back.is_empty() {
        add(plugin, format!("left {}; restored", joined(&changes.put_back)));
    }
    for lost in &changes.lost {
        add(plugin, format!("was called, and {lost}; later numbers may differ, so restart the program"));
    }
}

fn add(plugin: &str, left: String) {
    REMARKS.with_borrow_mut(|remarks| {
        let there_is_room = remarks.len() < MOST;
        match remarks.iter_mut().find(|remark| remark.plugin == plugin && remark.left == left) {
            Some(remark) => remark.times = remark.times.saturating_add(1),
            None if there_is_room => remarks.push(Remark { plugin: plugin.to_owned(), left, times: 1 }),
            None => {}
        }
    });
}

fn joined(what: &[String]) -> String {
    match what {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, remember, take_remarks};
    use crate::thread_state::Changes;

    #[test]
    fn each_is_said_once_with_its_count_and_of_whom_it_is() {
        let left = |what: &[&str]| Changes { put_back: what.iter().map(|it| (*it).to_owned()).collect(), lost: vec![] };
        for _ in 0..25 {
            remember("aim", &left(&["gradients off", "2 threads instead of 1"]));
        }
        remember("method", &left(&["gradients off"]));
        remember("method", &left(&[]));
        remember("method", &Changes { put_back: vec![], lost: vec!["autocast could not be restored".to_owned()] });
        let said: Vec<String> = take_remarks().iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "the plugin `aim` left gradients off and 2 threads instead of 1; restored (25 times)",
                "the plugin `method` left gradients off; restored",
                "the plugin `method` was called, and autocast could not be restored; later numbers may differ, so restart the program"
            ]
        );
        for number in 0..2 * MOST {
            remember("aim", &left(&[&format!("{number} threads instead of 1")]));
        }
        assert_eq!(take_remarks().len(), MOST);
    }
}
