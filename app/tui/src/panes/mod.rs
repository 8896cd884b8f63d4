//! The panes. Each is a room of its own: what it shows, what it has of its own, what it remembers, its actions. It reads
//! what all panes share and asks for changes by [`Wish`]es. A new one is a file here, its `mod`, and a line of `panes!`.

/// The action that goes to a pane, from its name and its title.
macro_rules! go_to {
    ($name:literal, $title:literal) => {
        $crate::panes::Action {
            name: concat!($name, "-pane"),
            help: concat!("go to the ", $title, " pane"),
            run: |_, _| vec![$crate::state::Change::Focus($name).into()],
            ..$crate::panes::Action::PLAIN
        }
    };
}

mod action;
mod analysis;
mod before_after;
mod compare;
mod fact;
mod layers;
mod log;
mod plots;
mod sweep;
mod table;
mod trace;

pub use action::{Act, Action, Within, table as action_table};
pub use fact::{first_steps, prompt_spans};
pub use table::{Extent, Form, Table, unselect};

use crate::keys::Key;
use crate::state::{Seen, State, Wish, arrange, pane_rows};
use crossterm::event::KeyCode;
use locus_protocol::Event;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde_json::Value;
use std::fmt::Debug;
use std::time::Duration;

/// From the panes' names in Rust and their types: what all have of their own together, and the table of all.
macro_rules! panes {
    ($($name:ident: $module:ident::$pane:ident),+ $(,)?) => {
        /// What each pane has of its own.
        #[derive(Clone, Debug, Default)]
        pub struct Panes {
            $(
                /// State of this pane alone; its module describes it.
                pub $name: $module::$pane,
            )+
        }

        /// All panes, in the order of their numbers.
        pub static PANES: &[About] = &[$($module::ABOUT),+];

        /// Their names, in the same order.
        pub static NAMES: &[&str] = &[$($module::ABOUT.name),+];

        impl Panes {
            /// All, in the order of their numbers.
            pub fn all(&self) -> Vec<&dyn Pane> {
                vec![$(&self.$name),+]
            }

            /// The same, to change them.
            pub fn all_mut(&mut self) -> Vec<&mut dyn Pane> {
                vec![$(&mut self.$name),+]
            }
        }

        $(impl Within for $module::$pane {
            fn of(panes: &Panes) -> &Self {
                &panes.$name
            }

            fn of_mut(panes: &mut Panes) -> &mut Self {
                &mut panes.$name
            }
        })+
    };
}

panes! {
    fact: fact::FactPane,
    trace: trace::TracePane,
    layers: layers::LayersPane,
    before_after: before_after::BeforeAfterPane,
    compare: compare::ComparePane,
    plots: plots::PlotsPane,
    sweep: sweep::SweepPane,
    analysis: analysis::AnalysisPane,
    log: log::LogPane,
}

/// What is known of a pane beforehand.
#[derive(Debug)]
pub struct About {
    /// Its name, as in `keymap.toml` and in what is remembered.
    pub name: &'static str,
    pub title: &'static str,
    /// What it shows, for help.
    pub about: &'static str,
    /// The action that goes to it.
    pub go: Action<Panes>,
    /// Actions of its own.
    pub actions: fn() -> Vec<&'static dyn Act>,
    /// Whether a view of it can show one model or another.
    pub models: Models,
}

/// Whether a view of a pane can show one model or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Models {
    /// All views show the same.
    Same,
    /// Each shows the model that it is asked for.
    Chosen,
    /// So it does, or the difference from another model, and has a layer under its cursor.
    Compared,
}

