//! What a front (the workbench or a command) and an engine say to each other, and how they find each other.
//!
//! `messages` is what is said, one JSON object a line; `lines` reads and writes them; `engine` starts an engine or joins one,
//! and tells how it ended; `death` puts that into words; `runtime` is the folder of the sockets of engines that run;
//! `left_out` lists libraries that crashed an engine when they were opened. Nothing here links libtorch.

mod death;
mod engine;
mod left_out;
mod lines;
mod messages;
pub mod runtime;

pub use death::{Death, How, Running};
pub use engine::{Engine, LinkError, News, Way};
pub use left_out::LeftOut;
pub use lines::{LONGEST, Lines, line_of};
pub use messages::{FromEngine, Hello, Machine, PROTOCOL, ToEngine, Welcome, disagreement};
