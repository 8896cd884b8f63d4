//! What the workbench is started with.

use crate::looks::Depth;
use locus_protocol::ModelSource;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// A model that can be opened.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownModel {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub source: ModelSource,
    /// Its family, its size, what it lacks.
    pub about: String,
}

/// What the workbench is started with.
#[derive(Clone, Debug)]
pub struct WorkbenchOptions {
    /// The model that is loaded first.
    pub source: ModelSource,
    /// Models that were found on this machine.
    pub models: Vec<KnownModel>,
    /// Draws with ASCII only.
    pub ascii: bool,
    /// Colours to use.
    pub colours: Depth,
    /// A keymap to lay over the shipped one.
    pub keymap: Option<PathBuf>,
    /// The file of what the next start takes over; nothing is taken over without one.
    pub memory: Option<PathBuf>,
    /// Id of the method that the edit form starts with; the first that is loaded otherwise.
    pub method: Option<String>,
    /// Id of the objective that the edit form starts with; the first that is loaded otherwise.
    pub objective: Option<String>,
    /// The program's flags besides the model, as commands for the shell repeat them.
    pub flags: Vec<String>,
    /// The run of another process that is shown; nothing can be ordered then.
    pub follows: Option<String>,
    /// The pane that has the keys and the whole screen at the start; what was remembered decides otherwise.
    pub zoomed_on: Option<&'static str>,
    /// Where exported tables go.
    pub export_folder: PathBuf,
    /// Where the folders of sweeps go.
    pub sweep_folder: PathBuf,
    /// When the workbench was started, since 1970 in UTC.
    pub began: Duration,
    /// Most frames in a second.
    pub frames_per_second: u32,
}

impl WorkbenchOptions {
    /// Options for a model, with colours, glyphs and frame rate as the environment asks for.
    #[must_use]
    pub fn from_environment(source: ModelSource) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let language = variable("LC_ALL").or_else(|| variable("LC_CTYPE")).or_else(|| variable("LANG"));
        let is_unicode = |locale: &String| locale.to_lowercase().replace('-', "").contains("utf8");
        Self {
            source,
            models: Vec::new(),
            ascii: language.is_some_and(|locale| !is_unicode(&locale)),
            colours: Depth::from_environment(),
            keymap: None,
            memory: None,
            method: None,
            objective: None,
            flags: Vec::new(),
            follows: None,
            zoomed_on: None,
            export_folder: PathBuf::from("."),
            sweep_folder: PathBuf::from("."),
            began: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
            frames_per_second: if variable("SSH_CONNECTION").is_some() { 8 } else { 20 },
        }
    }
}
