//! How fast this machine runs a model: heat maps, steps of ROME and second moments, as fractions of what the same device does
//! in a plain copy and a plain matrix product, measured in the same run.

mod measured;
mod plain;
mod shapes;

pub use measured::{Rate, Work, measure};
pub use plain::Plain;
pub use shapes::{SHAPES, model};
