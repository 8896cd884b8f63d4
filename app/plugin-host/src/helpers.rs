//! What authors without libtorch's headers and without a JSON library need: tensors and JSON through the table.
#![allow(unsafe_code)]

use locus_plugin::glue::abi::{LocusBytes, LocusStr, LocusTensor, LocusTensors};
use locus_plugin::glue::{borrow_text, give_bytes, give_tensors, guarded, guarded_value};
use locus_plugin::{Error, Result};
use serde_json::Value;
use std::mem::ManuallyDrop;
use tch::{Device, Kind, Tensor};

// Plugins call all functions below as the contract says; what can be checked is.

pub(crate) unsafe extern "C" fn tensor_from_f32(
    data: *const f32,
    sizes: *const i64,
    dimensions: usize,
    tensor: *mut *mut LocusTensor,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: a plugin passes pointers as the header demands; nulls and sizes are checked inside.
    unsafe {
        guarded(error, || {
            let sizes = slice(sizes, dimensions, "sizes")?;
            let count = sizes.iter().try_fold(1_usize, |count, &size| count.checked_mul(usize::try_from(size).ok()?));
            let count = count.ok_or_else(|| Error::Request(format!("impossible sizes {sizes:?}")))?;
            let data = slice(data, count, "data")?;
            let bytes = std::slice::from_raw_parts(data.as_ptr().cast(), size_of_val(data));
            give(tensor, Tensor::f_from_data_size(bytes, sizes, Kind::Float)?)
        })
    }
}

pub(crate) unsafe extern "C" fn tensor_sizes(
    tensor: *const LocusTensor,
    sizes: *mut i64,
    capacity: usize,
    dimensions: *mut usize,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: a plugin passes pointers as the header demands; nulls and sizes are checked inside.
    unsafe {
        guarded(error, || {
            let found = borrow(tensor)?.size();
            let dimensions = dimensions.as_mut().ok_or_else(|| nowhere("the number of dimensions"))?;
            let room = if sizes.is_null() { 0 } else { capacity };
            for (index, size) in found.iter().enumerate().take(room) {
                sizes.add(index).write(*size);
            }
            *dimensions = found.len();
            Ok(())
        })
    }
}

pub(crate) unsafe extern "C" fn tensor_copy_f32(
    tensor: *const LocusTensor,
    data: *mut f32,
    capacity: usize,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: a plugin passes pointers as the header demands; nulls and sizes are checked inside.
    unsafe {
        guarded(error, || {
            let tensor = borrow(tensor)?.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?;
            let count = tensor.numel();
            if count > capacity || (data.is_null() && count > 0) {
                return Err(Error::Request(format!("{count} elements do not fit into room for {capacity}")));
            }
            if count > 0 {
                let room = std::slice::from_raw_parts_mut(data, count);
                tensor.f_contiguous()?.f_copy_data(room, count)?;
            }
            Ok(())
        })
    }
}

pub(crate) unsafe extern "C" fn tensor_clone(
    tensor: *const LocusTensor,
    copy: *mut *mut LocusTensor,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: a plugin passes pointers as the header demands; nulls and sizes are checked inside.
    unsafe { guarded(error, || give(copy, borrow(tensor)?.shallow_clone())) }
}

