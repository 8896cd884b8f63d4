//! Models by their ids on the Hugging Face hub. An id is looked up in the hub's cache, where Python's `huggingface_hub` has
//! put it or this crate has, and is downloaded into that cache where it is not there. What one of them has written the other
//! reads.
//!
//! No tensors and no terminal. Modules know of those before them only:
//!
//! | module | holds |
//! |---|---|
//! | `id` | `ORG/NAME@REVISION` as it is typed |
//! | `error` | what can go wrong, and what to do then |
//! | `environment` | where cache and hub are, and who asks |
//! | `layout` | folders and names in the cache |
//! | `needed` | which files of a model Locus reads |
//! | `cached` | what lies in the cache |
//! | `named` | a folder or an id: what a text is |
//! | `remote` | what the hub is asked, and what it answers |
//! | `blob` | one file of the cache, as it grows |
//! | `download` | a model, file by file |

mod blob;
mod cached;
mod download;
mod environment;
mod error;
mod id;
mod layout;
mod named;
mod needed;
mod remote;

pub use cached::{Cached, snapshot_in};
pub use download::Progress;
pub use environment::Hub;
pub use error::{Error, Result};
pub use id::{ModelId, NoId};
pub use named::Named;
pub use needed::{Contents, contents};
