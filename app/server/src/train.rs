//! Trains the built-in model from scratch.

use locus_demo_training::TrainingError;
use locus_protocol::shown::shown;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Trains it into a new folder; a signal stops it, and then nothing is written.
///
/// # Errors
/// Exit code and sentence.
pub fn run(out: &Path, seed: u64) -> Result<(), (u8, String)> {
    let cancel = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        let watched = signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&cancel))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&cancel)));
        watched.map_err(|error| (1, error.to_string()))?;
    }
    // the shipped files were made with one thread: sums in another order end in other weights
    tch::set_num_threads(1);
    let bar = indicatif::ProgressBar::new(0);
    let trained = locus_demo_training::train::run(
        out,
        seed,
        &mut |now| {
            bar.set_length(now.steps as u64);
            bar.set_position(now.step as u64);
            bar.set_message(format!("loss {:.3}", now.loss));
        },
        &|| cancel.load(Ordering::Relaxed),
    );
    bar.finish_and_clear();
    match trained {
        Ok(recall) => writeln!(
            std::io::stdout(),
            "wrote {}: recalls {:.1} % of its facts on trained prompts, {:.1} % on held-out ones",
            shown(&out.display().to_string()),
            100.0 * recall.trained,
            100.0 * recall.held_out
        )
        .map_err(|error| (1, error.to_string())),
        Err(TrainingError::Cancelled) => Err((130, "canceled; nothing was written".to_owned())),
        Err(error) => Err((1, error.to_string())),
    }
}
