//! Flags of `locus sweep`.

use crate::cli::submit_arguments::SweepSubmit;
use clap::{Args, Subcommand};
use locus_protocol::Shard;
use std::path::PathBuf;

/// What to do with sweeps.
#[derive(Clone, Debug, Subcommand)]
pub enum SweepAction {
    /// Sweeps a grid; started again it goes on where it was. Several programs on one folder share the work.
    Run(SweepRun),
    /// Hands a sweep to Slurm as arrays of `sweep run` on one folder, and says what it did; see docs/cluster.md.
    Submit(Box<SweepSubmit>),
    /// Says how far a sweep is, from its folder alone: no model and no GPU are needed. Asks squeue for what was submitted.
    Status {
        /// Its folder.
        folder: PathBuf,
    },
    /// Puts the rows of several folders into one file. The same rows give the same bytes.
    Merge {
        /// The folders.
        #[arg(required = true)]
        folders: Vec<PathBuf>,
        /// JSON Lines file to write; standard output without it.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Prints the scores by layer of a sweep, from its folder alone.
    Table {
        /// Its folder.
        folder: PathBuf,
        /// Score to print, repeatable; those of Hase et al. (2023) without it. See docs/metrics.md.
        #[arg(long = "score", value_name = "NAME")]
        scores: Vec<String>,
    },
}

/// What to sweep.
#[derive(Clone, Debug, Args)]
pub struct SweepRun {
    /// The grid, see configs/sweeps and docs/sweeps.md; that of the folder without it.
    pub grid: Option<PathBuf>,
    /// Folder of the rows; it is made where it is not there.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Takes only this part of the cells: 2/8 is the second of eight.
    #[arg(long, value_name = "PART/PARTS")]
    pub shard: Option<Shard>,
    /// Computes the cells again that have failed.
    #[arg(long)]
    pub retry_failed: bool,
    /// Computes only the first cells of each kind, says how long the rest is going to take, and ends.
    #[arg(long)]
    pub estimate: bool,
}
