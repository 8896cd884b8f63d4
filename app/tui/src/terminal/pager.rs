//! The command of the pager: `$PAGER`, else `less -R`.

use std::ffi::OsString;
use std::process::{Command, ExitStatus, Stdio};

/// What reads where nothing is set; it passes colors on and takes everything else literally.
const DEFAULT: &str = "less -R";
/// What a shell ends with that does not find a program, or may not run it.
const NOT_FOUND: [i32; 2] = [126, 127];

/// `$PAGER`, else less; the text comes through a pipe.
#[must_use]
pub fn pager() -> Command {
    let set = std::env::var_os("PAGER").filter(|pager| !pager.is_empty());
    command(&set.unwrap_or_else(|| DEFAULT.into()))
}

/// The variable may hold arguments, and is read as a shell reads it.
fn command(pager: &OsString) -> Command {
    let mut command = Command::new("sh");
    let mut script = OsString::from("exec ");
    script.push(pager);
    command.arg("-c").arg(script).stdin(Stdio::piped());
    command
}

/// Whether a program ended because there is none.
#[must_use]
pub fn is_missing(status: ExitStatus) -> bool {
    status.code().is_some_and(|code| NOT_FOUND.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::{command, is_missing};
    use crate::terminal::run_with;
    use std::process::Stdio;

    #[test]
    fn a_pager_may_have_arguments_and_may_leave_early() {
        let text = "a line\n".repeat(100_000);
        let ended = |pager: &str| {
            let mut command = command(&pager.into());
            run_with(command.stdout(Stdio::null()).stderr(Stdio::null()), &text).expect("it runs")
        };
        assert!(ended("grep -c line").success());
        assert!(ended("head -n 1").success(), "it reads no further");
        assert!(ended("true").success());
        assert!(is_missing(ended("no-such-pager-here -R")) && !is_missing(ended("false")));
    }
}
