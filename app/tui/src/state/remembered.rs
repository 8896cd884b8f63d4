//! What the next start of the workbench takes over: layouts, cursors, filter, facts that were typed, settings, variants.

use super::{FactOrder, LayerNumber, Plots, Settings, State, Variant, Windows};
use crate::panes::PANES;
use locus_protocol::{Fact, TraceKind};
use serde::{Deserialize, Serialize};
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
    trace: TraceKind,
    form: Settings,
    variants: Vec<(char, Settings)>,
    baseline: usize,
    cursor: usize,
    number: LayerNumber,
    plots: Plots,
}

impl State {
    /// What the next start takes over.
    #[must_use]
    pub fn remembered(&self) -> Remembered {
        let mut state = self.clone();
        state.end_variant_form();
        Remembered {
            pane: state.pane().to_owned(),
            zoomed: state.zoomed,
            filter: state.facts.filter.value().to_owned(),
            order: state.facts.order,
            typed: state.facts.typed().to_vec(),
            prompt: state.fact().map_or_else(String::new, Fact::prompt),
            layer: state.layer_chosen.then_some(state.layer),
            trace: state.traces.kind,
            variants: state.compare.variants.iter().map(|v| (v.letter, v.settings.clone())).collect(),
            baseline: state.compare.baseline,
            cursor: state.compare.cursor,
            number: state.compare.number,
            plots: state.plots,
            windows: state.windows,
            form: state.settings,
        }
    }

    /// Takes over what was remembered, before anything has happened.
    pub fn recall(&mut self, remembered: Remembered) {
        match remembered.windows.check() {
            Ok(()) => self.windows = remembered.windows,
            Err(what) => {
                let text =
                    format!("the layouts of the last session cannot be shown ({what}); these are the shipped ones");
                self.log.push(self.now, "workbench", "warning", &text);
            }
        }
        if PANES.iter().any(|pane| pane.name == remembered.pane) {
            self.focus_on(&remembered.pane);
        }
        self.zoomed = remembered.zoomed;
        for fact in remembered.typed.into_iter().rev() {
            self.facts.add(fact);
        }
        self.facts.order = remembered.order;
        self.facts.filter = Input::new(remembered.filter);
        self.facts.apply_filter();
        self.facts.wanted = Some(remembered.prompt).filter(|prompt| !prompt.is_empty());
        if let Some(layer) = remembered.layer {
            (self.layer, self.layer_chosen) = (layer, true);
        }
        self.traces.kind = remembered.trace;
        self.settings.take_over(remembered.form);
        let place = |place: usize, count: usize| if place < count { place } else { 0 };
        let variant = |(letter, settings)| Variant { letter, settings };
        self.compare.variants = remembered.variants.into_iter().map(variant).collect();
        let count = self.compare.variants.len();
        (self.compare.baseline, self.compare.cursor) =
            (place(remembered.baseline, count), place(remembered.cursor, count));
        (self.compare.number, self.plots) = (remembered.number, remembered.plots);
    }
}
