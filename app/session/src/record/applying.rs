//! Putting edits of files in place when the model is loaded.

use super::recording::Done;
use super::telling::rows_in;
use crate::error::Error;
use crate::model::loaded::Loaded;
use crate::model::rows::of_a_tied_embedding;
use locus_engine::edit::{Arrangement, DeltaFile};
use locus_protocol::{LayerRow, LogLevel};
use locus_records::failure_point::reach;
use std::path::{Path, PathBuf};

/// All edits of files on top of what a model starts with, not in place yet.
pub struct ToApply {
    /// An edit each, in their order.
    pub steps: Vec<Done>,
    /// What is in place after the last one.
    pub after: Arrangement,
    /// Rows of the model with all of them for the last one's fact.
    pub rows: Vec<LayerRow>,
    /// What to say: a level and a sentence each.
    pub said: Vec<(LogLevel, String)>,
}

/// Builds all edits of files. All files are looked at before the first is; nothing is put in place.
pub fn build(loaded: &Loaded, start: &Arrangement, files: &[PathBuf]) -> Result<ToApply, Error> {
    let read = files.iter().map(|file| read(loaded, file)).collect::<Result<Vec<_>, _>>()?;
    let (mut steps, mut said, mut now) = (Vec::new(), Vec::new(), start.clone());
    let mut fact = None;
    for (file, read) in files.iter().zip(read) {
        if !read.verified {
            let text = format!(
                "{}: an older Locus wrote it without a checksum; its changes match the hashes that it records",
                file.display()
            );
            said.push((LogLevel::Warning, text));
        }
        let deltas = read.edits.iter().flat_map(|edit| &edit.deltas);
        if let Some(text) = of_a_tied_embedding(loaded.stack.base(), deltas) {
            said.push((LogLevel::Warning, format!("{}: {text}", file.display())));
        }
        let differing = read.differing(loaded.stack.base())?;
        if !differing.is_empty() {
            let text = format!(
                "{}: the last bits of the change of {} differ from those where it was made (another device or another libtorch)",
                file.display(),
                differing.join(", ")
            );
            said.push((LogLevel::Warning, text));
        }
        let titles: Vec<String> = read.edits.iter().map(|edit| edit.title.clone()).collect();
        for edit in read.edits {
            reach("build with an edit of a file")?;
            fact = Some(edit.fact().clone());
            now = loaded.stack.with(&now, edit)?;
            steps.push(Done::apply(file, &now));
        }
        said.push((LogLevel::Info, format!("{}: applied {}", file.display(), titles.join("; "))));
    }
    let rows = fact.map(|fact| rows_in(loaded, &now, &fact)).transpose()?.unwrap_or_default();
    Ok(ToApply { steps, after: now, rows, said })
}

fn read(loaded: &Loaded, file: &Path) -> Result<DeltaFile, Error> {
    reach("read a file of edits")?;
    let read = DeltaFile::read(file)?;
    read.fits(file, loaded.stack.base(), &loaded.mark)?;
    Ok(read)
}
