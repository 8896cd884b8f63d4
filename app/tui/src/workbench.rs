//! The workbench as a whole: what all panes share, what each has of its own, and what lies over them.

use crate::actions;
use crate::input::Effect;
use crate::keys::{Keymap, KeymapError};
use crate::options::WorkbenchOptions;
use crate::overlays::Overlay;
use crate::panes::{Act, NAMES, PANES, Panes, Table};
use crate::state::{Opening, Remembered, State, Tone, Wish};
use locus_protocol::LogLevel;
use std::path::Path;
use std::time::Duration;

/// Actions that give a pane other rows or another order of them, which its own state decides, with that pane.
const REORDERS: [(&str, &str); 6] = [
    ("sort-layers", "layers"),
    ("hide-column", "layers"),
    ("all-columns", "layers"),
    ("filter-log", "log"),
    ("log-level", "log"),
    ("clear-log-filter", "log"),
];

/// Bytes of a keymap that are read at most.
const LARGEST_KEYMAP: u64 = 1 << 20;

#[derive(Clone, Debug)]
pub struct Workbench {
    /// What all panes share.
    pub(crate) state: State,
    /// What each pane has of its own.
    pub(crate) panes: Panes,
    /// What lies over the panes.
    pub(crate) overlay: Option<Overlay>,
}

impl Workbench {
    /// The workbench before anything has happened.
    ///
    /// # Errors
    /// A keymap is wrong, or cannot be read.
    pub fn new(options: &WorkbenchOptions) -> Result<Self, KeymapError> {
        let mut state = State::new(options, NAMES, keymap(options.keymap.as_deref())?);
        if let Some(pane) = options.zoomed_on {
            state.screen.focus_on(pane);
            state.screen.zoomed = true;
        }
        Ok(Self { state, panes: Panes::default(), overlay: None })
    }

    /// What all panes share.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The table of a pane, whether it is on the screen or not.
    #[must_use]
    pub fn table_of(&self, pane: &str) -> Option<Table> {
        self.panes.get(pane)?.table(&self.state.seen())
    }

    /// Columns and rows of the screen.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        self.state.screen.size
    }

    /// When something on the screen changes by itself next.
    #[must_use]
    pub fn next_tick(&self) -> Option<Duration> {
        self.state.next_tick()
    }

    pub fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.state.say(tone, text);
    }

    pub fn load(&mut self) -> Vec<Effect> {
        self.state.load()
    }

    /// Orders the model that was named; where none was, shows those that can be opened.
    pub fn begin(&mut self) -> Vec<Effect> {
        if self.state.launch.chooses {
            return self.grant(vec![Wish::Open(Opening::Models)]);
        }
        self.load()
    }

    /// What the next start takes over.
    #[must_use]
    pub fn remembered(&self) -> Remembered {
        let mut remembered = self.state.remembered();
        for (about, pane) in PANES.iter().zip(self.panes.all()) {
            remembered.panes.extend(pane.remember().map(|value| (about.name.to_owned(), value)));
        }
        remembered
    }

    /// Takes over what was remembered, before anything has happened.
    pub fn recall(&mut self, remembered: Remembered) {
        for (about, pane) in PANES.iter().zip(self.panes.all_mut()) {
            let value = remembered.panes.get(about.name);
            if let Some(Err(error)) = value.map(|value| pane.recall(value)) {
                let text = format!("the saved state of the pane {} cannot be read ({error})", about.title);
                self.state.note(LogLevel::Warning, &text);
            }
        }
        self.state.recall(remembered);
    }

    /// Another session begins in the same journal: nothing of the last one is left.
    pub(crate) fn begin_anew(&mut self) {
        self.state.begin_anew();
        for pane in self.panes.all_mut() {
            pane.begin_anew();
        }
    }

    /// Runs an action, or says why it cannot run.
    pub(crate) fn run(&mut self, action: &dyn Act) -> Vec<Effect> {
        match action.available(&self.panes, &self.state) {
            Ok(()) => {
                let wishes = action.run(&mut self.panes, &self.state);
                if let Some((_, pane)) = REORDERS.into_iter().find(|(name, _)| *name == action.name()) {
                    self.state.screen.windows.unselect(Some(pane));
                }
                self.grant(wishes)
            }
            Err(why) => {
                self.state.say(Tone::Plain, why);
                Vec::new()
            }
        }
    }

    /// Does what a line after `:` says: a command with its arguments, or an action by its name.
    fn run_line(&mut self, line: &str) -> Vec<Effect> {
        let wishes = match actions::run(&self.state, line) {
            Some(Ok(wishes)) => wishes,
            Some(Err(why)) => vec![Wish::say(Tone::Bad, why)],
            None => return actions::find(line).into_iter().flat_map(|action| self.run(action)).collect(),
        };
        self.grant(wishes)
    }

    /// Does what was asked for, one after the other.
    pub(crate) fn grant(&mut self, wishes: Vec<Wish>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for wish in wishes {
            match wish {
                Wish::Do(effect) => effects.push(effect),
                Wish::Change(change) => effects.extend(self.state.change(change)),
                Wish::Open(opening) => self.overlay = Some(Overlay::open(opening, &self.state)),
                Wish::Run(name) => effects.extend(actions::find(name).into_iter().flat_map(|action| self.run(action))),
                Wish::Type(line) => effects.extend(self.run_line(&line)),
            }
        }
        effects
    }
}

/// The shipped key map with the user's own, where it is there, laid over it.
///
/// # Errors
/// The user's own is wrong, or cannot be read.
pub fn keymap(own: Option<&Path>) -> Result<Keymap, KeymapError> {
    let mut keymap = actions::keymap()?;
    let Some(path) = own.filter(|path| !matches!(path.try_exists(), Ok(false))) else { return Ok(keymap) };
    let file = path.display().to_string();
    let text = locus_files::text(path, LARGEST_KEYMAP)
        .map_err(|error| KeymapError { file: file.clone(), what: format!("cannot be read: {error}") })?;
    keymap.lay_over(&file, &text)?;
    Ok(keymap)
}

#[cfg(test)]
mod tests {
    use super::{NAMES, REORDERS, actions};

    #[test]
    fn actions_that_reorder_rows_are_there() {
        for (action, pane) in REORDERS {
            assert!(actions::find(action).is_some() && NAMES.contains(&pane), "{action} of {pane}");
        }
    }
}
