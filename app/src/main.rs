//! Arguments, and then either the workbench or one headless command.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    // before anything else looks at libtorch, see its documentation
    locus_session::open_cuda();
    let arguments = match cli::read_arguments() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
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
