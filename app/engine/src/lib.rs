//! The engine of Locus: a decoder built for locating and editing facts.
//!
//! `model` runs a Hugging Face checkpoint with taps at named sites and on cached prefixes; `run` captures from many
//! prompts at once and repeats runs from where they change; `trace` is causal tracing on top of it; `moments` are
//! second moments of the MLP keys; `edit` is what the engine does for a plugin and with its changes; `evaluate`
//! scores a record's prompts; `export` writes models and changes for other programs; `rates` says how fast it all is on this
//! machine; `at_once` is where all of them ask how much runs at once. Each knows of those before it only.

pub mod at_once;
pub mod edit;
pub mod error;
pub mod evaluate;
pub mod export;
pub mod localize;
mod memory;
pub mod model;
pub mod moments;
mod number_formats;
pub mod rates;
mod room;
pub mod run;
mod sealed;
pub mod tensor_files;
#[cfg(test)]
#[path = "../tests/support/numbers.rs"]
mod test_numbers;
pub mod trace;

pub use error::{Doing, Error, Result};
pub use locus_records::{hex, noise, reproducible};
pub use memory::{available, resident};
