//! Messages that show for a few seconds, and the last error, which stays.

use std::time::Duration;

/// How long a message shows.
const LIFETIME: Duration = Duration::from_secs(6);

/// What a message is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something worked.
    Good,
    /// Something to know.
    Plain,
    /// Something failed.
    Bad,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it says.
    pub text: String,
    /// What it is like.
    pub tone: Tone,
    /// When it goes.
    pub until: Duration,
}

/// The message that shows, and the last error.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    shown: Option<Notice>,
    last_error: Option<String>,
}

impl Notices {
    /// Shows a message.
    pub fn say(&mut self, now: Duration, tone: Tone, text: String) {
        if tone == Tone::Bad {
            self.last_error = Some(text.clone());
        }
        self.shown = Some(Notice { text, tone, until: now + LIFETIME });
    }

    /// Takes the message away: something else shows in its place now.
    pub fn clear(&mut self) {
        self.shown = None;
    }

    /// Takes the message away when its time is over.
    pub fn expire(&mut self, now: Duration) {
        self.shown.take_if(|notice| notice.until <= now);
    }

    /// The message that shows.
    #[must_use]
    pub fn shown(&self) -> Option<&Notice> {
        self.shown.as_ref()
    }

    /// The last error.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// When the message goes.
    #[must_use]
    pub fn until(&self) -> Option<Duration> {
        self.shown.as_ref().map(|notice| notice.until)
    }
}
