//! The engine of Locus: a decoder built for locating and editing facts.
//!
//! `model` runs a Hugging Face checkpoint with taps at named sites and on cached
//! prefixes; `trace` is causal tracing on top of it; `noise` is the generator
//! that the published code draws its subject noise from.

pub mod error;
pub mod model;
pub mod noise;
pub mod trace;

pub use error::{Error, Result};
