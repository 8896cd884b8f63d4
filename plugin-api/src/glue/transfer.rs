//! Text and tensors across the boundary: borrowed in, owned out. Pointers, alignment and lengths are looked at before
//! anything behind them is.
#![allow(unsafe_code)]

use super::abi::{
    LocusBytes, LocusCall, LocusContext, LocusHost, LocusReply, LocusStr, LocusTensor, LocusTensors, STATUS_OK, Table,
    Unusable, View, field,
};
use super::guard::{error_of, guarded_value};
use crate::call::{Answer, Arguments};
use crate::error::{Error, Result};
use std::mem::ManuallyDrop;
use std::ptr::null_mut;
use tch::Tensor;

/// What a plugin's function was called with.
pub struct Call<'a> {
    pub host: *const LocusHost,
    /// To be handed to the host's services.
    pub context: *mut LocusContext,
    json: &'a str,
    tensors: Vec<Tensor>,
}

impl Call<'_> {
    /// Borrows the parts of a call that a host has lent.
    ///
    /// # Safety
    /// `call` is null or a call of a host, which has lent it, and what it points to, for `'a`.
    ///
    /// # Errors
    /// [`Error::Request`] when something in it cannot be read.
    pub unsafe fn open(call: *const LocusCall) -> Result<Self> {
        // SAFETY: null or lent by a host that says how large it is, as the caller promises.
        let call = unsafe { View::of(call) };
        let unusable = |reason: Unusable| Error::Request(format!("called with arguments whose table {reason}"));
        let call = call.map_err(unusable)?;
        let missing = || Error::Request("called without arguments".to_owned());
        let json = field!(call, LocusCall, json).ok_or_else(missing)?;
        let tensors = field!(call, LocusCall, tensors).ok_or_else(missing)?;
        let count = field!(call, LocusCall, count).ok_or_else(missing)?;
        // SAFETY: text and handles are lent with the call, as the caller promises.
        let (json, tensors) = unsafe { (borrow_text(json)?, borrow_tensors(tensors, count)?) };
        let host = field!(call, LocusCall, host).ok_or_else(missing)?;
        let context = field!(call, LocusCall, context).ok_or_else(missing)?;
        Ok(Self { host, context, json, tensors })
    }

    /// JSON and tensors that the caller passed.
    #[must_use]
    pub fn arguments(&self) -> Arguments<'_> {
        Arguments::new(self.json, &self.tensors)
    }
}

/// `count` things of the other side, which stay its own.
///
/// # Safety
/// Where `count` is not 0 and `data` neither null nor odd: there are as many, valid for `'a`, and nobody writes to them.
///
/// # Errors
/// [`Error::Request`] when there cannot be as many: `what` is null, at an odd address, or longer than any memory.
pub unsafe fn borrow_slice<'a, T>(data: *const T, count: usize, what: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Error::Request(format!("the {what} are null, but there should be {count}")));
    }
    if !data.is_aligned() {
        return Err(Error::Request(format!("the {what} are misaligned")));
    }
    if size_of::<T>().checked_mul(count).is_none_or(|bytes| bytes > isize::MAX as usize) {
        return Err(Error::Request(format!("{count} {what} do not fit into any memory")));
    }
    // SAFETY: neither null nor odd, and of a length that memory can have; the rest the caller promises.
    Ok(unsafe { std::slice::from_raw_parts(data, count) })
}

/// Makes a value and puts it where the other side wants it; nothing is read there. Without a place none is made.
///
/// # Safety
/// Where `place` is neither null nor odd it has room for a value.
///
/// # Errors
/// [`Error::Request`] when there is no place for `what`.
pub unsafe fn put<T>(place: *mut T, what: &str, make: impl FnOnce() -> T) -> Result<()> {
    if place.is_null() || !place.is_aligned() {
        return Err(Error::Request(format!("the pointer for {what} is null or misaligned")));
    }
    // SAFETY: neither null nor odd, and there is room, as the caller promises.
    unsafe { place.write(make()) };
    Ok(())
}

/// Borrows UTF-8 text from the other side.
///
/// # Safety
/// The text is valid for `'a`, and nobody writes to it.
///
/// # Errors
/// [`Error::Request`] when it is not there or not UTF-8.
pub unsafe fn borrow_text<'a>(text: LocusStr) -> Result<&'a str> {
    // SAFETY: as the caller promises; any byte is one.
    let bytes = unsafe { borrow_slice(text.data, text.length, "bytes of a text")? };
    std::str::from_utf8(bytes).map_err(|error| Error::Request(format!("text that is not UTF-8: {error}")))
}

