//! Flags of `locus analyze`.

use clap::Args;
use std::path::PathBuf;

/// What to analyze.
#[derive(Clone, Debug, Args)]
pub struct AnalyzeArguments {
    /// Folder of the sweep.
    pub folder: PathBuf,
    /// Folder for the report: HTML, Markdown, LaTeX, CSV, the lines of R, and every figure as SVG; `analysis` in the
    /// sweep's folder without it.
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
    /// Smallest difference of a score that counts, for the test of equivalence and the verdict.
    #[arg(long, default_value_t = 0.05, value_name = "SCORE")]
    pub margin: f64,
    /// Prints the tables of all sections, not of the first one alone.
    #[arg(long)]
    pub all: bool,
}
