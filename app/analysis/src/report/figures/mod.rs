//! The figures: what each localizer loses, regret of each rule, regret by number of facts, and how scores and effects go over
//! the layers.

mod axes;
mod curve;
mod layers;
mod loss;
mod rules;

pub use curve::curve;
pub use layers::layers;
pub use loss::loss;
pub use rules::rules;
