//! What a session starts with unless told otherwise: `configs/workbench.toml`, compiled in, the user's own file of the same
//! form over it, and a file that a command names over both.

use crate::error::Error;
use locus_protocol::did_you_mean;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FILE: &str = include_str!("../../../configs/workbench.toml");

/// Names of all settings.
const NAMES: [&str; 7] = ["method", "objective", "reproducible", "keep", "theme", "bell", "bell_after"];

/// What a file may hold, for messages.
const KNOWN: &str = "it may contain method, objective, reproducible, keep, theme, bell and bell_after, as configs/workbench.toml \
                     does";

/// Seconds for which [`Preference::bell_after`] may ask at most: a month.
const LONGEST: f64 = 2_678_400.0;

/// What a session starts with.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Preference {
    pub method: String,
    pub objective: String,
    /// Whether the workbench computes the same bits on every x86-64 processor.
    #[serde(default)]
    pub reproducible: bool,
    /// Whether the engine keeps running when the workbench exits or its connection drops.
    #[serde(default)]
    pub keep: bool,
    /// Name of the workbench's colors.
    pub theme: String,
    /// Whether the terminal bell rings when a long job ends.
    pub bell: bool,
    /// How long that is, in seconds.
    pub bell_after: f64,
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
    theme: Option<String>,
    bell: Option<bool>,
    bell_after: Option<f64>,
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
        let text = locus_files::text(file, 1 << 20)
            .map_err(|error| bad(format!("cannot be read ({error}); fix or remove it")))?;
        let wrong = |error: toml::de::Error| bad(format!("{}; {KNOWN}", error.message()));
        let given: toml::Table = toml::from_str(&text).map_err(wrong)?;
        if let Some(name) = given.keys().find(|name| !NAMES.contains(&name.as_str())) {
            let meant = did_you_mean(name, NAMES);
            return Err(bad(format!("there is no setting `{name}`{meant}; {KNOWN}")));
        }
        let own: Own = toml::from_str(&text).map_err(wrong)?;
        if let Some(seconds) = own.bell_after.filter(|seconds| !(0.0..=LONGEST).contains(seconds)) {
            return Err(bad(format!("bell_after must be a number of seconds from 0 to {LONGEST}, not {seconds}")));
        }
        for name in NAMES.into_iter().filter(|name| given.contains_key(*name)) {
            self.origins.insert(name, file.to_owned());
        }
        Ok(Self {
            method: own.method.unwrap_or(self.method),
            objective: own.objective.unwrap_or(self.objective),
            reproducible: own.reproducible.unwrap_or(self.reproducible),
            keep: own.keep.unwrap_or(self.keep),
            theme: own.theme.unwrap_or(self.theme),
            bell: own.bell.unwrap_or(self.bell),
            bell_after: own.bell_after.unwrap_or(self.bell_after),
            origins: self.origins,
        })
    }

    /// Every setting by its name, as a file has it, and the file that it comes from.
    #[must_use]
    pub fn listed(&self) -> Vec<(&'static str, String, Option<&Path>)> {
        let values = [
            self.method.clone(),
            self.objective.clone(),
            self.reproducible.to_string(),
            self.keep.to_string(),
            self.theme.clone(),
            self.bell.to_string(),
            self.bell_after.to_string(),
        ];
        let origin = |name: &str| self.origins.get(name).map(PathBuf::as_path);
        NAMES.into_iter().zip(values).map(|(name, value)| (name, value, origin(name))).collect()
    }

    /// The file that a setting comes from; none where it is the shipped one.
    #[must_use]
    pub fn origin(&self, name: &str) -> Option<&Path> {
        self.origins.get(name).map(PathBuf::as_path)
    }

    /// A JSON schema (draft 2020-12) of such a file, for editors; `themes` are the names that [`Self::theme`] may have.
    #[must_use]
    pub fn schema(themes: &[&str]) -> Value {
        let shipped = Self::shipped();
        let rows: [(&str, Value, &str, Value); NAMES.len()] = [
            ("method", json!({"type": "string"}), "Method that the edit form starts with.", json!(shipped.method)),
            (
                "objective",
                json!({"type": "string"}),
                "Objective that the edit form starts with.",
                json!(shipped.objective),
            ),
            (
                "reproducible",
                json!({"type": "boolean"}),
                "Whether the workbench computes the same bits on every x86-64 processor.",
                json!(shipped.reproducible),
            ),
            (
                "keep",
                json!({"type": "boolean"}),
                "Whether the engine keeps running when the workbench exits or its connection drops.",
                json!(shipped.keep),
            ),
            ("theme", json!({"enum": themes}), "Colors of the workbench.", json!(shipped.theme)),
            (
                "bell",
                json!({"type": "boolean"}),
                "Whether the terminal bell rings when a long job ends.",
                json!(shipped.bell),
            ),
            (
                "bell_after",
                json!({"type": "number", "minimum": 0, "maximum": LONGEST}),
                "Seconds after which a job counts as long.",
                json!(shipped.bell_after),
            ),
        ];
        let properties: Map<String, Value> = rows
            .into_iter()
            .map(|(name, mut property, about, default)| {
                property["description"] = about.into();
                property["default"] = default;
                (name.to_owned(), property)
            })
            .collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "workbench.toml of Locus",
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
        })
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
        assert_eq!(told, [None, None, Some(file.as_path()), None, None, None, None]);
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
        std::fs::write(&file, "bell_after = -1").expect("written");
        let said = Preference::of_user(&file).expect_err("no such time").to_string();
        assert!(said.contains("bell_after must be") && said.contains("-1"), "{said}");
        std::fs::write(&file, "bell = false\nbell_after = 5\ntheme = \"dark\"").expect("written");
        let own = Preference::of_user(&file).expect("read");
        assert!(!own.bell && own.bell_after == 5.0 && own.theme == "dark", "{own:?}");
        assert_eq!((own.origin("bell"), own.origin("keep")), (Some(file.as_path()), None));
    }

    #[test]
    fn the_schema_knows_every_setting_and_takes_the_shipped_ones() {
        let schema = Preference::schema(&["terminal", "dark"]);
        let properties = schema["properties"].as_object().expect("properties");
        let mut names: Vec<&str> = properties.keys().map(String::as_str).collect();
        let mut known = NAMES.to_vec();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
        let table: toml::Table = toml::from_str(FILE).expect(FILE);
        for (name, value) in table {
            let property = &properties[&name];
            let fits = match (property["type"].as_str(), &value) {
                (Some("string"), toml::Value::String(_)) | (Some("boolean"), toml::Value::Boolean(_)) => true,
                (Some("number"), toml::Value::Integer(_) | toml::Value::Float(_)) => true,
                (None, toml::Value::String(text)) => {
                    property["enum"].as_array().is_some_and(|all| all.iter().any(|one| one == text.as_str()))
                }
                _ => false,
            };
            assert!(fits, "{name} = {value} is none of {property}");
            assert!(property["description"].as_str().is_some_and(|about| about.ends_with('.')), "{name}");
        }
    }
}
