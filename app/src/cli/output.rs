//! Records on standard output, progress on standard error.

use indicatif::{ProgressBar, ProgressStyle};
use locus_protocol::{Event, Phase};
use std::io::{IsTerminal, Write};

/// Where events go while a command runs.
pub struct Output {
    /// Whether records are printed.
    pub json: bool,
    bar: Option<ProgressBar>,
}

impl Output {
    /// Progress is drawn only where standard error is a terminal.
    pub fn new(json: bool) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}") {
                bar.set_style(style);
            }
            bar
        });
        Self { json, bar }
    }

    /// Prints a record, draws progress, and passes warnings on.
    ///
    /// # Errors
    /// Standard output is gone.
    pub fn record(&self, event: &Event) -> std::io::Result<()> {
        match event {
            Event::Progress { phase, done, total, .. } => self.draw(phase, *done, *total),
            Event::Log { level, text, .. } if level == "warning" => self.aside(text),
            // what the engine is going to do for long; records hold it anyway
            Event::Log { source, level, text } if source == "engine" && level == "info" && !self.json => {
                self.aside(text);
            }
            Event::Step(step) => {
                let words = match step.losses.get("loss") {
                    Some(loss) => format!("loss {loss:.3}"),
                    None => format!("layer {}", step.layer),
                };
                self.draw(&Phase::Method(words), step.step, step.steps);
            }
            _ => {}
        }
        if self.json && event.is_recorded() {
            let mut line = serde_json::to_vec(event)?;
            line.push(b'\n');
            write(&line)?;
        }
        Ok(())
    }

    /// Takes the progress away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn aside(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| complain(text)),
            None => complain(text),
        }
    }

    fn draw(&self, phase: &Phase, done: u64, total: u64) {
        let Some(bar) = &self.bar else { return };
        let words = match phase {
            Phase::Weights => "reading weights",
            Phase::Probe => "comparing with and without taps",
            Phase::Runs => "clean and corrupted runs",
            Phase::Cells => "restoring cells",
            Phase::SecondMoments => "second moments (once for this model)",
            Phase::Evaluation => "scoring prompts",
            Phase::Texts => "writing texts",
            Phase::Writing => "writing",
            Phase::Method(words) => words,
        };
        if bar.is_finished() {
            bar.reset();
        }
        bar.set_message(words.to_owned());
        bar.set_length(total);
        bar.set_position(done);
    }
}

/// Prints a block of text.
///
/// # Errors
/// Standard output is gone.
pub fn print(text: &str) -> std::io::Result<()> {
    write(format!("{text}\n").as_bytes())
}

/// Writes bytes as they are.
///
/// # Errors
/// Standard output is gone.
pub fn write(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Says a sentence on standard error; where that is gone nobody can be told so.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "locus: {text}");
}
