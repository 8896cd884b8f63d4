//! Files that are written: whole or not at all, by one at a time, and never through somebody else's link.

use locus_files::{Draft, FolderDraft, Refusal, Sink, alone, append, stream, write, write_like, write_new};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::{File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).expect("a file")
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
}

#[test]
fn a_file_has_its_name_when_it_is_whole_and_nothing_is_left_of_one_that_was_given_up() {
    let folder = folder();
    let file = folder.path().join("x.csv");
    std::fs::write(&file, "before").expect("written");
    let mut draft = Draft::new(&file).expect("a draft");
    draft.write_all(b"half").expect("written");
    assert_eq!(text(&file), "before");
    drop(draft);
    assert_eq!((names(folder.path()), text(&file)), (vec!["x.csv".to_owned()], "before".to_owned()));
    write(&file, b"after").expect("written");
    assert_eq!((names(folder.path()), text(&file)), (vec!["x.csv".to_owned()], "after".to_owned()));
    // what the user allows others to do with new files, and with this one
    let mode = |file: &Path| file.metadata().expect("a file").permissions().mode() & 0o777;
    std::fs::write(folder.path().join("usual"), "").expect("written");
    write(&folder.path().join("new"), b"").expect("written");
    assert_eq!(mode(&folder.path().join("new")), mode(&folder.path().join("usual")));
    std::fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("set");
    write(&file, b"again").expect("written");
    assert_eq!(mode(&file), 0o640);
}

/// A name that can be guessed can be planted; here every name that was used before is, and none is followed.
#[test]
fn planted_links_and_leftovers_are_not_followed() {
    let folder = folder();
    let victim = folder.path().join("victim");
    std::fs::write(&victim, "precious").expect("written");
    let place = folder.path().join("out");
    std::fs::create_dir(&place).expect("a folder");
    for name in ["out.svg", "export"] {
        for pattern in [
            format!(".{name}.{}", std::process::id()),
            format!(".{name}.partial.{}", std::process::id()),
            format!("{name}.partial.{}", std::process::id()),
            format!("{name}.{}.part", std::process::id()),
        ] {
            symlink(&victim, place.join(pattern)).expect("a link");
        }
    }
    write(&place.join("out.svg"), b"picture").expect("written");
    let draft = FolderDraft::new(&place.join("export")).expect("a draft");
    draft.write("config.json", b"{}").expect("written");
    draft.write("src/lib.rs", b"").expect("written");
    // a file of the folder is new as well
    symlink(&victim, draft.path().join("model.safetensors")).expect("a link");
    assert!(draft.write("model.safetensors", b"weights").is_err());
    std::fs::remove_file(draft.path().join("model.safetensors")).expect("removed");
    draft.commit().expect("a folder");
    assert_eq!(text(&victim), "precious");
    assert_eq!(names(&place.join("export")), ["config.json", "src"]);
}

#[test]
fn two_drafts_of_one_output_are_refused_and_of_a_kept_file_are_not() {
    let folder = folder();
    let (file, other) = (folder.path().join("x.csv"), folder.path().join("y.csv"));
    let first = Draft::exclusive(&file).expect("a draft");
    let refused = Draft::exclusive(&file).expect_err("the second");
    assert!(matches!(refused, Refusal::Busy) && refused.to_string().contains("another locus"), "{refused}");
    Draft::exclusive(&other).expect("another file");
    Draft::new(&file).expect("a kept file").commit().expect("written");
    drop(first);
    Draft::exclusive(&file).expect("alone").commit().expect("written");
    let first = FolderDraft::new(&folder.path().join("export")).expect("a draft");
    assert!(matches!(FolderDraft::new(&folder.path().join("export")), Err(Refusal::Busy)));
    first.commit().expect("a folder");
    assert!(matches!(FolderDraft::new(&folder.path().join("export")), Err(Refusal::Exists)));
}

