//! Runs cargo on a plugin's crate, on threads of its own that the loop hears from.

use crate::input::{BuildEvent, Problem};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A build that runs; it is stopped when this is dropped.
#[derive(Debug)]
pub struct Builder {
    /// Cargo with all that it has started; `None` once it has ended.
    group: Arc<Mutex<Option<Pid>>>,
}

impl Builder {
    /// Starts cargo in a crate's folder; `tell` is called from other threads.
    ///
    /// # Errors
    /// Cargo cannot be started.
    pub fn start(folder: &Path, tell: impl Fn(BuildEvent) + Send + Clone + 'static) -> Result<Self, String> {
        let mut child = Command::new("cargo")
            .args(["build", "--release", "--message-format", "json"])
            .current_dir(folder)
            // a group of its own, so that compilers stop with it
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cargo cannot be started ({error}); put it into PATH"))?;
        let group = Arc::new(Mutex::new(i32::try_from(child.id()).ok().and_then(Pid::from_raw)));
        let (ended, folder) = (Arc::clone(&group), folder.to_owned());
        let spawned = thread::Builder::new().name("cargo".to_owned()).spawn(move || {
            let outcome = follow(&mut child, &folder, &tell);
            *ended.lock().unwrap_or_else(PoisonError::into_inner) = None;
            tell(BuildEvent::Ended(outcome));
        });
        spawned.map_err(|error| format!("cargo cannot be followed: {error}"))?;
        Ok(Self { group })
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        if let Some(group) = self.group.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}

/// Listens until cargo has ended.
fn follow(
    child: &mut Child,
    folder: &Path,
    tell: &(impl Fn(BuildEvent) + Send + Clone + 'static),
) -> Result<PathBuf, String> {
    // what it does comes on one pipe, what it finds on the other
    let progress = child.stderr.take().map(|pipe| {
        let tell = tell.clone();
        thread::spawn(move || each_line(pipe, |line| tell(BuildEvent::Said(line, None))))
    });
    let mut library = None;
    if let Some(pipe) = child.stdout.take() {
        each_line(pipe, |line| match read(&line, folder) {
            Told::Said(text, problem) => tell(BuildEvent::Said(text, problem)),
            Told::Library(file) => library = Some(file),
            Told::Nothing => {}
        });
    }
    let status = child.wait().map_err(|error| format!("cargo was lost: {error}"))?;
    if let Some(progress) = progress {
        let _ = progress.join();
    }
    match (status.success(), library) {
        (true, Some(library)) => Ok(library),
        (true, None) => Err("it builds no shared library; put crate-type = [\"cdylib\"] into Cargo.toml".to_owned()),
        (false, _) => Err("it does not build".to_owned()),
    }
}

fn each_line(pipe: impl Read, mut take: impl FnMut(String)) {
    let mut lines = BufReader::new(pipe);
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
        take(String::from_utf8_lossy(&line).trim_end().to_owned());
        line.clear();
    }
}

/// What a line of cargo's says.
#[derive(Debug, PartialEq)]
enum Told {
    Said(String, Option<Problem>),
    Library(PathBuf),
    Nothing,
}

/// Reads a message of `--message-format json`.
fn read(line: &str, folder: &Path) -> Told {
    let Ok(message) = serde_json::from_str::<Value>(line) else { return Told::Said(line.to_owned(), None) };
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    match message["reason"].as_str() {
        Some("compiler-message") => {
            let told = &message["message"];
            let rendered = text(told, "rendered");
            let spans = told["spans"].as_array().cloned().unwrap_or_default();
            let problem = spans.iter().find(|span| span["is_primary"] == true).map(|span| {
                let number = |name: &str| span[name].as_u64().map_or(1, |number| number as usize);
                Problem {
                    level: text(told, "level"),
                    file: find(folder, Path::new(&text(span, "file_name"))),
                    place: (number("line_start"), number("column_start")),
                    message: text(told, "message"),
                }
            });
            Told::Said(rendered, problem)
        }
        Some("compiler-artifact") if is_ours(&message, folder) => {
            let files = message["filenames"].as_array().cloned().unwrap_or_default();
            let library = files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".so"));
            library.map_or(Told::Nothing, |file| Told::Library(PathBuf::from(file)))
        }
        _ => Told::Nothing,
    }
}

/// Whether an artifact belongs to the crate in `folder`, and not to one that it needs.
fn is_ours(message: &Value, folder: &Path) -> bool {
    let same = |one: &Path, other: &Path| -> io::Result<bool> { Ok(one.canonicalize()? == other.canonicalize()?) };
    let manifest = Path::new(message["manifest_path"].as_str().unwrap_or_default());
    manifest == folder.join("Cargo.toml") || same(manifest, &folder.join("Cargo.toml")).unwrap_or(false)
}

