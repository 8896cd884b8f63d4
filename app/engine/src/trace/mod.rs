//! Causal tracing (Meng et al. 2022, section 2; spec methods.md 1): how much of an answer's probability
//! comes back when one state of the clean run is restored in a run whose subject is noised.
//!
//! [`Runs`] holds the clean and the corrupted run of one fact; [`heat_map`] restores cells on top of them.

mod request;
mod runs;
mod wavefront;

pub use request::{Answer, Kind, Request, embedding_deviation, seeded_noise};
pub use runs::Runs;
pub use wavefront::{HeatMap, Report, heat_map, window_layers};
