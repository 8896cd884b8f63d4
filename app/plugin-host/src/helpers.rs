//! What authors without libtorch's headers and without a JSON library need: tensors and JSON through the table.
//!
//! The contract has plugins call these functions with texts, arrays and handles that are valid until they return, and with
//! places that have room and that nobody else uses. Nulls, odd addresses and impossible lengths are refused.
#![allow(unsafe_code)]

use locus_plugin::glue::abi::{LocusBytes, LocusStr, LocusTensor, LocusTensors};
use locus_plugin::glue::{borrow_slice, borrow_text, give_bytes, give_tensors, guarded, guarded_value, put};
use locus_plugin::{Error, Result};
use serde_json::Value;
use std::mem::ManuallyDrop;
use tch::{Device, Kind, Tensor};

pub(crate) unsafe extern "C" fn tensor_from_f32(
    data: *const f32,
    sizes: *const i64,
    dimensions: usize,
    tensor: *mut *mut LocusTensor,
    error: *mut LocusBytes,
) -> i32 {
    let run = || {
        // SAFETY: an array of the plugin's, which it lends until this returns.
        let sizes = unsafe { borrow_slice(sizes, dimensions, "sizes") }?;
        let count = sizes.iter().try_fold(1_usize, |count, &size| count.checked_mul(usize::try_from(size).ok()?));
        let count = count.ok_or_else(|| Error::Request(format!("impossible sizes {sizes:?}")))?;
        // SAFETY: the contract has as many numbers there as the sizes say, lent until this returns.
        let data = unsafe { borrow_slice(data, count, "numbers") }?;
        let made = Tensor::f_from_slice(data)?.f_reshape(sizes)?;
        // SAFETY: a place of the plugin's for one handle.
        unsafe { give(tensor, made) }
    };
    // SAFETY: null, or an empty error of the plugin's.
    unsafe { guarded(error, run) }
}

pub(crate) unsafe extern "C" fn tensor_sizes(
    tensor: *const LocusTensor,
    sizes: *mut i64,
    capacity: usize,
    dimensions: *mut usize,
    error: *mut LocusBytes,
) -> i32 {
    let run = || {
        // SAFETY: null, or a handle of the plugin's, which stays its own.
        let found = unsafe { borrow(tensor) }?.size();
        let room = if sizes.is_null() { 0 } else { capacity };
        for (index, size) in found.iter().enumerate().take(room) {
            // SAFETY: the plugin's array has room for `capacity` sizes, and `index` is below that.
            unsafe { put(sizes.wrapping_add(index), "the sizes", || *size) }?;
        }
        // SAFETY: a place of the plugin's for one number.
        unsafe { put(dimensions, "the number of dimensions", || found.len()) }
    };
    // SAFETY: null, or an empty error of the plugin's.
    unsafe { guarded(error, run) }
}

pub(crate) unsafe extern "C" fn tensor_copy_f32(
    tensor: *const LocusTensor,
    data: *mut f32,
    capacity: usize,
    error: *mut LocusBytes,
) -> i32 {
    let run = || {
        // SAFETY: null, or a handle of the plugin's, which stays its own.
        let tensor = unsafe { borrow(tensor) }?;
        let tensor = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
        let count = tensor.numel();
        if count > capacity {
            return Err(Error::Request(format!("{count} elements do not fit into a buffer of {capacity}")));
        }
        // SAFETY: a contiguous float32 tensor on the CPU has `count` numbers from `data_ptr` on, for as long as it is there.
        let numbers = unsafe { borrow_slice(tensor.data_ptr().cast::<f32>().cast_const(), count, "numbers") }?;
        if count > 0 {
            // SAFETY: the plugin's array has room for `capacity` numbers, at least `count` of them, and is none of libtorch's,
            // so that the two do not overlap.
            unsafe { put_all(data, numbers) }?;
        }
        Ok(())
    };
    // SAFETY: null, or an empty error of the plugin's.
    unsafe { guarded(error, run) }
}

pub(crate) unsafe extern "C" fn tensor_clone(
    tensor: *const LocusTensor,
    copy: *mut *mut LocusTensor,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: null, or a handle of the plugin's, which stays its own; and a place of the plugin's for another.
    let run = || unsafe { give(copy, borrow(tensor)?.shallow_clone()) };
    // SAFETY: null, or an empty error of the plugin's.
    unsafe { guarded(error, run) }
}

/// Frees a handle. Nobody hears of a panic; it must only not cross.
pub(crate) unsafe extern "C" fn tensor_free(tensor: *mut LocusTensor) {
    let _ = guarded_value(|| {
        if !tensor.is_null() {
            // SAFETY: not null, so that it is a handle that the plugin owns, and gives up here.
            drop(unsafe { Tensor::from_ptr(tensor.cast()) });
        }
        Ok(())
    });
}

