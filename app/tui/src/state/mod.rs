//! Everything the screen shows. Events and keys change it, drawing only reads it.

mod arrangement;
mod compare;
mod edit;
mod engine;
mod facts;
mod job;
mod jobs;
mod log;
mod notice;
mod own_fact;
mod pace;
mod phase;
mod plots;
mod plugin_build;
mod remembered;
mod settings;
mod traces;
mod variant_form;
mod windows;

pub use arrangement::{Arrangement, arrange, pane_rows};
pub use compare::{Attempt, Compare, Ground, LayerNumber, MOST_VARIANTS, Variant};
pub use edit::{EditView, Edits, Stage};
pub use engine::Engine;
pub use facts::{FactList, FactOrder};
pub use job::Job;
pub use jobs::{Ended, Jobs, Order};
pub use log::Log;
pub use notice::{Notices, Tone};
pub use own_fact::{FIELDS, OwnFact};
pub use pace::{Lap, time_left};
pub use phase::phase_text;
pub use plots::{PlotKind, Plots};
pub use plugin_build::{Build, BuildStage};
pub use remembered::Remembered;
pub use settings::{Settings, parse_layers, shown_value};
pub use traces::{Peak, TraceView, Traces};
pub use variant_form::VariantForm;
pub use windows::{Axis, Tree, Windows};

use crate::actions;
use crate::keys::{Key, Keymap, KeymapError};
use crate::looks::{Glyphs, Theme};
use crate::options::Options;
use crate::overlays::Overlay;
use crate::panes::PANES;
use locus_protocol::{Fact, JobId, LayerRow, ModelSource, PluginKind, TokenText, TopToken};
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of a keymap that are read at most.
const LARGEST_KEYMAP: u64 = 1 << 20;
/// How long a selection has to rest before its next tokens are asked for.
const PREDICTION_DELAY: Duration = Duration::from_millis(120);

/// What is said where something needs a fact and none is selected.
pub const NO_FACT: &str = "no fact is selected; / filters facts, i types one";

/// What every key says that would order something where another process' run is shown.
pub const READ_ONLY: &str = "read-only: this shows the run of another process; q leaves";

/// The next tokens of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The prompt.
    pub prompt: String,
    /// Its tokens.
    pub tokens: Vec<TokenText>,
    /// The most probable first.
    pub top: Vec<TopToken>,
    /// Edits that were in place.
    pub edits: usize,
    /// Their numbers; unknown in records of before they were told.
    pub in_place: Vec<u64>,
    /// Rows of the model as it was then; none where the fact lacks a target.
    pub rows: Vec<LayerRow>,
}

impl Prediction {
    /// Whether it is of the model with these edits in place.
    #[must_use]
    pub fn is_of(&self, in_place: &[u64]) -> bool {
        if self.in_place.len() == self.edits { self.in_place == in_place } else { self.edits == in_place.len() }
    }
}

/// The state of the workbench.
#[derive(Clone, Debug)]
pub struct State {
    /// Time since the start.
    pub now: Duration,
    /// Columns and rows of the screen.
    pub size: (u16, u16),
    /// Styles.
    pub theme: Theme,
    /// Glyphs.
    pub glyphs: Glyphs,
    /// Keys.
    pub keymap: Keymap,
    /// Keys of a sequence that has begun.
    pub pending: Vec<Key>,
    /// Where the model comes from.
    pub source: ModelSource,
    /// The run of another process that is shown; nothing can be ordered then.
    pub follows: Option<String>,
    /// Which pane has the keys, by its place in [`PANES`].
    pub focus: usize,
    /// Which panes are on the screen.
    pub windows: Windows,
    /// Whether that pane has the whole screen.
    pub zoomed: bool,
    /// What lies over the panes.
    pub overlay: Option<Overlay>,
    /// What is known of the engine.
    pub engine: Engine,
    /// The running job.
    pub job: Option<Job>,
    /// The jobs that wait or have ended.
    pub jobs: Jobs,
    /// The last job's number.
    pub last_job: JobId,
    /// Whether loading the model ended without one, and how.
    pub load_trouble: Option<String>,
    /// The facts.
    pub facts: FactList,
    /// Next tokens of the last prompt that was asked.
    pub prediction: Option<Prediction>,
    /// When to ask for the next tokens of the selected fact.
    pub prediction_due: Option<Duration>,
    /// Traces.
    pub traces: Traces,
    /// The layer under the cursor, the same in all panes.
    pub layer: usize,
    /// Whether the user has moved to that layer; a finished trace leaves it alone then.
    pub layer_chosen: bool,
    /// The running or last edit, and what is in place.
    pub edits: Edits,
    /// Variants side by side.
    pub compare: Compare,
    /// What the Plots pane shows.
    pub plots: Plots,
    /// The variant that the edit form is about, where it is about one.
    pub variant_form: Option<VariantForm>,
    /// What the edit form says.
    pub settings: Settings,
    /// The crate of a plugin that is built.
    pub build: Build,
    /// First line shown of the before/after pane.
    pub before_after_scroll: usize,
    /// Log lines.
    pub log: Log,
    /// Messages.
    pub notices: Notices,
    /// When Ctrl-c was pressed with nothing to cancel.
    pub interrupted: Option<Duration>,
    /// The program's flags, as commands for the shell repeat them.
    pub flags: Vec<String>,
    /// Where files go.
    pub export_folder: PathBuf,
    /// Exports so far, for their names.
    pub exports: usize,
}

