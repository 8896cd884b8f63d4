//! What the system says of processes.

use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

/// How long something may take that takes milliseconds. It only keeps a test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// The process that a program has started, once it has.
///
/// # Panics
/// It starts none.
#[must_use]
pub fn child_of(process: u32) -> u32 {
    eventually("a process is started", || {
        let children = look_at(process)?.task_main_thread().and_then(|task| task.children()).ok()?;
        // not before it has become the program that it is to be
        let is_engine = |child| look_at(child)?.stat().ok().map(|stat| stat.comm == "locus-engine");
        children.into_iter().find(|&child| is_engine(child) == Some(true))
    })
}

/// Whether a process runs.
#[must_use]
pub fn is_running(process: u32) -> bool {
    // one that has ended and that nobody has asked about is not alive
    look_at(process).is_some_and(|process| process.is_alive())
}

fn look_at(process: u32) -> Option<Process> {
    Process::new(i32::try_from(process).ok()?).ok()
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
