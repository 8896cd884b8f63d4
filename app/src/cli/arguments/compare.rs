//! The flags of `locus compare`.

use crate::cli::arguments::FactArguments;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
pub struct CompareArguments {
    #[command(flatten)]
    pub fact: FactArguments,
    /// The new target of the edits.
    #[arg(value_name = "NEW", conflicts_with = "target_new")]
    pub target: Option<String>,
    /// Method of a variant, repeatable [default: every loaded method].
    #[arg(long = "method", value_name = "ID")]
    pub methods: Vec<String>,
    /// Objective of a variant, repeatable [default: the one in workbench.toml].
    #[arg(long = "objective", value_name = "ID")]
    pub objectives: Vec<String>,
    /// Layers of a variant: 5, 3-6 or 3,5, repeatable [default: chosen by each method].
    #[arg(long, value_name = "LAYERS")]
    pub layers: Vec<String>,
    /// Sets a hyperparameter of the methods that have it; repeatable.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub settings: Vec<String>,
    /// Sets a hyperparameter of the objectives that have it; repeatable.
    #[arg(long = "set-objective", value_name = "NAME=VALUE")]
    pub objective_settings: Vec<String>,
    /// Random seed of the edits.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Tokens to generate freely after each prompt; 0 for none.
    #[arg(long, default_value_t = 10, value_name = "TOKENS")]
    pub free_generation: usize,
    /// Number to print for each layer.
    #[arg(long, value_enum, default_value_t = Number::New)]
    pub number: Number,
    /// CSV file for every number of every layer.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// File for the same numbers, in the format of its extension: .csv, .json, .md or .tex (LaTeX).
    #[arg(long, value_name = "FILE", conflicts_with = "csv")]
    pub export: Option<PathBuf>,
}

/// A number of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Number {
    /// Probability of the new target.
    New,
    /// Probability of the true target.
    True,
    /// Change of the new target's probability.
    Change,
    /// Change of the weights, relative to their norm.
    Weights,
}

impl Number {
    /// Its name in the table, and its label.
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::New => ("probability_new", "p(new)"),
            Self::True => ("probability_true", "p(true)"),
            Self::Change => ("probability_new_change", "change of p(new)"),
            Self::Weights => ("relative_weight_change", "‖ΔW‖/‖W‖"),
        }
    }
}
