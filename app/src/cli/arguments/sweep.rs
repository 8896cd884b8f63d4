//! Flags of `locus sweep`.

use crate::cli::submit_arguments::SweepSubmit;
use clap::{Args, Subcommand};
use locus_protocol::Shard;
use std::path::PathBuf;

/// What to do with sweeps.
#[derive(Clone, Debug, Subcommand)]
pub enum SweepAction {
    /// Runs the sweep of a grid; run it again to resume. Several programs on one folder share the work.
    Run(SweepRun),
    /// Submits a sweep to Slurm as arrays of `sweep run` on one folder, and says what it did; see docs/cluster.md.
    Submit(Box<SweepSubmit>),
    /// Shows how far a sweep is, from its folder alone: needs no model and no GPU. Asks squeue about submitted jobs.
    Status {
        /// Folder of the sweep.
        folder: PathBuf,
    },
    /// Merges the rows of several folders into one file. The same rows give the same bytes.
    Merge {
        /// Folders of the sweeps.
        #[arg(required = true)]
        folders: Vec<PathBuf>,
        /// JSON Lines file to write [default: standard output].
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Prints the scores by layer of a sweep, from its folder alone.
    Table {
        /// Folder of the sweep.
        folder: PathBuf,
        /// Score to print, repeatable; see docs/metrics.md [default: those of Hase et al. (2023)].
        #[arg(long = "score", value_name = "NAME")]
        scores: Vec<String>,
    },
}

#[derive(Clone, Debug, Args)]
pub struct SweepRun {
    /// File of the grid, see configs/sweeps and docs/sweeps.md [default: the grid in the folder].
    pub grid: Option<PathBuf>,
    /// Folder of the rows; created if missing.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Runs only this part of the cells: 2/8 is the second of eight.
    #[arg(long, value_name = "PART/PARTS")]
    pub shard: Option<Shard>,
    /// Retries the cells that failed.
    #[arg(long)]
    pub retry_failed: bool,
    /// Runs only the first cells of each kind, estimates how long the rest will take, and stops.
    #[arg(long)]
    pub estimate: bool,
}
