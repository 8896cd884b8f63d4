//! The flags that name one fact.

use clap::Args;

/// Which fact.
#[derive(Clone, Debug, Default, Args)]
pub struct FactArguments {
    /// Prompt with the subject in braces: "The capital of {France} is".
    #[arg(value_name = "PROMPT", group = "typed", conflicts_with = "case")]
    pub marked: Option<String>,
    /// Number of a record of the facts file (its case_id).
    #[arg(long, value_name = "N", conflicts_with = "prompt")]
    pub case: Option<u64>,
    /// The prompt as a flag.
    #[arg(long, value_name = "TEXT", group = "typed")]
    pub prompt: Option<String>,
    /// Subject, where the prompt has no braces.
    #[arg(long, value_name = "TEXT", requires = "typed")]
    pub subject: Option<String>,
    /// The answer that is true; what the model says after a prompt that was typed, without it.
    #[arg(long = "true", value_name = "TEXT")]
    pub target_true: Option<String>,
    /// The answer an edit puts in.
    #[arg(long = "new", value_name = "TEXT")]
    pub target_new: Option<String>,
}
