//! What of libtorch and of the thread a plugin could leave changed behind it.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};

unsafe extern "C" {
    fn locus_thread_state_now(whole: c_int) -> *mut c_void;
    fn locus_thread_state_set(
        state: *const c_void,
        tell: unsafe extern "C" fn(*mut c_void, *const c_char, c_int),
        listener: *mut c_void,
    );
    fn locus_thread_state_free(state: *mut c_void);
    fn locus_demand_determinism();
}

/// Rounding mode and floating-point exceptions, gradient and inference mode, autocast, threads, default number format,
/// deterministic algorithms, precision of products, device; of a whole call also libtorch's random numbers and what
/// happens on signals.
pub(crate) struct ThreadState(*mut c_void);

/// What was different from a state that was put back.
#[derive(Default)]
pub(crate) struct Changes {
    /// What was, and is as before.
    pub(crate) put_back: Vec<String>,
    /// What could not be read or put back, each a clause.
    pub(crate) lost: Vec<String>,
}

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
    pub(crate) fn set(&self) -> Changes {
        let mut changes = Changes::default();
        // SAFETY: the state lives as long as this; the listener is called with the changes while this runs.
        unsafe { locus_thread_state_set(self.0, take, (&raw mut changes).cast()) };
        changes
    }
}

impl Drop for ThreadState {
    fn drop(&mut self) {
        // SAFETY: made by `locus_thread_state_now`, and dropped once.
        unsafe { locus_thread_state_free(self.0) };
    }
}

unsafe extern "C" fn take(listener: *mut c_void, text: *const c_char, lost: c_int) {
    // SAFETY: called by `locus_thread_state_set` with the changes and a text that ends in a zero byte.
    let (changes, text) = unsafe { (listener.cast::<Changes>().as_mut(), CStr::from_ptr(text)) };
    if let Some(changes) = changes {
        let list = if lost == 0 { &mut changes.put_back } else { &mut changes.lost };
        list.push(text.to_string_lossy().into_owned());
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

#[cfg(test)]
mod tests {
    use super::ThreadState;

    unsafe extern "C" {
        #[link_name = "_ZN2at13globalContextEv"]
        safe fn global_context() -> *mut u8;
        #[link_name = "_ZN2at7Context18setAllowTF32CuBLASEb"]
        fn set_tf32(context: *mut u8, on: bool);
    }

    #[test]
    fn what_was_put_back_is_different_no_more() {
        for state in [ThreadState::now(), ThreadState::before_call()] {
            // SAFETY: a function of libtorch with its own context.
            unsafe { set_tf32(global_context(), true) };
            let changes = state.set();
            assert_eq!((changes.put_back.len(), changes.lost), (1, Vec::new()), "{:?}", changes.put_back);
            let again = state.set();
            assert_eq!((again.put_back, again.lost), (Vec::<String>::new(), Vec::new()));
        }
    }

    #[test]
    fn a_state_that_could_not_be_made_is_no_silence() {
        let changes = ThreadState(std::ptr::null_mut()).set();
        assert!(
            changes.put_back.is_empty() && changes.lost == ["libtorch's settings could not be read"],
            "{:?}",
            changes.lost
        );
    }
}
