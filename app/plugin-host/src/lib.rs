//! Finds, checks and loads plugins, and stands between them and the program.
//!
//! A plugin's file is read before anything of it runs ([`inspect`]); then a private copy is opened and never closed
//! ([`load`]). What it holds comes back as [`MethodObject`](locus_plugin::object::MethodObject)s and
//! [`ObjectiveObject`](locus_plugin::object::ObjectiveObject)s, which cannot be told from ones linked in.
//! [`Registry`] knows them all by their ids.
//!
//! Short of corrupting memory and of ending its process nothing a plugin does takes the engine down: panics and libtorch's exceptions arrive
//! as errors, settings of libtorch and of the thread that it leaves changed are put back and said, and once the user has
//! canceled every service but the log answers so.

mod call;
mod declaration;
mod elf;
mod error;
mod helpers;
mod library;
mod loaded;
mod open_call;
mod registry;
mod remarks;
mod search;
mod stamp;
mod table;
mod tensors;
mod thread_state;
mod trust;
mod watch;

pub use error::{LoadError, UnknownPlugin};
pub use library::{LoadedPlugin, PluginObject, load};
pub use registry::{Registry, Reloaded};
pub use remarks::{Remark, take_remarks};
pub use search::{SearchPaths, VARIABLE};
pub use stamp::{Stamp, inspect};
pub use thread_state::demand_determinism;
pub use watch::{Inside, Watcher, watch};
