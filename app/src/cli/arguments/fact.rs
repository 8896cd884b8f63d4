//! The flags that name one fact.

use clap::Args;

/// Which fact.
#[derive(Clone, Debug, Default, Args)]
pub struct FactArguments {
    /// Number of a record of the facts file (its case_id).
    #[arg(long, value_name = "N", conflicts_with = "prompt")]
    pub case: Option<u64>,
    /// Prompt with the subject in braces: "The capital of {France} is".
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Subject, where the prompt has no braces.
    #[arg(long, value_name = "TEXT", requires = "prompt")]
    pub subject: Option<String>,
    /// The answer that is true.
    #[arg(long = "true", value_name = "TEXT")]
    pub target_true: Option<String>,
    /// The answer an edit puts in.
    #[arg(long = "new", value_name = "TEXT")]
    pub target_new: Option<String>,
}
