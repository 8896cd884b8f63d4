//! Arguments, and then either the workbench or one headless command. Device, weights and plugins are another process', which
//! is started where it is needed.

mod cli;

use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let arguments = match cli::read_arguments() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    // a file that may not grow further is an error like a full disk, and not the end of the program
    let _ = signal_hook::flag::register(rustix::process::Signal::XFSZ.as_raw(), Arc::default());
    match cli::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                cli::complain(&failure.message);
            }
            ExitCode::from(failure.code)
        }
    }
}
