//! The flags of `locus plugin`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What to do with plugins.
#[derive(Debug, Subcommand)]
pub enum PluginAction {
    /// Lists methods and objectives, and files that were refused.
    List,
    /// Shows the hyperparameters of a plugin.
    Show {
        /// Id of the plugin.
        id: String,
    },
    /// Checks that a plugin's file loads, and then how it behaves on the model: settings, reports, layers, canceling,
    /// the same result twice, undo, memory, and errors instead of panics on invalid input. Exits with code 3 if a check
    /// fails.
    Check {
        /// Shared library of the plugin.
        file: PathBuf,
        /// Number of edits in a row to see whether memory grows; fewer for a slow method.
        #[arg(long, default_value_t = 100, value_name = "N")]
        edits: usize,
    },
    /// Creates a plugin to start from in a new folder: a crate that builds, passes the checks, and edits.
    New(NewPlugin),
}

#[derive(Clone, Debug, Args)]
pub struct NewPlugin {
    /// Name of the folder, package and plugin: lowercase letters, digits and dashes.
    pub name: String,
    /// Kind of plugin to create.
    #[arg(long, value_enum, default_value_t = OfferedKind::Method)]
    pub kind: OfferedKind,
    /// Language of the plugin. A method can be written in C, which needs only a C compiler.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    pub language: Language,
    /// Folder in which to create the new folder.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub into: PathBuf,
    /// Checkout of Locus whose plugin interface it is built with [default: the one that this program was built from].
    #[arg(long, value_name = "DIR")]
    pub api: Option<PathBuf>,
}

/// What a plugin offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OfferedKind {
    /// Decides which weights change.
    Method,
    /// Decides what an edit aims at.
    Objective,
}

/// What a plugin is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Safe Rust with tch's tensors.
    Rust,
    /// C99 with the header alone.
    C,
}
