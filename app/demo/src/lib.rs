//! Locus's built-in model: its trained files and their way onto the disk. `training` makes them.

mod assets;

pub use assets::{FACTS, FileError, SEED, assets, materialize, replace_folder};