/// A file as the compiler names it: from the crate's folder, or from the folder of its workspace.
fn find(folder: &Path, file: &Path) -> PathBuf {
    let found = folder.ancestors().map(|folder| folder.join(file)).find(|file| file.is_file());
    found.unwrap_or_else(|| folder.join(file))
}

#[cfg(test)]
mod tests {
    use super::{Builder, Told, read};
    use crate::input::{BuildEvent, Problem};
    use std::path::{Path, PathBuf};
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    /// A crate that needs nothing, in a folder of its own beside this test.
    fn small_crate(name: &str, source: &str, script: Option<&str>) -> PathBuf {
        let test = std::env::current_exe().expect("the test's own path");
        let folder = test.with_file_name(format!("crate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("src")).expect("a folder");
        let manifest = "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                        [lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n";
        let files = [("Cargo.toml", Some(manifest)), ("src/lib.rs", Some(source)), ("build.rs", script)];
        for (file, text) in files.into_iter().filter_map(|(file, text)| Some((file, text?))) {
            std::fs::write(folder.join(file), text).expect("written");
        }
        folder
    }

    fn start(folder: &Path) -> (Builder, Receiver<BuildEvent>) {
        let (sender, told) = channel();
        let tell = move |event| {
            let _ = sender.send(event);
        };
        (Builder::start(folder, tell).expect("cargo starts"), told)
    }

    fn ended(told: &Receiver<BuildEvent>) -> (Result<PathBuf, String>, Vec<Problem>) {
        let mut problems = Vec::new();
        loop {
            match told.recv_timeout(Duration::from_secs(120)).expect("cargo tells its end") {
                BuildEvent::Said(_, problem) => problems.extend(problem),
                BuildEvent::Ended(outcome) => return (outcome, problems),
            }
        }
    }

    #[test]
    fn a_crate_is_built_or_its_errors_have_places() {
        let folder = small_crate("good", "#[unsafe(no_mangle)]\npub extern \"C\" fn small() {}\n", None);
        let (builder, told) = start(&folder);
        let (library, problems) = ended(&told);
        assert!(library.expect("it builds").is_file() && problems.is_empty(), "{problems:?}");
        drop(builder);
        std::fs::write(folder.join("src/lib.rs"), "\npub const X: u8 = \"\";\n").expect("written");
        let (_builder, told) = start(&folder);
        let (library, problems) = ended(&told);
        assert_eq!(library, Err("it does not build".to_owned()));
        assert_eq!((problems[0].file.clone(), problems[0].place.0), (folder.join("src/lib.rs"), 2));
        let _ = std::fs::remove_dir_all(folder);
    }

    #[test]
    fn a_build_that_is_dropped_ends() {
        let script = "fn main() { std::thread::sleep(std::time::Duration::from_secs(600)); }\n";
        let folder = small_crate("slow", "", Some(script));
        let (builder, told) = start(&folder);
        // once cargo has said something it is at work
        told.recv_timeout(Duration::from_secs(120)).expect("a line");
        drop(builder);
        assert!(ended(&told).0.is_err());
        let _ = std::fs::remove_dir_all(folder);
    }

    #[test]
    fn messages_of_cargo_are_read() {
        let folder = Path::new("/nowhere/crate");
        let message = r#"{"reason":"compiler-message","manifest_path":"/nowhere/crate/Cargo.toml","message":{"level":"error",
            "message":"mismatched types","rendered":"error[E0308]: mismatched types\n --> src/lib.rs:7:9\n",
            "spans":[{"file_name":"src/lib.rs","is_primary":false,"line_start":1,"column_start":1},
                     {"file_name":"src/lib.rs","is_primary":true,"line_start":7,"column_start":9}]}}"#;
        let problem = Problem {
            level: "error".into(),
            file: "/nowhere/crate/src/lib.rs".into(),
            place: (7, 9),
            message: "mismatched types".into(),
        };
        let rendered = "error[E0308]: mismatched types\n --> src/lib.rs:7:9\n".to_owned();
        assert_eq!(read(message, folder), Told::Said(rendered, Some(problem)));
        let artifact = |folder: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"{folder}/Cargo.toml","filenames":["/t/liba.so"]}}"#
            )
        };
        assert_eq!(read(&artifact("/nowhere/crate"), folder), Told::Library(PathBuf::from("/t/liba.so")));
        assert_eq!(read(&artifact("/nowhere/other"), folder), Told::Nothing);
        assert_eq!(read(r#"{"reason":"build-finished","success":true}"#, folder), Told::Nothing);
        assert_eq!(read("something else", folder), Told::Said("something else".into(), None));
    }
}
