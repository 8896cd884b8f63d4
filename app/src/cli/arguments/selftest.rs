//! The flags of `locus selftest`.

use clap::Args;
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
pub struct SelftestArguments {
    /// Measures speed on random weights in the shape of a published model, created on the device: gpt2-xl, gpt-j-6b or
    /// llama-3-8b.
    #[arg(long, value_name = "SHAPE", conflicts_with = "no_rates")]
    pub shape: Option<String>,
    /// Only compares results; measures no speed.
    #[arg(long)]
    pub no_rates: bool,
    /// Only measures speed; compares no results.
    #[arg(long, conflicts_with = "no_rates")]
    pub rates_only: bool,
    /// Rewrites configs/selftest.json with the results, which should be computed with --dtype float64.
    #[arg(long, hide = true, value_name = "FILE", conflicts_with = "rates_only")]
    pub record: Option<PathBuf>,
}
