//! The flags of `locus eval`.

use crate::cli::arguments::OrderArguments;
use clap::Args;
use locus_protocol::Measures;
use std::path::PathBuf;

/// Flags that say something of an edit, which there is with a method only.
const OF_A_METHOD: [&str; 7] =
    ["objective", "layers", "settings", "objective_settings", "parity", "settings_file", "hyperparameters"];

/// Flags that a file of orders leaves nothing to say for.
const SAID_BY_ORDERS: [&str; 8] =
    ["limit", "batch", "objective", "layers", "settings", "objective_settings", "settings_file", "hyperparameters"];

/// What to measure.
#[derive(Clone, Debug, Args)]
#[command(
    mut_args(|flag| if OF_A_METHOD.contains(&flag.get_id().as_str()) { flag.requires("method") } else { flag }),
    mut_arg("orders", |orders| orders.conflicts_with_all(SAID_BY_ORDERS))
)]
pub struct EvalArguments {
    /// How facts are edited.
    #[command(flatten)]
    pub order: OrderArguments,
    /// Takes only the first facts of the file.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Facts that are edited together.
    #[arg(long, default_value_t = 1, value_name = "N", requires = "method")]
    pub batch: usize,
    /// Leaves out facts that the unedited model does not say.
    #[arg(long)]
    pub correct_only: bool,
    /// Leaves out facts whose true answer is not more probable than this; the published bound without a number.
    #[arg(long, value_name = "P", num_args = 0..=1, default_missing_value = "0.02")]
    pub least_probability: Option<f64>,
    /// Leaves out what scores say little about: facts whose answer lies in the subject or whose new answer is the true
    /// one, records that are there before, and neighborhood prompts that mention the subject or are there twice.
    #[arg(long)]
    pub skip_marked: bool,
    /// Measures the entropy of texts on the records' generation prompts.
    #[arg(long)]
    pub fluency: bool,
    /// Lets the model go on freely after every prompt of the record, by so many tokens at most, and looks for the target in
    /// what it says; 20 without a number.
    #[arg(long, value_name = "TOKENS", num_args = 0..=1, default_missing_value = "20")]
    pub free_generation: Option<usize>,
    /// Measures the perplexity of what the unedited model says of the subject.
    #[arg(long)]
    pub essence: bool,
    /// Measures likeness to reference texts: folder with tfidf_vocab.json, idf.npy and attribute_snippets.json.
    #[arg(long, value_name = "DIR")]
    pub consistency: Option<PathBuf>,
    /// Judges success by the mean over a target's tokens, as ROME and MEMIT do, not by the joint probability.
    #[arg(long)]
    pub per_token: bool,
    /// Takes normalised scores from the first prompt of each kind only, as the published code does.
    #[arg(long)]
    pub first_prompt: bool,
    /// Tokens that the model says after each prompt before and after; 0 for none.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub said_tokens: usize,
    /// JSON Lines file with one line a fact, to which each is appended when it is done; facts that are there already
    /// are not measured again.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// CSV file to write, one row a fact.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

impl EvalArguments {
    /// What is measured.
    pub fn measures(&self) -> Measures {
        Measures {
            per_token: self.per_token,
            first_prompt: self.first_prompt,
            correct_only: self.correct_only,
            least_probability: self.least_probability,
            skip_marked: self.skip_marked,
            essence: self.essence,
            fluency: self.fluency,
            texts: Vec::new(),
            consistency: self.consistency.clone(),
            said_tokens: self.said_tokens,
            free_generation: self.free_generation.unwrap_or_default(),
            seed: self.order.seed,
        }
    }
}
