//! What commands write: whole under its final name or not there, by one program at a time, and never through a link that
//! somebody planted under a name that can be guessed.

use locus_end_to_end::{Home, files, program, send};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

const EVAL: [&str; 6] = ["eval", "--method", "rome", "--limit", "40", "--out"];

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).expect("a file")
}

/// Names in a home that are none of the program's own folders.
fn names(home: &Home) -> Vec<String> {
    let entries = home.path("").read_dir().expect("the home").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !["state", "config", "data"].contains(&name.as_str()));
    names.sort();
    names
}

/// A shell that plants links under every name that holds the number of the process, and then becomes the program.
fn planted(home: &Home, names: &[&str], arguments: &str) -> Command {
    let links: String = names.iter().map(|name| format!("ln -s victim {name}; ")).collect();
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{links} exec {} --threads 1 {arguments}", program().display()));
    command.current_dir(home.path("")).env_clear().envs(home.environment());
    command
}

#[test]
fn links_under_names_that_can_be_guessed_are_not_followed() {
    let home = Home::new();
    std::fs::write(home.path("victim"), "precious").expect("written");
    let journal = ["trace", "--case", "0", "--preview", "--journal", "j.jsonl"];
    let _ = home.run(journal).well();
    for (planted_names, arguments, made) in [
        (&[".x.svg.$$", "x.svg.$$.part"][..], "picture --journal j.jsonl --out x.svg", "x.svg"),
        (
            &[".x.st.partial.$$", "x.st.partial.$$"],
            "edit --method fine-tuning --set steps=1 --case 0 --save x.st",
            "x.st",
        ),
        (&[".x.csv.$$", ".x.csv.partial.$$"], "trace --case 0 --csv x.csv", "x.csv"),
    ] {
        let ended = planted(&home, planted_names, arguments).output().expect("the program");
        assert!(ended.status.success(), "{arguments}: {}", String::from_utf8_lossy(&ended.stderr));
        assert_eq!(text(&home.path("victim")), "precious", "{arguments}");
        assert!(home.path(made).is_file() && !home.path(made).is_symlink(), "{arguments}");
    }
    // a folder of an earlier process of the same number is neither filled further nor exported
    let leftovers = "mkdir .out.partial.$$; echo old > .out.partial.$$/old.json;";
    let export = format!(
        "{leftovers} exec {} --threads 1 export --method fine-tuning --set steps=1 --case 0 --folder out",
        program().display()
    );
    let mut command = Command::new("sh");
    command.arg("-c").arg(export).current_dir(home.path("")).env_clear().envs(home.environment());
    assert!(command.output().expect("the program").status.success());
    assert!(home.path("out/model.safetensors").is_file() && !home.path("out/old.json").exists());
}

#[test]
fn one_evaluation_at_a_time_writes_a_file() {
    let home = Home::new();
    let arguments: Vec<&str> = EVAL.into_iter().chain(["e.jsonl"]).collect();
    let mut first = home.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program");
    let lines = || std::fs::read_to_string(home.path("e.jsonl")).map_or(0, |text| text.lines().count());
    while lines() < 3 && first.try_wait().expect("the child").is_none() {
        thread::sleep(Duration::from_millis(5));
    }
    let second = home.run(&arguments).sentence(2);
    assert!(second.contains("--out e.jsonl: another locus is writing it"), "{second}");
    send(Signal::KILL, first.id());
    first.wait().expect("the end");
    // who is killed holds nothing any more
    let some = ["eval", "--method", "rome", "--limit", "4", "--out", "e.jsonl"];
    let _ = home.run(some).well();
    let indices: Vec<u64> = text(&home.path("e.jsonl"))
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str::<Value>(line).expect("a whole line")["index"].as_u64().expect("an index"))
        .collect();
    assert_eq!(indices.iter().collect::<BTreeSet<_>>().len(), indices.len(), "{indices:?}");
}

/// A table that is not finished is none: what was there before stays, and nothing is left beside it.
#[test]
fn a_table_that_is_given_up_leaves_what_was_there() {
    let home = Home::new();
    std::fs::write(home.path("cells.csv"), "before\n").expect("written");
    let arguments = ["trace", "--all", "--unknown-too", "--csv", "cells.csv", "--json"];
    let mut child = home.command(arguments).spawn().expect("the program");
    let begun = || names(&home).iter().any(|name| name.starts_with(".locus-"));
    while !begun() && child.try_wait().expect("the child").is_none() {
        thread::sleep(Duration::from_millis(2));
    }
    let second = home.run(["trace", "--case", "0", "--csv", "cells.csv"]).sentence(2);
    assert!(second.contains("--csv cells.csv: another locus is writing it"), "{second}");
    send(Signal::INT, child.id());
    assert_eq!(child.wait_with_output().expect("the end").status.code(), Some(130));
    assert_eq!(text(&home.path("cells.csv")), "before\n");
    assert_eq!(names(&home), ["cells.csv"]);
    // the model is not what it is said to be: nothing is written at all
    let _ = home.run(["trace", "--case", "99999999", "--csv", "cells.csv"]).sentence(2);
    let _ = home.run(["eval", "--facts", "none.json", "--csv", "e.csv", "--out", "e.jsonl"]);
    assert_eq!((names(&home), text(&home.path("cells.csv"))), (vec!["cells.csv".to_owned()], "before\n".to_owned()));
}

