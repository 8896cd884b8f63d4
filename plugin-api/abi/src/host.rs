//! What the host gives to a plugin.

use crate::data::{LocusBytes, LocusReply, LocusStr, LocusTensor, LocusTensors};

/// Level of a line of the log: good to know.
pub const LEVEL_INFO: i32 = 0;
/// Level of a line of the log: something to look at.
pub const LEVEL_WARNING: i32 = 1;

/// Belongs to the host and stands for one call into the plugin; it means nothing once that call has returned.
#[repr(C)]
pub struct LocusContext {
    _opaque: [u8; 0],
}

/// What a plugin's function is called with; borrowed for the call.
#[repr(C)]
pub struct LocusCall {
    /// Bytes of this struct as the host knows it.
    pub struct_size: usize,
    /// The host's table, the one the entry function was given.
    pub host: *const LocusHost,
    /// To be handed to the host's services.
    pub context: *mut LocusContext,
    /// The arguments as JSON.
    pub json: LocusStr,
    /// Tensors that belong to the arguments.
    pub tensors: *const *mut LocusTensor,
    /// How many.
    pub count: usize,
}

/// The host's table; it lives as long as the process.
#[repr(C)]
pub struct LocusHost {
    /// Bytes of this table.
    pub struct_size: usize,
    /// Major version of the contract.
    pub interface_major: u16,
    /// Minor version of the contract.
    pub interface_minor: u16,
    /// Zero.
    pub reserved: u32,
    /// Calls a service by its name: JSON and borrowed tensors in, JSON and owned tensors out. Services are listed
    /// in `docs/plugins.md`; one that this host does not have answers `LOCUS_STATUS_UNSUPPORTED`. `reply` is null
    /// where the answer is not wanted, and so may `error` be.
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
    /// Not 0 when the user cancelled.
    pub cancelled: Option<unsafe extern "C" fn(context: *mut LocusContext) -> i32>,
    /// Writes a line into the log; `level` is one of `LOCUS_LEVEL_...`.
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
    /// Tells the number of dimensions, and the sizes of at most `capacity` of them.
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
    /// Puts `count` handles into an array to give away; it takes them over, also when it fails.
    pub tensors_new: Option<
        unsafe extern "C" fn(
            handles: *const *mut LocusTensor,
            count: usize,
            tensors: *mut LocusTensors,
            error: *mut LocusBytes,
        ) -> i32,
    >,
    /// Copies text into bytes to give away, as JSON or as an error.
    pub bytes_new: Option<unsafe extern "C" fn(text: LocusStr, bytes: *mut LocusBytes)>,
    /// Reads the number at a JSON pointer such as `/request/layers/0`.
    pub json_f64:
        Option<unsafe extern "C" fn(json: LocusStr, pointer: LocusStr, value: *mut f64, error: *mut LocusBytes) -> i32>,
    /// Reads the text at a JSON pointer such as `/down_projections/3/weight`.
    pub json_str: Option<
        unsafe extern "C" fn(json: LocusStr, pointer: LocusStr, value: *mut LocusBytes, error: *mut LocusBytes) -> i32,
    >,
}
