//! Events whose messages stay sentences, whatever they quote.

use crate::shown::message;
use crate::{Event, Outcome};

impl Event {
    /// The same with messages that quote nothing at length, see [`message`].
    #[must_use]
    pub fn with_short_messages(mut self) -> Self {
        let text = match &mut self {
            Self::Log { text, .. } => text,
            Self::Finished { outcome: Outcome::Failed { error, .. }, .. } => error,
            Self::PluginRefused(refused) => &mut refused.reason,
            _ => return self,
        };
        *text = message(text).into_owned();
        self
    }
}
