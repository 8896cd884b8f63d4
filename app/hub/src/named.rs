//! What `--model` is given: a folder, or the id of a model on the hub.

use crate::cached::snapshot_in;
use crate::id::ModelId;
use std::path::{Path, PathBuf};

/// What a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A folder, there or not.
    Folder(PathBuf),
    /// A model of the hub.
    Id(ModelId),
}

impl Named {
    /// A folder that is there wins over an id that reads the same; a model's folder in the hub's cache
    /// (`models--ORG--NAME`) is the snapshot in it.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        if path.symlink_metadata().is_ok() {
            return Self::Folder(snapshot_in(path).unwrap_or_else(|| path.to_owned()));
        }
        match path.to_str().map(str::parse) {
            Some(Ok(id)) => Self::Id(id),
            _ => Self::Folder(path.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Named;
    use std::path::Path;

    #[test]
    fn a_folder_that_is_there_wins() {
        let named = |text: &str| Named::of(Path::new(text));
        assert_eq!(named("src"), Named::Folder("src".into()));
        assert_eq!(named("src/nothing"), Named::Id("src/nothing".parse().expect("an id")));
        assert_eq!(named("./src/nothing"), Named::Folder("./src/nothing".into()));
    }
}
