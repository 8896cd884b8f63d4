//! What edits do to facts, in numbers.

pub mod effort;
pub mod judging;
pub mod measuring;
pub mod remarks;
pub mod tried;
