//! The file: one operation a line, only ever appended to; and the changes beside it, by the hashes of their contents.

use super::Standing;
use crate::error::Error;
use locus_engine::export;
use locus_protocol::{DeltaMark, Operation};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};

/// Name of the file in its folder.
const FILE: &str = "operations.jsonl";
/// Name of the folder of changes beside it.
const DELTAS: &str = "deltas";

/// The journal of operations of a folder.
#[derive(Clone, Debug)]
pub struct Journal {
    folder: PathBuf,
}

/// What a journal holds.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// Operations in their order.
    pub operations: Vec<Operation>,
    /// Lines that are none, each in a sentence.
    pub complaints: Vec<String>,
}

impl Read {
    /// An operation by its number.
    #[must_use]
    pub fn find(&self, number: u64) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.number == number)
    }

    /// What the next start of the workbench on a model puts in place.
    #[must_use]
    pub fn standing(&self, fingerprint: &str) -> Standing {
        Standing::of(&self.operations, fingerprint)
    }
}

/// What is needed of a line to give the next one its number.
#[derive(Deserialize)]
struct NumberOf {
    number: u64,
}

impl Journal {
    /// The journal of a folder; nothing is created.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Where a change lies.
    #[must_use]
    pub fn delta(&self, mark: &DeltaMark) -> PathBuf {
        self.folder.join(&mark.file)
    }

    /// Reads all operations. A line that is none, as a program that was killed leaves it, is left out.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(&self) -> Result<Read, Error> {
        match std::fs::read(self.file()) {
            Ok(bytes) => Ok(self.parse(&bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Read::default()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn parse(&self, bytes: &[u8]) -> Read {
        let mut read = Read::default();
        for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match serde_json::from_slice(line) {
                Ok(operation) => read.operations.push(operation),
                Err(error) => read.complaints.push(format!(
                    "{}, line {number}: not a whole operation ({error}); it is left out",
                    self.file().display()
                )),
            }
        }
        read
    }

    /// Appends an operation under the next number, in one write that the system keeps. Other programs that append at
    /// the same time wait.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&self, make: impl FnOnce(u64) -> Operation) -> Result<Operation, Error> {
        self.append_with(|number, _| Ok(make(number)))
    }

    /// The same for an operation that depends on what was done before.
    ///
    /// # Errors
    /// Those of `make`; the file cannot be written.
    pub fn append_after(&self, make: impl FnOnce(u64, &Read) -> Result<Operation, Error>) -> Result<Operation, Error> {
        self.append_with(|number, bytes| make(number, &self.parse(bytes)))
    }

    fn append_with(&self, make: impl FnOnce(u64, &[u8]) -> Result<Operation, Error>) -> Result<Operation, Error> {
        let failed = |error: std::io::Error| self.failed(&error);
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        let mut file = File::options().create(true).append(true).read(true).open(self.file()).map_err(failed)?;
        match file.lock() {
            // some network file systems have no locks; numbers are given by whoever comes then
            Err(error) if error.kind() != ErrorKind::Unsupported => return Err(failed(error)),
            _ => {}
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let number = |line: &[u8]| serde_json::from_slice::<NumberOf>(line).ok().map(|line| line.number);
        let last = bytes.rsplit(|&byte| byte == b'\n').find_map(number).unwrap_or(0);
        let operation = make(last + 1, &bytes)?;
        let mut line = serde_json::to_vec(&operation).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        if bytes.last().is_some_and(|&byte| byte != b'\n') {
            // whoever wrote last was killed meanwhile
            line.insert(0, b'\n');
        }
        file.write_all(&line).and_then(|()| file.sync_all()).map_err(failed)?;
        Ok(operation)
    }

    /// Keeps a change under the hash of its contents.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, bytes: &[u8]) -> Result<DeltaMark, Error> {
        let sha256 = locus_engine::hex(&Sha256::digest(bytes));
        let mark = DeltaMark { file: Path::new(DELTAS).join(format!("{sha256}.safetensors")), sha256 };
        let file = self.delta(&mark);
        std::fs::create_dir_all(self.folder.join(DELTAS)).map_err(|error| self.failed(&error))?;
        let is_there = std::fs::read(&file).is_ok_and(|there| there == bytes);
        if !is_there {
            export::keep(bytes, &file)?;
        }
        Ok(mark)
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::File {
            path: self.file(),
            message: format!("the journal of operations cannot be used ({error}); make it readable and writable"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Journal;
    use locus_protocol::{Deed, ModelMark, Operation, Origin};
    use std::collections::BTreeMap;
    use std::io::Write;

    fn operation(number: u64) -> Operation {
        Operation {
            number,
            time: "2026-01-01T00:00:00Z".into(),
            run: "run".into(),
            origin: Origin::Workbench,
            model: ModelMark { name: "m".into(), fingerprint: "f".into() },
            reproducible: false,
            deed: Deed::Undo { edit: 1 },
            in_place: Vec::new(),
            taken_back: vec![1],
            weights: BTreeMap::new(),
        }
    }

    fn numbers(journal: &Journal) -> Vec<u64> {
        journal.read().expect("a journal").operations.iter().map(|operation| operation.number).collect()
    }

    #[test]
    fn a_torn_line_is_left_out_wherever_it_was_torn_and_the_next_one_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(folder.path());
        assert!(numbers(&journal).is_empty());
        journal.append(operation).expect("appended");
        journal.append(operation).expect("appended");
        let whole = std::fs::read(journal.file()).expect("the file");
        let first = whole.iter().position(|&byte| byte == b'\n').expect("a line") + 1;
        for cut in first..whole.len() {
            std::fs::write(journal.file(), &whole[..cut]).expect("written");
            let read = journal.read().expect("a journal");
            // a line that lacks its end only is a whole one
            let torn = cut > first && cut + 1 < whole.len();
            assert_eq!(read.complaints.len(), usize::from(torn), "{cut}: {:?}", read.complaints);
            assert!(!torn || read.complaints[0].contains("line 2: not a whole operation"), "{:?}", read.complaints);
            let next = if cut + 1 < whole.len() { 2 } else { 3 };
            assert_eq!(journal.append(operation).expect("appended").number, next, "{cut}");
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
                scope.spawn(move || (0..25).for_each(|_| drop(journal.append(operation).expect("appended"))));
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
}
