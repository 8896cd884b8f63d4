//! Calls of plugins: what is asked, what is believed of the answer, and whether a plugin is as it should be.

pub mod conformance;
pub mod engaging;
pub mod preparing;
pub mod sealing;
