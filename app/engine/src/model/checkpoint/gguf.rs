//! Files of llama.cpp, whose weights are packed: told by name, with the command that unpacks them.

use crate::error::Error;
use std::path::{Path, PathBuf};

/// Why `folder` cannot be loaded where it is a GGUF file, or holds one and no other weights.
pub fn refusal(folder: &Path) -> Option<Error> {
    let file = if is(folder, "gguf") && folder.is_file() { Some(folder.to_owned()) } else { only_file(folder) }?;
    let (place, name) = (file.parent()?.display(), file.file_name()?.to_string_lossy());
    let message = format!(
        "a GGUF file, which Locus does not read; unpack it with `python -c \"from transformers import AutoModelForCausalLM as M, \
         AutoTokenizer as T; [part.from_pretrained('{place}', gguf_file='{name}').save_pretrained('OUT') for part in (M, \
         T)]\"` and load OUT"
    );
    Some(Error::Weights { path: file, message })
}

/// The first GGUF file of a folder without other weights.
fn only_file(folder: &Path) -> Option<PathBuf> {
    let mut files: Vec<PathBuf> = folder.read_dir().ok()?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    if files.iter().any(|file| is(file, "safetensors") || is(file, "bin")) {
        return None;
    }
    files.into_iter().find(|file| is(file, "gguf"))
}

fn is(file: &Path, ending: &str) -> bool {
    file.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}
