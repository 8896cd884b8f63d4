//! A host with a tiny model, for authors to test their methods and objectives without the workbench:
//!
//! ```ignore
//! let trial = locus_plugin_test::edit::<MyMethod>(&[("steps", "30")])?;
//! assert!(trial.after > trial.before);
//! ```
//!
//! The model is a decoder of four layers and random numbers, the same on every machine. Its tokens are bytes, or a
//! letter with the space before it. It answers that the capital of France is Paris. All services
//! behave like the program's, on real tensors, and through the JSON that crosses the boundary.

mod host;
mod model;
mod noise;
mod plain;
mod random;
mod tokenizer;
mod trial;

pub use host::TestHost;
pub use plain::{Descent, Raise};
pub use trial::{Trial, edit, edit_towards, fact, try_objective};