#[test]
fn many_at_once_leave_one_whole_file() {
    let folder = folder();
    let file = folder.path().join("x");
    let written = std::thread::scope(|scope| {
        let write = |letter: u8| {
            let file = &file;
            scope.spawn(move || {
                let mut draft = Draft::exclusive(file)?;
                draft.write_all(&[letter; 100_000])?;
                draft.commit()
            })
        };
        let threads: Vec<_> = (b'a'..b'i').map(write).collect();
        threads.into_iter().filter_map(|thread| thread.join().expect("a thread").ok()).count()
    });
    assert!(written >= 1);
    let bytes = std::fs::read(&file).expect("a file");
    assert!(bytes.len() == 100_000 && bytes.iter().all(|&byte| byte == bytes[0]));
    assert_eq!(names(folder.path()), ["x"]);
}

/// What a program that was killed leaves is removed; what is young, held, or not of the pattern stays.
#[test]
fn dead_drafts_are_swept_and_nothing_else() {
    let folder = folder();
    let place = folder.path();
    let hash = "0123456789abcdef";
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let aged = |name: String| -> PathBuf {
        let path = place.join(name);
        std::fs::write(&path, "half").expect("written");
        File::open(&path).and_then(|file| file.set_modified(hour_ago)).expect("aged");
        path
    };
    let dead = aged(format!(".locus-{hash}-aaaaaaaaaaaa.part"));
    let held = aged(format!(".locus-{hash}-bbbbbbbbbbbb.part"));
    let holder = File::open(&held).expect("a file");
    holder.try_lock().expect("held");
    let strange = aged(format!(".locus-{hash}-short.part"));
    let notes = aged("notes.part".to_owned());
    let young = place.join(format!(".locus-{hash}-cccccccccccc.part"));
    std::fs::write(&young, "half").expect("written");
    let dead_folder = place.join(format!(".locus-{hash}-dddddddddddd.part"));
    std::fs::create_dir(&dead_folder).expect("a folder");
    std::fs::write(dead_folder.join("old.json"), "{}").expect("written");
    File::open(&dead_folder).and_then(|file| file.set_modified(hour_ago)).expect("aged");
    let link = place.join(format!(".locus-{hash}-eeeeeeeeeeee.part"));
    symlink(&notes, &link).expect("a link");
    write(&place.join("x"), b"whole").expect("written");
    for (path, stays) in [(&dead, false), (&dead_folder, false), (&held, true), (&strange, true)] {
        assert_eq!(path.exists(), stays, "{}", path.display());
    }
    assert!(notes.exists() && young.exists() && link.exists());
}

#[test]
fn links_are_followed_and_stay() {
    let folder = folder();
    let (file, link, dangling) =
        (folder.path().join("file"), folder.path().join("link"), folder.path().join("dangling"));
    std::fs::write(&file, "before").expect("written");
    symlink("file", &link).expect("a link");
    symlink("new", &dangling).expect("a link");
    write(&link, b"after").expect("written");
    write(&dangling, b"new").expect("written");
    assert!(link.is_symlink() && dangling.is_symlink());
    assert_eq!((text(&file), text(&folder.path().join("new"))), ("after".to_owned(), "new".to_owned()));
    symlink("ring", folder.path().join("ring")).expect("a link");
    assert!(write(&folder.path().join("ring"), b"").is_err());
    assert!(matches!(write_new(&link, b""), Err(Refusal::Exists)));
}

#[test]
fn a_new_file_gets_a_name_like_it_where_that_is_taken() {
    let folder = folder();
    let file = folder.path().join("a.b.csv");
    for (text, name) in [("one", "a.b.csv"), ("two", "a.b-2.csv"), ("three", "a.b-3.csv")] {
        assert_eq!(write_like(&file, text.as_bytes()).expect("written"), folder.path().join(name));
    }
    // a link that leads nowhere has the name, too
    symlink("nowhere", folder.path().join("plain")).expect("a link");
    let plain = write_like(&folder.path().join("plain"), b"x").expect("written");
    assert_eq!((plain, text(&file)), (folder.path().join("plain-2"), "one".to_owned()));
    assert!(!folder.path().join("nowhere").exists());
}