pub(crate) unsafe extern "C" fn tensor_free(tensor: *mut LocusTensor) {
    // Nobody hears of a panic here; it must only not cross.
    let _ = guarded_value(|| {
        if !tensor.is_null() {
            // SAFETY: a plugin passes pointers as the header demands; nulls and sizes are checked inside.
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
    // SAFETY: a plugin passes pointers as the header demands; nulls and sizes are checked inside.
    unsafe {
        guarded(error, || {
            let handles = slice(handles, count, "handles")?;
            let missing = handles.iter().any(|handle| handle.is_null());
            let taken: Vec<Tensor> = handles
                .iter()
                .filter(|handle| !handle.is_null())
                .map(|handle| Tensor::from_ptr(handle.cast()))
                .collect();
            if missing {
                return Err(Error::Request("a tensor is null".to_owned()));
            }
            if tensors.is_null() {
                return Err(nowhere("the tensors"));
            }
            tensors.write(give_tensors(taken));
            Ok(())
        })
    }
}

pub(crate) unsafe extern "C" fn bytes_new(text: LocusStr, bytes: *mut LocusBytes) {
    let _ = guarded_value(|| {
        // SAFETY: a plugin passes pointers as the header demands; nulls and sizes are checked inside.
        let copy = match unsafe { borrow_text(text) } {
            Ok(text) => text.to_owned(),
            Err(error) => error.to_string(),
        };
        if !bytes.is_null() {
            // SAFETY: a plugin passes pointers as the header demands; nulls and sizes are checked inside.
            unsafe { bytes.write(give_bytes(copy)) };
        }
        Ok(())
    });
}

pub(crate) unsafe extern "C" fn json_f64(
    json: LocusStr,
    pointer: LocusStr,
    value: *mut f64,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: a plugin passes pointers as the header demands; nulls and sizes are checked inside.
    unsafe {
        guarded(error, || {
            let place = borrow_text(pointer)?;
            let number = at(json, place)?
                .as_f64()
                .ok_or_else(|| Error::Request(format!("what stands at `{place}` is no number")))?;
            *value.as_mut().ok_or_else(|| nowhere("the number"))? = number;
            Ok(())
        })
    }
}

pub(crate) unsafe extern "C" fn json_str(
    json: LocusStr,
    pointer: LocusStr,
    value: *mut LocusBytes,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: a plugin passes pointers as the header demands; nulls and sizes are checked inside.
    unsafe {
        guarded(error, || {
            let place = borrow_text(pointer)?;
            let Value::String(text) = at(json, place)? else {
                return Err(Error::Request(format!("what stands at `{place}` is no text")));
            };
            if value.is_null() {
                return Err(nowhere("the text"));
            }
            value.write(give_bytes(text));
            Ok(())
        })
    }
}

unsafe fn at(json: LocusStr, pointer: &str) -> Result<Value> {
    // SAFETY: a plugin passes pointers as the header demands; nulls and sizes are checked inside.
    let json: Value = serde_json::from_str(unsafe { borrow_text(json) }?)
        .map_err(|error| Error::Request(format!("unreadable JSON: {error}")))?;
    let found = json.pointer(pointer).cloned();
    found.ok_or_else(|| Error::Request(format!("there is nothing at `{pointer}`")))
}

unsafe fn slice<'a, T>(data: *const T, count: usize, what: &str) -> Result<&'a [T]> {
    match (data.is_null(), count) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Error::Request(format!("no {what}"))),
        // SAFETY: a plugin passes pointers as the header demands; nulls and sizes are checked inside.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(data, count) }),
    }
}

/// A tensor that stays the plugin's.
unsafe fn borrow(tensor: *const LocusTensor) -> Result<ManuallyDrop<Tensor>> {
    if tensor.is_null() {
        return Err(Error::Request("a tensor is null".to_owned()));
    }
    // SAFETY: a plugin passes pointers as the header demands; nulls and sizes are checked inside.
    Ok(ManuallyDrop::new(unsafe { Tensor::from_ptr(tensor.cast_mut().cast()) }))
}

unsafe fn give(place: *mut *mut LocusTensor, tensor: Tensor) -> Result<()> {
    // SAFETY: a plugin passes pointers as the header demands; nulls and sizes are checked inside.
    let place = unsafe { place.as_mut() }.ok_or_else(|| nowhere("the tensor"))?;
    *place = ManuallyDrop::new(tensor).as_mut_ptr().cast();
    Ok(())
}

fn nowhere(what: &str) -> Error {
    Error::Request(format!("no place for {what}"))
}
