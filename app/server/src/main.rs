//! `locus-engine`: the process that owns device, weights and plugins. It speaks with fronts over its standard streams and
//! over a socket in the user's runtime folder, and never listens to a network.

mod arguments;
mod front;
mod history;
mod hub;
mod last_word;
mod outlet;
mod relay;
mod serve;
mod streams;
mod train;

use arguments::{Arguments, Task};
use clap::Parser;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    // before anything else looks at libtorch, see its documentation
    locus_session::open_cuda();
    let arguments = Arguments::parse();
    // a panic of the engine's thread is caught, and told in a sentence; where it was is for those who ask for it
    if std::env::var_os("RUST_BACKTRACE").is_none() {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() != Some("engine") {
                usual(panic);
            }
        }));
    }
    // a file that may not grow further is an error like a full disk, and not the end of the program
    let _ = signal_hook::flag::register(rustix::process::Signal::XFSZ.as_raw(), Arc::default());
    let ended = match (arguments.task, arguments.join) {
        (Some(Task::Train { out, seed }), _) => train::run(&out, seed),
        (None, Some(process)) => relay::run(process),
        (None, None) if arguments.stdio => serve::run(arguments.with_front),
        (None, None) => Err((
            2,
            "this is the engine of locus, started by it; with --stdio it speaks the protocol on the standard streams"
                .to_owned(),
        )),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => {
            if !message.is_empty() {
                streams::complain(&message);
            }
            ExitCode::from(code)
        }
    }
}
