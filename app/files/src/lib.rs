//! Reads and writes files. Every writer of the workspace goes through here (`tests/end-to-end/tests/tidy.rs` holds
//! that), so that the same holds for all of them:
//!
//! - A file gets a random name in the folder of its target, created exclusively, and its own name when it is whole and
//!   the system has it: [`Draft`], [`FolderDraft`], [`write()`]. What a program that was killed left is swept by the next
//!   one that writes in the folder.
//! - Who writes holds a lock. An output that only one program may write is refused to the second: [`Draft::exclusive`],
//!   [`append`].
//! - What is read is a file of bounded size. A folder, a pipe or a device is said and never waited for: [`open`],
//!   [`bytes`], [`text`].

mod append;
mod draft;
mod folder;
mod read;
mod refusal;
mod scratch;
mod sink;
mod sweep;
mod target;

pub use append::{alone, append, settle, stream};
pub use draft::{Draft, write, write_like, write_new};
pub use folder::FolderDraft;
pub use read::{bytes, open, size, text};
pub use refusal::{NotWritten, Refusal};
pub use scratch::scratch;
pub use sink::Sink;
