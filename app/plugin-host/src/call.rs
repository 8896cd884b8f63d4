//! Calls a function of a plugin's table.
#![allow(unsafe_code)]

use crate::table::HOST;
use locus_plugin::Result;
use locus_plugin::call::{Answer, written};
use locus_plugin::glue::abi::{LocusBytes, LocusCall, LocusContext, LocusReply, LocusStr};
use locus_plugin::glue::{collect, handles};
use serde::Serialize;
use tch::Tensor;

/// Calls `function` with arguments and borrowed tensors, and takes over what it gives back.
///
/// # Safety
/// `function` hands what it is given to a function of a plugin's table, and does nothing else with it.
pub(crate) unsafe fn call<T: Serialize>(
    context: *mut LocusContext,
    arguments: &T,
    tensors: &[Tensor],
    function: impl FnOnce(*const LocusCall, *mut LocusReply, *mut LocusBytes) -> i32,
) -> Result<Answer> {
    let json = written(arguments)?;
    let lent = handles(tensors);
    let call = LocusCall {
        struct_size: size_of::<LocusCall>(),
        host: &raw const HOST,
        context,
        json: LocusStr::new(&json),
        tensors: lent.as_ptr(),
        count: lent.len(),
    };
    let (mut reply, mut error) = (LocusReply::empty(), LocusBytes::empty());
    let status = function(&raw const call, &raw mut reply, &raw mut error);
    // SAFETY: both were empty and are this function's own; what a plugin's function puts there it gives away.
    unsafe { collect(status, reply, error) }
}
