//! What lies in files between runs, and what is computed of it without a model: `facts` reads records, `operations` is the
//! journal of what was done, `preference` what the workbench starts with, `model_defaults` what suits a model, `averages` puts
//! the numbers of many records together. `noise` is the generator of the published code, from which facts and subject noise draw; `reproducible` is what
//! a process needs to compute the same bits everywhere, `waiting` how its threads wait for one another.
//!
//! Nothing here links libtorch: commands that only read files start at once.

pub mod averages;
mod error;
pub mod facts;
pub mod failure_point;
mod hexadecimal;
mod model_defaults;
pub mod noise;
pub mod operations;
mod places;
mod preference;
pub mod reproducible;
pub mod waiting;

pub use error::{Error, Result};
pub use hexadecimal::hex;
pub use model_defaults::ModelDefaults;
pub use places::{NoHome, Places};
pub use preference::Preference;
