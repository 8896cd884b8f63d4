//! The folder of the sockets of engines that run: only the user may look into it.

use crate::lines::{Lines, line_of};
use crate::messages::{FromEngine, Hello, ToEngine};
use serde::{Deserialize, Serialize};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an engine may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// An engine that other fronts may join.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// Number of its process.
    pub process: u32,
    pub socket: PathBuf,
    /// The model that it has loaded; empty where it has none.
    #[serde(default)]
    pub model: String,
    /// Whether it goes on when no front is left.
    #[serde(default)]
    pub keep: bool,
}

/// The folder, made where it is not there.
///
/// # Errors
/// It cannot be made, or somebody else may look into it.
pub fn folder() -> Result<PathBuf> {
    let own = rustix::process::getuid();
    let folder = match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_dir()) {
        Some(folder) => folder.join("locus"),
        None => std::env::temp_dir().join(format!("locus-{}", own.as_raw())),
    };
    match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let about = std::fs::symlink_metadata(&folder)?;
    if !about.is_dir() || about.uid() != own.as_raw() || about.mode() & 0o077 != 0 {
        let message = format!("{} is not a folder that only you may open; remove it", folder.display());
        return Err(Error::new(ErrorKind::PermissionDenied, message));
    }
    Ok(folder)
}

/// The socket of an engine by the number of its process.
#[must_use]
pub fn socket(folder: &Path, process: u32) -> PathBuf {
    folder.join(format!("{process}.socket"))
}

/// What an engine without a front writes its own complaints to.
#[must_use]
pub fn log(folder: &Path, process: u32) -> PathBuf {
    folder.join(format!("{process}.log"))
}

/// The engines that run, by the numbers of their processes. What an engine that was killed left behind is removed.
///
/// # Errors
/// The folder cannot be looked into.
pub fn running() -> Result<Vec<Running>> {
    let folder = folder()?;
    let mut running = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let socket = entry?.path();
        let stem = socket.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        let (Some(process), true) = (stem, socket.extension().is_some_and(|end| end == "socket")) else { continue };
        match UnixStream::connect(&socket) {
            Ok(stream) => {
                let (model, keep) = ask(stream).unwrap_or_default();
                running.push(Running { process, socket, model, keep });
            }
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                let _ = std::fs::remove_file(&socket);
                let _ = std::fs::remove_file(log(&folder, process));
            }
            Err(_) => {}
        }
    }
    running.sort_by_key(|engine| engine.process);
    Ok(running)
}

/// Which model an engine has, and whether it goes on without a front.
fn ask(mut stream: UnixStream) -> Option<(String, bool)> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(&line_of(&ToEngine::Hello(Box::new(Hello::joining(true))))).ok()?;
    match serde_json::from_slice(Lines::new(stream).read().ok()??).ok()? {
        FromEngine::Welcome(welcome) => Some((welcome.model, welcome.keep)),
        _ => None,
    }
}
