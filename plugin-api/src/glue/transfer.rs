//! Text and tensors across the boundary: borrowed in, owned out.
#![allow(unsafe_code)]

use super::abi::{
    LocusBytes, LocusCall, LocusContext, LocusHost, LocusReply, LocusStr, LocusTensor, LocusTensors, STATUS_OK,
};
use super::guard::error_of;
use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ptr::null_mut;
use tch::Tensor;

/// What a call gave back.
#[derive(Debug)]
pub struct Answer {
    json: String,
    tensors: Vec<Tensor>,
}

impl Answer {
    /// The JSON, read; missing JSON is `{}`.
    ///
    /// # Errors
    /// [`Error::Failed`] when it does not have the shape that the contract names.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let text = if self.json.is_empty() { "{}" } else { &self.json };
        serde_json::from_str(text).map_err(|error| Error::Failed(format!("unreadable answer: {error}")))
    }

    /// The tensors.
    #[must_use]
    pub fn tensors(self) -> Vec<Tensor> {
        self.tensors
    }

    /// Exactly `N` tensors.
    ///
    /// # Errors
    /// [`Error::Failed`] when there are more or fewer.
    pub fn exactly<const N: usize>(self) -> Result<[Tensor; N]> {
        let count = self.tensors.len();
        let wrong = |_| Error::Failed(format!("unusable answer: {count} tensors instead of {N}"));
        self.tensors.try_into().map_err(wrong)
    }
}

/// What a plugin's function was called with.
pub struct Arguments<'a> {
    /// The host's table.
    pub host: *const LocusHost,
    /// To be handed to the host's services.
    pub context: *mut LocusContext,
    json: &'a str,
    /// Tensors that belong to the arguments.
    pub tensors: Vec<Tensor>,
}

impl<'a> Arguments<'a> {
    /// Opens a call.
    ///
    /// # Safety
    /// `call` is null or what the contract says.
    ///
    /// # Errors
    /// [`Error::Request`] when something in it cannot be read.
    pub unsafe fn open(call: *const LocusCall) -> Result<Self> {
        // SAFETY: null or valid for the call, as the caller promises.
        let call = unsafe { call.as_ref() }.ok_or_else(|| Error::Request("called without arguments".to_owned()))?;
        // SAFETY: the text and the handles are borrowed for the call.
        let (json, tensors) = unsafe { (borrow_text(call.json)?, borrow_tensors(call.tensors, call.count)?) };
        Ok(Self { host: call.host, context: call.context, json, tensors })
    }

    /// Opens what a service of the host was called with.
    ///
    /// # Safety
    /// The text and the handles are valid, as the contract says.
    ///
    /// # Errors
    /// [`Error::Request`] when something in it cannot be read.
    pub unsafe fn of_service(json: LocusStr, tensors: *const *mut LocusTensor, count: usize) -> Result<Self> {
        // SAFETY: as the caller promises.
        let (json, tensors) = unsafe { (borrow_text(json)?, borrow_tensors(tensors, count)?) };
        Ok(Self { host: std::ptr::null(), context: null_mut(), json, tensors })
    }

    /// The JSON, read; missing JSON is `{}`.
    ///
    /// # Errors
    /// [`Error::Request`] when it does not have the shape that the contract names.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let text = if self.json.is_empty() { "{}" } else { self.json };
        serde_json::from_str(text).map_err(|error| Error::Request(format!("unreadable arguments: {error}")))
    }

    /// Exactly `N` tensors.
    ///
    /// # Errors
    /// [`Error::Request`] when there are more or fewer.
    pub fn exactly<const N: usize>(self) -> Result<[Tensor; N]> {
        let count = self.tensors.len();
        self.tensors.try_into().map_err(|_| Error::Request(format!("{count} tensors instead of {N}")))
    }
}

/// Borrows text.
///
/// # Safety
/// `text` is valid for `'a`.
///
/// # Errors
/// [`Error::Request`] when it is not UTF-8.
pub unsafe fn borrow_text<'a>(text: LocusStr) -> Result<&'a str> {
    if text.length == 0 {
        return Ok("");
    }
    if text.data.is_null() {
        return Err(Error::Request("text without bytes".to_owned()));
    }
    // SAFETY: not null, and valid for `'a` as the caller promises.
    let bytes = unsafe { std::slice::from_raw_parts(text.data, text.length) };
    std::str::from_utf8(bytes).map_err(|error| Error::Request(format!("text that is not UTF-8: {error}")))
}

/// New handles of tensors that are borrowed; they share storage and autograd graph.
unsafe fn borrow_tensors(tensors: *const *mut LocusTensor, count: usize) -> Result<Vec<Tensor>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if tensors.is_null() {
        return Err(Error::Request("tensors without handles".to_owned()));
    }
    // SAFETY: not null, and as long as the caller says.
    let handles = unsafe { std::slice::from_raw_parts(tensors, count) };
    handles
        .iter()
        .map(|&handle| {
            if handle.is_null() {
                return Err(Error::Request("a tensor is null".to_owned()));
            }
            // SAFETY: a handle is an `at::Tensor` on the heap; this makes another and leaves it alone.
            Ok(unsafe { Tensor::clone_from_ptr(handle.cast()) })
        })
        .collect()
}

/// Handles of tensors that stay ours, to be lent for a call.
#[must_use]
pub fn handles(tensors: &[&Tensor]) -> Vec<*mut LocusTensor> {
    tensors.iter().map(|tensor| tensor.as_ptr().cast_mut().cast()).collect()
}

