//! Folders that a test runs the program in, so that nothing of the user's is read or written.

use crate::program::{Ended, program};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

/// Longest run of the program. It only keeps a run that hangs from hanging the tests.
const PATIENCE: Duration = Duration::from_secs(300);

/// A user's home with all its folders.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    /// Where sockets are.
    runtime: TempDir,
    cache: PathBuf,
}

impl Home {
    /// An empty home, beside a cache that holds the built-in model and its second moments already.
    ///
    /// # Panics
    /// The program cannot fill the cache.
    #[must_use]
    pub fn new() -> Self {
        Self { cache: warm_cache().to_owned(), ..Self::cold() }
    }

    /// An empty home with an empty cache of its own.
    ///
    /// # Panics
    /// No folder can be made.
    #[must_use]
    pub fn cold() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = folder.path().join("cache");
        Self { folder, runtime: tempfile::tempdir().expect("a folder"), cache }
    }

    /// A path in the home; the program runs there.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the program keeps what can be made anew.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.cache.join("locus")
    }

    /// The variables that the program sees; all others are taken away, GPUs are hidden, and the hub is not asked.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        let folder = self.folder.path();
        let mut environment = vec![
            ("HOME", folder.to_owned()),
            ("XDG_CACHE_HOME", self.cache.clone()),
            ("XDG_STATE_HOME", folder.join("state")),
            ("XDG_DATA_HOME", folder.join("data")),
            ("XDG_CONFIG_HOME", folder.join("config")),
            ("XDG_RUNTIME_DIR", self.runtime.path().to_owned()),
            ("LANG", "C.UTF-8".into()),
            ("TERM", "xterm-256color".into()),
            ("CUDA_VISIBLE_DEVICES", "".into()),
            // a folder that is not there is looked for on no hub
            ("HF_HUB_OFFLINE", "1".into()),
        ];
        for name in ["PATH", "LD_LIBRARY_PATH"] {
            environment.extend(std::env::var_os(name).map(|value| (name, value.into())));
        }
        environment
    }

    /// The program with one thread, to be started by hand: pipes for input, output and errors.
    #[must_use]
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(program());
        command.args(["--threads", "1"]).args(arguments).current_dir(self.folder.path());
        command.env_clear().envs(self.environment());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end, with nothing on standard input.
    ///
    /// # Panics
    /// It cannot be started, or it hangs.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ended {
        self.run_with("", arguments)
    }

    /// Runs the program to its end with `input` on standard input.
    ///
    /// # Panics
    /// It cannot be started, or it hangs.
    pub fn run_with<S: AsRef<OsStr>>(&self, input: &str, arguments: impl IntoIterator<Item = S>) -> Ended {
        let mut command = assert_cmd::Command::from_std(self.command(arguments));
        command.timeout(PATIENCE).write_stdin(input).output().expect("the program runs").into()
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

/// A cache that the program itself has filled, the same for all tests of a file.
fn warm_cache() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE.get_or_init(|| {
        let test = std::env::current_exe().expect("the test's own path");
        let name = test.file_name().expect("a name");
        // not a temporary folder: nothing could remove it at the end, but every run begins with a fresh one
        let folder = test.with_file_name("end-to-end").join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let home = Home { cache: folder.clone(), ..Home::cold() };
        let _ = home.run(["edit", "--method", "rome"]).well();
        folder
    })
}
