//! Steps at which a test has something fail. Outside of tests none does: nobody arms one.

use crate::error::Error;
use std::cell::Cell;

thread_local! {
    /// Steps that still go well; `None` where all do.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    static FAILED_AT: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Has one step of this thread fail, after `left` that go well.
pub fn arm(left: usize) {
    LEFT.set(Some(left));
    FAILED_AT.set(None);
}

/// Has all steps go well again; gives the one that failed.
pub fn disarm() -> Option<&'static str> {
    LEFT.set(None);
    FAILED_AT.take()
}

/// A step that could fail here: it does where a test wants it to.
///
/// # Errors
/// A test wants one.
pub fn reach(step: &'static str) -> Result<(), Error> {
    match LEFT.get() {
        None => Ok(()),
        Some(0) => {
            LEFT.set(None);
            FAILED_AT.set(Some(step));
            Err(Error::Request(format!("the test has `{step}` fail")))
        }
        Some(left) => {
            LEFT.set(Some(left - 1));
            Ok(())
        }
    }
}
