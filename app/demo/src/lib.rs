//! Locus's built-in model: a closed world of real facts, the code that trains a small GPT-2 on it, and the
//! trained files.

mod assets;
pub mod corpus;
pub mod error;
pub mod evaluate;
pub mod export;
pub mod facts;
pub mod network;
pub mod tokenizer;
pub mod train;
pub mod world;

pub use assets::{assets, materialise};
pub use error::DemoError;
