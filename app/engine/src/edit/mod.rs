//! What the engine does for a plugin, and with the changes that a method gives back.

mod arrangement;
pub mod bounds;
mod delta_file;
mod deltas;
mod handed;
mod host;
mod live_rows;
mod losses;
mod low_rank;
mod seal;
mod stack;
mod taking;

pub use crate::number_formats::number_format;
pub use arrangement::{Arrangement, Numbered};
pub use delta_file::DeltaFile;
pub(crate) use deltas::{Changed, by_parameter};
pub use deltas::{bytes_of, check, weight_changes};
pub use host::{EngineHost, HostEvent, Violation, device_name, model_info};
pub use live_rows::Looking;
pub use low_rank::{changed_down_projections, low_rank_changes};
pub use seal::{Seal, put_back};
pub use stack::{EditStack, WeightEdit};
pub use taking::take_over;
