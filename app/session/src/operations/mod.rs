//! What this session does, in the journal of operations: `recording` writes it and puts it in place, `placing` puts in place
//! what the journal says.

mod placing;
mod recording;

pub(crate) use placing::{TakenOver, place, take_over};
pub(crate) use recording::{Done, Recorded, Recorder, commit, plugin_mark};
