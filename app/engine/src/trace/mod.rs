//! Causal tracing (Meng et al. 2022, section 2): how much of an answer's probability
//! comes back when one state of the clean run is restored in a run whose subject is noised.
//!
//! [`Runs`] holds the clean and the corrupted run of one fact; [`heat_map`] restores cells on top of them,
//! [`severed_heat_map`] does so with a module held, [`ablation_map`] ablates cells of the clean run, [`preview`]
//! estimates a map from one gradient; [`Averages`] puts the maps of many facts together by token role.

mod average;
mod bytes;
mod deviation;
mod maps;
mod pass;
mod preview;
mod replacement;
mod request;
mod runs;
mod wavefront;

pub use average::{Averages, ROLES, RoleCurve, TotalEffect, positions_of};
pub use bytes::{MapSize, map_bytes};
pub use deviation::embedding_deviation;
pub use maps::{HeatMap, Severed, ablation_map, heat_map, rows_at_once, severed_heat_map};
pub use preview::{ablation_preview, preview};
pub use replacement::{Donor, Means, Replacement};
pub use request::{Kind, Request, TracedAnswer, TracedQuestion};
pub use runs::{CleanRun, Runs};
pub use wavefront::{Report, window_layers};
