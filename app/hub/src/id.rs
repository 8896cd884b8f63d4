//! The id of a model on the hub, as it is typed.

use std::fmt;
use std::str::FromStr;

/// Characters of a name on the hub, at most.
const LONGEST: usize = 96;
/// The branch that is meant where none is named.
pub const MAIN: &str = "main";

/// A model of the hub, `ORG/NAME` or `ORG/NAME@REVISION`. A few old ones have no organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelId {
    /// The model, `ORG/NAME`.
    pub name: String,
    /// Branch, tag or commit; `main` where none was named.
    pub revision: String,
}

impl ModelId {
    /// Whether it has no organization, as a few old models, and every folder whose name has no slash.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        !self.name.contains('/')
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.revision.as_str() {
            MAIN => to.write_str(&self.name),
            revision => write!(to, "{}@{revision}", self.name),
        }
    }
}

/// A text that cannot be the id of a model.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a model id of the hub; write ORG/NAME or ORG/NAME@REVISION")]
pub struct NoId(String);

impl FromStr for ModelId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        let (name, revision) = text.split_once('@').unwrap_or((text, MAIN));
        let parts: Vec<&str> = name.split('/').collect();
        let is_name = parts.len() <= 2 && name.len() <= LONGEST && parts.iter().all(|part| is_part(part));
        if is_name && is_revision(revision) {
            Ok(Self { name: name.to_owned(), revision: revision.to_owned() })
        } else {
            Err(NoId(text.to_owned()))
        }
    }
}

/// Letters, digits, `-`, `_` and `.`, as the hub has them; two of them in a row tell names from folders of its cache, and
/// from ways up.
fn is_part(part: &str) -> bool {
    let inside = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let edge = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    part.chars().all(inside)
        && part.starts_with(edge)
        && part.ends_with(edge)
        && !part.contains("--")
        && !part.contains("..")
}

/// What git and the file system both take as a name.
fn is_revision(revision: &str) -> bool {
    let inside = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '/' | '+');
    !revision.is_empty()
        && revision.chars().all(inside)
        && revision.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::ModelId;

    #[test]
    fn ids_are_told_from_folders() {
        for (text, name, revision) in [
            ("meta-llama/Llama-3.2-1B", "meta-llama/Llama-3.2-1B", "main"),
            ("EleutherAI/pythia-70m@step1000", "EleutherAI/pythia-70m", "step1000"),
            ("a/b@refs/pr/3", "a/b", "refs/pr/3"),
            ("gpt2", "gpt2", "main"),
        ] {
            let id: ModelId = text.parse().expect(text);
            assert_eq!((id.name.as_str(), id.revision.as_str()), (name, revision));
            assert_eq!(id.to_string(), text);
        }
        for text in [
            "",
            "/",
            "a/",
            "/a",
            "./a",
            "../a",
            "a/..",
            "a/b/c",
            "~/a",
            "a b/c",
            "a/b@",
            "a/b@../../x",
            "a/b@/x",
            "a/b@x//y",
            "a--b/c",
            ".hidden/x",
            "a/b.",
            "ä/b",
            "a/b@.lock",
        ] {
            assert!(text.parse::<ModelId>().is_err(), "{text}");
        }
        assert!(format!("a/{}", "b".repeat(95)).parse::<ModelId>().is_err());
    }
}
