//! How a training went, and what kept it from going further.

use crate::FineTuningParameters;
use locus_plugin::Course;

/// Share of the entries that must be held back for the constraint to be what holds the training.
const HELD: f64 = 0.25;

/// The losses of all steps, and how many entries the constraint held back.
#[derive(Default)]
pub struct Progress {
    losses: Vec<f64>,
    /// By update, the first one first.
    held_back: Vec<f64>,
}

impl Progress {
    /// A step's loss, and the share of the entries that were held back in the update before it.
    pub fn take(&mut self, loss: f64, held_back: f64) {
        if !self.losses.is_empty() {
            self.held_back.push(held_back);
        }
        self.losses.push(loss);
    }

    /// Loss of the last step.
    pub fn loss(&self) -> f64 {
        self.losses.last().copied().unwrap_or(f64::NAN)
    }

    /// What kept the training from going further; `last` is the share that was held back in the last update.
    pub fn limit(mut self, parameters: &FineTuningParameters, last: f64) -> Option<String> {
        self.held_back.push(last);
        let free = self.held_back.iter().rposition(|held| *held < HELD);
        let since = free.map_or(0, |step| step + 1);
        if self.loss() < parameters.stop_below {
            Some("the training ended because the loss was below stop_below: lower stop_below".to_owned())
        } else if since < self.held_back.len() {
            Some(format!("the norm constraint was reached at step {since}: raise norm_constraint"))
        } else {
            let course = Course::of(&self.losses);
            course.map(|course| course.limit("raise steps", "raise learning_rate, or edit another layer"))
        }
    }
}
