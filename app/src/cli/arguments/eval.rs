//! The flags of `locus eval`.

use crate::cli::arguments::OrderArguments;
use clap::Args;
use locus_protocol::Measures;
use std::path::PathBuf;

/// Flags of an edit, which need a method.
const OF_A_METHOD: [&str; 7] =
    ["objective", "layers", "settings", "objective_settings", "parity", "settings_file", "hyperparameters"];

/// Flags for what a file of orders specifies itself.
const SAID_BY_ORDERS: [&str; 8] =
    ["limit", "batch", "objective", "layers", "settings", "objective_settings", "settings_file", "hyperparameters"];

#[derive(Clone, Debug, Args)]
#[command(
    mut_args(|flag| if OF_A_METHOD.contains(&flag.get_id().as_str()) { flag.requires("method") } else { flag }),
    mut_arg("orders", |orders| orders.conflicts_with_all(SAID_BY_ORDERS))
)]
pub struct EvalArguments {
    /// How facts are edited.
    #[command(flatten)]
    pub order: OrderArguments,
    /// Measures only the first N facts of the file.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Number of facts that are edited together.
    #[arg(long, default_value_t = 1, value_name = "N", requires = "method")]
    pub batch: usize,
    /// Leaves out facts that the unedited model does not predict.
    #[arg(long)]
    pub correct_only: bool,
    /// Leaves out facts whose true target is not more probable than P; 0.02, as published, if no number is given.
    #[arg(long, value_name = "P", num_args = 0..=1, default_missing_value = "0.02")]
    pub least_probability: Option<f64>,
    /// Leaves out what makes scores uninformative: facts whose target occurs in the subject or whose new target is the
    /// true one, duplicate records, and neighborhood prompts that mention the subject or occur twice.
    #[arg(long)]
    pub skip_marked: bool,
    /// Measures the entropy of texts generated from the records' generation prompts.
    #[arg(long)]
    pub fluency: bool,
    /// Generates at most this many tokens after every prompt of the record, and looks for the target in them; 20 if no
    /// number is given.
    #[arg(long, value_name = "TOKENS", num_args = 0..=1, default_missing_value = "20")]
    pub free_generation: Option<usize>,
    /// Measures the perplexity of the unedited model's text about the subject.
    #[arg(long)]
    pub essence: bool,
    /// Measures similarity to reference texts, in a folder with tfidf_vocab.json, idf.npy and attribute_snippets.json.
    #[arg(long, value_name = "DIR")]
    pub consistency: Option<PathBuf>,
    /// Judges success by the mean over a target's tokens, as ROME and MEMIT do, not by the joint probability.
    #[arg(long)]
    pub per_token: bool,
    /// Computes normalized scores from the first prompt of each kind only, as the published code does.
    #[arg(long)]
    pub first_prompt: bool,
    /// Tokens to generate after each prompt before and after the edit; 0 for none.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub said_tokens: usize,
    /// JSON Lines file with one line per fact, appended as each fact is done; facts already in it are not measured
    /// again.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// CSV file to write, one row per fact.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

impl EvalArguments {
    /// The measures that these flags ask for.
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
