//! Blocks whose MLP is a set of experts: several MLPs, of which each token takes a few, by what a router says of it.

mod description;
mod layout;
mod mlps;

pub use description::{ExpertLayout, Experts, Routing};
pub use layout::{as_stored, down, tensors};
pub use mlps::ExpertMlps;
