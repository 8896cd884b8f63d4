//! Plain data of the plugin contract: hyperparameters as plugins declare them, numbers that JSON does not have, and
//! templates. No tensors, so programs that only show plugins need no libtorch.

mod hyperparameter;
pub mod number;
mod template;

pub use hyperparameter::{Hyperparameter, HyperparameterKind};
pub use template::fill;
