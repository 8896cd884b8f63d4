//! Runs of many prompts of unequal length: captured once, or prepared once and repeated from where they change.

mod capture;
mod draws;
mod generate;
mod layout;
mod lens;
mod sample;
mod sentence;
mod subject_noise;
mod suffix;
mod word;

pub use capture::{capture, capture_noised, next_token_log_probabilities, noised_log_probabilities};
pub(crate) use capture::{log_probabilities, noise_tap};
pub use draws::{Draws, drawn_noise, seeded_noise};
pub use generate::{Choice, Generated, Length, generate};
pub use layout::{Layout, check_rows};
pub use lens::{lens, lens_rows, lens_rows_of};
pub use sample::{sample, sample_noised};
pub use sentence::sentence;
pub use subject_noise::{Placement, SubjectNoises, resolved};
pub use suffix::{Prepared, Repetition};
pub use word::word;
