//! What a session starts with unless told otherwise: `configs/workbench.toml`, compiled in.

use serde::Deserialize;

const FILE: &str = include_str!("../../../configs/workbench.toml");

/// Ids of the plugins that a form starts with.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Preference {
    /// The method.
    pub method: String,
    /// The objective.
    pub objective: String,
}

impl Preference {
    /// The preference that ships with the program.
    #[must_use]
    pub fn shipped() -> Self {
        toml::from_str(FILE).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{FILE, Preference};

    #[test]
    fn the_shipped_file_can_be_read() {
        assert_eq!(toml::from_str::<Preference>(FILE).expect(FILE), Preference::shipped());
        assert!(!Preference::shipped().method.is_empty());
    }
}
