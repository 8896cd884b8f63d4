//! What is known of what a model says of its own accord after an edit, by the names of its numbers.

use super::State;
use locus_protocol::{Applied, EditOrder};

impl State {
    /// Why an edit has no shares of prompts after which the target is said, and what turns them on; nothing where it has.
    #[must_use]
    pub fn says_nothing(&self, order: &EditOrder, applied: &Applied) -> Option<String> {
        if applied.numbers.contains_key("after.rewrite_says") {
            return None;
        }
        let why = match (applied.aim.noise_level > 0.0, order.free_generation) {
            (true, _) => "the objective noises the subject".to_owned(),
            (false, 0) => {
                let key = self.keymap().first_key("global", "edit-form");
                format!("free generation is off; {key} sets it")
            }
            (false, _) => "there is no target to look for".to_owned(),
        };
        Some(format!("says target: not computed; {why}"))
    }
}
