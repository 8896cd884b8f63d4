//! The edit form on a variant of the comparison: the variant's settings take the place of the form's own meanwhile.

use super::{Settings, State};

/// What the edit form says when it is about no variant.
#[derive(Clone, Debug)]
pub struct VariantForm {
    /// The variant's letter.
    pub letter: char,
    settings: Settings,
    layer_chosen: bool,
}

impl State {
    /// Has the edit form be about the variant at a place.
    pub fn begin_variant_form(&mut self, place: usize) {
        self.end_variant_form();
        let Some(variant) = self.compare.variants.get(place) else { return };
        let (letter, settings) = (variant.letter, variant.settings.clone());
        let settings = std::mem::replace(&mut self.settings, settings);
        self.variant_form = Some(VariantForm { letter, settings, layer_chosen: self.layer_chosen });
        // the variant's layers are its own, whatever layer has the cursor
        self.layer_chosen = true;
        self.suit_plugins();
    }

    /// Gives the variant what the form says, and the form what it said before.
    pub fn end_variant_form(&mut self) {
        let Some(form) = self.variant_form.take() else { return };
        let settings = std::mem::replace(&mut self.settings, form.settings);
        if let Some(variant) = self.compare.variants.iter_mut().find(|variant| variant.letter == form.letter) {
            variant.settings = settings;
        }
        self.layer_chosen = form.layer_chosen;
        self.suit_plugins();
    }
}
