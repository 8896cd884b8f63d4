//! Runs of many prompts of unequal length: captured once, or prepared once and repeated from where they change.

mod capture;
mod draws;
mod generate;
mod layout;
mod lens;
mod parts;
mod sample;
mod sentence;
mod subject_noise;
mod suffix;
mod trunks;
mod word;

pub(crate) use capture::{LOGITS_AT_ONCE, log_probabilities, log_probabilities_of};
pub use capture::{capture, capture_noised, next_token_log_probabilities, noised_log_probabilities};
pub use draws::{Draws, drawn_noise, seeded_noise};
pub use generate::{Choice, Generated, Length, Pair, generate, generate_both};
pub use layout::{Layout, check_rows};
pub use lens::{lens, lens_rows, lens_rows_of, read_off};
pub use sample::{sample, sample_noised};
pub use sentence::sentence;
pub use subject_noise::{Placement, SubjectNoises, resolved};
pub use suffix::{Prepared, Repetition};
pub use trunks::Trunks;
pub use word::word;
