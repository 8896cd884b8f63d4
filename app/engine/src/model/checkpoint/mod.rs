//! A checkpoint before it is a model: which files belong to it, which tensors they hold, and whether these are the tensors
//! that its configuration wants.

mod files;
mod head;
mod header;
mod wanted;

pub use files::{Files, list};
pub use head::resolve;
pub use header::{Stored, Stores};
pub use wanted::check;
