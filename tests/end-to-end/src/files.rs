//! What lies in a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// All files below a folder by their paths in it, with their sizes.
#[must_use]
pub fn files(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let (Ok(name), Ok(metadata)) = (path.strip_prefix(folder), entry.metadata()) {
                found.insert(name.to_owned(), metadata.len());
            }
        }
    }
    found
}

/// The files of a folder, by name. Hidden ones are drafts: of a program that was killed one stays until the next that
/// writes there a minute later.
#[must_use]
pub fn shown_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let shown = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    let mut files: Vec<PathBuf> = shown.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Whether a safetensors file is as long as its header says. Read by hand: the same library wrote it.
#[must_use]
pub fn is_whole_safetensors(bytes: &[u8]) -> bool {
    let Some((size, rest)) = bytes.split_first_chunk::<8>() else { return false };
    let Ok(size) = usize::try_from(u64::from_le_bytes(*size)) else { return false };
    let Some((header, data)) = rest.split_at_checked(size) else { return false };
    let Ok(header) = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(header) else { return false };
    let ends = header.values().filter_map(|tensor| tensor.get("data_offsets")?.get(1)?.as_u64());
    ends.max() == Some(data.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::{is_whole_safetensors, shown_files};

    #[test]
    fn drafts_are_not_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["b", "a", ".locus-0123456789abcdef-aaaaaaaaaaaa.part"] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        assert_eq!(shown_files(folder.path()), [folder.path().join("a"), folder.path().join("b")]);
    }

    #[test]
    fn a_file_that_is_cut_short_anywhere_is_not_whole() {
        let header = br#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        let mut whole = (header.len() as u64).to_le_bytes().to_vec();
        whole.extend_from_slice(header);
        whole.extend_from_slice(&[0; 4]);
        assert!(is_whole_safetensors(&whole));
        assert!((0..whole.len()).all(|length| !is_whole_safetensors(&whole[..length])));
        whole.push(0);
        assert!(!is_whole_safetensors(&whole));
    }
}
