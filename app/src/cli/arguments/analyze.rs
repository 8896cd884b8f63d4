//! Flags of `locus analyze`.

use clap::Args;
use std::path::PathBuf;

/// What to analyze.
#[derive(Clone, Debug, Args)]
pub struct AnalyzeArguments {
    /// Folder of the sweep.
    pub folder: PathBuf,
    /// Folder for the report: HTML, Markdown, LaTeX, CSV, Parquet, the lines of R, and every figure as SVG and PNG;
    /// `analysis` in the sweep's folder without it (`analysis-logit`, `analysis-without-last-layer`).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Score to analyze, repeatable; all that were measured without it.
    #[arg(long = "score", value_name = "NAME")]
    pub scores: Vec<String>,
    /// Samples of the bootstrap, and permutations of traces between facts.
    #[arg(long, default_value_t = 2000, value_name = "N")]
    pub resamples: usize,
    /// Seed of every draw of the analysis.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Smallest difference of a score that counts, for the test of equivalence and the verdict; 0.05 without it, and
    /// 0.2 on the logit scale, which is as much in its middle.
    #[arg(long, value_name = "SCORE")]
    pub margin: Option<f64>,
    /// Takes scores on the logit scale, where differences near 0 and 1 count more.
    #[arg(long)]
    pub logit: bool,
    /// Leaves out the last layer of each edit, where most fail.
    #[arg(long)]
    pub without_last_layer: bool,
    /// Prints the tables of all sections, not of the first one alone.
    #[arg(long)]
    pub all: bool,
}