/// Gives bytes away.
#[must_use]
pub fn give_bytes(text: String) -> LocusBytes {
    if text.is_empty() {
        return LocusBytes::empty();
    }
    let mut bytes = std::mem::ManuallyDrop::new(text.into_bytes());
    LocusBytes {
        data: bytes.as_mut_ptr(),
        length: bytes.len(),
        capacity: bytes.capacity(),
        release: Some(release_bytes),
    }
}

unsafe extern "C" fn release_bytes(bytes: *mut LocusBytes) {
    // SAFETY: the contract has `release` called with the struct it lies in.
    let Some(bytes) = (unsafe { bytes.as_mut() }) else { return };
    let taken = std::mem::replace(bytes, LocusBytes::empty());
    if !taken.data.is_null() {
        // SAFETY: made from a vector by `give_bytes`, of this same library.
        drop(unsafe { Vec::from_raw_parts(taken.data, taken.length, taken.capacity) });
    }
}

/// Takes bytes and frees them; what is not UTF-8 is replaced.
unsafe fn take_bytes(mut bytes: LocusBytes) -> String {
    let text = if bytes.data.is_null() || bytes.length == 0 {
        String::new()
    } else {
        // SAFETY: the giver promises `length` bytes.
        let bytes = unsafe { std::slice::from_raw_parts(bytes.data, bytes.length) };
        String::from_utf8_lossy(bytes).into_owned()
    };
    if let Some(release) = bytes.release {
        // SAFETY: comes with the bytes, and frees them once.
        unsafe { release(&raw mut bytes) };
    }
    text
}

/// Gives tensors away.
#[must_use]
pub fn give_tensors(tensors: Vec<Tensor>) -> LocusTensors {
    if tensors.is_empty() {
        return LocusTensors::empty();
    }
    let handles: Vec<*mut LocusTensor> =
        tensors.into_iter().map(|tensor| std::mem::ManuallyDrop::new(tensor).as_mut_ptr().cast()).collect();
    let mut handles = std::mem::ManuallyDrop::new(handles);
    LocusTensors {
        data: handles.as_mut_ptr(),
        count: handles.len(),
        capacity: handles.capacity(),
        release: Some(release_tensors),
    }
}

unsafe extern "C" fn release_tensors(tensors: *mut LocusTensors) {
    // SAFETY: the contract has `release` called with the struct it lies in.
    let Some(tensors) = (unsafe { tensors.as_mut() }) else { return };
    let taken = std::mem::replace(tensors, LocusTensors::empty());
    if taken.data.is_null() {
        return;
    }
    // SAFETY: made from a vector by `give_tensors`, of this same library.
    let handles = unsafe { Vec::from_raw_parts(taken.data, taken.count, taken.capacity) };
    for handle in handles.into_iter().filter(|handle| !handle.is_null()) {
        // SAFETY: nobody took it, so it is still ours.
        drop(unsafe { Tensor::from_ptr(handle.cast()) });
    }
}

/// Takes tensors over and frees the array.
unsafe fn take_tensors(mut tensors: LocusTensors) -> Result<Vec<Tensor>> {
    let mut taken = Vec::new();
    let mut missing = false;
    if !tensors.data.is_null() {
        // SAFETY: the giver promises `count` handles.
        let handles = unsafe { std::slice::from_raw_parts_mut(tensors.data, tensors.count) };
        for handle in handles {
            let handle = std::mem::replace(handle, null_mut());
            if handle.is_null() {
                missing = true;
                continue;
            }
            // SAFETY: the giver gave the tensor away, and null is in its place now.
            let tensor = unsafe { Tensor::from_ptr(handle.cast()) };
            missing |= !tensor.defined();
            taken.push(tensor);
        }
    }
    if let Some(release) = tensors.release {
        // SAFETY: comes with the array, and frees it once.
        unsafe { release(&raw mut tensors) };
    }
    if missing { Err(Error::Failed("unusable answer: a tensor is missing".to_owned())) } else { Ok(taken) }
}

/// Takes what a function of the other side left behind.
///
/// # Safety
/// `reply` and `error` were filled by a function that keeps the contract.
///
/// # Errors
/// What the status says.
pub unsafe fn collect(status: i32, reply: LocusReply, error: LocusBytes) -> Result<Answer> {
    // SAFETY: as the caller promises; all three are freed whatever the status.
    let (json, tensors, text) = unsafe { (take_bytes(reply.json), take_tensors(reply.tensors), take_bytes(error)) };
    if status == STATUS_OK { Ok(Answer { json, tensors: tensors? }) } else { Err(error_of(status, text)) }
}

/// Fills a reply; one that is null is not wanted.
///
/// # Safety
/// `reply` is null or an empty reply of the caller's.
///
/// # Errors
/// [`Error::Request`] when the reply has no room for it.
pub unsafe fn answer<T: Serialize>(reply: *mut LocusReply, json: &T, tensors: Vec<Tensor>) -> Result<()> {
    let text = serde_json::to_string(json).map_err(|error| Error::Failed(format!("cannot write JSON: {error}")))?;
    // SAFETY: null or valid, as the caller promises.
    let Some(reply) = (unsafe { reply.as_mut() }) else { return Ok(()) };
    if reply.struct_size < LocusReply::LEAST_SIZE {
        return Err(Error::Request(format!("a reply of {} bytes is too small", reply.struct_size)));
    }
    reply.json = give_bytes(text);
    reply.tensors = give_tensors(tensors);
    Ok(())
}

/// Puts the text of a failure where the caller wants it.
///
/// # Safety
/// `error` is null or an empty struct of the caller's.
pub unsafe fn put_error(error: *mut LocusBytes, text: &str) {
    if !error.is_null() {
        // SAFETY: not null, so an empty struct as the caller promises; what it held needs no drop.
        unsafe { error.write(give_bytes(text.to_owned())) };
    }
}
