//! What the host gives to a plugin.

use crate::data::{LocusBytes, LocusReply, LocusStr, LocusTensor, LocusTensors};

/// Level of a log message: worth knowing; nothing to act on.
pub const LEVEL_INFO: i32 = 0;
/// Level of a log message: something that the user should check.
pub const LEVEL_WARNING: i32 = 1;

/// Belongs to the host and identifies one call into the plugin; invalid once that call has returned.
#[repr(C)]
pub struct LocusContext {
    _opaque: [u8; 0],
}

/// Arguments of a plugin's function; borrowed for the call.
#[repr(C)]
pub struct LocusCall {
    /// Size in bytes of this struct as the host knows it.
    pub struct_size: usize,
    /// The host's table, the one passed to the entry function.
    pub host: *const LocusHost,
    /// To pass to the host's services.
    pub context: *mut LocusContext,
    /// The arguments as JSON.
    pub json: LocusStr,
    /// Tensors that belong to the arguments.
    pub tensors: *const *mut LocusTensor,
    /// Number of tensors.
    pub count: usize,
}

/// The host's table; it lives as long as the process.
#[repr(C)]
pub struct LocusHost {
    /// Size of this table in bytes.
    pub struct_size: usize,
    /// Major version of the contract.
    pub interface_major: u16,
    /// Minor version of the contract.
    pub interface_minor: u16,
    /// Always zero.
    pub reserved: u32,
    /// Calls a service by its name: JSON and borrowed tensors in, JSON and owned tensors out. Services are listed
    /// in `docs/plugins.md`; one that this host does not have returns `LOCUS_STATUS_UNSUPPORTED`. `reply` and
    /// `error` may be null if they are not wanted.
    pub call: Option<
        unsafe extern "C" fn(
            context: *mut LocusContext,
            service: LocusStr,
            json: LocusStr,
            tensors: *const *mut LocusTensor,
            count: usize,
            reply: *mut LocusReply,
            error: *mut LocusBytes,
        ) -> i32,
    >,
    /// Nonzero if the user canceled.
    pub cancelled: Option<unsafe extern "C" fn(context: *mut LocusContext) -> i32>,
    /// Writes a line to the log; `level` is one of `LOCUS_LEVEL_...`.
    pub log: Option<unsafe extern "C" fn(context: *mut LocusContext, level: i32, text: LocusStr)>,
    /// Makes a float32 tensor on the CPU from a copy of `data`.
    pub tensor_from_f32: Option<
        unsafe extern "C" fn(
            data: *const f32,
            sizes: *const i64,
            dimensions: usize,
            tensor: *mut *mut LocusTensor,
            error: *mut LocusBytes,
        ) -> i32,
    >,
    /// Returns the number of dimensions, and the sizes of at most `capacity` of them.
    pub tensor_sizes: Option<
        unsafe extern "C" fn(
            tensor: *const LocusTensor,
            sizes: *mut i64,
            capacity: usize,
            dimensions: *mut usize,
            error: *mut LocusBytes,
        ) -> i32,
    >,
    /// Copies all elements, as float32 and row by row, to `data`, which has room for `capacity` of them.
    pub tensor_copy_f32: Option<
        unsafe extern "C" fn(
            tensor: *const LocusTensor,
            data: *mut f32,
            capacity: usize,
            error: *mut LocusBytes,
        ) -> i32,
    >,
    /// Makes another handle of the same tensor.
    pub tensor_clone: Option<
        unsafe extern "C" fn(tensor: *const LocusTensor, copy: *mut *mut LocusTensor, error: *mut LocusBytes) -> i32,
    >,
    /// Frees a handle; null is allowed.
    pub tensor_free: Option<unsafe extern "C" fn(tensor: *mut LocusTensor)>,
    /// Puts `count` handles into an array to return; it takes ownership of them, even if it fails.
    pub tensors_new: Option<
        unsafe extern "C" fn(
            handles: *const *mut LocusTensor,
            count: usize,
            tensors: *mut LocusTensors,
            error: *mut LocusBytes,
        ) -> i32,
    >,
    /// Copies text into bytes to return, as JSON or as an error.
    pub bytes_new: Option<unsafe extern "C" fn(text: LocusStr, bytes: *mut LocusBytes)>,
    /// Reads the number at a JSON pointer such as `/request/layers/0`.
    pub json_f64:
        Option<unsafe extern "C" fn(json: LocusStr, pointer: LocusStr, value: *mut f64, error: *mut LocusBytes) -> i32>,
    /// Reads the string at a JSON pointer such as `/down_projections/3/weight`.
    pub json_str: Option<
        unsafe extern "C" fn(json: LocusStr, pointer: LocusStr, value: *mut LocusBytes, error: *mut LocusBytes) -> i32,
    >,
}
