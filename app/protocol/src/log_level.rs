//! How much a line of the log matters.

use serde::{Deserialize, Serialize};

/// How much a line of the log matters, from a plain message to an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Something that happened as it should.
    Info,
    /// Something that may make numbers mean less than they seem to; the job continues.
    Warning,
    /// Something that failed.
    Error,
}

impl LogLevel {
    /// Its name in records and in the Log pane.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LogLevel;

    #[test]
    fn records_have_its_name_and_levels_are_ordered() {
        let levels = [LogLevel::Info, LogLevel::Warning, LogLevel::Error];
        assert!(levels.is_sorted());
        for level in levels {
            assert_eq!(serde_json::to_value(level).expect("JSON"), level.name());
            assert_eq!(serde_json::from_value::<LogLevel>(level.name().into()).expect("a level"), level);
        }
        assert!(serde_json::from_value::<LogLevel>("loud".into()).is_err());
    }
}
