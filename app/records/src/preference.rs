//! What a session starts with unless told otherwise: `configs/workbench.toml`, compiled in, the user's own file of the same
//! form over it, and a file that a command names over both.

use crate::error::Error;
use locus_protocol::did_you_mean;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FILE: &str = include_str!("../../../configs/workbench.toml");

/// Names of all settings.
const NAMES: [&str; 4] = ["method", "objective", "reproducible", "keep"];

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
    /// Files that settings come from, by their names; those that ship with the program have none.
    #[serde(skip)]
    pub origins: BTreeMap<&'static str, PathBuf>,
}

/// What a file has of it.
#[derive(Deserialize)]
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
        let shipped = Self::shipped();
        if matches!(file.try_exists(), Ok(false)) { Ok(shipped) } else { shipped.with(file) }
    }

    /// The same with what a file says over it.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn with(mut self, file: &Path) -> Result<Self, Error> {
        let bad = |message: String| Error::File { path: file.to_owned(), message };
        let known = "it may hold method, objective, reproducible and keep, as configs/workbench.toml does";
        let text = locus_files::text(file, 1 << 20)
            .map_err(|error| bad(format!("cannot be read ({error}); mend or remove it")))?;
        let wrong = |error: toml::de::Error| bad(format!("{}; {known}", error.message()));
        let given: toml::Table = toml::from_str(&text).map_err(wrong)?;
        if let Some(name) = given.keys().find(|name| !NAMES.contains(&name.as_str())) {
            let meant = did_you_mean(name, NAMES);
            return Err(bad(format!("there is no setting `{name}`{meant}; {known}")));
        }
        let own: Own = toml::from_str(&text).map_err(wrong)?;
        for name in NAMES.into_iter().filter(|name| given.contains_key(*name)) {
            self.origins.insert(name, file.to_owned());
        }
        Ok(Self {
            method: own.method.unwrap_or(self.method),
            objective: own.objective.unwrap_or(self.objective),
            reproducible: own.reproducible.unwrap_or(self.reproducible),
            keep: own.keep.unwrap_or(self.keep),
            origins: self.origins,
        })
    }

    /// Every setting by its name, as a file has it, and the file that it comes from.
    #[must_use]
    pub fn listed(&self) -> Vec<(&'static str, String, Option<&Path>)> {
        let values =
            [self.method.clone(), self.objective.clone(), self.reproducible.to_string(), self.keep.to_string()];
        let origin = |name: &str| self.origins.get(name).map(PathBuf::as_path);
        NAMES.into_iter().zip(values).map(|(name, value)| (name, value, origin(name))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{FILE, NAMES, Preference};
    use std::path::Path;

    #[test]
    fn the_shipped_file_can_be_read() {
        assert_eq!(toml::from_str::<Preference>(FILE).expect(FILE), Preference::shipped());
        assert!(!Preference::shipped().method.is_empty());
        let table: toml::Table = toml::from_str(FILE).expect(FILE);
        assert!(NAMES.iter().all(|name| table.contains_key(*name)) && table.len() == NAMES.len(), "{table:?}");
    }

    #[test]
    fn what_the_user_says_goes_over_it_and_what_nobody_knows_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("workbench.toml");
        assert_eq!(Preference::of_user(&file).expect("not there"), Preference::shipped());
        std::fs::write(&file, "reproducible = true\n").expect("written");
        let own = Preference::of_user(&file).expect("read");
        let told: Vec<Option<&Path>> = own.listed().into_iter().map(|(_, _, origin)| origin).collect();
        assert_eq!(told, [None, None, Some(file.as_path()), None]);
        assert_eq!(own, Preference { reproducible: true, origins: own.origins.clone(), ..Preference::shipped() });
        // a further file goes over both
        let further = folder.path().join("further.toml");
        std::fs::write(&further, "keep = true\nreproducible = false\n").expect("written");
        let both = own.with(&further).expect("read");
        assert!(both.keep && !both.reproducible && both.origins["keep"] == further, "{both:?}");
        assert!(Preference::shipped().with(&folder.path().join("none.toml")).is_err());
        for bad in ["reproducible = 3", "reproduce = true", "= =", "\u{0}"] {
            std::fs::write(&file, bad).expect("written");
            let said = Preference::of_user(&file).expect_err(bad).to_string();
            assert!(said.contains("workbench.toml") && said.contains("reproducible"), "{said}");
        }
        std::fs::write(&file, "metod = \"x\"").expect("written");
        let said = Preference::of_user(&file).expect_err("no such key").to_string();
        assert!(said.contains("there is no setting `metod` (did you mean `method`?)"), "{said}");
    }
}