/// A pane with what it has of its own.
pub trait Pane: Debug {
    /// Draws it; returns where the cursor stands, where there is one.
    fn draw(&self, state: &Seen<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position>;

    /// What moving does in it; `page` is how many rows half a page has.
    fn motion(&mut self, state: &Seen<'_>, motion: Motion, page: usize) -> Vec<Wish>;

    /// Which model its numbers are of, where its title is to say so.
    fn of_model(&self, _state: &Seen<'_>) -> Option<String> {
        None
    }

    /// Whether it has a table; asked while drawing.
    fn has_table(&self, _state: &Seen<'_>) -> bool {
        false
    }

    /// Its table, for copies and exports.
    fn table(&self, _state: &Seen<'_>) -> Option<Table> {
        None
    }

    /// The row under the cursor, where rows of it can be selected.
    fn row(&self, _state: &Seen<'_>) -> Option<usize> {
        None
    }

    /// The number or text under the cursor, and what it is.
    fn cell(&self, _state: &Seen<'_>) -> Option<(String, Value)> {
        None
    }

    /// Whether it has a text, without making it.
    fn has_text(&self, _state: &Seen<'_>) -> bool {
        false
    }

    /// All that it has to say, where that is more than its table: to be read in a pager.
    fn text(&self, _state: &Seen<'_>) -> Option<String> {
        None
    }

    /// What the engine told, and when, before what all panes share takes it in.
    fn hear(&mut self, _now: Duration, _event: &Event) {}

    /// Another session begins in the same journal.
    fn begin_anew(&mut self) {}

    /// Keys of the text that is typed in it, for the line of hints; none as long as keys are commands.
    fn typing(&self) -> Option<&'static [(&'static str, &'static str)]> {
        None
    }

    /// A key, while a text is typed in it.
    fn press(&mut self, _state: &State, _key: Key) -> Vec<Wish> {
        Vec::new()
    }

    /// A pasted line, while a text is typed in it.
    fn paste(&mut self, _state: &State, _line: &str) -> Vec<Wish> {
        Vec::new()
    }

    /// What the next start takes over.
    fn remember(&self) -> Option<Value> {
        None
    }

    /// Takes over what was remembered.
    ///
    /// # Errors
    /// It is something else.
    fn recall(&mut self, _remembered: &Value) -> serde_json::Result<()> {
        Ok(())
    }
}

/// The room that the view with the keys has for its contents; none where it does not show.
fn room(state: &State) -> Rect {
    let arrangement = arrange(state);
    let frame = if arrangement.has_borders { 2 } else { 0 };
    let area = arrangement.panes.iter().find(|(view, _)| *view == state.screen.view).map(|(_, area)| *area);
    let area = area.unwrap_or_default();
    Rect::new(0, 0, area.width.saturating_sub(frame), area.height.saturating_sub(frame))
}

/// A way to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    Up,
    Down,
    Left,
    Right,
    /// Half a page up.
    PageUp,
    /// Half a page down.
    PageDown,
    /// To the first row or line.
    Top,
    /// To the last row or line.
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

    /// The first line that shows after a vertical motion in a text that can be scrolled so far.
    fn scrolled(self, first: usize, furthest: usize, page: usize) -> usize {
        self.in_list(first.min(furthest), furthest + 1, page)
    }
}

impl Panes {
    /// A pane by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&dyn Pane> {
        let place = PANES.iter().position(|pane| pane.name == name)?;
        self.all().into_iter().nth(place)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut dyn Pane> {
        let place = PANES.iter().position(|pane| pane.name == name)?;
        self.all_mut().into_iter().nth(place)
    }

    /// The pane in which a text is typed.
    #[must_use]
    pub fn typing(&self) -> Option<&dyn Pane> {
        self.all().into_iter().find(|pane| pane.typing().is_some())
    }

    /// The same, to change it.
    pub fn typing_mut(&mut self) -> Option<&mut dyn Pane> {
        self.all_mut().into_iter().find(|pane| pane.typing().is_some())
    }

    /// Moves in the pane with the keys.
    pub fn motion(&mut self, state: &State, motion: Motion) -> Vec<Wish> {
        let page = pane_rows(state, &state.screen.view) / 2;
        self.get_mut(state.pane()).map_or_else(Vec::new, |pane| pane.motion(&state.seen(), motion, page))
    }
}
