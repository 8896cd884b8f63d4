//! The user's own files of settings and keys, read again while the workbench runs.

use crate::input::Reloaded;
use crate::options::{Own, WorkbenchOptions};
use crate::workbench::keymap;
use locus_records::Preference;

/// Reads them all.
///
/// # Errors
/// One sentence: which file is wrong, and how. Nothing of the others counts then.
pub fn read(options: &WorkbenchOptions) -> Result<Reloaded, String> {
    let mut files = options.settings.iter();
    let own = files.next().map_or_else(|| Ok(Preference::shipped()), |file| Preference::of_user(file));
    let preference = files.try_fold(own, |under, file| Ok(under.and_then(|under| under.with(file))));
    let preference = preference.and_then(|read| read).map_err(|error| error.to_string())?;
    let keymap = keymap(options.keymap.as_deref()).map_err(|error| error.to_string())?;
    Ok(Reloaded { keymap, own: Own::of(&preference)?, plugins: [preference.method, preference.objective] })
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::looks::Colors;
    use crate::options::WorkbenchOptions;
    use locus_protocol::ModelSource;

    #[test]
    fn files_are_read_over_each_other_and_one_that_is_wrong_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        let mut options = WorkbenchOptions::from_environment(ModelSource::BuiltIn);
        options.settings = vec![file("workbench.toml")];
        options.keymap = Some(file("keymap.toml"));
        let none = read(&options).expect("no file is there yet");
        assert_eq!((none.own.colors, none.own.bell_after), (None, Some(30.0)));
        std::fs::write(file("workbench.toml"), "theme = \"dark\"\nbell_after = 5\nmethod = \"memit\"")
            .expect("written");
        std::fs::write(file("keymap.toml"), "[global]\nx = \"trace\"").expect("written");
        let own = read(&options).expect("read");
        assert_eq!((own.own.colors, own.own.bell_after), (Some(Colors::Dark), Some(5.0)));
        assert_eq!(own.plugins[0], "memit");
        assert_ne!(own.keymap, none.keymap);
        std::fs::write(file("further.toml"), "bell = false").expect("written");
        options.settings.push(file("further.toml"));
        assert_eq!(read(&options).expect("read").own.bell_after, None);
        std::fs::write(file("workbench.toml"), "theme = \"drak\"").expect("written");
        let said = read(&options).expect_err("no such theme");
        assert!(said.contains("workbench.toml") && said.contains("did you mean `dark`?"), "{said}");
        std::fs::write(file("workbench.toml"), "").expect("written");
        std::fs::write(file("keymap.toml"), "[global]\nx = \"trac\"").expect("written");
        assert!(read(&options).expect_err("no such action").contains("keymap.toml"));
    }
}
