//! What the workbench is started with.

use crate::looks::{Colors, Depth, Theme};
use locus_protocol::ModelSource;
use locus_records::Preference;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A model that can be opened.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownModel {
    pub name: String,
    pub source: ModelSource,
    /// Its family, its size, what it lacks.
    pub about: String,
}

impl KnownModel {
    /// Whether it is the one in a folder.
    #[must_use]
    pub fn is_in(&self, folder: &Path) -> bool {
        matches!(&self.source, ModelSource::Folder(known) if known == folder)
    }
}

/// What the user's settings say of the workbench itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Own {
    /// Colors that a file of the user names; without, those that were chosen last.
    pub colors: Option<Colors>,
    /// Seconds after which the end of a job rings the terminal's bell; never without.
    pub bell_after: Option<f64>,
}

impl Default for Own {
    fn default() -> Self {
        Self { colors: None, bell_after: Some(30.0) }
    }
}

impl Own {
    /// What settings say.
    ///
    /// # Errors
    /// One sentence that names the file: no theme is called so.
    pub fn of(preference: &Preference) -> Result<Self, String> {
        let named = preference.origin("theme").map(|file| {
            let names = Colors::ALL.map(|(_, name, _)| name);
            Colors::named(&preference.theme).ok_or_else(|| {
                let meant = locus_protocol::did_you_mean(&preference.theme, names);
                let (file, theme) = (file.display(), &preference.theme);
                format!("{file}: unknown theme `{theme}`{meant}; the themes are {}", names.join(", "))
            })
        });
        Ok(Self { colors: named.transpose()?, bell_after: preference.bell.then_some(preference.bell_after) })
    }

    /// A theme with the colors that the settings name.
    #[must_use]
    pub fn on(self, theme: Theme) -> Theme {
        self.colors.map_or(theme, |colors| theme.with(colors))
    }
}

/// What the workbench is started with.
#[derive(Clone, Debug)]
pub struct WorkbenchOptions {
    /// The model that is loaded first.
    pub source: ModelSource,
    /// Whether no model was named: the list of those that can be opened shows first, and none is loaded.
    pub chooses: bool,
    /// Models that were found on this machine.
    pub models: Vec<KnownModel>,
    /// What the model in a folder is, where the folder is on this machine.
    pub look_at: Option<fn(&Path) -> Option<KnownModel>>,
    /// Draws with ASCII only.
    pub ascii: bool,
    /// How many colors the terminal can show.
    pub colors: Depth,
    /// A keymap to lay over the shipped one, where it is there.
    pub keymap: Option<PathBuf>,
    /// Files of settings, the later over the earlier; the first need not be there.
    pub settings: Vec<PathBuf>,
    /// What they say of the workbench itself.
    pub own: Own,
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
    /// Options for a model, with colors, glyphs and frame rate as the environment asks for.
    #[must_use]
    pub fn from_environment(source: ModelSource) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let language = variable("LC_ALL").or_else(|| variable("LC_CTYPE")).or_else(|| variable("LANG"));
        let is_unicode = |locale: &String| locale.to_lowercase().replace('-', "").contains("utf8");
        Self {
            source,
            chooses: false,
            models: Vec::new(),
            look_at: None,
            ascii: language.is_some_and(|locale| !is_unicode(&locale)),
            colors: Depth::from_environment(),
            keymap: None,
            settings: Vec::new(),
            own: Own::default(),
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
