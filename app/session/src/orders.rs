//! What the engine was told and has not begun yet.

use crossbeam_channel::Receiver;
use locus_protocol::Command;
use std::cell::RefCell;
use std::collections::VecDeque;

/// Orders in the order in which they came.
pub struct Orders<'a> {
    commands: &'a Receiver<Command>,
    waiting: RefCell<VecDeque<Command>>,
}

impl<'a> Orders<'a> {
    /// Orders come from `commands`.
    pub fn new(commands: &'a Receiver<Command>) -> Self {
        Self { commands, waiting: RefCell::default() }
    }

    /// The next order, once there is one; `None` when nobody can send any more.
    pub fn next(&self) -> Option<Command> {
        self.take_in();
        let first = self.waiting.borrow_mut().pop_front();
        // what came while it was waited for may replace it
        first.or_else(|| {
            self.note(self.commands.recv().ok()?);
            self.take_in();
            self.waiting.borrow_mut().pop_front()
        })
    }

    /// The next order, where that only looks. It overtakes no order of another kind, but those that forget what was
    /// tried, which it does not see.
    pub fn next_look(&self) -> Option<Command> {
        self.take_in();
        let mut waiting = self.waiting.borrow_mut();
        let next = waiting.iter().position(|command| !matches!(command, Command::Drop { .. }))?;
        if waiting[next].is_look() { waiting.remove(next) } else { None }
    }

    fn take_in(&self) {
        self.commands.try_iter().for_each(|command| self.note(command));
    }

    /// A newer question for a prediction replaces an older one that waits.
    fn note(&self, command: Command) {
        let mut waiting = self.waiting.borrow_mut();
        if matches!((waiting.back(), &command), (Some(Command::Predict { .. }), Command::Predict { .. })) {
            waiting.pop_back();
        }
        waiting.push_back(command);
    }
}
