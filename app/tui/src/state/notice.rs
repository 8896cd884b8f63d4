//! Messages that show for a few seconds, and the errors, which stay.

use std::collections::VecDeque;
use std::time::Duration;

/// How long a message shows.
const LIFETIME: Duration = Duration::from_secs(6);
/// Errors that are remembered.
const REMEMBERED: usize = 20;

/// What a message is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something worked, such as an edit that took.
    Good,
    /// Something to know, neither success nor failure.
    Plain,
    /// Something was done and came to nothing.
    Warn,
    /// Something failed; the log keeps it as an error.
    Bad,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    /// What it is like.
    pub tone: Tone,
    /// Time since the start at which it disappears.
    pub until: Duration,
}

/// The message that shows, those that wait for an error to have been seen, and the errors.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    shown: Option<Notice>,
    /// What came while an error showed; the last of them shows after it.
    next: Option<(Tone, String)>,
    errors: VecDeque<String>,
}

impl Notices {
    /// Shows a message. An error that shows is not covered by what is none: that waits until its time is over.
    pub fn say(&mut self, now: Duration, tone: Tone, text: String) {
        if tone == Tone::Bad {
            self.errors.push_back(text.clone());
            if self.errors.len() > REMEMBERED {
                self.errors.pop_front();
            }
        }
        let holds = self.shown.as_ref().is_some_and(|shown| shown.tone == Tone::Bad && shown.until > now);
        if holds && tone != Tone::Bad {
            self.next = Some((tone, text));
        } else {
            self.shown = Some(Notice { text, tone, until: now + LIFETIME });
        }
    }

    /// Takes the message away: something else shows in its place now. An error stays for its time.
    pub fn clear(&mut self) {
        self.shown.take_if(|notice| notice.tone != Tone::Bad);
        self.next = None;
    }

    /// Takes the message away when its time is over.
    pub fn expire(&mut self, now: Duration) {
        if self.shown.take_if(|notice| notice.until <= now).is_some()
            && let Some((tone, text)) = self.next.take()
        {
            self.shown = Some(Notice { text, tone, until: now + LIFETIME });
        }
    }

    /// The message that shows.
    #[must_use]
    pub fn shown(&self) -> Option<&Notice> {
        self.shown.as_ref()
    }

    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.errors.back().map(String::as_str)
    }

    /// The errors that are remembered, the last first.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        self.errors.iter().rev().map(String::as_str)
    }

    /// When the message goes.
    #[must_use]
    pub fn until(&self) -> Option<Duration> {
        self.shown.as_ref().map(|notice| notice.until)
    }
}

#[cfg(test)]
mod tests {
    use super::{Notices, Tone};
    use std::time::Duration;

    #[test]
    fn an_error_is_seen_before_what_comes_after_it() {
        let mut notices = Notices::default();
        let seconds = Duration::from_secs;
        notices.say(seconds(0), Tone::Bad, "not recorded".into());
        notices.say(seconds(0), Tone::Good, "edited".into());
        let shown = |notices: &Notices| notices.shown().map(|notice| notice.text.clone());
        assert_eq!(shown(&notices).as_deref(), Some("not recorded"));
        notices.expire(seconds(7));
        assert_eq!(shown(&notices).as_deref(), Some("edited"));
        notices.say(seconds(8), Tone::Bad, "one".into());
        notices.say(seconds(8), Tone::Bad, "two".into());
        notices.clear();
        assert_eq!(shown(&notices).as_deref(), Some("two"), "a job that begins covers no error");
        assert_eq!(notices.errors().collect::<Vec<_>>(), ["two", "one", "not recorded"]);
    }
}