impl State {
    /// The state before anything has happened.
    ///
    /// # Errors
    /// A keymap is wrong, or cannot be read.
    pub fn new(options: &Options) -> Result<Self, KeymapError> {
        let mut keymap = actions::keymap()?;
        if let Some(path) = &options.keymap {
            let file = path.display().to_string();
            let text = locus_files::text(path, LARGEST_KEYMAP)
                .map_err(|error| KeymapError { file: file.clone(), what: format!("cannot be read: {error}") })?;
            keymap.lay_over(&file, &text)?;
        }
        Ok(Self {
            now: Duration::ZERO,
            size: (0, 0),
            theme: Theme::new(options.colours),
            glyphs: Glyphs::new(options.ascii),
            keymap,
            pending: Vec::new(),
            source: options.source.clone(),
            follows: options.follows.clone(),
            focus: 0,
            windows: Windows::shipped(),
            zoomed: false,
            overlay: None,
            engine: Engine::default(),
            job: None,
            jobs: Jobs::default(),
            last_job: 0,
            load_trouble: None,
            facts: FactList::default(),
            prediction: None,
            prediction_due: None,
            traces: Traces::default(),
            layer: 0,
            layer_chosen: false,
            edits: Edits::default(),
            compare: Compare::default(),
            plots: Plots::default(),
            variant_form: None,
            settings: Settings::new(options.method.clone(), options.objective.clone()),
            build: Build::default(),
            before_after_scroll: 0,
            log: Log::default(),
            notices: Notices::default(),
            interrupted: None,
            flags: options.flags.clone(),
            export_folder: options.export_folder.clone(),
            exports: 0,
        })
    }

    /// The selected fact.
    #[must_use]
    pub fn fact(&self) -> Option<&Fact> {
        self.facts.current()
    }

    /// The selected fact, or what to do to have one.
    ///
    /// # Errors
    /// None is selected.
    pub fn chosen_fact(&self) -> Result<&Fact, String> {
        self.fact().ok_or_else(|| NO_FACT.to_owned())
    }

    /// Numbers of the edits in place that variants are measured on top of.
    #[must_use]
    pub fn measured_on(&self) -> Vec<u64> {
        self.compare.on.edits(self.edits.numbers())
    }

    /// Name of the focused pane.
    #[must_use]
    pub fn pane(&self) -> &'static str {
        PANES.get(self.focus).map_or("", |pane| pane.name)
    }

    /// Gives a pane the keys, and has it be on the screen.
    pub fn focus_on(&mut self, name: &str) {
        if let Some(index) = PANES.iter().position(|pane| pane.name == name) {
            self.windows.reveal(name, self.pane());
            self.focus = index;
        }
    }

    /// Layers of the model; 0 as long as there is none.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.engine.model.as_ref().map_or(0, |model| model.layers)
    }

    /// Moves to a layer, and has the next edit work on it.
    pub fn choose_layer(&mut self, layer: usize) {
        self.layer = layer.min(self.layers().saturating_sub(1));
        self.layer_chosen = true;
        self.settings.layers = self.layer.to_string();
    }

    /// Has the defaults of methods suit the chosen objective, and the layers the chosen method, unless the user chose.
    pub fn suit_plugins(&mut self) {
        let objective = self.settings.chosen(&self.engine, PluginKind::Objective).map(str::to_owned);
        self.engine.suit(objective.as_deref());
        if self.layer_chosen || self.engine.model.is_none() {
            return;
        }
        let method = self.settings.chosen(&self.engine, PluginKind::Method);
        let method = method.and_then(|id| self.engine.plugin(PluginKind::Method, id));
        // a window that suits the model is left to the method
        let has_window = method.is_some_and(|method| method.layers.len() > 1);
        self.settings.layers = if has_window { String::new() } else { self.layer.to_string() };
    }

    /// Why no job can start now.
    ///
    /// # Errors
    /// A job is running or the model is not there.
    pub fn ready_for_a_job(&self) -> Result<(), String> {
        match (&self.job, &self.engine.model) {
            _ if self.follows.is_some() => Err(READ_ONLY.to_owned()),
            _ if self.engine.gone => Err("the engine has ended; leave with q and start again".to_owned()),
            (Some(job), _) => Err(format!("{} is running; ctrl-c cancels it", job.title)),
            (None, None) => Err("no model is loaded; o loads it".to_owned()),
            (None, Some(_)) => Ok(()),
        }
    }

    /// Has the next tokens of the selected fact asked for once the selection rests.
    pub fn want_prediction(&mut self) {
        self.prediction_due = Some(self.now + PREDICTION_DELAY);
    }

    /// The prediction for the selected fact with the edits that are in place, if it has come.
    #[must_use]
    pub fn prediction(&self) -> Option<&Prediction> {
        let prompt = self.fact()?.prompt();
        let in_place = self.edits.numbers();
        self.prediction.as_ref().filter(|prediction| prediction.prompt == prompt && prediction.is_of(&in_place))
    }

    /// When something on the screen changes by itself next.
    #[must_use]
    pub fn next_tick(&self) -> Option<Duration> {
        let quarter = Duration::from_millis(250);
        let spinner = self.job.as_ref().map(|_| {
            let quarters = self.now.as_millis() / quarter.as_millis() + 1;
            quarter * u32::try_from(quarters).unwrap_or(u32::MAX)
        });
        let prediction = self.prediction_due.filter(|_| self.ready_for_a_look().is_ok());
        [spinner, prediction, self.notices.until()].into_iter().flatten().min()
    }

    /// Whether there is nothing to wait for: no job, no question to the engine, no message that fades.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.next_tick().is_none()
    }
}
