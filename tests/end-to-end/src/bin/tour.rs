//! `cargo xtask tour`: does the main job in a pseudo-terminal with the real program, and writes what it showed: an asciicast
//! (version 2) of all of it, and an SVG of the screen at each stage.
//!
//! usage: tour FOLDER

use locus_end_to_end::{Home, PseudoTerminal};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// Rows and columns of the recording.
const SIZE: (u16, u16) = (44, 120);
/// How often what was shown is looked at.
const GLANCE: Duration = Duration::from_millis(100);
/// Nothing stands longer than that in the recording.
const LONGEST: f64 = 1.5;
/// How long a stage stands, so that it can be read.
const READ: f64 = 2.5;

/// What was shown, when.
struct Recording {
    terminal: PseudoTerminal,
    home: Home,
    /// Times in seconds, and bytes that have been shown until then.
    marks: Vec<(f64, usize)>,
    seconds: f64,
    last: Instant,
}

impl Recording {
    /// Notes what has come since it was looked last.
    fn look(&mut self) {
        let passed = self.last.elapsed().as_secs_f64().min(LONGEST);
        self.last = Instant::now();
        self.seconds += passed;
        let count = self.terminal.bytes().len();
        if self.marks.last().is_none_or(|(_, known)| *known < count) {
            self.marks.push((self.seconds, count));
        }
    }

    /// Looks on until the screen is as wanted, and lets it be read.
    fn until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) {
        let (patience, start) = (Duration::from_secs(120), Instant::now());
        while !wanted(&self.terminal.screen()) {
            assert!(start.elapsed() < patience, "never showed {what}:\n{}", self.terminal.screen());
            std::thread::sleep(GLANCE);
            self.look();
        }
        self.terminal.until_quiet(Duration::from_millis(300));
        self.look();
        self.seconds += READ;
    }

    fn press(&mut self, keys: &str) {
        self.look();
        self.terminal.press(keys);
    }

    /// The screen of the session so far, with these keys pressed on top of what happened, as an SVG.
    fn frame(&self, folder: &Path, name: &str, keys: &str) {
        let (rows, columns) = SIZE;
        let size = format!("{columns}x{rows}");
        let picture = self.home.run(["picture", "--size", &size, "--keys", keys]).well().out;
        write(&folder.join(format!("tour-{name}.svg")), &picture);
    }

    /// An asciicast of all of it.
    fn cast(&self) -> String {
        let (rows, columns) = SIZE;
        let title = "Locus: trace, edit, compare";
        let mut cast = format!("{}\n", json!({"version": 2, "width": columns, "height": rows, "title": title}));
        let bytes = self.terminal.bytes();
        let mut from = 0;
        for (seconds, until) in &self.marks {
            // a letter may come in two parts
            let part = &bytes[from..*until];
            let whole = match std::str::from_utf8(part) {
                Ok(text) => text,
                Err(error) => std::str::from_utf8(&part[..error.valid_up_to()]).unwrap_or_default(),
            };
            from += whole.len();
            if !whole.is_empty() {
                cast += &format!("{}\n", json!([(seconds * 100.0).round() / 100.0, "o", whole]));
            }
        }
        cast
    }
}

fn write(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    println!("{} ({} bytes)", file.display(), text.len());
}

fn main() {
    let folder = std::env::args().nth(1).expect("usage: tour FOLDER");
    let folder = Path::new(&folder);
    let home = Home::new();
    let terminal = PseudoTerminal::start(&home, SIZE, &["demo"], &[("COLORTERM", "truecolor")]);
    let mut tour = Recording { terminal, home, marks: Vec::new(), seconds: 0.0, last: Instant::now() };
    tour.until("the model", |screen| screen.contains("next token (unedited model)"));
    tour.frame(folder, "1-start", "");
    tour.press("t");
    tour.until("a trace", |screen| screen.contains("traced in"));
    tour.frame(folder, "2-trace", "");
    tour.press("r");
    tour.until("an edit", |screen| screen.contains("in place, took"));
    tour.frame(folder, "3-edit", "");
    tour.press("5");
    tour.until("the pane", |screen| screen.contains("Compare"));
    tour.press("C");
    tour.until("variants", |screen| screen.contains("fine-tuning"));
    tour.press("r");
    tour.until("a comparison", |screen| !screen.contains("not run") && screen.contains("says target"));
    tour.frame(folder, "4-compare", "5");
    tour.press("q");
    let status = tour.terminal.end(Duration::from_secs(30));
    tour.look();
    assert!(status.success(), "{status:?}\n{}", tour.terminal.screen());
    let cast = tour.cast();
    write(&folder.join("tour.cast"), &cast);
}