/// New handles of tensors that are borrowed; they share storage and autograd graph.
///
/// # Safety
/// There are `count` handles, each null or of a tensor.
///
/// # Errors
/// [`Error::Request`] when they are not there, or one of them is null.
pub unsafe fn borrow_tensors(tensors: *const *mut LocusTensor, count: usize) -> Result<Vec<Tensor>> {
    // SAFETY: as the caller promises; they are let go before this returns.
    let handles = unsafe { borrow_slice(tensors, count, "handles of tensors")? };
    let borrowed = handles.iter().map(|&handle| {
        if handle.is_null() {
            return Err(Error::Request("a tensor is null".to_owned()));
        }
        // SAFETY: not null, so that it is an `at::Tensor` on the heap; this makes another handle and leaves it alone.
        Ok(unsafe { Tensor::clone_from_ptr(handle.cast()) })
    });
    borrowed.collect()
}

/// Handles of tensors that stay ours, to be lent for a call.
#[must_use]
pub fn handles(tensors: &[Tensor]) -> Vec<*mut LocusTensor> {
    tensors.iter().map(|tensor| tensor.as_ptr().cast_mut().cast()).collect()
}

/// Hands a text over to the other side, which frees it.
#[must_use]
pub fn give_bytes(text: String) -> LocusBytes {
    if text.is_empty() {
        return LocusBytes::empty();
    }
    let mut bytes = ManuallyDrop::new(text.into_bytes());
    LocusBytes {
        data: bytes.as_mut_ptr(),
        length: bytes.len(),
        capacity: bytes.capacity(),
        release: Some(release_bytes),
    }
}

/// `release` of [`give_bytes`]. Nobody hears of a panic; it must only not cross.
unsafe extern "C" fn release_bytes(bytes: *mut LocusBytes) {
    let _ = guarded_value(|| {
        // SAFETY: the contract has it called with the struct it lies in, which its holder owns.
        let Some(bytes) = (unsafe { bytes.as_mut() }) else { return Ok(()) };
        let taken = std::mem::replace(bytes, LocusBytes::empty());
        if !taken.data.is_null() {
            // SAFETY: pointer, length and capacity are those of the vector that `give_bytes` of this library has let go, which
            // the contract has nobody change; the struct is empty from here on, so that it is taken once.
            drop(unsafe { Vec::from_raw_parts(taken.data, taken.length, taken.capacity) });
        }
        Ok(())
    });
}

/// Takes bytes and frees them; what is not UTF-8 is replaced.
///
/// # Safety
/// The other side gave the bytes away, and nobody else has them.
unsafe fn take_bytes(mut bytes: LocusBytes) -> Result<String> {
    // SAFETY: the giver promises `length` bytes, which stay until they are released below.
    let text = unsafe { borrow_slice(bytes.data.cast_const(), bytes.length, "bytes of a text") };
    let text = text.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    if let Some(release) = bytes.release {
        // SAFETY: it came with the bytes, which are owned here, and nothing of them is used after it.
        unsafe { release(&raw mut bytes) };
    }
    text
}

/// Hands tensors over to the other side, which frees the handles.
#[must_use]
pub fn give_tensors(tensors: Vec<Tensor>) -> LocusTensors {
    if tensors.is_empty() {
        return LocusTensors::empty();
    }
    let handles: Vec<*mut LocusTensor> =
        tensors.into_iter().map(|tensor| ManuallyDrop::new(tensor).as_mut_ptr().cast()).collect();
    let mut handles = ManuallyDrop::new(handles);
    LocusTensors {
        data: handles.as_mut_ptr(),
        count: handles.len(),
        capacity: handles.capacity(),
        release: Some(release_tensors),
    }
}

