//! The flags of `locus selftest`.

use clap::Args;
use std::path::PathBuf;

/// What is tested.
#[derive(Clone, Debug, Args)]
pub struct SelftestArguments {
    /// Takes rates on random weights in a published shape, made on the device: gpt2-xl, gpt-j-6b or llama-3-8b.
    #[arg(long, value_name = "SHAPE", conflicts_with = "no_rates")]
    pub shape: Option<String>,
    /// Compares only, and takes no rates.
    #[arg(long)]
    pub no_rates: bool,
    /// Takes rates only.
    #[arg(long, conflicts_with = "no_rates")]
    pub rates_only: bool,
    /// Writes configs/selftest.json anew with what comes out, which --dtype float64 should make.
    #[arg(long, hide = true, value_name = "FILE", conflicts_with = "rates_only")]
    pub record: Option<PathBuf>,
}
