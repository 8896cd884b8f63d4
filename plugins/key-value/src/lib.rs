//! What ROME and MEMIT have in common: the contexts a fact is put into, its key, and the value that is to be found
//! under the key. Values of many facts are optimized together.

mod batch;
mod contexts;
mod limits;
mod places;
mod value;

pub use contexts::{Contexts, check_contexts};
pub use limits::ValueLimit;
pub use places::{Placed, bare_rows, context_rows};
pub use value::{Search, ValueSettings, Values, optimize};
