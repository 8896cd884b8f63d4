//! Text, bytes and tensors as they cross.

/// A tensor: on both sides an `at::Tensor` of libtorch on the heap, which authors without libtorch's headers
/// handle through the host table alone.
#[repr(C)]
pub struct LocusTensor {
    _opaque: [u8; 0],
}

/// Borrowed UTF-8 text, not null-terminated.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct LocusStr {
    /// First byte; may be null when `length` is 0.
    pub data: *const u8,
    /// Number of bytes.
    pub length: usize,
}

/// Owned bytes: the side that allocated them frees them, through `release`.
#[repr(C)]
pub struct LocusBytes {
    /// First byte; null for none.
    pub data: *mut u8,
    /// Number of bytes.
    pub length: usize,
    /// For the side that allocated the bytes.
    pub capacity: usize,
    /// Frees the bytes and empties the struct; null when there is nothing to free.
    pub release: Option<unsafe extern "C" fn(bytes: *mut LocusBytes)>,
}

/// An owned array of owned tensors. The receiver puts null where it took a tensor out, then calls `release`, which
/// frees the rest and the array.
#[repr(C)]
pub struct LocusTensors {
    /// First handle; null for none.
    pub data: *mut *mut LocusTensor,
    /// Number of handles.
    pub count: usize,
    /// For the side that allocated the array.
    pub capacity: usize,
    /// Frees tensors and array and empties the struct; null when there is nothing to free.
    pub release: Option<unsafe extern "C" fn(tensors: *mut LocusTensors)>,
}

/// What a call returns: JSON, and tensors that the JSON names by index. The caller passes it empty, with
/// `struct_size` set.
#[repr(C)]
pub struct LocusReply {
    /// Size in bytes of this struct as the caller knows it.
    pub struct_size: usize,
    /// JSON; empty for none.
    pub json: LocusBytes,
    /// Tensors that the JSON names by index.
    pub tensors: LocusTensors,
}

impl LocusStr {
    /// Borrows `text`.
    #[must_use]
    pub const fn new(text: &str) -> Self {
        Self { data: text.as_ptr(), length: text.len() }
    }
}

impl LocusBytes {
    /// Empty bytes: nothing to free.
    #[must_use]
    pub const fn empty() -> Self {
        Self { data: core::ptr::null_mut(), length: 0, capacity: 0, release: None }
    }
}

impl LocusTensors {
    /// An empty array: nothing to free.
    #[must_use]
    pub const fn empty() -> Self {
        Self { data: core::ptr::null_mut(), count: 0, capacity: 0, release: None }
    }
}

impl LocusReply {
    /// An empty reply, with its size set.
    #[must_use]
    pub const fn empty() -> Self {
        Self { struct_size: size_of::<Self>(), json: LocusBytes::empty(), tensors: LocusTensors::empty() }
    }
}
