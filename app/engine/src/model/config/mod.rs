//! Reads `config.json` by one rule: a family says which fields it reads, of what kind and with which published default;
//! what is left over is ignored only where it is known not to change numbers.

mod fields;
mod kinds;
mod leftover;
mod quantization;
mod rope;

pub use fields::Fields;
pub use kinds::{KINDS, layer_kinds, windows};
pub use quantization::{are_packed, quantization, refusal};
pub use rope::{Rope, Share, THETA};
