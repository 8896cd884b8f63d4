//! All that commands print: records and text on standard output, progress and sentences on standard error. Nothing else
//! in `cli` writes there (`tests/end-to-end/tests/tidy.rs` holds that), so that no text of a file, a model or a plugin
//! reaches the terminal as something that it obeys.

use clap::error::ContextValue;
use indicatif::{ProgressBar, ProgressStyle};
use locus_protocol::shown::{self, message, shown, shown_lines};
use locus_protocol::{Event, LogLevel, Phase};
use serde::Serialize;
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

    /// Prints a record, draws progress, and passes warnings and errors on.
    ///
    /// # Errors
    /// Standard output is gone.
    pub fn record(&self, event: &Event) -> std::io::Result<()> {
        match event {
            Event::Progress { phase, done, total, .. } => self.draw(phase, *done, *total),
            Event::Log { level, text, .. } if *level >= LogLevel::Warning => self.aside(text),
            // what the engine is going to do for long; records hold it anyway
            Event::Log { source, level, text } if source == "engine" && *level == LogLevel::Info && !self.json => {
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
            json(event)?;
        }
        Ok(())
    }

    /// Takes the progress away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Passes on a line that the engine, or a library in it, wrote on standard error.
    pub fn pass_on(&self, line: &str) {
        let write = || drop(writeln!(std::io::stderr(), "{line}"));
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
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
            Phase::Facts => "looking at facts",
            Phase::SweepCells => "sweeping cells",
            Phase::SecondMoments => "second moments (once for this model)",
            Phase::Evaluation => "scoring prompts",
            Phase::Texts => "writing texts",
            Phase::Writing => "writing",
            Phase::Method(words) => words,
        };
        if bar.is_finished() {
            bar.reset();
        }
        bar.set_message(shown(words).into_owned());
        bar.set_length(total);
        bar.set_position(done);
    }
}

/// A download: one line when it begins, and the bytes as they come where standard error is a terminal.
pub struct Download {
    bar: Option<ProgressBar>,
}

impl Download {
    /// Says what is coming: so many bytes of a model of `total`.
    pub fn begin(what: &str, missing: u64, total: u64) -> Self {
        let rest = if missing < total { format!("{} of ", locus_files::size(missing)) } else { String::new() };
        complain(&format!("downloading {what}: {rest}{}", locus_files::size(total)));
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total);
            let template = "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        Self { bar }
    }

    /// So many bytes of the model are there.
    pub fn draw(&self, file: &str, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_message(shown(file).into_owned());
            bar.set_position(done);
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Whether there is a terminal to draw on and to read keys from.
pub fn has_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Columns and rows of the terminal, where there is one.
pub fn size() -> Option<(u16, u16)> {
    let of = |size: rustix::termios::Winsize| (size.ws_col, size.ws_row);
    let (out, err) = (std::io::stdout(), std::io::stderr());
    rustix::termios::tcgetwinsize(&out).or_else(|_| rustix::termios::tcgetwinsize(&err)).ok().map(of)
}

/// Whether somebody reads standard output, and no program does.
pub fn is_for_people() -> bool {
    std::io::stdout().is_terminal()
}

/// Says a sentence below a table; a program that reads the table finds nothing else in it.
///
/// # Errors
/// Standard output is gone.
pub fn below(text: &str) -> std::io::Result<()> {
    if is_for_people() {
        print(&format!("\n{text}"))
    } else {
        complain(text);
        Ok(())
    }
}

/// Prints lines of text. What a terminal would obey is written out; texts that may hold line breaks of their own have
/// gone through [`shown()`] before they were put in.
///
/// # Errors
/// Standard output is gone.
pub fn print(text: &str) -> std::io::Result<()> {
    // tabs between the cells of a table that no terminal is to align
    let cells = |text: &str| text.split('\t').map(shown_lines).collect::<Vec<_>>().join("\t");
    let text = if is_for_people() { shown_lines(text).into_owned() } else { cells(text) };
    raw(format!("{text}\n").as_bytes())
}

/// Prints a record as one line of JSON.
///
/// # Errors
/// Standard output is gone.
pub fn json(record: &impl Serialize) -> std::io::Result<()> {
    let text = serde_json::to_string(record)?;
    raw(format!("{}\n", shown::json(&text)).as_bytes())
}

/// Writes bytes as they are: what this program itself made for another one, a picture, completions, the manual.
///
/// # Errors
/// Standard output is gone.
pub fn raw(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Says a sentence on standard error; where that is gone nobody can be told so.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "locus: {}", shown(&message(text)));
}

/// Says what is wrong with the arguments, in the lines that clap makes; it quotes what was typed.
pub fn refuse(mut error: clap::Error) {
    let typed = error.context().map(|(kind, value)| (kind, value.clone())).collect::<Vec<_>>();
    for (kind, value) in typed {
        let written = match value {
            ContextValue::String(text) => ContextValue::String(shown(&message(&text)).into_owned()),
            ContextValue::Strings(texts) => {
                ContextValue::Strings(texts.iter().map(|text| shown(&message(text)).into_owned()).collect())
            }
            _ => continue,
        };
        error.insert(kind, written);
    }
    let text = error.to_string();
    let lines = text.trim_end().lines().map(|line| shown(&message(line)).into_owned());
    let _ = writeln!(std::io::stderr(), "{}", lines.collect::<Vec<_>>().join("\n"));
}
