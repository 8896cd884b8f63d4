//! The host's table, the same for all plugins.
#![allow(unsafe_code)]

use crate::helpers;
use crate::services::serve;
use crate::session;
use locus_plugin::glue::abi::{
    INTERFACE_MAJOR, INTERFACE_MINOR, LEVEL_INFO, LocusBytes, LocusContext, LocusHost, LocusReply, LocusStr,
    LocusTensor,
};
use locus_plugin::glue::{Arguments, answer, borrow_text, guarded, guarded_value};
use locus_plugin::{Error, Level};

/// The table.
pub(crate) static HOST: LocusHost = LocusHost {
    struct_size: size_of::<LocusHost>(),
    interface_major: INTERFACE_MAJOR,
    interface_minor: INTERFACE_MINOR,
    reserved: 0,
    call,
    cancelled,
    log,
    tensor_from_f32: helpers::tensor_from_f32,
    tensor_sizes: helpers::tensor_sizes,
    tensor_copy_f32: helpers::tensor_copy_f32,
    tensor_clone: helpers::tensor_clone,
    tensor_free: helpers::tensor_free,
    tensors_new: helpers::tensors_new,
    bytes_new: helpers::bytes_new,
    json_f64: helpers::json_f64,
    json_str: helpers::json_str,
};

// SAFETY, for all functions below: plugins call them as the contract says, with valid text, tensors, reply and
// error. The context is looked up, not followed.

unsafe extern "C" fn call(
    context: *mut LocusContext,
    service: LocusStr,
    json: LocusStr,
    tensors: *const *mut LocusTensor,
    count: usize,
    reply: *mut LocusReply,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: a plugin passes texts and places that live until this returns, as the contract says.
    unsafe {
        guarded(error, || {
            let service = borrow_text(service)?;
            session::with(context, |session| {
                if session.cancelled() {
                    return Err(Error::Cancelled);
                }
                let arguments = Arguments::of_service(json, tensors, count)?;
                let served = session.at_home(|| guarded_value(|| Ok(serve(session.host(), service, arguments))));
                let served = served.inspect_err(|panic| {
                    session.remember_panic(format!("the host failed in its service `{service}`: {panic}"));
                })?;
                let (json, tensors) = served.inspect_err(|failure| session.remember(service, failure))?;
                answer(reply, &json, tensors)
            })
        })
    }
}

unsafe extern "C" fn cancelled(context: *mut LocusContext) -> i32 {
    // A plugin that asks where nobody can answer is told to stop.
    guarded_value(|| session::with(context, |session| Ok(i32::from(session.cancelled())))).unwrap_or(1)
}

unsafe extern "C" fn log(context: *mut LocusContext, level: i32, text: LocusStr) {
    let level = if level == LEVEL_INFO { Level::Info } else { Level::Warning };
    // There is nobody to tell when a line of the log is lost.
    let _ = guarded_value(|| {
        // SAFETY: a plugin passes texts and places that live until this returns, as the contract says.
        let text = unsafe { borrow_text(text) }?;
        session::with(context, |session| {
            session.host().log(level, text);
            Ok(())
        })
    });
}
