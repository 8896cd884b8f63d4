//! The flags of `locus deltas`.

use clap::Subcommand;
use std::path::PathBuf;

/// What to do with files of edits.
#[derive(Clone, Debug, Subcommand)]
pub enum DeltasAction {
    /// Lists the edits of a file: what was ordered, what made it, and how large its changes are. Needs no model.
    Show {
        /// The file, as `locus edit --save FILE` wrote it.
        file: PathBuf,
    },
    /// Puts the edits of files in place on the model that they belong to, and says the hash of every parameter that
    /// they touch. Other commands do so first with --apply FILE.
    Apply {
        /// The files, in their order.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Lists the changes in the journal's folder that no operation names, as edits leave them that could not be
    /// recorded. Needs no model.
    Prune {
        /// Deletes them.
        #[arg(long)]
        remove: bool,
    },
}