pub(crate) unsafe extern "C" fn tensors_new(
    handles: *const *mut LocusTensor,
    count: usize,
    tensors: *mut LocusTensors,
    error: *mut LocusBytes,
) -> i32 {
    let run = || {
        // SAFETY: an array of the plugin's, which it lends until this returns.
        let handles = unsafe { borrow_slice(handles, count, "handles") }?;
        let there = handles.iter().filter(|handle| !handle.is_null());
        // SAFETY: not null, so that each is a handle that the plugin owns; the contract has them given up here in any case.
        let taken: Vec<Tensor> = there.map(|handle| unsafe { Tensor::from_ptr(handle.cast()) }).collect();
        if taken.len() < count {
            return Err(Error::Request("a tensor is null".to_owned()));
        }
        // SAFETY: a place of the plugin's for one array.
        unsafe { put(tensors, "the tensors", || give_tensors(taken)) }
    };
    // SAFETY: null, or an empty error of the plugin's.
    unsafe { guarded(error, run) }
}

/// Copies a text. Nobody hears of a panic; it must only not cross.
pub(crate) unsafe extern "C" fn bytes_new(text: LocusStr, bytes: *mut LocusBytes) {
    let _ = guarded_value(|| {
        // SAFETY: a text of the plugin's, which it lends until this returns.
        let copy = match unsafe { borrow_text(text) } {
            Ok(text) => text.to_owned(),
            Err(error) => error.to_string(),
        };
        // SAFETY: a place of the plugin's for one text.
        unsafe { put(bytes, "the text", || give_bytes(copy)) }
    });
}

pub(crate) unsafe extern "C" fn json_f64(
    json: LocusStr,
    pointer: LocusStr,
    value: *mut f64,
    error: *mut LocusBytes,
) -> i32 {
    let run = || {
        // SAFETY: texts of the plugin's, which it lends until this returns.
        let (json, place) = unsafe { (borrow_text(json)?, borrow_text(pointer)?) };
        let number = at(json, place)?
            .as_f64()
            .ok_or_else(|| Error::Request(format!("the value at `{place}` is not a number")))?;
        // SAFETY: a place of the plugin's for one number.
        unsafe { put(value, "the number", || number) }
    };
    // SAFETY: null, or an empty error of the plugin's.
    unsafe { guarded(error, run) }
}

pub(crate) unsafe extern "C" fn json_str(
    json: LocusStr,
    pointer: LocusStr,
    value: *mut LocusBytes,
    error: *mut LocusBytes,
) -> i32 {
    let run = || {
        // SAFETY: texts of the plugin's, which it lends until this returns.
        let (json, place) = unsafe { (borrow_text(json)?, borrow_text(pointer)?) };
        let Value::String(text) = at(json, place)? else {
            return Err(Error::Request(format!("the value at `{place}` is not a string")));
        };
        // SAFETY: a place of the plugin's for one text.
        unsafe { put(value, "the text", || give_bytes(text)) }
    };
    // SAFETY: null, or an empty error of the plugin's.
    unsafe { guarded(error, run) }
}

fn at(json: &str, pointer: &str) -> Result<Value> {
    let json: Value =
        serde_json::from_str(json).map_err(|error| Error::Request(format!("unreadable JSON: {error}")))?;
    let found = json.pointer(pointer).cloned();
    found.ok_or_else(|| Error::Request(format!("there is nothing at `{pointer}`")))
}

/// Copies numbers to where a plugin wants them.
///
/// # Safety
/// Where `place` is neither null nor odd it has room for all of them, and none of them lies there.
unsafe fn put_all(place: *mut f32, numbers: &[f32]) -> Result<()> {
    if place.is_null() || !place.is_aligned() {
        return Err(Error::Request("the buffer for the numbers is null or misaligned".to_owned()));
    }
    // SAFETY: neither null nor odd; the rest the caller promises.
    unsafe { place.copy_from_nonoverlapping(numbers.as_ptr(), numbers.len()) };
    Ok(())
}

/// A tensor that stays the plugin's.
///
/// # Safety
/// `tensor` is null, or a handle that is not freed while this is used.
unsafe fn borrow(tensor: *const LocusTensor) -> Result<ManuallyDrop<Tensor>> {
    if tensor.is_null() {
        return Err(Error::Request("a tensor is null".to_owned()));
    }
    // SAFETY: not null, so that it is a handle; it is never dropped here, and so stays whose it is.
    Ok(ManuallyDrop::new(unsafe { Tensor::from_ptr(tensor.cast_mut().cast()) }))
}

/// Puts a handle where a plugin wants it.
///
/// # Safety
/// Where `place` is neither null nor odd it has room for one.
unsafe fn give(place: *mut *mut LocusTensor, tensor: Tensor) -> Result<()> {
    // SAFETY: as the caller promises.
    unsafe { put(place, "the tensor", || ManuallyDrop::new(tensor).as_mut_ptr().cast()) }
}
