//! Models by their ids on the Hugging Face hub: from its cache, or downloaded before an engine is started.

use crate::cli::Failure;
use crate::cli::arguments::Common;
use crate::cli::interrupt;
use crate::cli::output::{self, Download};
use locus_hub::{Error, Hub, ModelId, Named, Progress};
use signal_hook::consts::SIGINT;
use signal_hook::{SigId, flag, low_level};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NoCache | Error::Endpoint(_) => Self::usage(error.to_string()),
            Error::Stopped { .. } => Self::cancelled(
                "what was downloaded is kept; run the same command again to \
                                                      resume",
            ),
            _ => Self::failed(error.to_string()),
        }
    }
}

/// The flags with the folder of the model in the place of its id: from the cache where it is whole there, else downloaded. A
/// folder that is there wins, and where the engine is on another machine its cache is looked in there.
///
/// # Errors
/// There is neither such a folder nor such a model; it cannot be downloaded.
pub fn settled(common: &Common) -> Result<Common, Failure> {
    let Some(named) = common.model.as_deref().filter(|_| common.engine.is_none()) else { return Ok(common.clone()) };
    let folder = match Named::of(named) {
        // it is remembered, and commands name it, for other working folders too
        Named::Folder(folder) if folder.is_dir() => std::path::absolute(&folder).unwrap_or(folder),
        Named::Folder(folder) => folder,
        Named::Id(id) if id.is_bare() => in_cache(named).unwrap_or_else(|| named.to_owned()),
        Named::Id(id) => {
            let hub = Hub::from_environment()?;
            let found = hub.find(&id).map_or_else(|| watched(&id, |listen| hub.download(&id, listen)), Ok);
            found.map_err(|failure| {
                let where_from = format!("--model {id}: there is no such folder, and as an id of the hub");
                Failure { message: format!("{where_from}: {}", failure.message), ..failure }
            })?
        }
    };
    Ok(Common { model: Some(folder), ..common.clone() })
}

/// The folder that `--model` names, without asking anybody.
pub fn in_cache(named: &Path) -> Option<PathBuf> {
    match Named::of(named) {
        Named::Folder(folder) => Some(folder),
        Named::Id(id) => Hub::from_environment().ok()?.find(&id),
    }
}

/// `locus model download`: asks the hub what the revision is now, brings what the cache lacks of it, and prints its folder.
///
/// # Errors
/// It cannot be downloaded; the output is gone.
pub fn download(common: &Common, id: &str) -> Result<(), Failure> {
    crate::cli::engine::refuse_elsewhere(common, "model download")?;
    let id: ModelId = id.parse().map_err(|error: locus_hub::NoId| Failure::usage(error.to_string()))?;
    let hub = Hub::from_environment()?;
    let folder = watched(&id, |listen| hub.download(&id, listen))?;
    if common.json {
        let commit = folder.file_name().map(|name| name.to_string_lossy());
        let record = serde_json::json!({
            "name": id.name, "revision": id.revision, "commit": commit, "folder": folder,
            "bytes": locus_hub::contents(&folder).bytes,
        });
        return Ok(output::json(&record)?);
    }
    output::print(&folder.display().to_string())?;
    output::below(&format!("`locus --model {id}` opens it"))?;
    Ok(())
}

/// Downloads with progress on standard error; the first Ctrl-C ends it between two pieces, a second one at once.
fn watched(
    id: &ModelId,
    download: impl FnOnce(&mut dyn FnMut(Progress<'_>) -> bool) -> locus_hub::Result<PathBuf>,
) -> Result<PathBuf, Failure> {
    let stop = Stop::watch()?;
    let mut shown = None;
    let result = download(&mut |progress| {
        if progress.missing > 0 {
            let shown = shown.get_or_insert_with(|| Download::begin(&id.to_string(), progress.missing, progress.total));
            shown.draw(progress.file, progress.done);
        }
        !stop.0.load(Ordering::Relaxed)
    });
    // before what is said of it
    drop(shown);
    Ok(result?)
}

/// The user's wish to stop a download.
struct Stop(Arc<AtomicBool>, [SigId; 2]);

impl Stop {
    fn watch() -> std::io::Result<Self> {
        interrupt::can_end()?;
        interrupt::watches();
        let stop = Arc::new(AtomicBool::new(false));
        let second = flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&stop))?;
        let first = flag::register(SIGINT, Arc::clone(&stop))?;
        Ok(Self(stop, [second, first]))
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        // what comes next watches for itself, or is ended by it
        for action in self.1 {
            low_level::unregister(action);
        }
        interrupt::watches_no_more();
    }
}

#[cfg(test)]
mod tests {
    use super::Stop;
    use crate::cli::interrupt::Interrupt;
    use signal_hook::consts::SIGINT;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, ExitStatus, Stdio};

    /// Says in the program that a test starts what it is to do.
    const PART: &str = "LOCUS_TEST_PART";

    /// Runs this test alone in a program of its own.
    fn alone(part: &str) -> ExitStatus {
        let own = std::env::current_exe().expect("this program");
        let name = "cli::hub::tests::ctrl_c_works_after_a_download";
        let mut command = Command::new(own);
        command.args(["--exact", name]).env(PART, part).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().expect("it runs")
    }

    #[test]
    fn ctrl_c_works_after_a_download() {
        let interrupted = || signal_hook::low_level::raise(SIGINT).expect("raised");
        match std::env::var(PART).ok().as_deref() {
            // nobody watches any more
            Some("ends") => {
                drop(Stop::watch().expect("watched"));
                interrupted();
                panic!("it goes on");
            }
            // a second download, and then somebody else who watches
            Some("is noted") => {
                drop(Stop::watch().expect("watched"));
                let stop = Stop::watch().expect("watched again");
                interrupted();
                assert!(stop.0.load(std::sync::atomic::Ordering::Relaxed));
                drop(stop);
                let interrupt = Interrupt::watch().expect("watched");
                assert!(!interrupt.has_come());
                interrupted();
                assert!(interrupt.has_come());
            }
            _ => {
                assert_eq!(alone("ends").signal(), Some(SIGINT));
                assert!(alone("is noted").success());
            }
        }
    }
}
