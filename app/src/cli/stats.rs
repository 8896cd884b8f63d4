//! `locus stats`.

use crate::cli::arguments::Common;
use crate::cli::places::Places;
use crate::cli::{Failure, output, tables};

/// Lists the files of second moments that are kept.
///
/// # Errors
/// There is no home folder.
pub fn run(common: &Common) -> Result<(), Failure> {
    let folder = Places::find()?.cache.join("second-moments");
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "safetensors"))
        .collect();
    files.sort();
    let mut table = tables::table(["model", "corpus", "bytes"]);
    for file in &files {
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let (model, corpus) = name.split_once('-').unwrap_or((&name, ""));
        let bytes = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
        if common.json {
            let record = serde_json::json!({"file": file, "model": model, "corpus": corpus, "bytes": bytes});
            output::print(&record.to_string())?;
        }
        table.add_row(vec![model.to_owned(), corpus.to_owned(), bytes.to_string()]);
    }
    if !common.json {
        output::print(&format!("second moments in {}\n", folder.display()))?;
        let none = "none yet; an edit that needs them collects them";
        output::print(&if files.is_empty() { none.to_owned() } else { table.to_string() })?;
    }
    Ok(())
}
