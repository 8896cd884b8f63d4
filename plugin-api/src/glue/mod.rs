//! What lies between the two traits of an author and the binary contract: the plugin's side of it, and the shapes
//! that both sides share. Authors need nothing of it but [`crate::export_plugin!`].

mod entries;
mod export;
mod guard;
mod remote_host;
mod stamp;
mod transfer;
pub mod wire;

pub use entries::{MethodEntries, ObjectiveEntries};
pub use export::{enter, plugin};
pub use guard::{error_of, guarded, guarded_value};
pub use locus_plugin_abi as abi;
pub use stamp::{SOURCE_SECTION, TARGET, source, stamp};
pub use transfer::{
    borrow_slice, borrow_tensors, borrow_text, collect, give_bytes, give_tensors, handles, put, put_answer,
};
