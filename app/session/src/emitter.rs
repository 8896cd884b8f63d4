//! Where events go: to whoever listens, and first into the journal.

use crate::error::Error;
use crossbeam_channel::Sender;
use locus_files::{NotWritten, Refusal};
use locus_plugin::Level;
use locus_protocol::{Event, JobId, LogLevel, Phase, SCHEMA};
use locus_records::failure_point::reach;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Progress is told at most this often.
const BREATH: Duration = Duration::from_millis(50);

/// Sends events to the fronts and writes them to the journals.
pub struct Emitter {
    sender: Sender<Event>,
    journal: Option<RefCell<Journal>>,
    last_progress: RefCell<Option<(Phase, Instant)>>,
    /// Progress is told at most this often.
    breath: Duration,
    /// Records of the running job that could not be written.
    missed: Cell<u64>,
}

/// The file of all events.
struct Journal {
    path: PathBuf,
    file: File,
    /// Its length where it is a file that others may read: no half record stays in it.
    length: Option<u64>,
    /// Records that are missing at its end.
    missing: u64,
    /// Why the last one is.
    trouble: Option<(ErrorKind, String)>,
}

impl Journal {
    fn open(path: &Path) -> Result<Self, Refusal> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut file = locus_files::stream(path)?;
        let is_file = file.metadata()?.is_file();
        if is_file {
            // until the program ends: jobs of two programs have the same numbers, so that their records must not mix
            locus_files::alone(&file)?;
        }
        // a record that was cut off stays a line of its own
        if last_byte(path)?.is_some_and(|byte| byte != b'\n') {
            file.write_all(b"\n")?;
        }
        let length = if is_file { Some(file.metadata()?.len()) } else { None };
        Ok(Self { path: path.to_owned(), file, length, missing: 0, trouble: None })
    }

    /// Appends a record, all of it or nothing.
    fn append(&mut self, event: &Event) -> std::io::Result<()> {
        if self.missing > 0 {
            let text = format!("{} records are missing here: they could not be written", self.missing);
            let gap = Event::Log { source: "engine".to_owned(), level: LogLevel::Error, text };
            self.line(&gap)?;
            self.missing = 0;
        }
        self.line(event)
    }

    fn line(&mut self, event: &Event) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        // one write a line: whoever follows the file, or is killed beside it, sees whole records
        line.push(b'\n');
        let written = self.file.write_all(&line);
        if let Some(length) = &mut self.length {
            match &written {
                Ok(()) => *length += line.len() as u64,
                Err(_) => self.file.set_len(*length)?,
            }
        }
        written
    }
}

/// The first of some files that no other program writes, which none can write from now on; none where none is named.
fn first_free(files: &[PathBuf]) -> Result<Option<Journal>, Error> {
    let mut taken = None;
    for path in files {
        let refusal = match Journal::open(path) {
            Ok(journal) => return Ok(Some(journal)),
            Err(refusal) => refusal,
        };
        let is_taken = matches!(refusal, Refusal::Busy);
        let message = match refusal {
            Refusal::Io(error) => format!("the journal cannot be written ({error}); name another file"),
            refusal => format!("the journal cannot be written: {refusal}"),
        };
        let complaint = Error::File { path: path.clone(), message };
        if !is_taken {
            return Err(complaint);
        }
        taken.get_or_insert(complaint);
    }
    taken.map_or(Ok(None), Err)
}

/// The last byte of a file; `None` where it is empty, or a pipe or device.
fn last_byte(path: &Path) -> std::io::Result<Option<u8>> {
    let about = std::fs::metadata(path)?;
    if !about.is_file() || about.len() == 0 {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    let mut byte = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut byte)?;
    Ok(Some(byte[0]))
}

