//! The file: one operation a line, only ever appended to; and the changes beside it, by the hashes of their contents.

use super::lines::{Read, Reading};
use crate::error::Error;
use crate::failure_point::reach;
use locus_files::NotWritten;
use locus_protocol::{DeltaMark, Operation};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Error as IoError, ErrorKind, Read as _, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Name of the file in its folder.
const FILE: &str = "operations.jsonl";
/// Name of the folder of changes beside it.
const DELTAS: &str = "deltas";
/// A journal that is larger is none: a line is a few kilobytes.
const LARGEST: u64 = 1 << 30;

/// The journal of operations of a folder.
#[derive(Clone, Debug)]
pub struct Journal {
    folder: PathBuf,
    /// What this program knows of the file, so that each line is read once only.
    known: Arc<Mutex<Known>>,
}

/// The part of the file that was read and can be gone on from.
#[derive(Debug, Default)]
struct Known {
    length: u64,
    reading: Reading,
}

/// The journal while no other program appends to it.
pub(super) struct Locked {
    file: File,
    /// Its length in bytes.
    length: u64,
}

/// Changes of edits on their way into the journal.
pub struct Keeping<'a> {
    journal: &'a Journal,
}

impl Keeping<'_> {
    /// Keeps a change under the hash of its contents.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, bytes: &[u8]) -> Result<DeltaMark, Error> {
        self.journal.keep(bytes)
    }
}

