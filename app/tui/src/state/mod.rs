//! What all panes share: what the engine has told, what was ordered of it, what is selected. Nothing here knows which panes
//! there are, or how they show it.

mod arrangement;
mod change;
mod compare;
mod edit;
mod engine;
mod facts;
mod form;
mod job;
mod jobs;
mod left_out;
mod link;
mod log;
mod next_tokens;
mod notice;
mod of_model;
mod opening;
mod pace;
mod phase;
mod plugin_build;
mod remembered;
mod says;
mod screen;
mod settings;
mod traces;
mod typed;
mod variants;
mod views;
mod windows;

pub use arrangement::{Arrangement, arrange, pane_rows};
pub use change::{Change, Opening, Wish};
pub use compare::{Attempt, Compare, Ground};
pub use edit::{EditView, Edits, LARGE, Stage, is_large};
pub use engine::Engine;
pub use facts::FactList;
pub use form::EditForm;
pub use job::Job;
pub use jobs::{Ended, Jobs, Order};
pub use left_out::LeftOuts;
pub use link::Link;
pub use log::{Log, LogLine};
pub use next_tokens::{NextTokens, Prediction};
pub use notice::{Notices, Tone};
pub use of_model::Shelf;
pub use pace::{Lap, time_left};
pub use phase::phase_text;
pub use plugin_build::{Build, BuildStage};
pub use remembered::Remembered;
pub use screen::Screen;
pub use settings::{FREE_GENERATION, NoOrder, Settings, parse_free_generation, parse_layers, shown_value};
pub use traces::{Peak, TraceView, Traces};
pub use typed::Typed;
pub use variants::{MOST_VARIANTS, Variant, Variants};
pub use views::{Of, Seen, View, kind_of};
pub use windows::{Axis, Tree, Windows};

use crate::input::{Effect, Reloaded};
use crate::keys::{Key, Keymap};
use crate::looks::{Glyphs, Theme};
use crate::options::{KnownModel, Own, WorkbenchOptions};
use locus_protocol::{EditOrder, Fact, Load, LogLevel, ModelSource, PluginKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the workbench was started with.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Where the model comes from.
    pub source: ModelSource,
    /// The program's flags, as commands for the shell repeat them.
    pub flags: Vec<String>,
    pub export_folder: PathBuf,
    /// Where the folders of sweeps go.
    pub sweep_folder: PathBuf,
    /// When that was, since 1970 in UTC.
    pub began: Duration,
    /// What the edit form says on a model that nothing is known of.
    pub form: Settings,
    /// What the user's settings say of the workbench itself.
    pub own: Own,
    /// Models that were found on this machine.
    pub models: Vec<KnownModel>,
    /// What the model in a folder is, where the folder is on this machine.
    pub look_at: Option<fn(&Path) -> Option<KnownModel>>,
    /// Folders of models that were opened, the last first.
    pub opened: Vec<PathBuf>,
    /// Whether no model was named at the start.
    pub chooses: bool,
    /// The model that was loaded last in the session before.
    pub last: Option<ModelSource>,
    /// The model that was opened last and is not there yet.
    pub wanted: Option<ModelSource>,
}

/// The layer under the cursor, the same in all panes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerCursor {
    pub place: usize,
    /// Whether the user has moved to it; a finished trace leaves it alone then.
    pub chosen: bool,
}

/// What keys have done that is not over yet.
#[derive(Clone, Debug, Default)]
pub struct Keyboard {
    /// Keys of a sequence that has begun.
    pub pending: Vec<Key>,
    /// When Ctrl-c was pressed with nothing to cancel.
    pub interrupted: Option<Duration>,
}

/// What all panes share. Panes, overlays and actions only read it, and ask for a `Change`.
#[derive(Clone, Debug)]
pub struct State {
    /// Time since the start.
    pub now: Duration,
    /// What the workbench was started with.
    pub launch: Launch,
    /// Size, looks, keys, and which panes show.
    pub screen: Screen,
    /// Keys that began something.
    pub keyboard: Keyboard,
    /// What is known of the engine.
    pub engine: Engine,
    /// The connection to it.
    pub link: Link,
    /// The running job, and those that wait or have ended.
    pub jobs: Jobs,
    pub facts: FactList,
    /// Next tokens of the selected fact.
    pub next_tokens: NextTokens,
    pub traces: Traces,
    /// The layer under the cursor.
    pub layer: LayerCursor,
    /// The running or last edit, and what is in place.
    pub edits: Edits,
    /// What facts are without some of the edits in place.
    pub left_outs: LeftOuts,
    /// Variants side by side.
    pub compare: Compare,
    pub form: EditForm,
    /// The crate of a plugin that is built.
    pub build: Build,
    pub log: Log,
    pub notices: Notices,
    /// Exports so far, for their names.
    pub exports: usize,
    /// Lines that were typed after `:`.
    pub typed: Typed,
    /// What belongs to models that are not loaded.
    pub shelf: Shelf,
}

