//! An engine from its first front's hello to its end.

use crate::front;
use crate::hub::{Depends, Files, Hub, end_now};
use crate::last_word;
use crate::outlet::Outlet;
use crate::streams;
use crossbeam_channel::{select, unbounded};
use locus_link::{Hello, LeftOut, Lines, runtime};
use locus_plugin_host::SearchPaths;
use locus_protocol::{Blame, JournalChoice, Start};
use locus_records::{Places, reproducible};
use locus_session::SessionOptions;
use rustix::process::Signal;
use signal_hook::iterator::Signals;
use std::fs::File;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where the hello is handed on when the process starts itself anew.
const HELLO: &str = "LOCUS_ENGINE_HELLO";
/// How long somebody who has connected may take to say hello.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves the front at the standard streams, and those that join later.
///
/// # Errors
/// Exit code and sentence.
pub fn run(with_front: bool) -> Result<(), (u8, String)> {
    let failed = |error: std::io::Error| (1, format!("the standard streams cannot be used ({error})"));
    if with_front {
        end_with_front(true);
        if rustix::process::getppid().is_none_or(rustix::process::Pid::is_init) {
            return Err((1, String::new()));
        }
    }
    // what is typed at the front's terminal is the front's
    let _ = rustix::process::setsid();
    // and what a scheduler tells a whole job before its time is over is told to the front as well
    for signal in [Signal::INT, Signal::HUP, Signal::USR2] {
        let _ = signal_hook::flag::register(signal.as_raw(), Arc::default());
    }
    let line = match std::env::var(HELLO) {
        Ok(line) => line.into_bytes(),
        Err(_) => streams::first_line(&mut stdin().map_err(failed)?).map_err(failed)?,
    };
    let hello = front::hello(&line);
    if let Ok(Hello { start: Some(start), .. }) = &hello
        && start.reproducible
        && !reproducible::is_on()
    {
        return Err((1, start_anew(&line)));
    }
    let (input, output) = streams::take().map_err(failed)?;
    let outlet = Arc::new(Outlet::new(output.into()));
    let refuse = |message: String, blame: Blame| {
        outlet.write(&front::refusal(message, blame));
        Ok(())
    };
    let hello = match hello {
        Ok(hello) => hello,
        Err(sentence) => return refuse(sentence, Blame::Request),
    };
    let Some(start) = hello.start.as_deref() else {
        return refuse("the hello does not say what to start".to_owned(), Blame::Request);
    };
    let options = match options(start, hello.leave_out.as_deref()) {
        Ok(options) => options,
        Err(sentence) => return refuse(sentence, Blame::Request),
    };
    last_word::tell_to(Some(Arc::clone(&outlet)));
    // before plugins are opened: what they leave changed is put back
    let signals = Signals::new([Signal::TERM.as_raw()]);
    let session = match locus_session::start(options) {
        Ok(session) => session,
        Err(error) => return refuse(error.to_string(), error.blame()),
    };
    let place = if hello.shared { listen() } else { Err(std::io::Error::other("nobody may join")) };
    let mut files = Files { journal: session.journal, ..Files::default() };
    let listener = place.ok().map(|(listener, folder)| {
        files.socket = Some(runtime::socket(&folder, std::process::id()));
        files.log = Some(runtime::log(&folder, std::process::id()));
        listener
    });
    let socket = files.socket.clone();
    let shared = listener.is_some();
    let (depends, told) = unbounded();
    let hub = Arc::new(Hub::new(session.commands, session.control, depends, shared, hello.keep && shared, files));
    if let Ok(mut signals) = signals {
        let hub = Arc::clone(&hub);
        let _ = std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || signals.forever().for_each(|_| hub.end()));
    }
    front::serve(&hub, &hello, outlet, input);
    if let Some(listener) = listener {
        let hub = Arc::clone(&hub);
        let _ = std::thread::Builder::new().name("join".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let hub = Arc::clone(&hub);
                let _ = std::thread::Builder::new().name("hello".to_owned()).spawn(move || join(&hub, stream));
            }
        });
    }
    let (mut is_kept, mut has_joined) = (hello.keep && shared, false);
    loop {
        select! {
            recv(session.events) -> event => match event {
                Ok(event) => hub.note(event),
                Err(_) => break,
            },
            recv(told) -> change => {
                match change {
                    Ok(Depends::Kept(keep)) => is_kept = keep,
                    Ok(Depends::Joined(joined)) => has_joined = joined,
                    Err(_) => continue,
                }
                end_with_front(with_front && !is_kept && !has_joined);
                if matches!(change, Ok(Depends::Kept(_))) {
                    hub.confirm(is_kept);
                }
            },
        }
    }
    let died = session.thread.join().is_err();
    hub.finish();
    end_now(socket.as_deref(), i32::from(died));
}

/// Has the system end this process at once with the one that started it, or not. The thread that began it has to be the
/// one that ends it.
fn end_with_front(ends: bool) {
    let _ = rustix::process::set_parent_process_death_signal(ends.then_some(Signal::KILL));
}

/// Standard input, unbuffered, before the protocol takes it.
fn stdin() -> std::io::Result<File> {
    Ok(File::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?))
}

/// Has the process start itself in the environment that the reproducible mode needs. Comes back with a sentence only.
fn start_anew(hello: &[u8]) -> String {
    let failed = |error| format!("--reproducible: the engine cannot be started again for it ({error})");
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return failed(error),
    };
    let mut again = std::process::Command::new(program);
    again.args(std::env::args_os().skip(1)).env(HELLO, String::from_utf8_lossy(hello).as_ref());
    reproducible::prepare(&mut again);
    failed(again.exec())
}

/// A session's options: what the front said, and the folders of this machine.
fn options(start: &Start, leave_out: Option<&Path>) -> Result<SessionOptions, String> {
    let places = Places::find().map_err(|error| error.to_string())?;
    let mut left_out = LeftOut::of(&places.state);
    if let Some(file) = leave_out {
        left_out
            .add(&places.state, file)
            .map_err(|error| format!("{}: cannot be noted as left out ({error})", file.display()))?;
    }
    let mut search = SearchPaths::standard(Some(&places.plugins), &[]);
    search.left_out = left_out.files();
    Ok(SessionOptions {
        journals: match &start.journal {
            JournalChoice::None => Vec::new(),
            JournalChoice::File(file) => vec![file.clone()],
            JournalChoice::Workbench => places.journals(),
        },
        operations: Some(places.state),
        ..SessionOptions::new(start.clone(), places.cache, search)
    })
}

/// A socket that only the user may open.
fn listen() -> std::io::Result<(UnixListener, PathBuf)> {
    let folder = runtime::folder()?;
    let socket = runtime::socket(&folder, std::process::id());
    // what an engine of the same number left
    let _ = std::fs::remove_file(&socket);
    Ok((UnixListener::bind(&socket)?, folder))
}

/// A front that joins.
fn join(hub: &Arc<Hub>, stream: UnixStream) {
    let (Ok(input), Ok(output)) = (stream.try_clone(), stream.try_clone()) else { return };
    let outlet = Arc::new(Outlet::new(output.into()));
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let mut lines = Lines::new(stream);
    // whoever only looks whether somebody is there says nothing
    let Ok(Some(line)) = lines.read() else { return };
    match front::hello(line) {
        Ok(hello) => {
            let _ = input.set_read_timeout(None);
            front::serve(hub, &hello, outlet, lines.rest(input));
        }
        Err(sentence) => {
            outlet.write(&front::refusal(sentence, Blame::Request));
        }
    }
}
