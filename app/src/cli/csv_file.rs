//! `--csv`: a table that is opened before anything is computed for it, and has its name once it is whole.

use crate::cli::Failure;
use locus_files::{Refusal, Sink};
use std::fmt::Display;
use std::path::Path;

/// A table that is being written. What was in its file stays until [`CsvFile::finish`] returns, and nothing is left of one
/// that was given up.
pub struct CsvFile {
    writer: csv::Writer<Sink>,
    name: String,
}

impl CsvFile {
    /// Begins it, in a file or in the pipe or device that is there.
    ///
    /// # Errors
    /// The file cannot be written; another program writes it.
    pub fn begin(file: &Path) -> Result<Self, Failure> {
        let name = file.display().to_string();
        let sink = Sink::open(file).map_err(|refusal| Failure::usage(format!("--csv {name}: {refusal}")))?;
        Ok(Self { writer: csv::Writer::from_writer(sink), name })
    }

    /// Adds a row of cells.
    ///
    /// # Errors
    /// The file cannot be written any more.
    pub fn add<S: AsRef<[u8]>>(&mut self, cells: impl IntoIterator<Item = S>) -> Result<(), Failure> {
        let added = self.writer.write_record(cells);
        added.map_err(|error| self.lost(&error))
    }

    /// Hands on what was added, where somebody reads along.
    ///
    /// # Errors
    /// The file cannot be written any more.
    pub fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.writer.flush();
        flushed.map_err(|error| self.lost(&error))
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// The system cannot keep it.
    pub fn finish(self) -> Result<(), Failure> {
        let Self { writer, name } = self;
        let refused = |refusal: Refusal| Failure::failed(format!("--csv {name}: {refusal}"));
        let sink = writer.into_inner().map_err(|error| refused(Refusal::Io(error.into_error())))?;
        sink.commit().map_err(refused)
    }

    fn lost(&self, error: &dyn Display) -> Failure {
        Failure::failed(format!("--csv {}: can no longer be written ({error}); check the free disk space", self.name))
    }
}