impl State {
    /// The state before anything has happened, for panes of these names.
    #[must_use]
    pub fn new(options: &WorkbenchOptions, panes: &'static [&'static str], keymap: Keymap) -> Self {
        Self {
            now: Duration::ZERO,
            launch: Launch {
                source: options.source.clone(),
                flags: options.flags.clone(),
                export_folder: options.export_folder.clone(),
                sweep_folder: options.sweep_folder.clone(),
                began: options.began,
                form: Settings::new(options.method.clone(), options.objective.clone()),
                own: options.own,
                models: options.models.clone(),
                look_at: options.look_at,
                opened: Vec::new(),
                chooses: options.chooses,
                last: None,
                wanted: None,
            },
            screen: Screen::new(panes, options.own.on(Theme::new(options.colors)), Glyphs::new(options.ascii), keymap),
            keyboard: Keyboard::default(),
            engine: Engine::default(),
            link: Link::new(options.follows.clone()),
            jobs: Jobs::default(),
            facts: FactList::default(),
            next_tokens: NextTokens::default(),
            traces: Traces::default(),
            layer: LayerCursor::default(),
            edits: Edits::default(),
            left_outs: LeftOuts::default(),
            compare: Compare::default(),
            form: EditForm {
                settings: Settings::new(options.method.clone(), options.objective.clone()),
                variant: None,
            },
            build: Build::default(),
            log: Log::default(),
            notices: Notices::default(),
            exports: 0,
            typed: Typed::default(),
            shelf: Shelf::default(),
        }
    }

    /// Another session begins in the same journal: nothing of the last one is left.
    pub fn begin_anew(&mut self) {
        (self.engine, self.jobs, self.facts) = (Engine::default(), self.jobs.none(), FactList::default());
        (self.edits, self.traces, self.compare) = (Edits::default(), Traces::default(), Compare::default());
        self.next_tokens.told = None;
        self.left_outs.forget();
        self.layer.chosen = false;
    }

    /// Takes over what the user's files of settings and keys say now.
    pub fn take_over(&mut self, read: Reloaded) {
        let Reloaded { keymap, own, plugins: [method, objective] } = read;
        (self.screen.keymap, self.launch.own) = (keymap, own);
        self.screen.theme = own.on(self.screen.theme);
        self.launch.form = Settings::new(Some(method), Some(objective));
        self.keyboard.pending.clear();
        let text = "settings and keys are reloaded; method and objective apply to the next model, reproducible and \
                    keep from the next start";
        self.say(Tone::Good, text);
    }

    #[must_use]
    pub fn theme(&self) -> Theme {
        self.screen.theme
    }

    #[must_use]
    pub fn glyphs(&self) -> Glyphs {
        self.screen.glyphs
    }

    #[must_use]
    pub fn keymap(&self) -> &Keymap {
        &self.screen.keymap
    }

    /// The first key of an action in the pane with the keys, for sentences; without one, `:` and the action's name.
    #[must_use]
    pub fn key(&self, action: &str) -> String {
        self.keymap().first_key(self.pane(), action)
    }

    /// What is said where something needs a fact and none is selected.
    #[must_use]
    pub fn no_fact(&self) -> String {
        let filter = self.keymap().first_key("fact", "filter");
        format!("no fact is selected; {filter} filters facts, {} types one", self.key("own-fact"))
    }

    /// What every key says that would order something where another process' run is shown.
    #[must_use]
    pub fn read_only(&self) -> String {
        format!("read-only: this shows the run of another process; {} leaves", self.key("quit"))
    }

    /// Name of the pane with the keys.
    #[must_use]
    pub fn pane(&self) -> &'static str {
        self.screen.pane()
    }

    /// Shows a message, which the log keeps if it is of something that failed or came to nothing.
    pub fn say(&mut self, tone: Tone, text: impl Into<String>) {
        let text = text.into();
        match tone {
            Tone::Bad => self.note(LogLevel::Error, &text),
            Tone::Warn => self.note(LogLevel::Warning, &text),
            Tone::Good | Tone::Plain => {}
        }
        self.notices.say(self.now, tone, text);
    }

    /// Notes what the workbench itself has to say in the log.
    pub fn note(&mut self, level: LogLevel, text: &str) {
        self.log.push(self.now, "workbench", level, text);
    }

    #[must_use]
    pub fn fact(&self) -> Option<&Fact> {
        self.facts.current()
    }

    /// The selected fact, or what to do to have one.
    ///
    /// # Errors
    /// None is selected.
    pub fn chosen_fact(&self) -> Result<&Fact, String> {
        self.fact().ok_or_else(|| self.no_fact())
    }

    /// Layers of the model; 0 as long as there is none.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.engine.model.as_ref().map_or(0, |model| model.layers)
    }

    /// The layer under the cursor.
    #[must_use]
    pub fn layer(&self) -> usize {
        self.layer.place
    }

    /// What the edit form says.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.form.settings
    }

    /// Moves to a layer, and has the next edit work on it.
    pub fn choose_layer(&mut self, layer: usize) {
        self.layer = LayerCursor { place: layer.min(self.layers().saturating_sub(1)), chosen: true };
        self.form.settings.layers = self.layer.place.to_string();
    }

    /// Has the defaults of methods suit the chosen objective, and the layers the chosen method, unless the user chose.
    pub fn suit_plugins(&mut self) {
        let objective = self.form.settings.chosen(&self.engine, PluginKind::Objective).map(str::to_owned);
        self.engine.suit(objective.as_deref());
        if self.layer.chosen || self.engine.model.is_none() {
            return;
        }
        let method = self.form.settings.chosen(&self.engine, PluginKind::Method);
        let method = method.and_then(|id| self.engine.plugin(PluginKind::Method, id));
        // layers that suit the model are left to the method: a trace says where a fact is, not where an edit does best
        let has_layers = method.is_some_and(|method| !method.layers.is_empty());
        self.form.settings.layers = if has_layers { String::new() } else { self.layer.place.to_string() };
    }

    /// The edit that the form asks for.
    ///
    /// # Errors
    /// One sentence: what is missing or wrong.
    pub fn edit_order(&self) -> Result<EditOrder, String> {
        self.form.settings.order(&self.engine, self.facts.to_edit()).map_err(|why| self.words_of(&why))
    }

    /// Why settings ask for no edit, and what to do about it, as a sentence.
    #[must_use]
    pub fn words_of(&self, why: &NoOrder) -> String {
        match why {
            NoOrder::NoPlugin(kind) => {
                let what = if *kind == PluginKind::Method { "method" } else { "objective" };
                format!(
                    "no editing {what} is loaded; {} shows where Locus looked for plugins and why it rejected files",
                    self.key("model")
                )
            }
            NoOrder::NoNewTarget(subject) => {
                let which = match subject {
                    Some(subject) => format!("the fact on {subject}"),
                    None => "this fact".to_owned(),
                };
                format!("{which} has no new target; {} adds one", self.key("amend-fact"))
            }
            NoOrder::NoFact => self.no_fact(),
            NoOrder::Wrong(what) => what.clone(),
        }
    }

    /// Orders the model, or an engine where there is none.
    pub fn load(&mut self) -> Vec<Effect> {
        if self.engine.gone {
            return vec![Effect::StartEngine];
        }
        // what was opened and did not load is tried again
        if let Some(wanted) = self.launch.wanted.clone().filter(|_| self.engine.model.is_none()) {
            return self.open(wanted);
        }
        self.engine.load_trouble = None;
        let source = self.launch.source.clone();
        self.order("loading the model".to_owned(), Load { source })
    }

    /// Why no job can start now.
    ///
    /// # Errors
    /// A job is running or the model is not there.
    pub fn ready_for_a_job(&self) -> Result<(), String> {
        match (self.job(), &self.engine.model) {
            _ if self.link.follows.is_some() => Err(self.read_only()),
            _ if self.engine.gone => Err(format!("the engine has ended; {} starts a new one", self.key("load"))),
            (Some(job), _) => Err(format!("{} is running; {} cancels it", job.title, self.key("cancel"))),
            (None, None) => Err(self.without_a_model()),
            (None, Some(_)) => Ok(()),
        }
    }

    /// That no model is loaded, and what the key for it does.
    #[must_use]
    pub fn without_a_model(&self) -> String {
        let key = self.key("load");
        match self.opens_list() {
            true => format!("no model is loaded; {key} opens one"),
            false => format!("the model is not loaded; {key} loads it"),
        }
    }

    /// When something on the screen changes by itself next.
    #[must_use]
    pub fn next_tick(&self) -> Option<Duration> {
        let quarter = Duration::from_millis(250);
        let spinner = self.job().map(|_| {
            let quarters = self.now.as_millis() / quarter.as_millis() + 1;
            quarter * u32::try_from(quarters).unwrap_or(u32::MAX)
        });
        let prediction = self.next_tokens.due.filter(|_| self.ready_for_a_look().is_ok());
        [spinner, prediction, self.notices.until()].into_iter().flatten().min()
    }

    /// Whether there is nothing to wait for: no job, no question to the engine, no message that fades.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.next_tick().is_none()
    }
}