impl Journal {
    /// The journal of a folder; nothing is created.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), known: Arc::default() }
    }

    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// The folder of changes.
    #[must_use]
    pub fn deltas(&self) -> PathBuf {
        self.folder.join(DELTAS)
    }

    /// Where a change lies.
    #[must_use]
    pub fn delta(&self, mark: &DeltaMark) -> PathBuf {
        self.folder.join(&mark.file)
    }

    /// Reads all operations. A line that is none, as a program that was killed leaves it, is left out; what cannot be
    /// gone on from is in [`Read::refusals`].
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(&self) -> Result<Read, Error> {
        let opened = match std::fs::metadata(self.file()) {
            Ok(about) => self.is_usable(&about).and_then(|()| File::open(self.file())),
            Err(error) => Err(error),
        };
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Read::default()),
            Err(error) => return Err(self.unreadable(&error)),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| self.unreadable(&error))?;
        Ok(self.parse(&bytes))
    }

    pub(super) fn parse(&self, bytes: &[u8]) -> Read {
        let mut read = Read::default();
        Reading::default().take(&self.file(), bytes, &mut read);
        read
    }

    /// Whether the journal can be written and gone on from, before anything is computed for it.
    ///
    /// # Errors
    /// It cannot.
    pub fn check(&self) -> Result<(), Error> {
        let mut locked = self.lock()?;
        self.last(&mut locked).map(|_| ())
    }

    /// Appends an operation that depends on what was done before under the next number, see [`Self::record`].
    ///
    /// # Errors
    /// Those of `make` and of [`Self::record`].
    pub fn append_after(&self, make: impl FnOnce(u64, &Read) -> Result<Operation, Error>) -> Result<Operation, Error> {
        let mut locked = self.lock()?;
        let last = self.last(&mut locked)?;
        let bytes = locked.bytes_from(0).map_err(|error| self.unreadable(&error))?;
        let operation = make(self.after(last)?, &self.parse(&bytes))?;
        self.write(&mut locked, std::slice::from_ref(&operation))?;
        Ok(operation)
    }

    /// Appends operations, the first of them under the number that `make` is given, in one write that the system keeps.
    /// Other programs that append at the same time wait, changes that `make` keeps included.
    ///
    /// # Errors
    /// Those of `make`; the file cannot be written, or gone on from. The file is as it was then.
    pub fn record<E: From<Error>>(
        &self,
        make: impl FnOnce(u64, &Keeping<'_>) -> Result<Vec<Operation>, E>,
    ) -> Result<Vec<Operation>, E> {
        let mut locked = self.lock()?;
        let last = self.last(&mut locked)?;
        let operations = make(self.after(last)?, &Keeping { journal: self })?;
        self.write(&mut locked, &operations)?;
        Ok(operations)
    }

    /// Opens or makes the file and waits until no other program appends to it.
    pub(super) fn lock(&self) -> Result<Locked, Error> {
        reach("lock the journal")?;
        let open = || {
            std::fs::create_dir_all(&self.folder)?;
            // what is no file is not opened: a pipe would wait for whoever writes into it
            if let Ok(about) = std::fs::metadata(self.file()) {
                self.is_usable(&about)?;
            }
            let file = File::options().create(true).append(true).read(true).open(self.file())?;
            match file.lock() {
                // some network file systems have no locks; numbers are given by whoever comes then
                Err(error) if error.kind() != ErrorKind::Unsupported => return Err(error),
                _ => {}
            }
            let about = file.metadata()?;
            self.is_usable(&about)?;
            Ok(Locked { file, length: about.len() })
        };
        open().map_err(|error| self.unwritable(&error))
    }

    fn is_usable(&self, about: &std::fs::Metadata) -> Result<(), IoError> {
        match about.len() {
            _ if about.is_dir() => Err(ErrorKind::IsADirectory.into()),
            _ if !about.is_file() => Err(IoError::other("it is not a file")),
            length if length > LARGEST => Err(IoError::other(format!("it has {length} bytes; move it away"))),
            _ => Ok(()),
        }
    }

    /// The highest number so far; the journal has to be one that can be gone on from.
    fn last(&self, locked: &mut Locked) -> Result<u64, Error> {
        reach("read the journal")?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if locked.length < known.length {
            *known = Known::default();
        }
        let bytes = locked.bytes_from(known.length).map_err(|error| self.unreadable(&error))?;
        let (mut read, mut reading) = (Read::default(), known.reading.clone());
        reading.take(&self.file(), &bytes, &mut read);
        if let Some(refusal) = read.refusal() {
            return Err(Error::Request(format!("{refusal}; nothing was recorded and nothing was changed")));
        }
        let last = reading.last;
        // a last line without its end is read again: it may get one yet
        if bytes.last().is_none_or(|&byte| byte == b'\n') {
            *known = Known { length: locked.length, reading };
        }
        Ok(last)
    }

    fn after(&self, last: u64) -> Result<u64, Error> {
        let full = || IoError::other(format!("operation {last} has the highest possible number; move it away"));
        last.checked_add(1).ok_or_else(|| self.unwritable(&full()))
    }

    /// Appends whole lines, or nothing.
    fn write(&self, locked: &mut Locked, operations: &[Operation]) -> Result<(), Error> {
        let mut lines = Vec::new();
        if locked.ends_torn().map_err(|error| self.unreadable(&error))? {
            // whoever wrote last was killed meanwhile
            lines.push(b'\n');
        }
        for operation in operations {
            serde_json::to_writer(&mut lines, operation).map_err(|error| self.unwritable(&error.into()))?;
            lines.push(b'\n');
        }
        let mut write = || -> Result<(), Error> {
            reach("write the lines")?;
            let written = locked.file.write_all(&lines);
            written.map_err(|error| self.unwritable(&error))?;
            reach("have the lines kept")?;
            locked.file.sync_all().map_err(|error| self.unwritable(&error))
        };
        let Err(error) = write() else { return Ok(()) };
        match locked.file.set_len(locked.length) {
            Ok(()) => Err(error),
            Err(left) => Err(Error::File {
                path: self.file(),
                message: format!("{error}, and the incomplete line cannot be removed ({left}); remove the last line"),
            }),
        }
    }

    /// Keeps a change under the hash of its contents.
    ///
    /// # Errors
    /// The file cannot be written.
    fn keep(&self, bytes: &[u8]) -> Result<DeltaMark, Error> {
        reach("keep a change")?;
        let sha256 = crate::hex(&Sha256::digest(bytes));
        let mark = DeltaMark { file: Path::new(DELTAS).join(format!("{sha256}.safetensors")), sha256 };
        let file = self.delta(&mark);
        let folder = self.deltas();
        std::fs::create_dir_all(&folder).map_err(|error| Error::File {
            path: folder,
            message: format!(
                "the folder of changes cannot be created ({error}), so nothing was changed; make room for it"
            ),
        })?;
        let is_there = std::fs::read(&file).is_ok_and(|there| there == bytes);
        if !is_there {
            locus_files::write(&file, bytes).map_err(NotWritten::at(&file))?;
        }
        Ok(mark)
    }

    fn unreadable(&self, error: &IoError) -> Error {
        Error::File {
            path: self.file(),
            message: format!("the journal of operations cannot be read ({error}); make it readable"),
        }
    }

    fn unwritable(&self, error: &IoError) -> Error {
        Error::File {
            path: self.file(),
            message: format!(
                "the journal of operations cannot be written ({error}), and Locus does nothing that it cannot record; make it writable, free some space, or set XDG_STATE_HOME to another folder"
            ),
        }
    }
}

