//! Runs of many prompts of unequal length: captured once, or prepared once and repeated from where they change.

mod capture;
mod generate;
mod layout;
mod lens;
mod sample;
mod suffix;

pub use capture::{capture, capture_noised, next_token_log_probabilities, noised_log_probabilities};
pub(crate) use capture::{log_probabilities, noise_tap};
pub use generate::{Choice, Generated, Length, generate};
pub use layout::{Layout, check_rows};
pub use lens::{lens, lens_rows, lens_rows_of};
pub use sample::{sample, sample_noised};
pub use suffix::{Prepared, Repetition};
