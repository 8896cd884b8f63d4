//! What the edit form says, and the form on a variant of the comparison: the variant's settings take the place of the
//! form's own meanwhile.

use super::{Settings, State};
use locus_protocol::PluginKind;

/// What the edit form says.
#[derive(Clone, Debug)]
pub struct EditForm {
    /// Method, objective, layers and hyperparameters.
    pub settings: Settings,
    /// The variant that it is about, where it is about one.
    pub variant: Option<VariantForm>,
}

/// What the edit form says when it is about no variant.
#[derive(Clone, Debug)]
pub struct VariantForm {
    pub letter: char,
    settings: Settings,
    layer_chosen: bool,
}

impl State {
    /// What `run` would do, in a few words.
    #[must_use]
    pub fn run_hint(&self) -> String {
        let Some(method) = self.form.settings.chosen(&self.engine, PluginKind::Method) else {
            return "edit".to_owned();
        };
        let facts = match self.facts.marked() {
            0 => String::new(),
            1 => " the marked fact".to_owned(),
            marked => format!(" {marked} facts together"),
        };
        match self.form.settings.layers.trim() {
            "" => format!("edit{facts} with {method}"),
            layers if facts.is_empty() => format!("edit layer {layers} with {method}"),
            layers => format!("edit{facts}, layer {layers}, with {method}"),
        }
    }

    /// Has the edit form be about the variant at a place.
    pub fn begin_variant_form(&mut self, place: usize) {
        self.end_variant_form();
        let Some(variant) = self.compare.variants.list.get(place) else { return };
        let (letter, settings) = (variant.letter, variant.settings.clone());
        let settings = std::mem::replace(&mut self.form.settings, settings);
        self.form.variant = Some(VariantForm { letter, settings, layer_chosen: self.layer.chosen });
        // the variant's layers are its own, whatever layer has the cursor
        self.layer.chosen = true;
        self.suit_plugins();
    }

    /// Gives the variant what the form says, and the form what it said before.
    pub fn end_variant_form(&mut self) {
        let Some(form) = self.form.variant.take() else { return };
        let settings = std::mem::replace(&mut self.form.settings, form.settings);
        if let Some(variant) = self.compare.variants.list.iter_mut().find(|variant| variant.letter == form.letter) {
            variant.settings = settings;
        }
        self.layer.chosen = form.layer_chosen;
        self.suit_plugins();
    }
}
