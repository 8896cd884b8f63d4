//! The flags that name one fact.

use clap::Args;

#[derive(Clone, Debug, Default, Args)]
pub struct FactArguments {
    /// Prompt with the subject in braces: "The capital of {France} is".
    #[arg(value_name = "PROMPT", group = "typed", conflicts_with = "case")]
    pub marked: Option<String>,
    /// Number of a record of the facts file (its case_id).
    #[arg(long, value_name = "N", conflicts_with = "prompt")]
    pub case: Option<u64>,
    /// Prompt, given as a flag.
    #[arg(long, value_name = "TEXT", group = "typed")]
    pub prompt: Option<String>,
    /// Subject, if the prompt has no braces.
    #[arg(long, value_name = "TEXT", requires = "typed")]
    pub subject: Option<String>,
    /// True target [default for a typed prompt: what the model predicts].
    #[arg(long = "true", value_name = "TEXT")]
    pub target_true: Option<String>,
    /// New target of the edit.
    #[arg(long = "new", value_name = "TEXT")]
    pub target_new: Option<String>,
}
