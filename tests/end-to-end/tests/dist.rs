//! The archive that is handed on, unpacked somewhere else and run where there is no Rust.

use locus_end_to_end::program;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Unpacks the archive of what was built, and returns the folder in it.
fn unpacked(into: &Path) -> PathBuf {
    let xtask = program().with_file_name("xtask");
    let manifest = Path::new(ROOT).join("xtask");
    let made = Command::new(xtask).args(["dist", "--as-built"]).env("CARGO_MANIFEST_DIR", manifest).output();
    let made = made.expect("xtask was built with the workspace");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let archive = String::from_utf8(made.stdout).expect("text");
    let untarred = Command::new("tar").arg("-xzf").arg(archive.trim()).arg("-C").arg(into).status();
    assert!(untarred.expect("tar").success());
    let mut entries = std::fs::read_dir(into).expect("the folder");
    let folder = entries.next().expect("one folder in the archive").expect("an entry").path();
    assert!(entries.next().is_none(), "one folder only");
    folder
}

/// Runs the program with nothing of this machine but the system's own programs, and libtorch where it is said to be.
fn run(folder: &Path, home: &Path, libtorch: Option<&Path>, arguments: &[&str]) -> Output {
    let mut command = Command::new(folder.join("locus"));
    command.args(arguments).current_dir(home).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home);
    command.env("CUDA_VISIBLE_DEVICES", "").env("LANG", "C.UTF-8").envs(libtorch.map(|folder| ("LIBTORCH", folder)));
    command.output().expect("it starts")
}

/// The engine is started with the libtorch that the user names, else with that of a Python that has the right one.
fn finds_libtorch(folder: &Path, home: &Path) {
    let (engine, kept) = (folder.join("lib/locus-engine"), folder.join("lib/kept"));
    std::fs::rename(&engine, &kept).expect("renamed");
    std::fs::write(&engine, "#!/bin/sh\necho \"$LD_LIBRARY_PATH $*\"\n").expect("written");
    let python = home.join("python");
    std::fs::write(&python, "#!/bin/sh\necho /of/python\n").expect("written");
    for file in [&engine, &python] {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).expect("executable");
    }
    let started = |variables: &[(&str, &Path)]| {
        let mut command = Command::new(folder.join("locus-engine"));
        command.arg("--stdio").current_dir(home).env_clear().env("PATH", "/usr/bin:/bin");
        let output = command.envs(variables.iter().copied()).output().expect("it starts");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (named, python) = (("LIBTORCH", Path::new("/named")), ("PYTHON", python.as_path()));
    assert_eq!(started(&[named]), (Some(0), "/named/lib --stdio\n".to_owned()));
    assert_eq!(started(&[python]), (Some(0), "/of/python/lib --stdio\n".to_owned()));
    assert_eq!(started(&[named, python]).1, "/named/lib --stdio\n", "what the user names goes first");
    std::fs::rename(&kept, &engine).expect("renamed");
}

#[test]
fn the_archive_runs_from_elsewhere_and_holds_what_belongs_to_it() {
    let place = tempfile::tempdir().expect("a folder");
    let (inside, home) = (place.path().join("inside"), place.path().join("home"));
    std::fs::create_dir(&inside).and_then(|()| std::fs::create_dir(&home)).expect("folders");
    let folder = unpacked(&inside);
    finds_libtorch(&folder, &home);
    let libtorch = Path::new(ROOT).join(".libtorch/torch").canonicalize().expect("libtorch");

    let demo = run(&folder, &home, Some(&libtorch), &["demo", "--threads", "1"]);
    let text = String::from_utf8_lossy(&demo.stdout);
    assert!(demo.status.success(), "{text}{}", String::from_utf8_lossy(&demo.stderr));
    assert!(text.contains("Causal trace of") && text.contains("scores: rewrite"), "{text}");
    // its own plugins, and none of this machine's
    let plugins = run(&folder, &home, Some(&libtorch), &["plugin", "list"]);
    let text = String::from_utf8_lossy(&plugins.stdout);
    assert!(text.contains("rome") && !text.contains("target/release"), "{text}");

    // what needs no engine runs without libtorch, and what needs one says what it lacks
    for arguments in [&["--version"][..], &["log"], &["config", "schema"]] {
        let ended = run(&folder, &home, None, arguments);
        assert!(ended.status.success() && ended.stderr.is_empty(), "{arguments:?}: {ended:?}");
    }
    let ended = run(&folder, &home, None, &["facts"]);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.code() == Some(4)
            && said.contains("libtorch 2.11 not found; set LIBTORCH")
            && !said.contains("memory"),
        "{ended:?}"
    );

    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_else(|_| panic!("{name} is missing"));
    assert!(read("completions/locus.bash").contains("_locus"));
    assert!(read("man/man1/locus.1").contains(".TH locus"));
    assert!(read("README.md").contains("Locus"));
    assert!(folder.join("configs/keymap.toml").is_file());
    let index = read("licenses/INDEX");
    let packages: Vec<Vec<&str>> = index.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    for needed in ["tch", "torch-sys", "ratatui", "tokenizers", "safetensors"] {
        assert!(packages.iter().any(|package| package[0] == needed), "{needed} is linked in");
    }
    let bare = packages.iter().filter(|package| package[4].is_empty()).count();
    assert!(bare * 50 < packages.len(), "{bare} packages of {} came without a text", packages.len());
    for package in &packages {
        let [name, version, license, _, texts] = package[..] else { panic!("{package:?}") };
        assert!(!license.is_empty() || !texts.is_empty(), "{name} {version} has no license");
        for text in texts.split(", ").filter(|text| !text.is_empty()) {
            assert!(folder.join("licenses").join(format!("{name}-{version}")).join(text).is_file(), "{name}: {text}");
        }
    }
}
