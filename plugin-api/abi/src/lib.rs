//! The binary contract between Locus and its plugins: `repr(C)` tables and nothing else.
//!
//! Rules that both sides keep:
//!
//! 1. Borrowed in, owned out. What a call is given lives until the call returns; what it returns belongs to the
//!    receiver, who frees it through the `release` that came with it.
//! 2. Nothing unwinds across. Panics and C++ exceptions are caught on the side where they arise and cross as text.
//! 3. Every function returns a status, and fills `error` only when the status is not [`STATUS_OK`].
//! 4. Tables only grow, at their end. `struct_size` says what exists, and neither side reads or writes beyond it; a
//!    field is never removed, moved or retyped. [`LocusStr`], [`LocusBytes`] and [`LocusTensors`] have no size
//!    and never grow.
//! 5. Structured data crosses as JSON in UTF-8, tensors as handles next to it. Unknown keys are ignored, missing keys
//!    have defaults.
//! 6. Services of the host are called only from the thread that called the plugin, and only until it returns.
//!
//! `include/locus_plugin.h` is generated from this package and the table of services; a test keeps them together.

#![no_std]

mod data;
mod host;
mod layout;
mod plugin;
mod stamp;
mod table;

pub use data::{LocusBytes, LocusReply, LocusStr, LocusTensor, LocusTensors};
pub use host::{LEVEL_INFO, LEVEL_WARNING, LocusCall, LocusContext, LocusHost};
pub use plugin::{LocusEntry, LocusInstance, LocusMethod, LocusObjective, LocusPlugin};
pub use stamp::{ENTRY_SYMBOL, FLAG_BY_NAME_ONLY, FLAG_LIBTORCH, LocusStamp, MAGIC, SECTION, STAMP_SYMBOL};
pub use table::{Table, Unusable, View};

/// Major version of the contract: both sides must have the same.
pub const INTERFACE_MAJOR: u16 = 2;
/// Minor version of the contract: counts what was added at the ends of tables.
pub const INTERFACE_MINOR: u16 = 0;

/// Success.
pub const STATUS_OK: i32 = 0;
/// Failure; the error says why. Unknown statuses count as this one.
pub const STATUS_FAILED: i32 = 1;
/// The user canceled.
pub const STATUS_CANCELLED: i32 = 2;
/// The callee panicked; the error has message and location.
pub const STATUS_PANIC: i32 = 3;
/// The callee does not provide this; the error names it.
pub const STATUS_UNSUPPORTED: i32 = 4;
/// The request cannot be carried out as asked; the error says what to change.
pub const STATUS_REQUEST: i32 = 5;
