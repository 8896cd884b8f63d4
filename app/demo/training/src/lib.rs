//! How the built-in model is made: a closed world of real facts, and the code that trains a small GPT-2 on it.

pub mod corpus;
pub mod error;
pub mod evaluate;
pub mod export;
pub mod facts;
pub mod network;
pub mod tokenizer;
pub mod train;
pub mod world;

pub use error::TrainingError;
