//! What a session starts with unless told otherwise: `configs/workbench.toml`, compiled in, and the user's own file of
//! the same form over it.

use crate::error::Error;
use serde::Deserialize;
use std::path::Path;

const FILE: &str = include_str!("../../../configs/workbench.toml");

/// Ids of the plugins that a form starts with.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Preference {
    /// The method.
    pub method: String,
    /// The objective.
    pub objective: String,
    /// Whether the workbench computes the same bits on every x86-64 processor.
    #[serde(default)]
    pub reproducible: bool,
    /// Whether the engine goes on when the workbench is left or its line drops.
    #[serde(default)]
    pub keep: bool,
}

/// What the user's own file has of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    method: Option<String>,
    objective: Option<String>,
    reproducible: Option<bool>,
    keep: Option<bool>,
}

impl Preference {
    /// The preference that ships with the program.
    #[must_use]
    pub fn shipped() -> Self {
        toml::from_str(FILE).unwrap_or_default()
    }

    /// The same with what a file of the user says over it; a file that is not there says nothing.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn of_user(file: &Path) -> Result<Self, Error> {
        let bad = |message: String| Error::File { path: file.to_owned(), message };
        let shipped = Self::shipped();
        let text = match locus_files::text(file, 1 << 20) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(shipped),
            Err(error) => return Err(bad(format!("cannot be read ({error}); mend or remove it"))),
        };
        let own: Own = toml::from_str(&text).map_err(|error| {
            let what = error.message();
            bad(format!("{what}; it may hold method, objective, reproducible and keep, as configs/workbench.toml does"))
        })?;
        Ok(Self {
            method: own.method.unwrap_or(shipped.method),
            objective: own.objective.unwrap_or(shipped.objective),
            reproducible: own.reproducible.unwrap_or(shipped.reproducible),
            keep: own.keep.unwrap_or(shipped.keep),
        })
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

    #[test]
    fn what_the_user_says_goes_over_it_and_what_nobody_knows_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("workbench.toml");
        assert_eq!(Preference::of_user(&file).expect("not there"), Preference::shipped());
        std::fs::write(&file, "reproducible = true\n").expect("written");
        let own = Preference::of_user(&file).expect("read");
        assert_eq!(own, Preference { reproducible: true, ..Preference::shipped() });
        for bad in ["reproducible = 3", "reproduce = true", "= =", "\u{0}"] {
            std::fs::write(&file, bad).expect("written");
            let said = Preference::of_user(&file).expect_err(bad).to_string();
            assert!(said.contains("workbench.toml") && said.contains("reproducible"), "{said}");
        }
    }
}