impl Emitter {
    /// Events go to `sender` and are appended, one a line, to the first of `journals` that no other program writes.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn new(sender: Sender<Event>, journals: &[PathBuf]) -> Result<Self, Error> {
        let journal = first_free(journals)?.map(RefCell::new);
        Ok(Self { sender, journal, last_progress: RefCell::default(), breath: BREATH, missed: Cell::new(0) })
    }

    /// Tells all progress, however often it comes.
    #[cfg(test)]
    pub fn without_breath(self) -> Self {
        Self { breath: Duration::ZERO, ..self }
    }

    /// The file that events are appended to.
    pub fn journal(&self) -> Option<PathBuf> {
        self.journal.as_ref().map(|journal| journal.borrow().path.clone())
    }

    /// Tells what happened. Waits when nobody has read for long; a listener that is gone is no error. Where it cannot
    /// be written down, [`Self::check`] says so, and the job that it belongs to fails.
    pub fn tell(&self, event: Event) {
        let event = event.with_short_messages();
        let _ = self.write_down(&event);
        let _ = self.sender.send(event);
    }

    /// Tells what happened, unless it cannot be written down.
    ///
    /// # Errors
    /// The journal cannot be written; nothing was told.
    pub fn tell_for_sure(&self, event: Event) -> Result<(), Error> {
        reach("tell it")?;
        let event = event.with_short_messages();
        self.write_down(&event)?;
        let _ = self.sender.send(event);
        Ok(())
    }

    fn write_down(&self, event: &Event) -> Result<(), locus_engine::Error> {
        let Some(journal) = self.journal.as_ref().filter(|_| event.is_recorded()) else { return Ok(()) };
        let mut journal = journal.borrow_mut();
        let Err(error) = journal.append(event) else { return Ok(()) };
        journal.missing += 1;
        self.missed.set(self.missed.get() + 1);
        journal.trouble = Some((error.kind(), error.to_string()));
        Err(NotWritten::at(&journal.path)(error).into())
    }

    /// A job begins: what was missed before is no matter of its own.
    pub fn begin(&self) {
        self.missed.set(0);
    }

    /// Whether all that was told since the job began is written down.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self) -> Result<(), locus_engine::Error> {
        let Some(journal) = self.journal.as_ref().filter(|_| self.missed.get() > 0) else { return Ok(()) };
        let journal = journal.borrow();
        let (kind, text) = journal.trouble.clone().unwrap_or((ErrorKind::Other, "unknown".to_owned()));
        Err(NotWritten::at(&journal.path)(std::io::Error::new(kind, text)).into())
    }

    /// The same, and that the system keeps it.
    ///
    /// # Errors
    /// It does not.
    pub fn settle(&self) -> Result<(), locus_engine::Error> {
        self.check()?;
        let Some(journal) = &self.journal else { return Ok(()) };
        let journal = journal.borrow();
        let kept = if journal.length.is_some() { journal.file.sync_data() } else { Ok(()) };
        Ok(kept.map_err(NotWritten::at(&journal.path))?)
    }

    /// Sends the first record of the stream.
    pub fn hello(&self, reproducible: bool) {
        self.tell(Event::Hello { schema: SCHEMA, version: env!("CARGO_PKG_VERSION").to_owned(), reproducible });
    }

    /// Tells how far a job is, not too often.
    pub fn progress(&self, job: JobId, phase: Phase, done: u64, total: u64) {
        let now = Instant::now();
        let mut last = self.last_progress.borrow_mut();
        let same = last.as_ref().is_some_and(|(known, at)| *known == phase && now - *at < self.breath);
        if same && done != total {
            return;
        }
        *last = Some((phase.clone(), now));
        drop(last);
        self.tell(Event::Progress { job, phase, done, total });
    }

    /// Writes a line into the log.
    pub fn log(&self, source: &str, level: LogLevel, text: impl Into<String>) {
        self.tell(Event::Log { source: source.to_owned(), level, text: text.into() });
    }

    /// Another sender of the same events, for a thread of its own; the journal is not written there.
    pub fn sender(&self) -> Sender<Event> {
        self.sender.clone()
    }
}

/// How much a message of a plugin matters, as the log has it.
pub const fn log_level(level: Level) -> LogLevel {
    match level {
        Level::Info => LogLevel::Info,
        Level::Warning => LogLevel::Warning,
    }
}

#[cfg(test)]
mod tests {
    use super::Emitter;
    use crossbeam_channel::unbounded;
    use std::path::PathBuf;
    use std::sync::Barrier;

    #[test]
    fn programs_that_start_at_once_write_a_file_each() {
        let folder = tempfile::tempdir().expect("a folder");
        let files: Vec<PathBuf> = (1..=4).map(|number| folder.path().join(format!("journal-{number}.jsonl"))).collect();
        let (sender, _events) = unbounded();
        let ready = Barrier::new(4);
        let opened: Vec<Emitter> = std::thread::scope(|scope| {
            let open = || {
                ready.wait();
                Emitter::new(sender.clone(), &files).expect("a journal")
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().expect("opened")).collect()
        });
        let mut paths: Vec<PathBuf> = opened.iter().filter_map(Emitter::journal).collect();
        paths.sort();
        assert_eq!(paths, files);
        let error = Emitter::new(sender.clone(), &files).map(|_| ()).expect_err("all are taken").to_string();
        assert!(error.contains("journal-1.jsonl") && error.contains("another locus is writing it"), "{error}");
        drop(opened);
        assert_eq!(Emitter::new(sender.clone(), &files).expect("free again").journal().as_ref(), files.first());
        // what cannot be written at all is no reason to take the next
        let bad = [folder.path().to_owned(), files[0].clone()];
        assert!(Emitter::new(sender.clone(), &bad).is_err());
        assert_eq!(Emitter::new(sender, &[]).expect("without a journal").journal(), None);
    }
}
