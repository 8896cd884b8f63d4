//! Tells whose code runs, before it runs: the last word of a process that a plugin takes down.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Whose code runs on this thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inside {
    /// Code of the program itself.
    Nothing,
    /// A plugin's, by its id.
    Plugin(String),
    /// A library's that is being opened.
    Opening(PathBuf),
}

/// Told whenever other code begins to run. It has to be quick, and waits for nothing.
pub type Watcher = fn(&Inside);

static WATCHER: OnceLock<Watcher> = OnceLock::new();

thread_local! {
    /// Whose code runs, the innermost last.
    static STACK: RefCell<Vec<Inside>> = const { RefCell::new(Vec::new()) };
}

/// Has `watcher` told from now on. The first one that is given counts.
pub fn watch(watcher: Watcher) {
    let _ = WATCHER.set(watcher);
}

/// Runs code of a plugin.
pub(crate) fn in_plugin<T>(plugin: &str, run: impl FnOnce() -> T) -> T {
    inside(|| Inside::Plugin(plugin.to_owned()), run)
}

pub(crate) fn opening<T>(file: &Path, run: impl FnOnce() -> T) -> T {
    inside(|| Inside::Opening(file.to_owned()), run)
}

fn inside<T>(whose: impl FnOnce() -> Inside, run: impl FnOnce() -> T) -> T {
    let Some(watcher) = WATCHER.get() else { return run() };
    STACK.with_borrow_mut(|stack| {
        stack.push(whose());
        stack.last().map(watcher)
    });
    // also where the call unwinds
    let _left = Left(*watcher);
    run()
}

struct Left(Watcher);

impl Drop for Left {
    fn drop(&mut self) {
        STACK.with_borrow_mut(|stack| {
            stack.pop();
            (self.0)(stack.last().unwrap_or(&Inside::Nothing));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{Inside, in_plugin, opening, watch};
    use std::path::Path;
    use std::sync::Mutex;

    static TOLD: Mutex<Vec<Inside>> = Mutex::new(Vec::new());

    #[test]
    fn what_runs_is_told_before_it_runs_and_after_it_was_left() {
        watch(|inside| TOLD.lock().expect("told").push(inside.clone()));
        let plugin = |id: &str| Inside::Plugin(id.to_owned());
        in_plugin("method", || {
            assert_eq!(TOLD.lock().expect("told").last(), Some(&plugin("method")));
            in_plugin("objective", || assert_eq!(TOLD.lock().expect("told").last(), Some(&plugin("objective"))));
        });
        let _ = std::panic::catch_unwind(|| opening(Path::new("a.so"), || panic!("it does not open")));
        let told = std::mem::take(&mut *TOLD.lock().expect("told"));
        let opened = Inside::Opening("a.so".into());
        let wanted =
            [plugin("method"), plugin("objective"), plugin("method"), Inside::Nothing, opened, Inside::Nothing];
        assert_eq!(told, wanted);
    }
}
