//! What the system says of processes.

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::time::{Duration, Instant};

/// How long something may take that takes milliseconds. It only keeps a test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// The process that a program has started, once it has.
///
/// # Panics
/// It starts none.
#[must_use]
pub fn child_of(process: u32) -> u32 {
    let file = format!("/proc/{process}/task/{process}/children");
    eventually("a process is started", || {
        let children = std::fs::read_to_string(&file).ok()?;
        children.split_whitespace().find_map(|child| {
            let child = child.parse().ok()?;
            // not before it has become the program that it is to be
            let name = std::fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
            (name.trim() == "locus-engine").then_some(child)
        })
    })
}

/// Whether a process runs.
#[must_use]
pub fn is_running(process: u32) -> bool {
    let is_there = pid(process).is_some_and(|pid| test_kill_process(pid).is_ok());
    // one that has ended and that nobody has asked about is a zombie
    let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    is_there && !state.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

/// Kills a process.
pub fn kill(process: u32) {
    if let Some(pid) = pid(process) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

fn pid(process: u32) -> Option<Pid> {
    i32::try_from(process).ok().and_then(Pid::from_raw)
}

/// What `look` finds, once it finds something.
///
/// # Panics
/// It never does.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
