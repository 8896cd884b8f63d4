//! What a plugin gives to the host.

use crate::data::{LocusBytes, LocusReply};
use crate::host::{LocusCall, LocusHost};

/// The function exported as `locus_plugin_entry_v2`: called once, right after loading. `host` lives as long as the
/// process; the table put into `plugin` must too.
pub type LocusEntry =
    unsafe extern "C" fn(host: *const LocusHost, plugin: *mut *const LocusPlugin, error: *mut LocusBytes) -> i32;

/// What a library contains. The host reads it once; it must not change.
#[repr(C)]
pub struct LocusPlugin {
    /// Size of this table in bytes.
    pub struct_size: usize,
    /// Tables of the methods.
    pub methods: *const *const LocusMethod,
    /// Number of methods.
    pub method_count: usize,
    /// Tables of the objectives.
    pub objectives: *const *const LocusObjective,
    /// Number of objectives.
    pub objective_count: usize,
}

// SAFETY: tables are constant once the library is loaded, and so is all they point to.
#[allow(unsafe_code)]
unsafe impl Sync for LocusPlugin {}

/// A method. It keeps no state from one call to the next.
#[repr(C)]
pub struct LocusMethod {
    /// Size of this table in bytes.
    pub struct_size: usize,
    /// `{}` in; the description with its hyperparameters out.
    pub describe:
        Option<unsafe extern "C" fn(call: *const LocusCall, reply: *mut LocusReply, error: *mut LocusBytes) -> i32>,
    /// `{"request", "settings"}` in; the changes out: JSON, and the tensors it names.
    pub edit:
        Option<unsafe extern "C" fn(call: *const LocusCall, reply: *mut LocusReply, error: *mut LocusBytes) -> i32>,
    /// `{"request", "settings", "model"}` in; the plan out. It may be null, and the table may end before it: then the plan
    /// is the requested layers.
    pub plan:
        Option<unsafe extern "C" fn(call: *const LocusCall, reply: *mut LocusReply, error: *mut LocusBytes) -> i32>,
}

/// An instance of an objective; only its plugin knows what it is.
#[repr(C)]
pub struct LocusInstance {
    _opaque: [u8; 0],
}

/// An objective. It lives from `create` to `destroy`.
#[repr(C)]
pub struct LocusObjective {
    /// Size of this table in bytes.
    pub struct_size: usize,
    /// `{}` in; the description with its hyperparameters out.
    pub describe:
        Option<unsafe extern "C" fn(call: *const LocusCall, reply: *mut LocusReply, error: *mut LocusBytes) -> i32>,
    /// `{"settings"}` in; an instance out.
    pub create: Option<
        unsafe extern "C" fn(call: *const LocusCall, instance: *mut *mut LocusInstance, error: *mut LocusBytes) -> i32,
    >,
    /// Frees an instance that `create` returned.
    pub destroy: Option<unsafe extern "C" fn(instance: *mut LocusInstance)>,
    /// `{"fact"}` in; the goal out.
    pub goal: Option<
        unsafe extern "C" fn(
            instance: *mut LocusInstance,
            call: *const LocusCall,
            reply: *mut LocusReply,
            error: *mut LocusBytes,
        ) -> i32,
    >,
    /// `{"reduction"}` and the log-probabilities in; the loss out, one tensor with its gradient intact.
    pub loss: Option<
        unsafe extern "C" fn(
            instance: *mut LocusInstance,
            call: *const LocusCall,
            reply: *mut LocusReply,
            error: *mut LocusBytes,
        ) -> i32,
    >,
}
