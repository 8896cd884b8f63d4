//! A program that works on a sweep: its file of rows, and the signs that it lives.

use super::Ledger;
use super::claims::{self, Claim};
use crate::error::{Error, Result};
use locus_files::Refusal;
use locus_protocol::SweepRow;
use procfs::process::Process;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// How often a worker says that it lives.
const BEAT: Duration = Duration::from_secs(5);
/// A worker that has not said so for this long is taken for dead: a machine that hangs looks the same.
const SILENCE: Duration = Duration::from_secs(60);
/// Bytes of a worker's sign at most.
const LARGEST: u64 = 1 << 16;

/// Workers of this process so far: their names differ.
static WORKERS: AtomicU32 = AtomicU32::new(0);

/// What a worker says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sign {
    /// Host name of its machine.
    pub host: String,
    /// Tells this start of the machine from others.
    pub boot: String,
    pub process: u32,
    /// When the worker began.
    pub since: String,
    /// Whether it has ended by itself.
    pub ended: bool,
}

/// Whether a worker lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerState {
    /// Its name: machine, process, start.
    pub name: String,
    /// Whether it lives, as far as can be seen from here.
    pub lives: bool,
    /// Whether it has ended by itself.
    pub ended: bool,
}

/// This program as a worker of a sweep.
#[derive(Debug)]
pub struct Worker {
    folder: PathBuf,
    name: String,
    path: PathBuf,
    file: File,
    length: u64,
    stop: Arc<AtomicBool>,
    beating: Option<JoinHandle<()>>,
    sign: Sign,
}

impl Worker {
    /// Begins to work: makes a file of rows of its own, and says from now on that it lives.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn begin(ledger: &Ledger) -> Result<Self> {
        let folder = ledger.folder().to_owned();
        for below in ["rows", "workers", "claims"] {
            let path = folder.join(below);
            std::fs::create_dir_all(&path).map_err(|source| Error::Write { path, source })?;
        }
        let sign = Sign {
            host: host(),
            boot: boot(),
            process: std::process::id(),
            since: jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3f").to_string(),
            ended: false,
        };
        let number = WORKERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{}-{number}", sign.host, sign.process, sign.since);
        let path = folder.join("rows").join(format!("{name}.jsonl"));
        beat(&folder, &name, &sign)?;
        let file = locus_files::append(&path).map_err(Error::written(&path))?;
        locus_files::alone(&file).map_err(Error::written(&path))?;
        let stop = Arc::new(AtomicBool::new(false));
        let beating = {
            let (folder, name, sign, stop) = (folder.clone(), name.clone(), sign.clone(), stop.clone());
            let beats = move || {
                while !stop.load(Ordering::Relaxed) {
                    std::thread::park_timeout(BEAT);
                    if !stop.load(Ordering::Relaxed) {
                        // one that cannot be written now may be the next time
                        let _ = beat(&folder, &name, &sign);
                    }
                }
            };
            std::thread::Builder::new().name("sweep".to_owned()).spawn(beats).ok()
        };
        Ok(Self { folder, name, path, file, length: 0, stop, beating, sign })
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes rows; the system has them when this returns.
    ///
    /// # Errors
    /// They cannot be written; none of them is there then.
    pub fn add(&mut self, rows: &[SweepRow]) -> Result<()> {
        let mut text = Vec::new();
        for row in rows {
            serde_json::to_writer(&mut text, row).map_err(|error| self.failed(error.into()))?;
            text.push(b'\n');
        }
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.length += text.len() as u64;
                Ok(())
            }
            Err(error) => {
                // no half row stays
                let _ = self.file.set_len(self.length);
                let _ = self.file.seek(SeekFrom::End(0));
                Err(self.failed(error))
            }
        }
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::Write { path: self.path.clone(), source }
    }

    /// Takes a group of cells for this worker, unless another one that lives is at it.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn claim(&self, group: &str) -> Result<Option<Claim>> {
        claims::claim(&self.folder, group, &self.name, &|name| self.is_dead(name))
    }

    /// Takes away what workers that died have left in the folder, once all cells are done.
    pub fn tidy(&self) {
        claims::tidy(&self.folder, &|name| self.is_dead(name));
    }

    fn is_dead(&self, name: &str) -> bool {
        !state(&self.folder, name, &self.name).lives
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(beating) = self.beating.take() {
            beating.thread().unpark();
            let _ = beating.join();
        }
        let _ = beat(&self.folder, &self.name, &Sign { ended: true, ..self.sign.clone() });
        if self.length == 0 {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// All workers that ever were at a folder.
pub fn all(folder: &Path) -> Vec<WorkerState> {
    let Ok(entries) = std::fs::read_dir(folder.join("workers")) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.strip_suffix(".json").filter(|name| !name.starts_with('.')).map(str::to_owned)
    });
    let mut states: Vec<WorkerState> = names.map(|name| state(folder, &name, "")).collect();
    states.sort_by(|one, other| one.name.cmp(&other.name));
    states
}

