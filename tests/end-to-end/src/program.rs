//! The program under test.

use crate::Records;
use rustix::process::{Pid, Signal, kill_process};
use std::path::PathBuf;
use std::process::Output;

/// The program, beside the program that tests it, or above the folder of tests.
///
/// # Panics
/// It was not built.
#[must_use]
pub fn program() -> PathBuf {
    built(&format!("locus{}", std::env::consts::EXE_SUFFIX))
}

/// The file of a plugin by the name of its package.
///
/// # Panics
/// It was not built.
#[must_use]
pub fn plugin(package: &str) -> PathBuf {
    built(&format!("lib{}.so", package.replace('-', "_")))
}

fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    // a test lies one folder deeper than what is built beside it
    let folder = test.parent().expect("its folder");
    let folder = if folder.ends_with("deps") { folder.parent().expect("the target folder") } else { folder };
    let file = folder.join(name);
    let profile = if cfg!(debug_assertions) { "" } else { " --release" };
    assert!(file.is_file(), "{} is missing; run `cargo build{profile} --workspace` first", file.display());
    file
}

/// Sends a signal to a process.
///
/// # Panics
/// There is no such process.
pub fn send(signal: Signal, process: u32) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(process, signal).expect("the signal is sent");
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ended {
    /// Demands that all went well.
    ///
    /// # Panics
    /// It did not.
    #[must_use]
    pub fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// The records on standard output.
    ///
    /// # Panics
    /// A line is none.
    #[must_use]
    pub fn records(&self) -> Records {
        Records::read(&self.out)
    }

    /// Demands that it ended with `code` and one sentence on standard error, and returns the sentence.
    ///
    /// # Panics
    /// It ended otherwise, or said more or something else.
    #[must_use]
    pub fn sentence(&self, code: i32) -> String {
        let (warnings, sentence) = self.warnings_and_sentence(code);
        assert!(warnings.is_empty(), "not one line on standard error: {self:?}");
        sentence
    }

    /// Demands that it ended with `code` and a sentence on standard error, and returns the warnings before it and the
    /// sentence.
    ///
    /// # Panics
    /// It ended otherwise, or said something that is not ours.
    #[must_use]
    pub fn warnings_and_sentence(&self, code: i32) -> (Vec<String>, String) {
        assert_eq!(self.code, Some(code), "{self:?}");
        let ours = |line: &str| {
            let said = line.strip_prefix("locus: ").unwrap_or_else(|| panic!("not ours: {line:?} in {self:?}"));
            for crash in ["thread '", "stack backtrace", "RUST_BACKTRACE", "please report"] {
                assert!(!said.contains(crash), "{said}");
            }
            said.to_owned()
        };
        let mut said: Vec<String> = self.err.lines().map(ours).collect();
        let sentence = said.pop().unwrap_or_else(|| panic!("nothing on standard error: {self:?}"));
        (said, sentence)
    }
}
