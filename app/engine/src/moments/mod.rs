//! Uncentred second moments of the MLP keys, `C = E[k kᵀ]` (ROME, equation 2; spec methods.md 2.2), of all layers
//! in one pass over a corpus, and solves with them.

mod collect;
mod store;

pub use collect::{Corpus, collect};
pub use store::{SecondMoments, fingerprint};
