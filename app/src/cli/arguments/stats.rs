//! The flags of `locus stats`.

use clap::Subcommand;
use std::path::PathBuf;

/// What to do with second moments.
#[derive(Clone, Debug, Subcommand)]
pub enum StatsAction {
    /// Lists those that are kept, finished or not, and where.
    #[command(alias = "list")]
    Show,
    /// Collects those of all layers of the model now. Ctrl-C keeps what is there; the same command goes on.
    Collect {
        /// Seconds after which the state is written, so that a run that is killed goes on from there.
        #[arg(long, default_value_t = 30.0, value_name = "SECONDS")]
        keep_every: f64,
        /// Collects them even where they are kept, in their place; a run that is stopped leaves the kept ones as they are.
        #[arg(long, conflicts_with = "keep_every")]
        anew: bool,
    },
    /// Checks a file: shape, symmetry, eigenvalues, dead keys, deviation from float64, and whether it is the model's.
    Verify {
        /// The file; the one that an edit of the model would use without it.
        file: Option<PathBuf>,
    },
    /// Takes over second moments that were published for the model; its edits use them from then on.
    Import {
        /// A .npz file of one layer, a folder of such files (wikipedia_stats), or a safetensors file.
        path: PathBuf,
        /// The layer, where the name of the file does not say it.
        #[arg(long, value_name = "N")]
        layer: Option<usize>,
    },
    /// Writes second moments for other programs.
    Export {
        /// Folder for one .npz file a layer as the authors of ROME publish them, or a .safetensors file.
        to: PathBuf,
        /// The file they are read from; the one that an edit of the model would use without it.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// Layers to write: 5, 3-6 or 3,5; all without it.
        #[arg(long, value_name = "LAYERS")]
        layers: Option<String>,
        /// Number of documents that .npz files say they hold, which the published code compares with its own.
        #[arg(long, value_name = "N")]
        sample_size: Option<u64>,
    },
}