/// `release` of [`give_tensors`]. Nobody hears of a panic; it must only not cross.
unsafe extern "C" fn release_tensors(tensors: *mut LocusTensors) {
    let _ = guarded_value(|| {
        // SAFETY: the contract has it called with the struct it lies in, which its holder owns.
        let Some(tensors) = (unsafe { tensors.as_mut() }) else { return Ok(()) };
        let taken = std::mem::replace(tensors, LocusTensors::empty());
        if taken.data.is_null() {
            return Ok(());
        }
        // SAFETY: pointer, count and capacity are those of the vector that `give_tensors` of this library has let go, which
        // the contract has nobody change but for handles that become null; it is taken once, since the struct is empty now.
        let handles = unsafe { Vec::from_raw_parts(taken.data, taken.count, taken.capacity) };
        for handle in handles.into_iter().filter(|handle| !handle.is_null()) {
            // SAFETY: whoever takes a tensor out puts null in its place, so that this one is still the array's.
            drop(unsafe { Tensor::from_ptr(handle.cast()) });
        }
        Ok(())
    });
}

/// Takes tensors over and frees the array.
///
/// # Safety
/// The other side gave the array away, and nobody else has it.
unsafe fn take_tensors(mut tensors: LocusTensors) -> Result<Vec<Tensor>> {
    let mut taken = Vec::new();
    let mut missing = false;
    // SAFETY: the giver promises `count` handles, which stay until they are released below; nothing is written to them while
    // they are borrowed.
    let handles = unsafe { borrow_slice(tensors.data.cast_const(), tensors.count, "handles of tensors") };
    let handles = handles.map(<[_]>::to_vec);
    for (index, &handle) in handles.iter().flatten().enumerate() {
        if handle.is_null() {
            missing = true;
            continue;
        }
        // SAFETY: `index` is below `count`, and the array is this side's until it is released.
        unsafe { tensors.data.add(index).write(null_mut()) };
        // SAFETY: a handle that is not null is a tensor that was given away, and null is in its place now.
        let tensor = unsafe { Tensor::from_ptr(handle.cast()) };
        missing |= !tensor.defined();
        taken.push(tensor);
    }
    if let Some(release) = tensors.release {
        // SAFETY: it came with the array, which is owned here, and nothing of it is used after it.
        unsafe { release(&raw mut tensors) };
    }
    handles?;
    if missing { Err(Error::Failed("unusable answer: a tensor is missing".to_owned())) } else { Ok(taken) }
}

/// Takes what a function of the other side left behind.
///
/// # Safety
/// `reply` and `error` were empty when they were handed to a function of the other side, which gave away all that it put
/// there.
///
/// # Errors
/// What the status says.
pub unsafe fn collect(status: i32, reply: LocusReply, error: LocusBytes) -> Result<Answer> {
    // SAFETY: each was given away, as the caller promises; all three are freed whatever the status.
    let (json, tensors, text) = unsafe { (take_bytes(reply.json), take_tensors(reply.tensors), take_bytes(error)) };
    let unusable = |error: Error| Error::Failed(format!("unusable answer: {error}"));
    if status == STATUS_OK {
        let tensors = tensors.map_err(|error| match error {
            Error::Request(_) => unusable(error),
            other => other,
        });
        Ok(Answer { json: json.map_err(unusable)?, tensors: tensors? })
    } else {
        Err(error_of(status, text.unwrap_or_default()))
    }
}

/// Fills a reply; one that is null is not wanted.
///
/// # Safety
/// `reply` is null, odd, or an empty reply with as much room as its first field says, and nobody else uses it.
///
/// # Errors
/// [`Error::Request`] when the reply has no room for it.
pub unsafe fn put_answer(reply: *mut LocusReply, answer: Answer) -> Result<()> {
    if reply.is_null() {
        return Ok(());
    }
    if !reply.is_aligned() {
        return Err(Error::Request("a reply is misaligned".to_owned()));
    }
    // SAFETY: neither null nor odd, so that it is a reply, which begins with its size.
    let size = unsafe { reply.cast::<usize>().read() };
    if size < LocusReply::LEAST_SIZE {
        return Err(Error::Request(format!("a reply of {size} bytes is too small")));
    }
    // SAFETY: it has room up to the end of both fields, which are written to one by one: the reply may be shorter than this
    // side's. What they held is empty and needs no drop.
    unsafe {
        (&raw mut (*reply).json).write(give_bytes(answer.json));
        (&raw mut (*reply).tensors).write(give_tensors(answer.tensors));
    }
    Ok(())
}

/// Puts the text of a failure where the caller wants it.
///
/// # Safety
/// `error` is null or an empty struct that nobody else uses.
pub unsafe fn put_error(error: *mut LocusBytes, text: &str) {
    // SAFETY: null, or with room, as the caller promises. An error that is null is not wanted.
    let _ = unsafe { put(error, "the error", || give_bytes(text.to_owned())) };
}
