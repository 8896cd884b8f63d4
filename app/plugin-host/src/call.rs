//! Calls a function of a plugin's table.
#![allow(unsafe_code)]

use crate::table::HOST;
use locus_plugin::glue::abi::{LocusBytes, LocusCall, LocusContext, LocusReply, LocusStr};
use locus_plugin::glue::{Answer, collect, handles};
use locus_plugin::{Error, Result};
use serde::Serialize;
use tch::Tensor;

/// Calls `function` with arguments and borrowed tensors, and takes over what it gives back.
pub(crate) fn call<T: Serialize>(
    context: *mut LocusContext,
    arguments: &T,
    tensors: &[&Tensor],
    function: impl FnOnce(*const LocusCall, *mut LocusReply, *mut LocusBytes) -> i32,
) -> Result<Answer> {
    let json =
        serde_json::to_string(arguments).map_err(|error| Error::Failed(format!("cannot write JSON: {error}")))?;
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
    // SAFETY: the plugin filled both, as the contract says.
    unsafe { collect(status, reply, error) }
}
