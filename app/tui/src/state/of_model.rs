//! What belongs to one model: what the edit form says, variants, cursors, and what was found with it. It is put away where
//! another model comes, and is there again with its model, in this session or the next.

use super::edit::KeptEdit;
use super::{Attempt, LayerCursor, Settings, State, TraceView, Variants};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Models of which something is kept.
const KEPT: usize = 5;

/// What belongs to one model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OfModel {
    form: Settings,
    variants: Vec<(char, Settings)>,
    baseline: usize,
    cursor: usize,
    /// The selected fact's prompt.
    prompt: String,
    /// The layer under the cursor, where the user chose it.
    layer: Option<usize>,
    /// Heat maps, the oldest first. Edits go by their operations in the journal.
    traces: Vec<Value>,
    /// What trying variants has shown, the oldest first.
    attempts: Vec<Value>,
    /// The last edit that was put in place.
    edit: Option<Value>,
}

/// What belongs to models that are not loaded, by their fingerprints, the last one first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shelf(Vec<(String, OfModel)>);

impl Shelf {
    /// Puts away what belongs to a model.
    pub fn put(&mut self, fingerprint: String, of: OfModel) {
        self.0.retain(|(known, _)| *known != fingerprint);
        self.0.insert(0, (fingerprint, of));
        self.0.truncate(KEPT);
    }

    /// Takes what belongs to a model.
    pub fn take(&mut self, fingerprint: &str) -> Option<OfModel> {
        let place = self.0.iter().position(|(known, _)| known == fingerprint)?;
        Some(self.0.remove(place).1)
    }

    /// Whether nothing is on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a record of it holds; nothing where that cannot be read again: what is no number has no record.
fn record<T: Serialize + DeserializeOwned>(what: &T) -> Option<Value> {
    let record = serde_json::to_value(what).ok()?;
    serde_json::from_value::<T>(record.clone()).is_ok().then_some(record)
}

fn read<T: DeserializeOwned>(record: Value) -> Option<T> {
    serde_json::from_value(record).ok()
}

impl State {
    /// What belongs to the model that is there.
    #[must_use]
    pub fn of_model(&self) -> OfModel {
        let operation = |edit: u64| self.edits.operation_of(edit);
        let traces = self.traces.finished().filter_map(|view| view.recorded(&operation));
        let attempts = self.compare.finished().filter_map(|attempt| attempt.recorded(&operation));
        let variants = &self.compare.variants;
        OfModel {
            form: self.form.settings.clone(),
            variants: variants.list.iter().map(|v| (v.letter, v.settings.clone())).collect(),
            baseline: variants.baseline,
            cursor: variants.cursor,
            prompt: self.fact().map_or_else(String::new, locus_protocol::Fact::prompt),
            layer: self.layer.chosen.then_some(self.layer.place),
            traces: traces.filter_map(|view: TraceView| record(&view)).collect(),
            attempts: attempts.filter_map(|attempt: Attempt| record(&attempt)).collect(),
            edit: self.edits.kept(&operation).and_then(|edit| record(&edit)),
        }
    }

    /// What belongs to a model that was there before is there again.
    pub fn take_of_model(&mut self, of: OfModel) {
        self.facts.wanted = Some(of.prompt).filter(|prompt| !prompt.is_empty());
        if let Some(place) = of.layer {
            self.layer = LayerCursor { place, chosen: true };
        }
        self.form.settings.take_over(of.form);
        self.compare.variants = Variants::remembered(of.variants, of.baseline, of.cursor);
        self.traces.restore(of.traces.into_iter().filter_map(read).collect());
        self.compare.restore(of.attempts.into_iter().filter_map(read).collect());
        self.edits.restore(of.edit.and_then(read::<KeptEdit>));
    }

    /// Another model is there: what belongs to the one before is put away, and what belongs to this one is brought.
    pub fn change_model(&mut self, before: Option<(String, OfModel)>, now: &str, settings: Settings) {
        let of = self.shelf.take(now);
        if let Some((before, what)) = before {
            self.shelf.put(before, what);
            // nothing of another model's is offered on this one
            (self.form.settings, self.compare.variants) = (settings, Variants::default());
            self.layer = LayerCursor::default();
        }
        if let Some(of) = of {
            self.take_of_model(of);
        }
    }
}
