//! One decoder for every supported architecture: load it, run any part of it, tap it.

pub mod architecture;
mod attention;
pub mod batch;
mod checkpoint;
mod config;
pub mod decoder;
mod end_of_text;
pub mod families;
mod forest;
mod layers;
mod limits;
mod load;
mod rectangle;
mod rotary;
mod row_changes;
pub mod taps;
pub mod tokenizer;
mod weights;

pub use architecture::Architecture;
pub use batch::{Batch, KeysValues, Sight, Span};
pub use decoder::Model;
pub use forest::Forest;
pub use load::Checkpoint;
pub use rectangle::{Rectangle, is_better_together};
pub use row_changes::{LowRankChange, RowChanges};
pub use taps::{Action, Site, Tap, Taps};
pub use tokenizer::Tokenizer;
pub use weights::ReadSoFar;
