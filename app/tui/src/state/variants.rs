//! Variants of an edit of the selected fact, side by side.

use super::{Engine, NoOrder, Settings};
use locus_protocol::{EditOrder, Fact, PluginKind};

/// Most variants beside each other.
pub const MOST_VARIANTS: usize = 4;

/// A variant: its letter stays as long as it is there.
#[derive(Clone, Debug)]
pub struct Variant {
    /// From `A` to `D`, unique among the variants.
    pub letter: char,
    /// Method, objective, layers and hyperparameters.
    pub settings: Settings,
}

impl Variant {
    /// What it asks for a fact.
    ///
    /// # Errors
    /// One sentence: what is missing or wrong.
    pub fn order(&self, engine: &Engine, fact: &Fact) -> Result<EditOrder, NoOrder> {
        self.settings.order(engine, vec![fact.clone()])
    }

    /// Its method and objective by their ids; nothing where none is loaded.
    #[must_use]
    pub fn names(&self, engine: &Engine) -> (String, String) {
        let chosen = |kind| self.settings.chosen(engine, kind).unwrap_or_default().to_owned();
        (chosen(PluginKind::Method), chosen(PluginKind::Objective))
    }
}

/// The variants; one of them is what the others are compared with, one is selected.
#[derive(Clone, Debug, Default)]
pub struct Variants {
    /// Sorted by letter, at most [`MOST_VARIANTS`].
    pub list: Vec<Variant>,
    /// Place of the one that the others are compared with.
    pub baseline: usize,
    /// Place of the selected one.
    pub cursor: usize,
}

impl Variants {
    /// Variants as they were remembered.
    #[must_use]
    pub fn remembered(variants: Vec<(char, Settings)>, baseline: usize, cursor: usize) -> Self {
        let list: Vec<Variant> = variants.into_iter().map(|(letter, settings)| Variant { letter, settings }).collect();
        let place = |place: usize| if place < list.len() { place } else { 0 };
        let (baseline, cursor) = (place(baseline), place(cursor));
        Self { list, baseline, cursor }
    }

    #[must_use]
    pub fn selected(&self) -> Option<&Variant> {
        self.list.get(self.cursor)
    }

    /// Adds a variant and gives its place; `None` where there is no letter left.
    pub fn add(&mut self, settings: Settings) -> Option<usize> {
        let taken = |letter: &char| self.list.iter().any(|variant| variant.letter == *letter);
        let letter = ('A'..).take(MOST_VARIANTS).find(|letter| !taken(letter))?;
        let place = self.list.partition_point(|variant| variant.letter < letter);
        self.list.insert(place, Variant { letter, settings });
        if place <= self.baseline && self.list.len() > 1 {
            self.baseline += 1;
        }
        self.cursor = place;
        Some(place)
    }

    /// Takes the selected variant away.
    pub fn remove(&mut self) {
        if self.cursor >= self.list.len() {
            return;
        }
        self.list.remove(self.cursor);
        if self.cursor < self.baseline {
            self.baseline -= 1;
        }
        let last = self.list.len().saturating_sub(1);
        (self.cursor, self.baseline) = (self.cursor.min(last), self.baseline.min(last));
    }

    /// Puts two variants side by side, the first the baseline; of the others those stay that have a letter then.
    pub fn put_beside(&mut self, old: Settings, new: Settings) {
        self.list.retain(|variant| variant.settings != old && variant.settings != new);
        self.list.truncate(MOST_VARIANTS - 2);
        let letter = |variants: &Self, place: Option<usize>| Some(variants.list.get(place?)?.letter);
        let place = self.add(old);
        let baseline = letter(self, place);
        self.add(new);
        self.baseline = self.list.iter().position(|variant| Some(variant.letter) == baseline).unwrap_or(0);
    }

    /// Names and values of the settings in which variants differ, a value for each variant; empty where a variant has
    /// no such setting.
    #[must_use]
    pub fn differences(&self, engine: &Engine) -> Vec<(String, Vec<String>)> {
        let mut rows: Vec<(String, Vec<String>)> = Vec::new();
        let count = self.list.len();
        for (place, variant) in self.list.iter().enumerate() {
            for (name, value) in variant.settings.listed(engine) {
                let row = match rows.iter().position(|(known, _)| *known == name) {
                    Some(row) => &mut rows[row],
                    None => {
                        rows.push((name, vec![String::new(); count]));
                        let last = rows.len() - 1;
                        &mut rows[last]
                    }
                };
                row.1[place] = value;
            }
        }
        rows.retain(|(_, values)| values.iter().any(|value| *value != values[0]));
        rows
    }
}
