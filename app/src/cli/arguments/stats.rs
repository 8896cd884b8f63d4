//! The flags of `locus stats`.

use clap::Subcommand;
use std::path::PathBuf;

/// What to do with second moments.
#[derive(Clone, Debug, Subcommand)]
pub enum StatsAction {
    /// Lists the second moments on this machine, finished or not, and their files.
    #[command(alias = "list")]
    Show,
    /// Collects the second moments of all layers of the model. Ctrl-C keeps what is collected; the same command
    /// resumes.
    Collect {
        /// Seconds between checkpoints, from which a killed run resumes.
        #[arg(long, default_value_t = 30.0, value_name = "SECONDS")]
        keep_every: f64,
        /// Collects them again and replaces the existing ones; a run that is stopped leaves those as they are.
        #[arg(long, conflicts_with = "keep_every")]
        anew: bool,
    },
    /// Checks a file: shape, symmetry, eigenvalues, dead keys, deviation from float64, and whether it belongs to the
    /// model.
    Verify {
        /// File to check [default: the one that an edit of the model would use].
        file: Option<PathBuf>,
    },
    /// Imports second moments that were published for the model; its edits use them from then on.
    Import {
        /// A .npz file of one layer, a folder of such files (wikipedia_stats), or a safetensors file.
        path: PathBuf,
        /// Layer, if the name of the file does not give it.
        #[arg(long, value_name = "N")]
        layer: Option<usize>,
    },
    /// Writes second moments for other programs.
    Export {
        /// Folder for one .npz file per layer, as the authors of ROME publish them, or a .safetensors file.
        to: PathBuf,
        /// File to read [default: the one that an edit of the model would use].
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// Layers to write: 5, 3-6 or 3,5 [default: all].
        #[arg(long, value_name = "LAYERS")]
        layers: Option<String>,
        /// Number of documents to state in .npz files, which the published code compares with its own.
        #[arg(long, value_name = "N")]
        sample_size: Option<u64>,
    },
}
