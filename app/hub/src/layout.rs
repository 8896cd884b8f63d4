//! Folders and names in the hub's cache, as `huggingface_hub` lays them out:
//!
//! ```text
//! models--ORG--NAME/refs/main             the commit of the branch
//! models--ORG--NAME/snapshots/COMMIT/...  a link for each file
//! models--ORG--NAME/blobs/ETAG            what the links lead to
//! .locks/models--ORG--NAME/ETAG.lock      held while a blob is written
//! ```

use std::path::{Path, PathBuf};

const PREFIX: &str = "models--";
/// Bytes of a file that holds a commit, at most.
const LARGEST_REF: u64 = 256;

/// The folder of one model.
#[derive(Clone, Debug)]
pub struct Layout {
    cache: PathBuf,
    folder: String,
}

impl Layout {
    pub fn of(cache: &Path, name: &str) -> Self {
        Self { cache: cache.to_owned(), folder: format!("{PREFIX}{}", name.replace('/', "--")) }
    }

    /// The layout that a folder is, if its name is that of one.
    pub fn at(folder: &Path) -> Option<Self> {
        let name = folder.file_name()?.to_str()?;
        name.strip_prefix(PREFIX)?;
        Some(Self { cache: folder.parent()?.to_owned(), folder: name.to_owned() })
    }

    /// The model, `ORG/NAME`.
    pub fn name(&self) -> String {
        self.folder.strip_prefix(PREFIX).unwrap_or_default().replacen("--", "/", 1)
    }

    pub fn folder(&self) -> PathBuf {
        self.cache.join(&self.folder)
    }

    pub fn refs(&self) -> PathBuf {
        self.folder().join("refs")
    }

    pub fn snapshots(&self) -> PathBuf {
        self.folder().join("snapshots")
    }

    pub fn snapshot(&self, commit: &str) -> PathBuf {
        self.snapshots().join(commit)
    }

    pub fn blobs(&self) -> PathBuf {
        self.folder().join("blobs")
    }

    pub fn locks(&self) -> PathBuf {
        self.cache.join(".locks").join(&self.folder)
    }

    /// The commit that a revision means here.
    pub fn commit(&self, revision: &str) -> Option<String> {
        let text = locus_files::text(&self.refs().join(revision), LARGEST_REF).ok();
        let commit = text.map(|text| text.trim().to_owned()).or_else(|| Some(revision.to_owned()))?;
        (is_commit(&commit) && self.snapshot(&commit).is_dir()).then_some(commit)
    }

    /// Commits with a snapshot, sorted.
    pub fn commits(&self) -> Vec<String> {
        let entries = self.snapshots().read_dir().into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.path().is_dir());
        let mut commits: Vec<String> = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        commits.sort();
        commits
    }

    /// Names of branches and tags, each with its commit.
    pub fn revisions(&self) -> Vec<(String, String)> {
        let (top, mut found, mut folders) = (self.refs(), Vec::new(), vec![self.refs()]);
        while let Some(folder) = folders.pop() {
            for path in folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if let Some(name) = path.strip_prefix(&top).ok().and_then(Path::to_str)
                    && let Some(commit) = self.commit(name)
                {
                    found.push((name.to_owned(), commit));
                }
            }
        }
        found.sort();
        found
    }
}

/// A name that leads nowhere else in the cache; the hub's are 40 hexadecimal digits.
pub fn is_commit(text: &str) -> bool {
    is_plain(text) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a text is the name of a file, and no way to another folder.
pub fn is_plain(text: &str) -> bool {
    let inside = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    !text.is_empty() && text.len() <= 128 && text.chars().all(inside) && !text.starts_with('.')
}
