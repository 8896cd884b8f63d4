//! Runs of many prompts of unequal length: captured once, or prepared once and repeated from where they change.

mod capture;
mod layout;
mod lens;
mod sample;
mod suffix;

pub use capture::{capture, next_token_log_probabilities};
pub use layout::{Layout, check_rows};
pub use lens::{lens, lens_rows, lens_rows_of};
pub use sample::sample;
pub use suffix::{Prepared, Repetition};
