//! The host's table, the same for all plugins.
#![allow(unsafe_code)]

use crate::open_call::{self, OpenCall};
use crate::{helpers, tensors};
use locus_plugin::call::{Answer, Arguments};
use locus_plugin::glue::abi::{
    INTERFACE_MAJOR, INTERFACE_MINOR, LEVEL_INFO, LocusBytes, LocusContext, LocusHost, LocusReply, LocusStr,
    LocusTensor,
};
use locus_plugin::glue::{borrow_tensors, borrow_text, guarded, guarded_value, put_answer};
use locus_plugin::{Error, Level, Result};

pub(crate) static HOST: LocusHost = LocusHost {
    struct_size: size_of::<LocusHost>(),
    interface_major: INTERFACE_MAJOR,
    interface_minor: INTERFACE_MINOR,
    reserved: 0,
    call: Some(call),
    cancelled: Some(cancelled),
    log: Some(log),
    tensor_from_f32: Some(helpers::tensor_from_f32),
    tensor_sizes: Some(helpers::tensor_sizes),
    tensor_copy_f32: Some(helpers::tensor_copy_f32),
    tensor_clone: Some(helpers::tensor_clone),
    tensor_free: Some(helpers::tensor_free),
    tensors_new: Some(helpers::tensors_new),
    bytes_new: Some(helpers::bytes_new),
    json_f64: Some(helpers::json_f64),
    json_str: Some(helpers::json_str),
};

unsafe extern "C" fn call(
    context: *mut LocusContext,
    service: LocusStr,
    json: LocusStr,
    given: *const *mut LocusTensor,
    count: usize,
    reply: *mut LocusReply,
    error: *mut LocusBytes,
) -> i32 {
    let run = || {
        // SAFETY: the contract has a plugin lend texts and handles until this returns, and none is kept longer.
        let (service, json, given) =
            unsafe { (borrow_text(service)?, borrow_text(json)?, borrow_tensors(given, count)?) };
        let answer = open_call::with(context, |call| serve(call, service, Arguments::new(json, &given)))?;
        // SAFETY: null, or an empty reply of the plugin's with as much room as it says, as the contract says.
        unsafe { put_answer(reply, answer) }
    };
    // SAFETY: null, or an empty error of the plugin's, as the contract says.
    unsafe { guarded(error, run) }
}

/// Serves one call with the host's own settings. A panic of the host's is remembered, whatever the plugin makes of it.
fn serve(call: &OpenCall<'_>, service: &str, arguments: Arguments<'_>) -> Result<Answer> {
    if call.cancelled() {
        return Err(Error::Cancelled);
    }
    let serve = || {
        tensors::floating(arguments.tensors, &format!("for the service `{service}`"))?;
        call.host().call(service, arguments)
    };
    let served = call.at_home(|| guarded_value(|| Ok(serve())));
    let served = served.inspect_err(|panic| {
        call.remember_panic(format!("the host failed in its service `{service}`: {panic}"));
    })?;
    served.inspect_err(|failure| call.remember(service, failure))
}

unsafe extern "C" fn cancelled(context: *mut LocusContext) -> i32 {
    // A plugin that asks where nobody can answer is told to stop.
    guarded_value(|| open_call::with(context, |call| Ok(i32::from(call.cancelled())))).unwrap_or(1)
}

unsafe extern "C" fn log(context: *mut LocusContext, level: i32, text: LocusStr) {
    let level = if level == LEVEL_INFO { Level::Info } else { Level::Warning };
    // There is nobody to tell when a line of the log is lost.
    let _ = guarded_value(|| {
        // SAFETY: the contract has a plugin lend the text until this returns, and it is not kept longer.
        let text = unsafe { borrow_text(text) }?;
        open_call::with(context, |call| {
            call.host().log(level, text);
            Ok(())
        })
    });
}
