//! The engine of Locus: a decoder built for locating and editing facts.
//!
//! `model` runs a Hugging Face checkpoint with taps at named sites and on cached prefixes; `run` captures from many
//! prompts at once and repeats runs from where they change; `trace` is causal tracing on top of it; `moments` are
//! second moments of the MLP keys; `edit` is what the engine does for a plugin and with its changes; `evaluate`
//! scores a record's prompts; `facts` reads records; `noise` is the generator of the published subject noise;
//! `reproducible` is what a process needs to compute the same bits everywhere.

pub mod edit;
pub mod error;
pub mod evaluate;
pub mod export;
pub mod facts;
mod hexadecimal;
mod memory;
pub mod model;
pub mod moments;
pub mod noise;
mod number_formats;
pub mod reproducible;
pub mod run;
mod sealed;
pub mod trace;

pub use error::{Doing, Error, Result};
pub use hexadecimal::hex;
pub use memory::{available, may_be_refused, refusable, resident};
