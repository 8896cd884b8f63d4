//! Where plugins are looked for.

use crate::error::LoadError;
use crate::trust;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Names further folders and files, separated as in `PATH`.
pub const VARIABLE: &str = "LOCUS_PLUGINS";

/// Folders to scan and files to load, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPaths {
    /// Folders; one that is not there is passed over.
    pub folders: Vec<PathBuf>,
    /// Files that were named.
    pub files: Vec<PathBuf>,
    /// Files that ended an earlier engine when they were opened, and have not changed since: they are not opened.
    pub left_out: Vec<PathBuf>,
}

impl SearchPaths {
    /// The folder of the executable and `plugins` in it, the user's folder, what [`VARIABLE`] holds, and the files
    /// that were named.
    #[must_use]
    pub fn standard(user_folder: Option<&Path>, files: &[PathBuf]) -> Self {
        let executable = std::env::current_exe().ok();
        let folder = executable.as_deref().and_then(Path::parent);
        Self::new(folder, user_folder, std::env::var_os(VARIABLE).as_deref(), files)
    }

    /// The same from what it depends on.
    #[must_use]
    pub fn new(
        executable_folder: Option<&Path>,
        user_folder: Option<&Path>,
        variable: Option<&OsStr>,
        files: &[PathBuf],
    ) -> Self {
        let mut paths = Self::default();
        if let Some(folder) = executable_folder {
            paths.folders.extend([folder.to_owned(), folder.join("plugins")]);
        }
        paths.folders.extend(user_folder.map(Path::to_owned));
        let variable = variable.map(|variable| std::env::split_paths(variable).collect::<Vec<_>>());
        for place in variable.unwrap_or_default().into_iter().filter(|place| !place.as_os_str().is_empty()) {
            if place.is_dir() { paths.folders.push(place) } else { paths.files.push(place) }
        }
        paths.files.extend_from_slice(files);
        paths
    }

    /// Files in the folders that are named like libraries, in a fixed order; and the folders that hold such files and
    /// that others may write to, which are passed over.
    pub(crate) fn candidates(&self) -> (Vec<PathBuf>, Vec<(PathBuf, LoadError)>) {
        let (mut candidates, mut refused) = (Vec::new(), Vec::new());
        for folder in &self.folders {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|file| is_library(file)).collect();
            match trust::folder(folder) {
                Err(error) if !files.is_empty() => refused.push((folder.clone(), error)),
                _ => {
                    files.sort();
                    candidates.append(&mut files);
                }
            }
        }
        (candidates, refused)
    }
}

fn is_library(file: &Path) -> bool {
    let name = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.starts_with("lib") && name.ends_with(".so") && file.is_file()
}

#[cfg(test)]
mod tests {
    use super::SearchPaths;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    #[test]
    fn places_come_in_the_order_of_the_manual() {
        let folder = tempfile::tempdir().expect("folder");
        let variable = std::env::join_paths([folder.path(), Path::new("lone.so")]).expect("variable");
        let paths = SearchPaths::new(
            Some(Path::new("bin")),
            Some(Path::new("user")),
            Some(&variable),
            &[PathBuf::from("named.so")],
        );
        assert_eq!(paths.folders, ["bin".into(), "bin/plugins".into(), "user".into(), folder.path().to_owned()]);
        assert_eq!(paths.files, [PathBuf::from("lone.so"), "named.so".into()]);
    }

    #[test]
    fn only_files_named_like_libraries_are_candidates() {
        let folder = tempfile::tempdir().expect("folder");
        for name in ["libb.so", "liba.so", "libc.so.6", "d.so", "lib.txt"] {
            std::fs::write(folder.path().join(name), "").expect("file");
        }
        std::fs::create_dir(folder.path().join("libfolder.so")).expect("folder");
        let paths = SearchPaths { folders: vec![folder.path().to_owned(), "missing".into()], ..SearchPaths::default() };
        assert_eq!(paths.candidates().0, [folder.path().join("liba.so"), folder.path().join("libb.so")]);
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_passed_over_with_a_sentence() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("liba.so"), "").expect("file");
        let paths = SearchPaths { folders: vec![folder.path().to_owned()], ..SearchPaths::default() };
        for mode in [0o777, 0o1777, 0o757] {
            std::fs::set_permissions(folder.path(), Permissions::from_mode(mode)).expect("mode");
            let (candidates, refused) = paths.candidates();
            assert!(candidates.is_empty(), "{mode:o}");
            let said = refused[0].1.to_string();
            assert!(said.contains("because everyone can write to it") && said.contains("chmod go-w"), "{said}");
        }
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("mode");
        assert_eq!(paths.candidates().0.len(), 1);
    }
}