/// Whether a worker lives. Times are compared on the file system's own clock where this program writes there, too.
fn state(folder: &Path, name: &str, mine: &str) -> WorkerState {
    let path = sign_file(folder, name);
    let sign = locus_files::text(&path, LARGEST).ok().and_then(|text| serde_json::from_str::<Sign>(&text).ok());
    let dead = |ended| WorkerState { name: name.to_owned(), lives: false, ended };
    let Some(sign) = sign else { return dead(false) };
    if sign.ended {
        return dead(true);
    }
    if sign.host == host() && sign.boot == boot() && !is_running(sign.process) {
        return dead(false);
    }
    let written = |name: &str| sign_file(folder, name).metadata().and_then(|about| about.modified()).ok();
    let now = if mine.is_empty() { None } else { written(mine) }.unwrap_or_else(SystemTime::now);
    let silent = written(name).map_or(SILENCE, |then| now.duration_since(then).unwrap_or_default());
    WorkerState { name: name.to_owned(), lives: silent < SILENCE, ended: false }
}

fn sign_file(folder: &Path, name: &str) -> PathBuf {
    folder.join("workers").join(format!("{name}.json"))
}

fn beat(folder: &Path, name: &str, sign: &Sign) -> Result<()> {
    let path = sign_file(folder, name);
    let text = serde_json::to_vec(sign).unwrap_or_default();
    locus_files::write(&path, &text).map_err(|refusal: Refusal| Error::written(&path)(refusal))
}

fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let plain = |character: char| if character.is_ascii_alphanumeric() || character == '.' { character } else { '_' };
    name.chars().map(plain).collect()
}

fn boot() -> String {
    locus_files::text(Path::new("/proc/sys/kernel/random/boot_id"), LARGEST).unwrap_or_default().trim().to_owned()
}

/// Whether a process of this number does anything. One that has ended and that nobody has asked for yet does not; one of
/// another user may, and `/proc` may show nothing of it.
fn is_running(process: u32) -> bool {
    let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) else { return false };
    let has_ended = || Process::new(process.as_raw_pid()).is_ok_and(|process| !process.is_alive());
    runs(test_kill_process(process), has_ended)
}

/// The same by the system's answer to a signal that is none, and whether `/proc` shows that it has ended.
fn runs(answer: rustix::io::Result<()>, has_ended: impl FnOnce() -> bool) -> bool {
    match answer {
        Ok(()) => !has_ended(),
        // it is there, and none of ours
        Err(error) => error != Errno::SRCH,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_running, runs};
    use procfs::process::Process;
    use rustix::io::Errno;
    use std::process::Command;

    #[test]
    fn a_process_that_has_ended_runs_no_more_even_where_nobody_asked_how_it_ended() {
        assert!(is_running(std::process::id()));
        let mut child = Command::new("true").spawn().expect("a process");
        let number = i32::try_from(child.id()).expect("a number");
        while Process::new(number).expect("it was not asked for").is_alive() {
            std::thread::yield_now();
        }
        assert!(!is_running(child.id()));
        child.wait().expect("the end");
        assert!(!is_running(child.id()));
        assert!(!is_running(0) && !is_running(u32::MAX));
    }

    #[test]
    fn a_process_of_another_user_runs_whatever_is_shown_of_it() {
        // whoever made the system's first one may send it signals
        assert!(is_running(1));
        let unseen = || -> bool { unreachable!("nothing is shown of it") };
        assert!(runs(Err(Errno::PERM), unseen));
        assert!(!runs(Err(Errno::SRCH), unseen));
        assert!(runs(Ok(()), || false) && !runs(Ok(()), || true));
    }
}
