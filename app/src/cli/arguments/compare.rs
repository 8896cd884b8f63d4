//! The flags of `locus compare`.

use crate::cli::arguments::FactArguments;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What to compare.
#[derive(Clone, Debug, Args)]
pub struct CompareArguments {
    /// Which fact.
    #[command(flatten)]
    pub fact: FactArguments,
    /// The answer that the edits put in.
    #[arg(value_name = "NEW", conflicts_with = "target_new")]
    pub target: Option<String>,
    /// Method of a variant, repeatable; every method that is loaded without it.
    #[arg(long = "method", value_name = "ID")]
    pub methods: Vec<String>,
    /// Objective of a variant, repeatable; the one in workbench.toml without it.
    #[arg(long = "objective", value_name = "ID")]
    pub objectives: Vec<String>,
    /// Layers of a variant: 5, 3-6 or 3,5, repeatable; each method chooses without it.
    #[arg(long, value_name = "LAYERS")]
    pub layers: Vec<String>,
    /// Sets a hyperparameter of the methods that have it; repeatable.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub settings: Vec<String>,
    /// Sets a hyperparameter of the objectives that have it; repeatable.
    #[arg(long = "set-objective", value_name = "NAME=VALUE")]
    pub objective_settings: Vec<String>,
    /// Seed of everything random.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Tokens that the model says freely after each prompt; 0 for none.
    #[arg(long, default_value_t = 10, value_name = "TOKENS")]
    pub free_generation: usize,
    /// What is printed of each layer.
    #[arg(long, value_enum, default_value_t = Number::New)]
    pub number: Number,
    /// CSV file to write, with every number of every layer.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// The same as .csv, .json, .md or .tex (LaTeX), by the end of its name.
    #[arg(long, value_name = "FILE", conflicts_with = "csv")]
    pub export: Option<PathBuf>,
}

/// A number of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Number {
    /// Probability of the new answer.
    New,
    /// Probability of the true answer.
    True,
    /// How far that of the new answer is from before.
    Change,
    /// How far the weights are from before, relative to their norm.
    Weights,
}

impl Number {
    /// Its name in the table, and what it is called.
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::New => ("probability_new", "p(new)"),
            Self::True => ("probability_true", "p(true)"),
            Self::Change => ("probability_new_change", "change of p(new)"),
            Self::Weights => ("relative_weight_change", "‖ΔW‖/‖W‖"),
        }
    }
}
