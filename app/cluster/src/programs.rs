//! Programs of Slurm, run with a time limit: a controller that is down or busy keeps them waiting.

use crate::error::{Error, Result};
use std::io::{ErrorKind, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that are read of what a program says.
const MOST: u64 = 16 << 20;
/// How often it is looked whether a program has ended.
const GLANCE: Duration = Duration::from_millis(10);
/// How long what a program has said is waited for once it has ended: a child of its own may hold the pipe.
const REST: Duration = Duration::from_secs(1);

/// What a program said.
#[derive(Debug)]
pub struct Said {
    /// Whether it ended with 0.
    pub well: bool,
    pub out: String,
    pub err: String,
}

impl Said {
    /// All of it as one line: what stands on standard error, or else on standard output.
    pub fn words(&self) -> String {
        let text = if self.err.trim().is_empty() { &self.out } else { &self.err };
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() { "it gives no reason".to_owned() } else { lines.join("; ") }
    }
}

/// Runs a program to its end, or for so long.
///
/// # Errors
/// It is not there, cannot be started, or has not ended in time; then it is killed.
pub fn run(command: &mut Command, limit: Duration) -> Result<Said> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|source| match source.kind() {
        ErrorKind::NotFound => Error::NoProgram(program.clone()),
        _ => Error::Start { program: program.clone(), source },
    })?;
    let (out, err) = (child.stdout.take().map(reading), child.stderr.take().map(reading));
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() < limit => thread::sleep(GLANCE),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(Error::Silent { program, seconds: limit.as_secs() });
            }
            Err(source) => return Err(Error::Start { program, source }),
        }
    };
    let text = |pipe: Option<Receiver<Vec<u8>>>| {
        let bytes = pipe.and_then(|pipe| pipe.recv_timeout(REST).ok()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ok(Said { well: status.success(), out: text(out), err: text(err) })
}

/// Reads a pipe beside the program.
fn reading(pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.take(MOST).read_to_end(&mut bytes);
        // nobody waits any more
        let _ = sender.send(bytes);
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::error::Error;
    use std::process::Command;
    use std::time::{Duration, Instant};

    fn shell(text: &str, limit: Duration) -> Result<super::Said, Error> {
        run(Command::new("sh").args(["-c", text]), limit)
    }

    #[test]
    fn what_a_program_says_is_one_line() {
        let said =
            shell("echo out; echo sbatch: error: one >&2; echo two >&2; exit 1", Duration::from_secs(10)).expect("run");
        assert!(!said.well);
        assert_eq!((said.out.as_str(), said.words().as_str()), ("out\n", "sbatch: error: one; two"));
        let quiet = shell("exit 3", Duration::from_secs(10)).expect("run");
        assert_eq!(quiet.words(), "it gives no reason");
    }

    #[test]
    fn a_program_that_hangs_is_not_waited_for() {
        let start = Instant::now();
        let error = shell("exec sleep 60", Duration::from_millis(200)).expect_err("it hangs");
        assert!(matches!(error, Error::Silent { .. }), "{error}");
        // nor one whose child keeps the pipe
        assert!(shell("sleep 60 & exit 0", Duration::from_secs(10)).expect("run").well);
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        let error = run(&mut Command::new("no-such-program"), Duration::from_secs(1)).expect_err("none");
        assert!(error.to_string().starts_with("there is no `no-such-program` on the PATH"), "{error}");
    }
}
