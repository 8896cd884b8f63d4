//! The screen as all panes see it: its size, how things look, which key does what, which panes show and which has the keys.

use super::Windows;
use crate::keys::Keymap;
use crate::looks::{Glyphs, Theme};

/// The screen.
#[derive(Clone, Debug)]
pub struct Screen {
    /// Columns and rows.
    pub size: (u16, u16),
    /// Styles.
    pub theme: Theme,
    /// Glyphs.
    pub glyphs: Glyphs,
    /// Keys.
    pub keymap: Keymap,
    /// Names of all panes, in the order of their numbers.
    pub panes: &'static [&'static str],
    /// Which pane has the keys, by its place among them.
    pub focus: usize,
    /// Which panes show.
    pub windows: Windows,
    /// Whether the pane with the keys has the whole screen.
    pub zoomed: bool,
}

impl Screen {
    /// A screen of no size yet.
    #[must_use]
    pub fn new(panes: &'static [&'static str], theme: Theme, glyphs: Glyphs, keymap: Keymap) -> Self {
        Self { size: (0, 0), theme, glyphs, keymap, panes, focus: 0, windows: Windows::shipped(), zoomed: false }
    }

    /// Name of the pane with the keys.
    #[must_use]
    pub fn pane(&self) -> &'static str {
        self.panes.get(self.focus).copied().unwrap_or_default()
    }

    /// The place of a pane among all.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<usize> {
        self.panes.iter().position(|pane| *pane == name)
    }

    /// Gives a pane the keys, and has it be on the screen.
    pub fn focus_on(&mut self, name: &str) {
        if let Some(place) = self.place(name) {
            self.windows.reveal(name, self.pane());
            self.focus = place;
        }
    }
}
