//! The flags of `locus deltas`.

use clap::Subcommand;
use std::path::PathBuf;

/// What to do with files of edits.
#[derive(Clone, Debug, Subcommand)]
pub enum DeltasAction {
    /// Lists the edits in a file: orders, plugins, and the sizes of their changes. Needs no model.
    Show {
        /// The file, as `locus edit --save FILE` wrote it.
        file: PathBuf,
    },
    /// Applies the edits of files to the model that they belong to, and prints the hash of every parameter that they
    /// change. With --apply FILE, other commands do this first.
    Apply {
        /// Files to apply, in this order.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Lists the changes in the journal's folder that no operation names, left by edits that could not be recorded.
    /// Needs no model.
    Prune {
        /// Deletes the listed changes.
        #[arg(long)]
        remove: bool,
    },
}
