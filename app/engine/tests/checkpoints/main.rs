//! Checkpoints as they occur: which options run and with which numbers, and which sentence refuses the others.

mod configuration;
mod folder;
mod layout;
mod limits;
mod mxfp4;
mod names;
#[path = "../support/numbers.rs"]
mod numbers;
mod options;
mod pickled;
