//! Which second moments are kept, without loading a model.

use locus_engine::moments::{ProgressFile, describe};
use locus_protocol::{KeptLayer, KeptMoments};
use std::path::{Path, PathBuf};

/// The folder of second moments in the cache.
pub fn folder(cache: &Path) -> PathBuf {
    cache.join("second-moments")
}

/// The folder of second moments that were collected in the reproducible mode.
pub fn reproducible_folder(cache: &Path) -> PathBuf {
    folder(cache).join("reproducible")
}

/// The files of second moments in a cache, finished ones and unfinished ones.
pub fn kept_moments(cache: &Path) -> Vec<KeptMoments> {
    let folders = [folder(cache), reproducible_folder(cache)];
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files.into_iter().filter_map(look).collect()
}

/// What a file says of itself; `None` where it holds no second moments.
fn look(file: PathBuf) -> Option<KeptMoments> {
    let bytes = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
    let end = file.extension()?.to_str()?;
    let (description, unfinished, trouble) = match end {
        "safetensors" => match describe(&file) {
            Ok(description) => (description, None, String::new()),
            Err(error) => (None, None, error.to_string()),
        },
        "progress" => {
            let (description, tokens) = ProgressFile::look(&file)?;
            (Some(description), Some(tokens), String::new())
        }
        _ => return None,
    };
    let about = description.unwrap_or_default();
    let layers = about.layers.into_iter().map(|(layer, known)| KeptLayer {
        layer,
        tokens: known.tokens,
        documents: known.documents,
        source: known.source,
    });
    Some(KeptMoments {
        file,
        bytes,
        corpus_name: about.corpus_name,
        precision: about.precision,
        layers: layers.collect(),
        unfinished,
        trouble,
    })
}
