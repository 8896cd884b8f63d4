//! Nothing unwinds across the boundary: every function of a table runs inside [`guarded`].

use super::abi::{
    LocusBytes, STATUS_CANCELLED, STATUS_FAILED, STATUS_OK, STATUS_PANIC, STATUS_REQUEST, STATUS_UNSUPPORTED,
};
use super::transfer::put_error;
use crate::error::{Error, Result, first_line};
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs one function of a table: what it fails with goes into `error` as text and comes back as a status.
///
/// # Safety
/// `error` is null or an empty struct of the caller's.
#[allow(unsafe_code)]
pub unsafe fn guarded(error: *mut LocusBytes, run: impl FnOnce() -> Result<()>) -> i32 {
    match guarded_value(run) {
        Ok(()) => STATUS_OK,
        Err(failure) => {
            let (status, text) = match &failure {
                Error::Cancelled => (STATUS_CANCELLED, ""),
                Error::Unsupported(text) => (STATUS_UNSUPPORTED, text.as_str()),
                Error::Request(text) => (STATUS_REQUEST, text.as_str()),
                Error::Failed(text) => (STATUS_FAILED, text.as_str()),
                Error::Panic(text) => (STATUS_PANIC, text.as_str()),
            };
            // SAFETY: null or an empty struct of the caller's, as it promises.
            unsafe { put_error(error, text) };
            status
        }
    }
}

/// Runs something and turns a panic into [`Error::Panic`].
///
/// # Errors
/// What `run` fails with.
pub fn guarded_value<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| Err(Error::Panic(message(payload))))
}

/// The failure that a status other than `STATUS_OK` stands for.
#[must_use]
pub fn error_of(status: i32, text: String) -> Error {
    match status {
        STATUS_CANCELLED => Error::Cancelled,
        STATUS_UNSUPPORTED => Error::Unsupported(text),
        STATUS_REQUEST => Error::Request(text),
        STATUS_PANIC => Error::Panic(text),
        _ if text.is_empty() => Error::Failed(format!("it failed without a message (status {status})")),
        _ => Error::Failed(text),
    }
}

/// Keeps the place of a panic instead of printing over the workbench. A plugin has a standard library of its own,
/// and with it a panic hook of its own: the host's does not see its panics.
pub(super) fn keep_panics_silent() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!("{}:{}", place.file(), place.line()));
        // A panic while the thread ends finds the place gone; then there is nobody to tell it to.
        let _ = PLACE.try_with(|kept| *kept.borrow_mut() = place);
    }));
}

fn message(payload: Box<dyn Any + Send>) -> String {
    let text = if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        // What it is nobody knows; dropping it might panic again.
        std::mem::forget(payload);
        "without a message".to_owned()
    };
    let text = first_line(&text).to_owned();
    match PLACE.try_with(|kept| kept.borrow_mut().take()).ok().flatten() {
        Some(place) => format!("{text} (at {place})"),
        None => text,
    }
}
