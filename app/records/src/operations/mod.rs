//! The journal of operations: what was done to which model, so that it can be looked up, taken back after a restart and
//! run again.
//!
//! `journal` is the file and the deltas beside it, `lines` what its lines say, `loose` the deltas that no line names,
//! `standing` what the next start of the workbench puts in place, `marks` the names of what operations refer to.

mod journal;
mod lines;
mod loose;
mod marks;
mod standing;

pub use journal::{Journal, Keeping};
pub use lines::Read;
pub use loose::LooseChange;
pub use marks::{facts_mark, now, run_name};
pub use standing::Standing;
