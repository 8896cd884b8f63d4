//! What is done, written down: `recording` does so before it is in place, `placing` puts in place what the journal says,
//! `applying` what files of edits hold, and `telling` makes the event.

pub mod applying;
pub mod artifacts;
pub mod placing;
pub mod recording;
pub mod telling;
