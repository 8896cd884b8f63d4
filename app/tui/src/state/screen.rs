//! The screen as all panes see it: its size, how things look, which key does what, which panes show and which has the keys.

use super::{Tree, Windows, arrangement, kind_of};
use crate::keys::Keymap;
use crate::looks::{Glyphs, Theme};

#[derive(Clone, Debug)]
pub struct Screen {
    /// Size of the terminal in columns and rows.
    pub size: (u16, u16),
    pub theme: Theme,
    pub glyphs: Glyphs,
    pub keymap: Keymap,
    /// Names of all panes, in the order of their numbers.
    pub panes: &'static [&'static str],
    /// Which view of a pane has the keys.
    pub view: String,
    /// How a screen with room for one pane is split all the same.
    pub small: Option<Tree>,
    /// The layouts, and which views of panes each shows.
    pub windows: Windows,
    /// Whether the pane with the keys has the whole screen.
    pub zoomed: bool,
    /// The layout and the view that had the keys before a pane was gone to.
    before: Option<(usize, String)>,
}

impl Screen {
    /// A screen of no size yet.
    #[must_use]
    pub fn new(panes: &'static [&'static str], theme: Theme, glyphs: Glyphs, keymap: Keymap) -> Self {
        let view = panes.first().copied().unwrap_or_default().to_owned();
        let windows = Windows::shipped();
        Self { size: (0, 0), theme, glyphs, keymap, panes, view, small: None, windows, zoomed: false, before: None }
    }

    /// Name of the pane with the keys.
    #[must_use]
    pub fn pane(&self) -> &'static str {
        self.panes.get(self.focus()).copied().unwrap_or_default()
    }

    /// The place of the pane with the keys among all.
    #[must_use]
    pub fn focus(&self) -> usize {
        self.place(&self.view).unwrap_or(0)
    }

    /// The place of a pane, or of that of a view, among all.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<usize> {
        self.panes.iter().position(|pane| *pane == kind_of(name))
    }

    /// The views that show at once, if they have room.
    #[must_use]
    pub fn tree(&self) -> Tree {
        if arrangement::is_small(self.size) {
            self.small.clone().unwrap_or_else(|| Tree::Pane(self.view.clone()))
        } else {
            self.windows.layout().tree.clone()
        }
    }

    /// Gives a pane the keys, and has it be on the screen.
    pub fn focus_on(&mut self, name: &str) {
        if self.place(name).is_none() || self.pane() == name && self.tree().has(&self.view) {
            return;
        }
        self.before = Some((self.windows.current, self.view.clone()));
        let known = self.small.as_ref().and_then(|tree| tree.view_of(name)).map(str::to_owned);
        let view = match known {
            Some(view) => view,
            None => self.windows.reveal(name, &self.view.clone()),
        };
        self.go_to(&view);
    }

    /// Gives the keys back to the view that had them before the pane was gone to; to the first view where that is gone.
    pub fn go_back(&mut self) {
        let (layout, view) = self.before.take().unwrap_or_default();
        if layout < self.windows.layouts.len() {
            self.windows.current = layout;
        }
        let tree = &self.windows.layout().tree;
        let view = match arrangement::is_small(self.size) || tree.has(&view) {
            true if self.place(&view).is_some() => Some(view),
            _ => tree.panes().first().map(|first| (*first).to_owned()),
        };
        if let Some(view) = view {
            self.go_to(&view);
        }
    }

    /// Gives a view the keys; on a screen that is split though it is small it takes the place of the one that had them.
    pub fn go_to(&mut self, view: &str) {
        if let Some(small) = self.small.as_mut().filter(|small| !small.has(view)) {
            small.replace(&self.view, view);
        }
        view.clone_into(&mut self.view);
    }
}