#[test]
fn what_is_no_file_is_said() {
    let folder = folder();
    let pipe_file = folder.path().join("pipe");
    pipe(&pipe_file);
    let locked = folder.path().join("locked");
    std::fs::write(&locked, "mine").expect("written");
    std::fs::set_permissions(&locked, Permissions::from_mode(0o444)).expect("set");
    let slash = PathBuf::from(format!("{}/x/", folder.path().display()));
    let said = |path: &Path| {
        let (written, appended) = (write(path, b"x").expect_err("no file"), append(path).expect_err("no file"));
        (written.to_string(), appended.to_string())
    };
    for (path, word) in [
        (folder.path().to_owned(), "folder"),
        (pipe_file.clone(), "a pipe"),
        (PathBuf::from("/dev/null"), "a device"),
        (PathBuf::from("-"), "names no file"),
        (PathBuf::from("/"), "folder"),
    ] {
        let (written, appended) = said(&path);
        assert!(written.contains(word) && appended.contains(word), "{}: {written}; {appended}", path.display());
    }
    assert!(write(&slash, b"x").expect_err("a folder").to_string().contains("folder"));
    assert!(write(&locked, b"x").expect_err("locked").to_string().contains("read-only"));
    assert_eq!(text(&locked), "mine");
    assert!(write(&folder.path().join("no/x"), b"").expect_err("no folder").to_string().contains(
        "its folder does not \
                                                                                              exist"
    ));
}

#[test]
fn a_table_goes_to_whoever_reads() {
    let folder = folder();
    let file = folder.path().join("pipe");
    pipe(&file);
    let refused = Sink::open(&file).expect_err("nobody reads");
    assert!(refused.to_string().contains("nobody reads"), "{refused}");
    let reader = {
        let file = file.clone();
        std::thread::spawn(move || {
            let mut read = String::new();
            File::open(file).and_then(|mut file| file.read_to_string(&mut read)).map(|_| read)
        })
    };
    let mut sink = loop {
        match Sink::open(&file) {
            Err(Refusal::NoReader) => std::thread::yield_now(),
            other => break other.expect("a reader"),
        }
    };
    sink.write_all(&[b'x'; 1_000_000]).expect("written");
    sink.commit().expect("written");
    assert_eq!(reader.join().expect("a thread").expect("read").len(), 1_000_000);
    let mut sink = Sink::open(Path::new("/dev/null")).expect("a device");
    sink.write_all(b"gone").expect("written");
    sink.commit().expect("written");
    let mut sink = Sink::open(&folder.path().join("x.csv")).expect("a file");
    sink.write_all(b"kept").expect("written");
    assert!(!folder.path().join("x.csv").exists());
    sink.commit().expect("written");
    assert_eq!(text(&folder.path().join("x.csv")), "kept");
}

#[test]
fn a_file_that_grows_is_one_programs_alone() {
    let folder = folder();
    let file = folder.path().join("x.jsonl");
    let mut first = append(&file).expect("a file");
    alone(&first).expect("alone");
    first.write_all(b"one\n").expect("written");
    let second = append(&file).expect("a file");
    assert!(matches!(alone(&second), Err(Refusal::Busy)));
    drop(first);
    alone(&second).expect("alone now");
    assert_eq!(text(&file), "one\n");
}

/// What is written to as things come may be a pipe; one that nobody reads, and a socket, is said and not waited for.
#[test]
fn a_stream_is_what_somebody_reads() {
    let folder = folder();
    let (file, pipe_file, socket) =
        (folder.path().join("x.jsonl"), folder.path().join("pipe"), folder.path().join("socket"));
    for line in ["one\n", "two\n"] {
        stream(&file).and_then(|mut file| Ok(file.write_all(line.as_bytes())?)).expect("written");
    }
    assert_eq!(text(&file), "one\ntwo\n");
    pipe(&pipe_file);
    assert!(matches!(stream(&pipe_file), Err(Refusal::NoReader)));
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    let refused = stream(&socket).expect_err("a socket").to_string();
    assert!(refused.contains("a socket"), "{refused}");
    assert!(matches!(stream(folder.path()), Err(Refusal::Folder)));
}

#[test]
fn a_folder_takes_the_place_of_another_at_once() {
    let folder = folder();
    let place = folder.path().join("model");
    for (round, names_there) in [("one", ["a.json", "b.json"]), ("two", ["a.json", "c.json"])] {
        let draft = FolderDraft::replacing(&place).expect("a draft");
        for name in names_there {
            draft.write(name, round.as_bytes()).expect("written");
        }
        draft.replace().expect("replaced");
        assert_eq!(names(&place), names_there);
        assert_eq!(text(&place.join("a.json")), round);
        assert_eq!(names(folder.path()), ["model"]);
    }
}
