//! What the next start of the workbench takes over of what all panes share: layouts, cursors, filter, facts that were typed,
//! settings, variants. What a pane has of its own it remembers itself, under its name.

use super::facts::FactOrder;
use super::{LayerCursor, Settings, State, Typed, Variants, Windows, kind_of};
use crate::looks::Colors;
use locus_protocol::Fact;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
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
    /// The selected fact's prompt.
    prompt: String,
    /// The layer under the cursor, where the user chose it.
    layer: Option<usize>,
    form: Settings,
    variants: Vec<(char, Settings)>,
    baseline: usize,
    cursor: usize,
    /// Lines that were typed after `:`.
    lines: Typed,
    /// Whose colors roles have.
    theme: Colors,
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
        Remembered {
            pane: state.screen.view.clone(),
            zoomed: state.screen.zoomed,
            filter: state.facts.filter.value().to_owned(),
            order: state.facts.order,
            typed: state.facts.typed().to_vec(),
            prompt: state.fact().map_or_else(String::new, Fact::prompt),
            layer: state.layer.chosen.then_some(state.layer.place),
            variants: state.compare.variants.list.iter().map(|v| (v.letter, v.settings.clone())).collect(),
            baseline: state.compare.variants.baseline,
            cursor: state.compare.variants.cursor,
            lines: state.typed,
            theme: state.screen.theme.colors(),
            windows: state.screen.windows,
            form: state.form.settings,
            panes: BTreeMap::new(),
        }
    }

    /// Takes over what was remembered, before anything has happened.
    pub fn recall(&mut self, remembered: Remembered) {
        match remembered.windows.check(self.screen.panes) {
            Ok(()) => self.screen.windows = remembered.windows,
            Err(what) => {
                let text =
                    format!("the layouts of the last session cannot be shown ({what}); these are the shipped ones");
                self.note("warning", &text);
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
        self.facts.wanted = Some(remembered.prompt).filter(|prompt| !prompt.is_empty());
        if let Some(place) = remembered.layer {
            self.layer = LayerCursor { place, chosen: true };
        }
        self.typed = remembered.lines;
        self.screen.theme = self.screen.theme.with(remembered.theme);
        self.form.settings.take_over(remembered.form);
        self.compare.variants = Variants::remembered(remembered.variants, remembered.baseline, remembered.cursor);
    }
}
