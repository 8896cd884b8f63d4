//! The name of a model, from its folder.

use std::path::Path;

/// The name of a folder; for a snapshot in the Hugging Face cache, whose own name is a hash, the model's `ORG/NAME`.
#[must_use]
pub fn folder_name(folder: &Path) -> String {
    let name = |folder: &Path| Some(folder.file_name()?.to_string_lossy().into_owned());
    let model = || {
        let above = folder.parent().filter(|above| above.ends_with("snapshots"))?;
        let model = name(above.parent()?)?;
        Some(model.strip_prefix("models--")?.replacen("--", "/", 1))
    };
    model().or_else(|| name(folder)).unwrap_or_else(|| folder.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::folder_name;
    use std::path::Path;

    #[test]
    fn a_snapshot_is_called_as_its_model() {
        for (folder, name) in [
            ("/c/hub/models--org--tiny-1.5/snapshots/0123abc", "org/tiny-1.5"),
            ("models--gpt2/snapshots/0123abc", "gpt2"),
            ("/c/models--org--tiny/blobs/0123abc", "0123abc"),
            ("/c/other/snapshots/0123abc", "0123abc"),
            ("models/tiny", "tiny"),
            ("/", "/"),
        ] {
            assert_eq!(folder_name(Path::new(folder)), name, "{folder}");
        }
    }
}
