//! The flags of `locus plugin`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What to do with plugins.
#[derive(Debug, Subcommand)]
pub enum PluginAction {
    /// Lists methods and objectives, and files that were refused.
    List,
    /// Shows one plugin's hyperparameters.
    Show {
        /// Its id.
        id: String,
    },
    /// Checks one file as loading does, and then what it does on the model: settings, reports, layers, cancelling, the
    /// same result twice, undo, memory, and answers instead of panics to nonsense. Exit code 3 when something fails.
    Check {
        /// The file.
        file: PathBuf,
        /// Edits that are made one after the other to see whether memory grows; a slow method makes fewer.
        #[arg(long, default_value_t = 100, value_name = "N")]
        edits: usize,
    },
    /// Writes a crate that builds, is checked, and edits, into a new folder: a plugin to start from.
    New(NewPlugin),
}

/// Which crate.
#[derive(Clone, Debug, Args)]
pub struct NewPlugin {
    /// Name of folder, package and plugin: lower-case letters, digits and dashes.
    pub name: String,
    /// What it offers.
    #[arg(long, value_enum, default_value_t = OfferedKind::Method)]
    pub kind: OfferedKind,
    /// What it is written in. A method may be written in C, which needs nothing but a C compiler.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    pub language: Language,
    /// Folder in which the new folder goes.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub into: PathBuf,
    /// Checkout of Locus whose plugin interface it is built with; the one that this program was built from without it.
    #[arg(long, value_name = "DIR")]
    pub api: Option<PathBuf>,
}

/// What a plugin offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OfferedKind {
    /// Decides which weights move.
    Method,
    /// Decides what an edit is for.
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
