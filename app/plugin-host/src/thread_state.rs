//! What of libtorch a plugin could leave changed behind it.
#![allow(unsafe_code)]

/// Gradient mode and number of threads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadState {
    gradients: bool,
    threads: i32,
}

impl ThreadState {
    /// What it is now.
    pub(crate) fn now() -> Self {
        let gradients = set_gradients(true);
        set_gradients(gradients);
        Self { gradients, threads: tch::get_num_threads() }
    }

    /// The same with gradients on.
    pub(crate) fn with_gradients(self) -> Self {
        Self { gradients: true, ..self }
    }

    /// Makes it so, and says what was different.
    pub(crate) fn set(self) -> Vec<String> {
        let found = Self::now();
        let mut changes = Vec::new();
        if found.gradients != self.gradients {
            set_gradients(self.gradients);
            changes.push(format!("gradients {}", if found.gradients { "on" } else { "off" }));
        }
        if found.threads != self.threads {
            tch::set_num_threads(self.threads);
            changes.push(format!("{} threads instead of {}", found.threads, self.threads));
        }
        changes
    }
}

/// Sets the mode and tells what it was.
fn set_gradients(on: bool) -> bool {
    // SAFETY: sets a thread-local flag of libtorch.
    unsafe { torch_sys::at_grad_set_enabled(i32::from(on)) != 0 }
}