#[test]
fn places_that_are_no_files() {
    let home = Home::new();
    let _ = home.run(["trace", "--case", "0", "--preview", "--journal", "j.jsonl"]).well();
    let mode = Mode::from_raw_mode(0o600);
    mknodat(CWD, home.path("pipe"), FileType::Fifo, mode, 0).expect("a pipe");
    std::fs::create_dir(home.path("folder")).expect("a folder");
    std::fs::write(home.path("locked"), "mine").expect("written");
    std::fs::set_permissions(home.path("locked"), Permissions::from_mode(0o444)).expect("set");
    let commands: [(&[&str], &[&str]); 5] = [
        (&["picture", "--journal", "j.jsonl", "--out"], &["--out"]),
        (&["trace", "--case", "0", "--csv"], &["--csv"]),
        (&["eval", "--limit", "1", "--csv"], &["--csv"]),
        (&["eval", "--limit", "1", "--out"], &["--out"]),
        (&["edit", "--method", "fine-tuning", "--set", "steps=1", "--case", "0", "--save"], &["--save"]),
    ];
    let before = files(&home.path(""));
    for (command, flag) in commands {
        for (place, said) in
            [("folder", "it is a folder"), ("locked", "it is read-only"), ("-", "names no file"), ("pipe", "pipe")]
        {
            // who may do everything may append to what is locked; what it holds is no evaluation
            let grows = command[0] == "eval" && flag == ["--out"];
            let ended = home.run([command, &[place]].concat());
            assert!(matches!(ended.code, Some(1 | 2)), "{command:?} {place}: {ended:?}");
            let is_said = ended.err.contains(said) || (grows && place == "locked");
            assert!(is_said && ended.err.contains(flag[0]), "{command:?} {place}: {}", ended.err);
            assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        }
    }
    assert_eq!(files(&home.path("")).len(), before.len());
    assert_eq!(text(&home.path("locked")), "mine");
}

#[test]
fn links_and_devices_of_the_user_are_written_to() {
    let home = Home::new();
    std::fs::write(home.path("real.csv"), "before").expect("written");
    symlink("real.csv", home.path("link.csv")).expect("a link");
    let _ = home.run(["trace", "--case", "0", "--csv", "link.csv"]).well();
    assert!(home.path("link.csv").is_symlink() && text(&home.path("real.csv")).starts_with("input_id,"));
    let _ = home.run(["trace", "--case", "0", "--csv", "/dev/null"]).well();
    let shown = home.run(["trace", "--case", "0", "--csv", "/dev/stdout"]).well().out;
    assert!(shown.contains("input_id,") && shown.contains("Causal trace of"), "{shown}");
    symlink("real.jsonl", home.path("link.jsonl")).expect("a link");
    let _ = home.run(["eval", "--limit", "1", "--out", "link.jsonl"]).well();
    assert!(home.path("link.jsonl").is_symlink() && text(&home.path("real.jsonl")).lines().count() == 2);
}

/// Folders of the hub's cache hold links only; what they lead to goes along, whatever else a link leads to does not.
#[test]
fn an_export_copies_what_the_model_is_made_of_and_nothing_else() {
    let home = Home::new();
    let model = home.cache().join("built-in-model");
    std::fs::create_dir_all(home.path("blobs")).expect("a folder");
    std::fs::create_dir_all(home.path("snapshot")).expect("a folder");
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(model.join(name), home.path("blobs").join(name)).expect("copied");
        symlink(Path::new("../blobs").join(name), home.path("snapshot").join(name)).expect("a link");
    }
    let export = |folder: &'static str| {
        let edit = ["export", "--model", "snapshot", "--method", "fine-tuning", "--set", "steps=1", "--case", "0"];
        home.run(edit.into_iter().chain(["--folder", folder]))
    };
    let _ = export("out").well();
    assert_eq!(text(&home.path("out/tokenizer.json")), text(&model.join("tokenizer.json")));
    assert!(!home.path("out/tokenizer.json").is_symlink());
    std::fs::write(home.path("secret"), "root:$6$abc:19000:0:99999:7:::\n").expect("written");
    for (leads_to, said) in [("../secret", "not a JSON object"), ("/dev/zero", "a device"), ("../pipe", "a pipe")] {
        if leads_to == "../pipe" {
            mknodat(CWD, home.path("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
        }
        let place = home.path("snapshot/special_tokens_map.json");
        symlink(leads_to, &place).expect("a link");
        let sentence = export("other").sentence(1);
        assert!(sentence.contains("special_tokens_map.json") && sentence.contains(said), "{sentence}");
        assert!(!home.path("other").exists() && !names(&home).iter().any(|name| name.starts_with(".locus-")));
        std::fs::remove_file(place).expect("removed");
    }
}
