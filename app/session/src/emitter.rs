//! Where events go: to whoever listens, and first into the journal.

use crate::error::Error;
use crossbeam_channel::Sender;
use locus_protocol::{Event, JobId, Phase, SCHEMA};
use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Progress is told at most this often.
const BREATH: Duration = Duration::from_millis(50);

/// Sends events.
pub struct Emitter {
    sender: Sender<Event>,
    journal: RefCell<Option<File>>,
    last_progress: RefCell<Option<(Phase, Instant)>>,
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
    /// Events go to `sender` and are appended to `journal`, one a line.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn new(sender: Sender<Event>, journal: Option<&Path>) -> Result<Self, Error> {
        let open = |path: &Path| {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            let mut file = File::options().create(true).append(true).open(path)?;
            // a record that was cut off stays a line of its own
            if last_byte(path)?.is_some_and(|byte| byte != b'\n') {
                file.write_all(b"\n")?;
            }
            Ok::<_, std::io::Error>(file)
        };
        let file = journal.map(|path| {
            open(path).map_err(|error| Error::File {
                path: path.to_owned(),
                message: format!("the journal cannot be written ({error}); name another file"),
            })
        });
        Ok(Self { sender, journal: RefCell::new(file.transpose()?), last_progress: RefCell::default() })
    }

    /// Tells what happened. Waits when nobody has read for long; a listener that is gone is no error.
    pub fn tell(&self, event: Event) {
        let event = event.with_short_messages();
        if let Some(journal) = self.journal.borrow_mut().as_mut()
            && event.is_recorded()
            && let Ok(mut line) = serde_json::to_vec(&event)
        {
            // one write a line: whoever follows the file, or is killed beside it, sees whole records
            line.push(b'\n');
            let _ = journal.write_all(&line);
        }
        let _ = self.sender.send(event);
    }

    /// The first record.
    pub fn hello(&self, reproducible: bool) {
        self.tell(Event::Hello { schema: SCHEMA, version: env!("CARGO_PKG_VERSION").to_owned(), reproducible });
    }

    /// Tells how far a job is, not too often.
    pub fn progress(&self, job: JobId, phase: Phase, done: u64, total: u64) {
        let now = Instant::now();
        let mut last = self.last_progress.borrow_mut();
        let same = last.as_ref().is_some_and(|(known, at)| *known == phase && now - *at < BREATH);
        if same && done != total {
            return;
        }
        *last = Some((phase.clone(), now));
        drop(last);
        self.tell(Event::Progress { job, phase, done, total });
    }

    /// Writes a line into the log.
    pub fn log(&self, source: &str, level: &str, text: impl Into<String>) {
        self.tell(Event::Log { source: source.to_owned(), level: level.to_owned(), text: text.into() });
    }

    /// Another sender of the same events, for a thread of its own; the journal is not written there.
    pub fn sender(&self) -> Sender<Event> {
        self.sender.clone()
    }
}
