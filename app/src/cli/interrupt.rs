//! The user's wish to stop: Ctrl-C, a hang-up, SIGTERM, or a scheduler's signal before its time limit.

use procfs::process::Process;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2};
use signal_hook::iterator::Signals;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Signals of a scheduler that come within this time are one wish: Slurm sends TERM to every process of a job, and the batch
/// script passes it on.
const ONE_WISH: Duration = Duration::from_secs(2);

/// Whether Ctrl-C is to end the program at once, because somebody watched for it and does so no more. The system does not
/// do that again by itself once a signal was watched.
static ENDS: AtomicBool = AtomicBool::new(false);

/// Has Ctrl-C end the program from now on, as it does where nobody watches for it, until [`watches`] is called.
pub fn watches_no_more() {
    ENDS.store(true, Ordering::SeqCst);
}

/// Says that somebody watches for Ctrl-C from now on.
pub fn watches() {
    ENDS.store(false, Ordering::SeqCst);
}

/// Makes [`watches_no_more`] possible. Once is enough.
///
/// # Errors
/// The system refuses to register the signal.
pub fn can_end() -> std::io::Result<()> {
    signal_hook::flag::register_conditional_default(SIGINT, &ENDS).map(drop)
}

/// Whether the user wants the program to stop; once set, it stays set.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Has the first signal be noted and a second one end the program; of TERM and USR2, which schedulers send, one that
    /// comes a while later. A hang-up that whoever started the program had it ignore, as `nohup` does, stays ignored.
    ///
    /// # Errors
    /// The system refuses to register the signal.
    pub fn watch() -> std::io::Result<Self> {
        let interrupt = Self::default();
        let mut polite = Signals::new([SIGTERM, SIGUSR2])?;
        let noted = Arc::clone(&interrupt.0);
        let note = move || {
            let mut first: Option<Instant> = None;
            for _ in polite.forever() {
                let is_noted = noted.swap(true, Ordering::Relaxed);
                if is_noted && first.is_none_or(|first| first.elapsed() > ONE_WISH) {
                    signal_hook::low_level::exit(130);
                }
                first = first.or_else(|| Some(Instant::now()));
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(note)?;
        for signal in [SIGINT, SIGHUP] {
            if signal == SIGHUP && is_ignored(signal) {
                continue;
            }
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupt.0))?;
            signal_hook::flag::register(signal, Arc::clone(&interrupt.0))?;
        }
        watches();
        Ok(interrupt)
    }

    /// Whether a signal has come.
    pub fn has_come(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether the process ignores a signal, by the mask that the system shows.
fn is_ignored(signal: i32) -> bool {
    let status = Process::myself().and_then(|process| process.status());
    status.is_ok_and(|status| status.sigign >> (signal - 1) & 1 == 1)
}
