//! The panes. A new one is a file here, a `mod` and a place in [`PANES`].

/// The action that goes to a pane, from its name and its title.
macro_rules! go_to {
    ($name:literal, $title:literal) => {
        $crate::actions::Action {
            name: concat!($name, "-pane"),
            help: concat!("go to the ", $title, " pane"),
            run: |state| {
                state.focus_on($name);
                Vec::new()
            },
            ..$crate::actions::Action::PLAIN
        }
    };
}

mod before_after;
mod compare;
mod fact;
mod layers;
mod plots;
mod table;
mod trace;

pub use fact::{first_steps, prompt_spans};
pub use table::{Extent, Table, copy, export};

use crate::actions::Action;
use crate::input::Effect;
use crate::keys::Key;
use crate::state::{State, pane_rows};
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// One pane.
#[derive(Debug)]
pub struct Pane {
    /// Its name, as in `keymap.toml`.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What it shows, for help.
    pub about: &'static str,
    /// Which model its numbers are of, where its title is to say so.
    pub of_model: fn(&State) -> Option<String>,
    /// The action that goes to it.
    pub go: Action,
    /// Actions of its own.
    pub actions: &'static [Action],
    /// What moving does in it; the number is how many rows half a page has.
    pub motion: fn(&mut State, Motion, usize),
    /// Draws it; returns where the cursor stands, where there is one.
    pub draw: fn(&State, Rect, &mut Buffer) -> Option<Position>,
    /// Whether it has a table; asked while drawing.
    pub has_table: fn(&State) -> bool,
    /// Its table, for copies and exports.
    pub table: fn(&State) -> Option<Table>,
}

/// All panes, in the order of their numbers.
pub const PANES: &[Pane] = &[fact::PANE, trace::PANE, layers::PANE, before_after::PANE, compare::PANE, plots::PANE];

/// A way to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// One up.
    Up,
    /// One down.
    Down,
    /// One left.
    Left,
    /// One right.
    Right,
    /// Half a page up.
    PageUp,
    /// Half a page down.
    PageDown,
    /// To the beginning.
    Top,
    /// To the end.
    Bottom,
}

impl Motion {
    /// What a key means in a list or a text that lies over the panes.
    #[must_use]
    pub fn of(key: Key) -> Option<Self> {
        match (key.code, key.control) {
            (KeyCode::Char('j'), false) | (KeyCode::Down, _) => Some(Self::Down),
            (KeyCode::Char('k'), false) | (KeyCode::Up, _) => Some(Self::Up),
            (KeyCode::Char('d'), true) | (KeyCode::PageDown, _) => Some(Self::PageDown),
            (KeyCode::Char('u'), true) | (KeyCode::PageUp, _) => Some(Self::PageUp),
            (KeyCode::Char('g'), false) | (KeyCode::Home, _) => Some(Self::Top),
            (KeyCode::Char('G'), false) | (KeyCode::End, _) => Some(Self::Bottom),
            _ => None,
        }
    }

    /// Where a vertical motion leads in a list.
    #[must_use]
    pub fn in_list(self, place: usize, total: usize, page: usize) -> usize {
        let place = match self {
            Self::Up => place.saturating_sub(1),
            Self::Down => place.saturating_add(1),
            Self::PageUp => place.saturating_sub(page.max(1)),
            Self::PageDown => place.saturating_add(page.max(1)),
            Self::Top => 0,
            Self::Bottom => usize::MAX,
            Self::Left | Self::Right => place,
        };
        place.min(total.saturating_sub(1))
    }
}

/// Moves in the focused pane.
pub fn motion(state: &mut State, motion: Motion) -> Vec<Effect> {
    if let Some(pane) = PANES.get(state.focus) {
        let page = pane_rows(state, state.focus) / 2;
        (pane.motion)(state, motion, page);
    }
    Vec::new()
}
