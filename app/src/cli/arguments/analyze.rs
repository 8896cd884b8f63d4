//! Flags of `locus analyze`.

use clap::Args;
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
pub struct AnalyzeArguments {
    /// Folder of the sweep.
    pub folder: PathBuf,
    /// Folder for the report: HTML, Markdown, LaTeX, CSV, Parquet, R code, and every figure as SVG and PNG [default:
    /// `analysis` in the sweep's folder, or `analysis-logit`, `analysis-without-last-layer`].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Score to analyze, repeatable [default: every measured score].
    #[arg(long = "score", value_name = "NAME")]
    pub scores: Vec<String>,
    /// Number of bootstrap samples, and of permutations of traces between facts.
    #[arg(long, default_value_t = 2000, value_name = "N")]
    pub resamples: usize,
    /// Random seed of the analysis.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Smallest difference of a score that counts, for the equivalence test and the verdict [default: 0.05; 0.2 on the
    /// logit scale, which is the same at a score of one half].
    #[arg(long, value_name = "SCORE")]
    pub margin: Option<f64>,
    /// Analyzes scores on the logit scale, where differences near 0 and 1 count more.
    #[arg(long)]
    pub logit: bool,
    /// Leaves out the last layer of each edit, where most edits fail.
    #[arg(long)]
    pub without_last_layer: bool,
    /// Prints the tables of all sections, not only of the first.
    #[arg(long)]
    pub all: bool,
}
