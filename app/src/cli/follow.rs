//! `locus --follow`: the workbench on another process' journal, or on the folder of its sweep, live and read-only.

use crate::cli::arguments::Common;
use crate::cli::engine::source;
use crate::cli::picture::built_in_facts;
use crate::cli::workbench::{ended, read_own};
use crate::cli::{Failure, follow_sweep, output};
use crossbeam_channel::{Sender, bounded, unbounded};
use locus_link::News;
use locus_protocol::{Event, LogLevel};
use locus_records::Places;
use locus_records::facts;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the file is looked at.
const PAUSE: Duration = Duration::from_millis(100);
/// Events that may wait for the screen.
const WAITING: usize = 4096;

/// Shows the last session of a journal and what is added to it, until the user leaves.
///
/// # Errors
/// There is no terminal; the journal cannot be read; the terminal fails.
pub fn run(common: &Common, file: Option<&Path>) -> Result<(), Failure> {
    if !output::has_terminal() {
        let message = "--follow needs a terminal; `locus picture --journal FILE` draws a journal without one, and \
                       `locus sweep status DIR` shows how far a sweep is";
        return Err(Failure::usage(message));
    }
    let places = Places::find()?;
    if let Some(folder) = file.filter(|file| file.is_dir()) {
        return follow_sweep::run(common, &places, folder);
    }
    let file = file.map_or_else(|| places.state.join("journal.jsonl"), Path::to_owned);
    let journal = locus_files::open(&file).map_err(|error| {
        Failure::failed(format!(
            "--follow {}: cannot be read ({error}); name the journal of a workbench or of a command with --journal",
            file.display()
        ))
    })?;
    let facts = Facts::of(common)?;
    let (sender, news) = bounded(WAITING);
    let (orders, nobody) = unbounded();
    let mut shown = locus_tui::WorkbenchOptions::from_environment(source(common));
    read_own(&mut shown, common, &places)?;
    shown.follows = Some(file.display().to_string());
    let tail = Tail { journal, file, rest: Vec::new(), failed: false };
    // it ends with the program
    std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
        tail.tell(&facts, &sender);
        // orders have somewhere to go until then
        drop(nobody);
    })?;
    let handles = locus_tui::Handles { orders, news, again: None, joined: false, keep: true };
    ended(locus_tui::run(handles, shown))
}

/// The facts of a run: journals leave them out.
enum Facts {
    /// Those of a file.
    Named(Event),
    /// Those of the built-in model, where it is the model.
    BuiltIn(Event),
}

impl Facts {
    fn of(common: &Common) -> Result<Self, Failure> {
        match &common.facts {
            Some(file) => {
                let facts = facts::read(file).map_err(|error| Failure::failed(error.to_string()))?;
                Ok(Self::Named(Event::Facts { source: file.display().to_string(), facts }))
            }
            None => {
                let (source, facts) = built_in_facts()?;
                Ok(Self::BuiltIn(Event::Facts { source, facts }))
            }
        }
    }

    /// The facts to show with a model, if they are known; others are those that are traced and edited.
    fn with(&self, event: &Event) -> Option<Event> {
        match (self, event) {
            (Self::Named(facts), Event::Model(_)) => Some(facts.clone()),
            (Self::BuiltIn(facts), Event::Model(model)) if model.name == "built-in" => Some(facts.clone()),
            _ => None,
        }
    }
}

/// A journal that grows.
struct Tail {
    journal: File,
    file: PathBuf,
    /// The beginning of a line whose end is not there yet.
    rest: Vec<u8>,
    /// Whether it could not be read when that was tried last.
    failed: bool,
}

impl Tail {
    /// Tells the last session, and then what comes, as long as anybody listens.
    fn tell(mut self, facts: &Facts, sender: &Sender<News>) {
        let mut lines = self.read();
        let is_hello = |event: &Event| matches!(event, Event::Hello { .. });
        lines.drain(..lines.iter().rposition(is_hello).unwrap_or(0));
        loop {
            for event in lines {
                let with = facts.with(&event);
                if [Some(event), with]
                    .into_iter()
                    .flatten()
                    .any(|event| sender.send(News::Event(Box::new(event))).is_err())
                {
                    return;
                }
            }
            std::thread::sleep(PAUSE);
            lines = self.read();
        }
    }

    /// The records that were added since.
    fn read(&mut self) -> Vec<Event> {
        let length = self.journal.metadata().map_or(0, |metadata| metadata.len());
        if self.journal.stream_position().is_ok_and(|place| place > length) {
            // it was started over
            self.rest.clear();
            let _ = self.journal.seek(SeekFrom::Start(0));
        }
        let mut added = Vec::new();
        let result = self.journal.read_to_end(&mut added);
        self.rest.extend(added);
        if let Err(error) = result {
            // once, not as often as it is tried again
            let is_known = std::mem::replace(&mut self.failed, true);
            let text = format!("{}: cannot be read ({error})", self.file.display());
            return if is_known { Vec::new() } else { vec![warning(text)] };
        }
        self.failed = false;
        let Some(end) = self.rest.iter().rposition(|&byte| byte == b'\n') else { return Vec::new() };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        let lines = whole.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let event = |line: &[u8]| {
            serde_json::from_slice(line)
                .unwrap_or_else(|error| warning(format!("{}: not a record ({error})", self.file.display())))
        };
        lines.map(event).collect()
    }
}

fn warning(text: String) -> Event {
    Event::Log { source: "journal".to_owned(), level: LogLevel::Warning, text }
}

#[cfg(test)]
mod tests {
    use super::Tail;
    use locus_protocol::Event;
    use std::fs::File;
    use std::io::Write;

    fn texts(events: Vec<Event>) -> Vec<String> {
        let text = |event| match event {
            Event::Log { text, .. } => text,
            other => panic!("{other:?}"),
        };
        events.into_iter().map(text).collect()
    }

    #[test]
    fn a_record_is_told_when_its_line_has_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("journal.jsonl");
        let mut file = File::create(&place).expect("a file");
        let mut tail =
            Tail { journal: File::open(&place).expect("a file"), file: place.clone(), rest: Vec::new(), failed: false };
        let line =
            |text: &str| format!("{{\"event\":\"log\",\"source\":\"a\",\"level\":\"info\",\"text\":\"{text}\"}}\n");
        assert!(tail.read().is_empty());
        let (one, two) = (line("one"), line("two"));
        file.write_all(one.as_bytes()).and_then(|()| file.write_all(&two.as_bytes()[..20])).expect("written");
        assert_eq!(texts(tail.read()), ["one"]);
        assert!(tail.read().is_empty());
        file.write_all(&two.as_bytes()[20..]).and_then(|()| file.write_all(b"{\"ev\n")).expect("written");
        let told = texts(tail.read());
        assert!(told[0] == "two" && told[1].contains("not a record"), "{told:?}");
        file.set_len(0).expect("begun anew");
        let mut file = File::create(&place).expect("a file");
        file.write_all(line("three").as_bytes()).expect("written");
        assert_eq!(texts(tail.read()), ["three"]);
    }
}
