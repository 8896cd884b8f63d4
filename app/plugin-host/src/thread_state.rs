//! What of libtorch and of the thread a plugin could leave changed behind it.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};

unsafe extern "C" {
    fn locus_thread_state_now(whole: c_int) -> *mut c_void;
    fn locus_thread_state_set(
        state: *const c_void,
        tell: unsafe extern "C" fn(*mut c_void, *const c_char),
        listener: *mut c_void,
    );
    fn locus_thread_state_free(state: *mut c_void);
    fn locus_demand_determinism();
}

/// Rounding mode and floating-point exceptions, gradient and inference mode, autocast, threads, default number format,
/// deterministic algorithms, precision of products, device; of a whole call also libtorch's random numbers and what
/// happens on signals.
pub(crate) struct ThreadState(*mut c_void);

impl ThreadState {
    /// What it is where a plugin is called.
    pub(crate) fn before_call() -> Self {
        // SAFETY: makes a state that is freed when it is dropped.
        Self(unsafe { locus_thread_state_now(1) })
    }

    /// What it is where a service is called.
    pub(crate) fn now() -> Self {
        // SAFETY: makes a state that is freed when it is dropped.
        Self(unsafe { locus_thread_state_now(0) })
    }

    /// Makes it so, and says what was different.
    pub(crate) fn set(&self) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        // SAFETY: the state lives as long as this; the listener is called with the list while this runs.
        unsafe { locus_thread_state_set(self.0, take, (&raw mut told).cast()) };
        told
    }
}

impl Drop for ThreadState {
    fn drop(&mut self) {
        // SAFETY: made by `locus_thread_state_now`, and dropped once.
        unsafe { locus_thread_state_free(self.0) };
    }
}

/// Takes one text.
unsafe extern "C" fn take(listener: *mut c_void, text: *const c_char) {
    // SAFETY: called by `locus_thread_state_set` with the list and a text that ends in a zero byte.
    let (told, text) = unsafe { (listener.cast::<Vec<String>>().as_mut(), CStr::from_ptr(text)) };
    if let Some(told) = told {
        told.push(text.to_string_lossy().into_owned());
    }
}

/// Has libtorch take, for every operation that has one, the algorithm that gives the same bits every time: on GPUs many sums
/// are made in whatever order their parts are ready in. An operation without such an algorithm is warned of. What plugins
/// make of it is put back.
pub fn demand_determinism() {
    // SAFETY: sets flags of libtorch's global context, which lives as long as the process; it throws nothing.
    unsafe { locus_demand_determinism() }
}

/// Switches gradients on or off, and tells what they were.
pub(crate) fn set_gradients(on: bool) -> bool {
    // SAFETY: sets a thread-local flag of libtorch.
    unsafe { torch_sys::at_grad_set_enabled(i32::from(on)) != 0 }
}

/// The text of what was left behind.
pub(crate) fn left(who: &str, what: &[String]) -> String {
    format!("{who} left {} behind; put back", joined(what))
}

fn joined(what: &[String]) -> String {
    match what {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
