//! Does localization inform editing? The statistics over the rows of a sweep (scores of edits and effects of localizers,
//! by fact and layer), and the report of them. No tensors, no terminal, and no model is run here.
//!
//! [`panel::Study`] is what goes in, [`analyze`] computes, [`report`] writes. What cannot be computed has an
//! [`unavailable::Unavailable`] in its place; no number is ever "NaN".
//!
//! As published (Hase et al. 2023): [`published`], [`concentrated`], [`correlation`], beside the rows of [`paper`]. As it
//! should be: [`clustered`], [`bootstrap`], [`within_facts`], [`permutation`], [`equivalence`], [`held_out`],
//! [`reliability`], [`holm`]; seen otherwise: [`variants`]. What it is for: [`regret`] and its [`verdict`].

mod computed;

pub mod analysis;
pub mod bootstrap;
pub mod centered;
pub mod clustered;
pub mod concentrated;
pub mod correlation;
pub mod distributions;
pub mod equivalence;
pub mod held_out;
pub mod holm;
pub mod least_squares;
pub mod panel;
pub mod paper;
pub mod permutation;
pub mod profile;
pub mod published;
pub mod randomness;
pub mod regret;
pub mod reliability;
pub mod report;
pub mod rows;
pub mod settings;
pub mod sums;
pub mod unavailable;
pub mod variants;
pub mod verdict;
pub mod within_facts;
pub mod words;

pub use analysis::{Analysis, Refused, analyze, analyze_while};
pub use panel::{Cell, Fact, Identity, Localizer, Panel, Study};
pub use settings::Settings;
