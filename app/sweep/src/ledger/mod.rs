//! The folder of a sweep: its grid and identity, the rows of every worker, and who is at which cells.
//!
//! ```text
//! sweep.toml      the grid as it was given
//! sweep.json      model, data and program
//! rows/           one file of rows a worker, JSON Lines, only ever appended to
//! workers/        one file a worker, written anew every few seconds while it lives
//! claims/         one file a group of cells that a worker is at
//! cluster/        what was handed to a cluster, see app/cluster
//! ```
//!
//! Rows are the truth; workers and claims only keep two programs from computing the same. What a worker that was killed
//! had not written is computed again, and what two wrote is one row with one key.

mod claims;
mod rows;
mod worker;

pub use claims::Claim;
pub use rows::wins;
pub use rows::{Damage, Rows, read_lines, read_rows};
pub use worker::{Worker, WorkerState, all as workers};

use crate::error::{Error, Result};
use crate::grid::{Grid, LARGEST};
use crate::identity::Identity;
use locus_files::Refusal;
use std::path::{Path, PathBuf};

/// Bytes of an identity at most.
const LARGEST_IDENTITY: u64 = 16 << 20;

/// The folder of a sweep.
#[derive(Clone, Debug)]
pub struct Ledger {
    folder: PathBuf,
    grid: Grid,
    text: String,
    identity: Identity,
}

impl Ledger {
    /// Makes the folder of a sweep, or opens the one that is there. Without a grid the folder's own is taken.
    ///
    /// # Errors
    /// The folder holds another sweep, or something else; it cannot be written.
    pub fn open(folder: &Path, grid: Option<&str>, identity: &Identity) -> Result<Self> {
        let begun = || -> Result<Option<Self>> {
            if !folder.join("sweep.json").exists() {
                return Ok(None);
            }
            let ledger = Self::read(folder)?;
            ledger.suits(grid, identity)?;
            Ok(Some(ledger))
        };
        if let Some(ledger) = begun()? {
            return Ok(ledger);
        }
        let named = folder.join("sweep.toml");
        let Some(text) = grid else {
            return Err(Error::folder(folder, "there is no sweep in this folder; start one with a grid file"));
        };
        let grid = Grid::parse(&named, text)?;
        let is_empty = match std::fs::read_dir(folder) {
            // what a start that was killed has left may be there
            Ok(mut entries) => {
                !entries.any(|entry| entry.is_ok_and(|entry| is_foreign(&entry.file_name().to_string_lossy())))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return Err(Error::Read { path: folder.to_owned(), source: error }),
        };
        if !is_empty {
            // another program may have begun the sweep since it was looked for
            if let Some(ledger) = begun()? {
                return Ok(ledger);
            }
            return Err(Error::folder(folder, "the folder contains something other than a sweep; name a new one"));
        }
        for below in ["rows", "workers", "claims"] {
            let path = folder.join(below);
            std::fs::create_dir_all(&path).map_err(|source| Error::Write { path, source })?;
        }
        locus_files::write(&named, text.as_bytes()).map_err(Error::written(&named))?;
        // whoever comes second reads what the first has written
        let path = folder.join("sweep.json");
        let json = serde_json::to_vec_pretty(identity).unwrap_or_default();
        match locus_files::write_new(&path, &json) {
            Ok(()) => Ok(Self { folder: folder.to_owned(), grid, text: text.to_owned(), identity: identity.clone() }),
            Err(Refusal::Exists) => {
                let ledger = Self::read(folder)?;
                ledger.suits(Some(text), identity)?;
                Ok(ledger)
            }
            Err(refusal) => Err(Error::written(&path)(refusal)),
        }
    }

    /// Opens a folder to read it; nothing is written, and no model is needed.
    ///
    /// # Errors
    /// It holds no sweep.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("sweep.json");
        let none =
            || Error::folder(folder, "there is no sweep in this folder; name the folder of `locus sweep run --out`");
        let json = match locus_files::text(&path, LARGEST_IDENTITY) {
            Ok(json) => json,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(none()),
            Err(source) => return Err(Error::Read { path, source }),
        };
        let identity = serde_json::from_str(&json).map_err(|error| {
            Error::folder(&path, format!("it does not say what was swept ({error}); name another folder"))
        })?;
        let path = folder.join("sweep.toml");
        let text = locus_files::text(&path, LARGEST).map_err(Error::read(&path))?;
        Ok(Self { folder: folder.to_owned(), grid: Grid::parse(&path, &text)?, text, identity })
    }

    /// Whether a sweep may go on here.
    fn suits(&self, grid: Option<&str>, identity: &Identity) -> Result<()> {
        if let Some(what) = identity.differs(&self.identity) {
            let is_rebuilt = identity.rebuilt(&self.identity).as_ref() == Some(&what);
            let back = if is_rebuilt { ", or put the earlier build back" } else { "" };
            let message = format!("the folder contains another sweep: {what}; name another folder{back}");
            return Err(Error::folder(&self.folder, message));
        }
        if let Some(text) = grid.filter(|text| *text != self.text)
            && Grid::parse(&self.grid_file(), text)? != self.grid
        {
            let message = "the folder contains another sweep: its grid (sweep.toml) differs; name another folder, or \
                           leave out the grid to resume this one";
            return Err(Error::folder(&self.folder, message));
        }
        Ok(())
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    #[must_use]
    pub const fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The file of the grid.
    #[must_use]
    pub fn grid_file(&self) -> PathBuf {
        self.folder.join("sweep.toml")
    }

    /// Model, data and program.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The rows of all workers.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn rows(&self) -> Result<Rows> {
        let mut rows = Rows::new(self.folder.join("rows"));
        rows.refresh()?;
        Ok(rows)
    }
}

/// Whether a folder that holds this holds something else than a sweep that was begun, or that was handed to a cluster.
#[must_use]
pub fn is_foreign(name: &str) -> bool {
    !name.starts_with('.') && !["sweep.toml", "rows", "workers", "claims", "cluster"].contains(&name)
}