impl Locked {
    /// What the file holds from a place on.
    pub(super) fn bytes_from(&mut self, place: u64) -> Result<Vec<u8>, IoError> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(place))?;
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn ends_torn(&mut self) -> Result<bool, IoError> {
        let last = self.length.checked_sub(1).map(|place| self.bytes_from(place)).transpose()?;
        Ok(last.is_some_and(|byte| byte != b"\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::Journal;
    use crate::error::Error;
    use crate::failure_point::{arm, disarm};
    use locus_protocol::{Deed, ModelMark, OPERATION_SCHEMA, Operation, Origin};
    use std::collections::BTreeMap;
    use std::io::Write;

    fn operation(number: u64) -> Operation {
        Operation {
            schema: OPERATION_SCHEMA,
            program: "0.0.0".into(),
            number,
            time: "2026-01-01T00:00:00Z".into(),
            run: "run".into(),
            origin: Origin::Workbench,
            model: ModelMark { name: "m".into(), fingerprint: "f".into() },
            reproducible: false,
            facts: None,
            deed: Deed::Undo { edit: 1 },
            in_place: Vec::new(),
            taken_back: vec![1],
            weights: BTreeMap::new(),
        }
    }

    fn numbers(journal: &Journal) -> Vec<u64> {
        journal.read().expect("a journal").operations.iter().map(|operation| operation.number).collect()
    }

    /// Appends an operation under the next number.
    fn append(journal: &Journal) -> Result<Operation, Error> {
        journal.append_after(|number, _| Ok(operation(number)))
    }

    #[test]
    fn a_torn_line_is_left_out_wherever_it_was_torn_and_the_next_one_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(folder.path());
        assert!(numbers(&journal).is_empty());
        append(&journal).expect("appended");
        append(&journal).expect("appended");
        let whole = std::fs::read(journal.file()).expect("the file");
        let first = whole.iter().position(|&byte| byte == b'\n').expect("a line") + 1;
        for cut in first..whole.len() {
            std::fs::write(journal.file(), &whole[..cut]).expect("written");
            let mut read = journal.read().expect("a journal");
            // the edit that these operations take back is not there
            read.complaints.retain(|complaint| !complaint.contains("which is not an earlier edit"));
            // a line that lacks its end only is a whole one
            let torn = cut > first && cut + 1 < whole.len();
            assert_eq!(read.complaints.len(), usize::from(torn), "{cut}: {:?}", read.complaints);
            assert!(!torn || read.complaints[0].contains("line 2: not a complete operation"), "{:?}", read.complaints);
            let next = if cut + 1 < whole.len() { 2 } else { 3 };
            assert_eq!(append(&journal).expect("appended").number, next, "{cut}");
            assert_eq!(numbers(&journal), (1..=next).collect::<Vec<_>>(), "{cut}");
        }
    }

    #[test]
    fn several_writers_give_each_number_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(folder.path());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let journal = journal.clone();
                scope.spawn(move || (0..25).for_each(|_| drop(append(&journal).expect("appended"))));
            }
        });
        assert_eq!(numbers(&journal), (1..=100).collect::<Vec<_>>());
    }

    #[test]
    fn a_change_is_kept_once_and_mended_when_it_is_damaged() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(folder.path());
        let mark = journal.keep(b"abc").expect("kept");
        assert!(mark.sha256.starts_with("ba7816bf"), "{mark:?}");
        std::fs::File::create(journal.delta(&mark)).and_then(|mut file| file.write_all(b"a")).expect("damaged");
        assert_eq!(journal.keep(b"abc").expect("kept"), mark);
        assert_eq!(std::fs::read(journal.delta(&mark)).expect("the file"), b"abc");
        let files = std::fs::read_dir(folder.path().join("deltas")).expect("a folder").count();
        assert_eq!(files, 1, "nothing else is left");
    }

    #[test]
    fn what_cannot_be_gone_on_from_is_refused_and_nothing_is_appended() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(folder.path());
        append(&journal).expect("appended");
        let good = std::fs::read_to_string(journal.file()).expect("the file");
        for bad in [
            good.replace("\"schema\":2", "\"schema\":9"),
            good.replace("\"undo\"", "\"merge\""),
            "nonsense\n".to_owned(),
            good.clone(),
            good.replace("\"number\":1", "\"number\":18446744073709551615"),
        ] {
            let text = format!("{good}{bad}");
            std::fs::write(journal.file(), &text).expect("written");
            // one that has read the beginning already, and one that has not
            for journal in [journal.clone(), Journal::new(folder.path())] {
                let error = append(&journal).expect_err(&bad).to_string();
                assert!(error.contains("operations.jsonl") && !error.contains('\n'), "{error}");
                assert!(journal.record(|first, _| Ok::<_, Error>(vec![operation(first)])).is_err(), "{bad}");
                assert!(journal.check().is_err() || bad.contains("184467"), "{bad}");
            }
            assert_eq!(std::fs::read_to_string(journal.file()).expect("the file"), text);
        }
        std::fs::write(journal.file(), &good).expect("written");
        assert_eq!(append(&journal).expect("appended").number, 2);
    }

    #[test]
    fn what_is_no_file_is_refused_in_a_sentence() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(folder.path());
        let refused = || {
            let error = append(&journal).expect_err("refused").to_string();
            assert!(error.contains("operations.jsonl: the journal of operations cannot be written"), "{error}");
            assert!(journal.read().is_err() && journal.check().is_err());
        };
        std::fs::create_dir(journal.file()).expect("a folder");
        refused();
        std::fs::remove_dir(journal.file()).expect("removed");
        std::os::unix::fs::symlink("/dev/full", journal.file()).expect("a link");
        refused();
        std::fs::remove_file(journal.file()).expect("removed");
        std::fs::File::create(journal.file()).and_then(|file| file.set_len(super::LARGEST + 1)).expect("a hole");
        refused();
    }

    #[test]
    fn lines_that_cannot_be_written_or_kept_leave_the_file_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(folder.path());
        append(&journal).expect("appended");
        let before = std::fs::read(journal.file()).expect("the file");
        let mut failed = Vec::new();
        for step in 0.. {
            arm(step);
            let done: Result<_, Error> = journal.record(|first, keeping| {
                keeping.keep(b"abc")?;
                Ok(vec![operation(first), operation(first + 1)])
            });
            match disarm() {
                Some(what) => {
                    failed.push(what);
                    assert!(done.is_err(), "{what}");
                    assert!(std::fs::read(journal.file()).expect("the file") == before, "{what}");
                }
                None => break,
            }
        }
        assert_eq!(failed.len(), 5, "{failed:?}");
        assert_eq!(numbers(&journal), [1, 2, 3]);
    }
}
