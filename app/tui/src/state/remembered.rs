//! What the next start of the workbench takes over of what all panes share: layouts, filter, facts that were typed, and what
//! belongs to each model. What a pane has of its own it remembers itself, under its name.

use super::facts::FactOrder;
use super::{Shelf, State, Typed, Windows, kind_of};
use crate::looks::Colors;
use locus_protocol::{Fact, LogLevel, ModelSource};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tui_input::Input;

/// What is taken over. A field that an older file lacks keeps its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    windows: Windows,
    pane: String,
    zoomed: bool,
    filter: String,
    order: FactOrder,
    /// Facts that were typed, the last first.
    typed: Vec<Fact>,
    /// What belongs to each model.
    models: Shelf,
    /// Lines that were typed after `:`.
    lines: Typed,
    /// Whose colors roles have.
    theme: Colors,
    /// Folders of models that were opened, the last first.
    opened: Vec<PathBuf>,
    /// The model that was loaded.
    last: Option<ModelSource>,
    /// By the names of panes: what each remembers.
    #[serde(flatten)]
    pub panes: BTreeMap<String, Value>,
}

impl State {
    /// What the next start takes over, with nothing of the panes yet.
    #[must_use]
    pub fn remembered(&self) -> Remembered {
        let mut state = self.clone();
        state.end_variant_form();
        // the next session knows edits by their operations
        state.screen.windows.renumber(&|edit| self.edits.operation_of(edit));
        let mut models = state.shelf.clone();
        if let Some(model) = &state.engine.model {
            models.put(model.fingerprint.clone(), state.of_model());
        }
        Remembered {
            pane: state.screen.view.clone(),
            zoomed: state.screen.zoomed,
            filter: state.facts.filter.value().to_owned(),
            order: state.facts.order,
            typed: state.facts.typed().to_vec(),
            models,
            lines: state.typed,
            opened: state.launch.opened,
            last: state.engine.model.is_some().then_some(state.launch.source).or(state.launch.last),
            theme: state.screen.theme.colors(),
            windows: state.screen.windows,
            panes: BTreeMap::new(),
        }
    }

    /// Takes over what was remembered, before anything has happened.
    pub fn recall(&mut self, remembered: Remembered) {
        match remembered.windows.check(self.screen.panes) {
            Ok(()) => self.screen.windows = remembered.windows,
            Err(what) => {
                let text = format!("the layouts of the last session cannot be shown ({what}); using the shipped ones");
                self.note(LogLevel::Warning, &text);
            }
        }
        if self.screen.windows.layout().tree.has(&remembered.pane) {
            self.screen.go_to(&remembered.pane);
        } else {
            self.screen.focus_on(kind_of(&remembered.pane));
        }
        self.screen.zoomed = remembered.zoomed;
        for fact in remembered.typed.into_iter().rev() {
            self.facts.add(fact);
        }
        self.facts.order = remembered.order;
        self.facts.set_filter(Input::new(remembered.filter));
        self.shelf = remembered.models;
        self.typed = remembered.lines;
        for folder in &remembered.opened {
            let is_known = self.launch.models.iter().any(|known| known.is_in(folder));
            let found = self.launch.look_at.filter(|_| !is_known).and_then(|look_at| look_at(folder));
            self.launch.models.extend(found);
        }
        self.launch.opened = remembered.opened;
        self.launch.last = remembered.last;
        self.screen.theme = self.launch.own.on(self.screen.theme.with(remembered.theme));
    }
}
