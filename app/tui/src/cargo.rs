//! Runs cargo on a plugin's crate, on threads of its own that the loop hears from.

use crate::input::{BuildEvent, Problem};
use cargo_metadata::Message;
use cargo_metadata::diagnostic::DiagnosticLevel;
use rustix::process::{Pid, Signal, kill_process_group};
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
            .map_err(|error| format!("cargo cannot be started ({error}); add it to PATH"))?;
        let group = Arc::new(Mutex::new(i32::try_from(child.id()).ok().and_then(Pid::from_raw)));
        let (ended, folder) = (Arc::clone(&group), folder.to_owned());
        let spawned = thread::Builder::new().name("cargo".to_owned()).spawn(move || {
            let outcome = follow(&mut child, &folder, &tell);
            *ended.lock().unwrap_or_else(PoisonError::into_inner) = None;
            tell(BuildEvent::Ended(outcome));
        });
        spawned.map_err(|error| format!("the output of cargo cannot be read: {error}"))?;
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
    let status = child.wait().map_err(|error| format!("the end of cargo cannot be waited for: {error}"))?;
    if let Some(progress) = progress {
        let _ = progress.join();
    }
    match (status.success(), library) {
        (true, Some(library)) => Ok(library),
        (true, None) => Err("it builds no shared library; add crate-type = [\"cdylib\"] to Cargo.toml".to_owned()),
        (false, _) => Err("the build failed".to_owned()),
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
    match serde_json::from_str::<Message>(line) {
        Ok(Message::CompilerMessage(told)) => {
            let told = told.message;
            let place = told.spans.iter().find(|span| span.is_primary);
            let problem = place.map(|span| Problem {
                level: level(told.level).to_owned(),
                file: find(folder, Path::new(&span.file_name)),
                place: (span.line_start, span.column_start),
                message: told.message.clone(),
            });
            Told::Said(told.rendered.unwrap_or_default(), problem)
        }
        Ok(Message::CompilerArtifact(artifact)) if is_ours(artifact.manifest_path.as_std_path(), folder) => {
            let library = artifact.filenames.into_iter().find(|file| file.extension() == Some("so"));
            library.map_or(Told::Nothing, |file| Told::Library(file.into_std_path_buf()))
        }
        Ok(_) => Told::Nothing,
        // what a newer cargo tells besides
        Err(_) if line.starts_with('{') => Told::Nothing,
        Err(_) => Told::Said(line.to_owned(), None),
    }
}

fn level(level: DiagnosticLevel) -> &'static str {
    match level {
        DiagnosticLevel::Error | DiagnosticLevel::Ice => "error",
        DiagnosticLevel::Warning => "warning",
        _ => "note",
    }
}

/// Whether an artifact belongs to the crate in `folder`, and not to one that it needs.
fn is_ours(manifest: &Path, folder: &Path) -> bool {
    let same = |one: &Path, other: &Path| -> io::Result<bool> { Ok(one.canonicalize()? == other.canonicalize()?) };
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
        assert_eq!(library, Err("the build failed".to_owned()));
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
        let span = |is_primary: bool, line: usize, column: usize| {
            serde_json::json!({
                "file_name": "src/lib.rs", "is_primary": is_primary, "byte_start": 0, "byte_end": 1, "text": [],
                "line_start": line, "line_end": line, "column_start": column, "column_end": column + 1,
                "label": null, "suggested_replacement": null, "suggestion_applicability": null, "expansion": null,
            })
        };
        let target = serde_json::json!({
            "kind": ["cdylib"], "crate_types": ["cdylib"], "name": "a", "src_path": "/nowhere/crate/src/lib.rs",
            "edition": "2024", "doc": true, "doctest": false, "test": true,
        });
        let message = serde_json::json!({
            "reason": "compiler-message", "package_id": "path+file:///nowhere/crate#0.1.0", "target": target,
            "manifest_path": "/nowhere/crate/Cargo.toml",
            "message": {
                "$message_type": "diagnostic", "level": "error", "message": "mismatched types", "code": null,
                "children": [], "rendered": "error[E0308]: mismatched types\n --> src/lib.rs:7:9\n",
                "spans": [span(false, 1, 1), span(true, 7, 9)],
            },
        });
        let message = &message.to_string();
        let problem = Problem {
            level: "error".into(),
            file: "/nowhere/crate/src/lib.rs".into(),
            place: (7, 9),
            message: "mismatched types".into(),
        };
        let rendered = "error[E0308]: mismatched types\n --> src/lib.rs:7:9\n".to_owned();
        assert_eq!(read(message, folder), Told::Said(rendered, Some(problem)));
        let artifact = |folder: &str| {
            let artifact = serde_json::json!({
                "reason": "compiler-artifact", "package_id": "path+file:///nowhere/crate#0.1.0", "target": target,
                "manifest_path": format!("{folder}/Cargo.toml"), "features": [], "executable": null, "fresh": false,
                "profile": {
                    "opt_level": "3", "debuginfo": 0, "debug_assertions": false, "overflow_checks": false, "test": false,
                },
                "filenames": ["/t/liba.rmeta", "/t/liba.so"],
            });
            artifact.to_string()
        };
        assert_eq!(read(&artifact("/nowhere/crate"), folder), Told::Library(PathBuf::from("/t/liba.so")));
        assert_eq!(read(&artifact("/nowhere/other"), folder), Told::Nothing);
        assert_eq!(read(r#"{"reason":"build-finished","success":true}"#, folder), Told::Nothing);
        assert_eq!(read(r#"{"reason":"told-by-a-newer-cargo"}"#, folder), Told::Nothing);
        assert_eq!(read("something else", folder), Told::Said("something else".into(), None));
    }
}
