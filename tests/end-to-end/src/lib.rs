//! What the end-to-end tests share: where the program is, folders of their own to run it in, its records, the engine
//! without a terminal, and a pseudo-terminal.
//!
//! The program and the plugins lie beside the tests in the target folder. Cargo builds no binary of another package
//! for a test, so that `cargo build --release --workspace` has to come first; `cargo xtask test` does that.

mod crates;
mod files;
mod home;
mod operations;
mod orders;
mod pairs;
pub mod processes;
mod program;
mod pseudo_terminal;
mod records;
mod session;

pub use crates::{build, test, toolchain};
pub use files::{files, is_whole_safetensors, shown_files};
pub use home::Home;
pub use operations::operations;
pub use orders::{FIRST, fact, facts, long_orders, order, order_of};
pub use pairs::{Pair, pairs};
pub use program::{Ended, plugin, program, send};
pub use pseudo_terminal::PseudoTerminal;
pub use records::{Edit, Records, Trace};
pub use session::Session;
