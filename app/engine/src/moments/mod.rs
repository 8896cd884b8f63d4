//! Uncentered second moments of the MLP keys, `C = E[k kᵀ]` (Meng et al. 2022, equation 2), of all layers
//! in one pass over a corpus that need not fit into memory, and solves with them.

mod archive;
mod batches;
mod collect;
mod corpus;
mod description;
mod documents;
mod factor;
mod files;
mod fingerprint;
mod kept;
mod npz;
mod panels;
mod progress;
mod sample;
mod spectrum;
mod store;
mod sums;
mod verify;

pub(crate) use archive::array;
pub use batches::batches;
pub use collect::{Collecting, Precision, Progress, collect};
pub use corpus::{Corpus, CorpusSettings};
pub use description::{LayerDescription, MomentsDescription, describe};
pub use fingerprint::fingerprint;
pub use npz::{export, import};
pub use progress::ProgressFile;
pub use store::SecondMoments;
pub use sums::products_of_key;
pub use verify::{LayerCheck, check};
