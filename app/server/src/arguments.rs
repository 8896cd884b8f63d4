//! The flags of `locus-engine`. People use `locus`; these are for it, and for commands behind its --engine.

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// The engine of Locus: owns device, weights and plugins, and is started by `locus`.
#[derive(Debug, Parser)]
#[command(name = "locus-engine", version)]
pub struct Arguments {
    /// Speaks the protocol on the standard streams, as in `locus --engine 'ssh node locus-engine --stdio'`.
    #[arg(long)]
    pub stdio: bool,
    /// With --stdio: joins the standard streams to an engine that runs here, the only one without a process number, as in
    /// `locus attach --engine 'ssh node locus-engine --stdio --join'`.
    #[arg(long, value_name = "PROCESS", requires = "stdio", num_args = 0..=1, default_missing_value = "0")]
    pub join: Option<u32>,
    /// Ends at once with the process that started it.
    #[arg(long, hide = true, requires = "stdio")]
    pub with_front: bool,
    /// What else it does.
    #[command(subcommand)]
    pub task: Option<Task>,
}

/// What else it does.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Trains the built-in model from scratch, as `locus demo train` does.
    #[command(hide = true)]
    Train {
        /// New folder for the model.
        #[arg(long)]
        out: PathBuf,
        /// Random seed of the training.
        #[arg(long)]
        seed: u64,
    },
}
