//! Something that the user can do, as a line of a table. Keys, help, hints and palette all come from such tables.

use super::Panes;
use crate::state::{State, Wish};

/// Something that the user can do; `P` is what it acts on: one pane, or all of them.
#[derive(Debug)]
pub struct Action<P: 'static> {
    /// Its name, as in `keymap.toml` and the palette.
    pub name: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// A few words for the line of hints; `None` keeps it out of there.
    pub hint: Option<fn(&P, &State) -> String>,
    /// Whether it works while a text is typed, too.
    pub always: bool,
    /// Whether it can run now, and why not.
    pub available: fn(&P, &State) -> Result<(), String>,
    pub run: fn(&mut P, &State) -> Vec<Wish>,
}

impl<P> Action<P> {
    /// An action that can always run and has no hint; the others are made from it.
    pub const PLAIN: Self =
        Self { name: "", help: "", hint: None, always: false, available: |_, _| Ok(()), run: |_, _| Vec::new() };
}

/// What an action can act on.
pub trait Within: 'static {
    /// It, among all panes.
    fn of(panes: &Panes) -> &Self;
    /// The same, to change it.
    fn of_mut(panes: &mut Panes) -> &mut Self;
}

impl Within for Panes {
    fn of(panes: &Panes) -> &Self {
        panes
    }

    fn of_mut(panes: &mut Panes) -> &mut Self {
        panes
    }
}

/// An action, whatever it acts on.
pub trait Act: Sync {
    fn name(&self) -> &'static str;
    /// What it does, in one line.
    fn help(&self) -> &'static str;
    /// Whether it works while a text is typed, too.
    fn always(&self) -> bool;
    /// A few words for the line of hints, where it is to be there.
    fn hint(&self, panes: &Panes, state: &State) -> Option<String>;
    /// Whether it can run now.
    ///
    /// # Errors
    /// Says why not.
    fn available(&self, panes: &Panes, state: &State) -> Result<(), String>;
    /// Does it; what it asks for is returned.
    fn run(&self, panes: &mut Panes, state: &State) -> Vec<Wish>;
}

impl<P: Within> Act for Action<P> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn help(&self) -> &'static str {
        self.help
    }

    fn always(&self) -> bool {
        self.always
    }

    fn hint(&self, panes: &Panes, state: &State) -> Option<String> {
        self.hint.map(|hint| hint(P::of(panes), state))
    }

    fn available(&self, panes: &Panes, state: &State) -> Result<(), String> {
        (self.available)(P::of(panes), state)
    }

    fn run(&self, panes: &mut Panes, state: &State) -> Vec<Wish> {
        (self.run)(P::of_mut(panes), state)
    }
}

/// A table of actions, whatever they act on.
pub fn table<P: Within>(actions: &'static [Action<P>]) -> Vec<&'static dyn Act> {
    actions.iter().map(|action| action as &dyn Act).collect()
}
