//! A checkpoint before it is a model: which files belong to it, which tensors they hold, and whether these are the tensors
//! that its configuration wants.

mod files;
mod gguf;
mod head;
mod header;
mod mxfp4;
mod pickle;
mod pickled;
mod wanted;

pub use files::{Files, list};
pub use gguf::refusal;
pub use head::resolve;
pub use header::{Scales, Stored, Stores};
pub use mxfp4::{BLOCK, unpacked};
pub use wanted::{check, shapes};
