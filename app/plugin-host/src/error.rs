//! Why a file is no plugin we can use, one sentence each.

use locus_protocol::PluginKind;
use std::path::PathBuf;

/// Why a plugin was not loaded, in the order of the checks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// There is no such file, or it cannot be read.
    #[error("cannot read the plugin {}: {reason}; check the path", file.display())]
    Unreadable {
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Others may write to it, or to the folder that it is in.
    #[error("{} is not used for plugins because {reason}, and plugins run with your permissions; fix that with `chown` and `chmod go-w`, or keep plugins in a folder of your own", place.display())]
    Untrusted {
        /// The file or folder.
        place: PathBuf,
        /// Who else can write to it.
        reason: String,
    },
    /// It ended the engine when it was opened.
    #[error("{} crashed the engine when it was loaded, and is left out until it changes; rebuild it, or remove it", file.display())]
    LeftOut { file: PathBuf },
    /// It is no shared library, or one for another machine.
    #[error("{} is not a shared library for this machine ({reason}); build the plugin with crate-type = [\"cdylib\"]", file.display())]
    NotALibrary {
        file: PathBuf,
        /// What gave it away.
        reason: String,
    },
    /// It is a shared library that exports no plugin.
    #[error("{} is a shared library but exports no plugin ({reason}); add `locus_plugin::export_plugin!` to it", file.display())]
    NoEntry {
        file: PathBuf,
        /// Which section or symbol is missing.
        reason: String,
    },
    /// Its stamp makes no sense.
    #[error("{} has a damaged stamp ({reason}); rebuild the plugin", file.display())]
    DamagedStamp { file: PathBuf, reason: String },
    /// It speaks another major version of the interface.
    #[error("{} was built for plugin interface {has}, but this program uses {needs}; rebuild the plugin with the locus-plugin package of this program", file.display())]
    Interface {
        file: PathBuf,
        /// The version it has.
        has: String,
        /// The version that is needed.
        needs: String,
    },
    /// It was built for another target.
    #[error("{} was built for {has}, but this program runs on {needs}; rebuild the plugin for that target", file.display())]
    Target {
        file: PathBuf,
        /// Target that the plugin was built for.
        has: String,
        /// Target of this program.
        needs: String,
    },
    /// It was built with another libtorch.
    #[error("{} was built with libtorch {has}, but this program uses libtorch {needs}; rebuild the plugin with that libtorch", file.display())]
    Libtorch {
        file: PathBuf,
        /// Version of libtorch that the plugin was built with.
        has: String,
        /// Version of libtorch that this program uses.
        needs: String,
    },
    /// The system would not load it.
    #[error("the dynamic linker cannot load {}: {reason}; build the plugin on this machine, and link everything that it calls", file.display())]
    Open {
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Its entry function failed.
    #[error("{} failed to start: {reason}; ask the plugin's author", file.display())]
    StartUp { file: PathBuf, reason: String },
    /// Its tables cannot be used.
    #[error("{} has an unusable plugin table ({reason}); rebuild the plugin", file.display())]
    Table { file: PathBuf, reason: String },
    /// What it says of itself cannot be used.
    #[error("{} has an invalid declaration: {reason}; ask the plugin's author", file.display())]
    Declaration { file: PathBuf, reason: String },
    /// Another file has a plugin of the same id.
    #[error("{} and {} both contain the {} `{id}`; remove one of them", file.display(), other.display(), word(*kind))]
    Duplicate {
        file: PathBuf,
        /// The file that was there before.
        other: PathBuf,
        kind: PluginKind,
        id: String,
    },
}

impl LoadError {
    /// Whether the file is simply no plugin: a folder may hold other libraries.
    #[must_use]
    pub fn is_no_plugin(&self) -> bool {
        matches!(self, Self::NotALibrary { .. } | Self::NoEntry { .. })
    }
}

/// Nobody offers a method or objective of this id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {} `{id}`; {there_is}", word(*kind))]
pub struct UnknownPlugin {
    pub kind: PluginKind,
    pub id: String,
    /// The ids there are.
    pub known: Vec<String>,
    /// The same in words, with where plugins were looked for and what was refused.
    pub there_is: String,
}

/// Which plugins there are, in words.
pub(crate) fn there_is(known: &[String], looked_in: &[PathBuf], refused: &[String]) -> String {
    let refusals: String = refused.iter().map(|reason| format!("; refused: {reason}")).collect();
    if !known.is_empty() {
        return format!("available: {}{refusals}", known.join(", "));
    }
    let places: Vec<String> = looked_in.iter().map(|place| place.display().to_string()).collect();
    let places = places.join(", ");
    format!("none was found in {places}; build the plugins, or name a file with `--plugin FILE`{refusals}")
}

/// The kind in a word.
pub(crate) fn word(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Method => "method",
        PluginKind::Objective => "objective",
    }
}
