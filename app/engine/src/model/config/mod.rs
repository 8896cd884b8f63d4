//! Reads `config.json` by one rule: a family says which fields it reads, of what kind and with which published default;
//! what is left over is ignored only where it is known not to change numbers.

mod fields;
mod leftover;
mod rope;

pub use fields::Fields;
pub use rope::{Rope, Share};
