//! What cannot be kept is not told as done: journals that cannot be written, files that are damaged, journals that are
//! odd. Each is one sentence with the file, a non-zero exit code, and nothing half-written.

use locus_end_to_end::{Ended, Home, files, operations, program, send};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

const FAILED: i32 = 1;

/// An edit that is done in a moment.
const EDIT: [&str; 6] = ["edit", "--method", "fine-tuning", "--layers", "1", "--set"];

fn edit(more: &[&str]) -> Vec<String> {
    EDIT.iter().chain(&["steps=1"]).chain(more).map(|word| (*word).to_owned()).collect()
}

/// The journal of operations.
fn journal(home: &Home) -> PathBuf {
    home.path("state/locus/operations.jsonl")
}

fn makes_folder_of(file: &Path) {
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
}

/// Demands one sentence with all of `named` in it.
fn refused(ended: &Ended, named: &[&str]) -> String {
    let sentence = ended.sentence(FAILED);
    named.iter().for_each(|name| assert!(sentence.contains(name), "no {name:?} in {sentence}"));
    sentence
}

/// The program with files that may grow to so many blocks of half a kilobyte.
fn run_limited(home: &Home, blocks: u32, arguments: &[String]) -> Ended {
    let mut command = std::process::Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit -f {blocks} && exec \"$0\" --threads 1 \"$@\""))
        .arg(program())
        .args(arguments);
    command.current_dir(home.path("")).env_clear().envs(home.environment());
    command.output().expect("a shell").into()
}

#[test]
fn an_edit_that_cannot_be_recorded_is_not_made() {
    let named = ["state/locus/operations.jsonl: the journal of operations cannot be written", "XDG_STATE_HOME"];
    for way in ["a folder", "a device", "a link to nowhere", "a file in the folder's place"] {
        let home = Home::new();
        let file = journal(&home);
        match way {
            "a folder" => std::fs::create_dir_all(&file).expect("a folder"),
            "a file in the folder's place" => {
                makes_folder_of(&home.path("state/locus"));
                std::fs::write(home.path("state/locus"), "").expect("a file");
            }
            _ => {
                makes_folder_of(&file);
                let to = if way == "a device" { "/dev/full" } else { "/proc/nowhere/operations.jsonl" };
                std::os::unix::fs::symlink(to, &file).expect("a link");
            }
        }
        let ended = home.run(edit(&["--save", "edit.st", "--json"]));
        refused(&ended, &named);
        assert!(!ended.out.contains("\"applied\""), "{way}: {}", ended.out);
        assert!(!home.path("edit.st").exists() && !home.path("state/locus/deltas").exists(), "{way}");
        // what needs no journal goes on
        let _ = home.run(["facts"]).well();
    }
}

#[test]
fn a_disk_that_is_full_half_way_leaves_nothing_that_was_not_recorded() {
    let home = Home::new();
    let _ = home.run(edit(&["--save", "edit.st"])).well();
    let before = std::fs::read(journal(&home)).expect("the journal");
    let apply = ["deltas", "apply", "edit.st", "--json"].map(str::to_owned);
    let room_for_no_line = u32::try_from(before.len()).expect("small") / 512 + 1;
    // the change is there already, and then it is larger than that
    for (blocks, what) in [(room_for_no_line, "operations.jsonl"), (8, "deltas")] {
        let ended = run_limited(&home, blocks, &apply);
        let sentence = refused(&ended, &["state/locus/", what, "File too large"]);
        assert!(!ended.out.contains("\"event\":\"edits\""), "{sentence}: {}", ended.out);
        assert!(std::fs::read(journal(&home)).expect("the journal") == before, "{sentence}: half a line is left");
        std::fs::remove_dir_all(home.path("state/locus/deltas")).expect("removed");
        std::fs::create_dir(home.path("state/locus/deltas")).expect("an empty folder");
        assert!(files(&home.path("state/locus/deltas")).is_empty());
    }
    let _ = home.run(&apply).well();
    assert_eq!(operations(&home).iter().map(|operation| operation.number).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_journal_of_events_that_cannot_be_written_ends_the_command() {
    let home = Home::new();
    for command in [vec!["trace".to_owned()], edit(&[])] {
        let command: Vec<String> = command.into_iter().chain(["--journal", "/dev/full"].map(str::to_owned)).collect();
        refused(
            &home.run(&command),
            &["cannot write /dev/full", "No space left", "check the folder and the free disk space"],
        );
    }
    assert!(!journal(&home).exists(), "an edit was recorded");
    // somewhere in the middle; what is there are whole records
    for blocks in [2, 5] {
        let _ = std::fs::remove_file(home.path("events.jsonl"));
        let command = ["trace", "--samples", "2", "--journal", "events.jsonl"].map(str::to_owned);
        let ended = run_limited(&home, blocks, &command);
        refused(&ended, &["cannot write events.jsonl", "File too large"]);
        let text = std::fs::read_to_string(home.path("events.jsonl")).expect("the journal");
        assert!(
            text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()) && text.len() <= 512 * blocks as usize
        );
    }
    std::fs::create_dir(home.path("folder")).expect("a folder");
    refused(
        &home.run(["trace", "--journal", "folder"]),
        &["folder: the journal cannot be written: it is a folder; name a file"],
    );
}

#[test]
fn two_commands_do_not_mix_their_records_in_one_file() {
    let home = Home::new();
    let long = ["trace", "--samples", "1", "--json", "--journal", "events.jsonl"];
    let mut first = home.command(long).spawn().expect("a process");
    let mut lines = BufReader::new(first.stdout.take().expect("a pipe")).lines();
    assert!(lines.next().is_some(), "the first one works");
    // it stands still with the file in its hands
    send(Signal::STOP, first.id());
    let ended = home.run(["trace", "--samples", "1", "--journal", "events.jsonl"]);
    refused(&ended, &["events.jsonl: the journal cannot be written", "another locus is writing it", "name another"]);
    send(Signal::CONT, first.id());
    lines.for_each(drop);
    assert_eq!(first.wait().expect("it ends").code(), Some(0));
    let _ = home.run(["trace", "--samples", "1", "--journal", "events.jsonl"]).well();
    let text = std::fs::read_to_string(home.path("events.jsonl")).expect("the journal");
    let hellos = text.lines().filter(|line| line.contains("\"event\":\"hello\"")).count();
    assert_eq!(hellos, 2, "one after the other");
}

#[test]
fn second_moments_that_cannot_be_kept_are_not_collected() {
    let home = Home::cold();
    let collect = ["stats", "collect", "--corpus-tokens", "500"];
    let _ = home.run(["facts"]);
    let folder = home.cache().join("second-moments");
    makes_folder_of(&folder);
    std::fs::write(&folder, "").expect("a file in its place");
    refused(&home.run(collect), &["second-moments", "check the folder and the free disk space"]);
    std::fs::remove_file(&folder).expect("removed");
    let _ = home.run(collect).well();
    let file = std::fs::read_dir(&folder).expect("a folder").next().expect("a file").expect("an entry").path();
    let whole = std::fs::read(&file).expect("the file");
    std::fs::remove_file(&file).expect("removed");
    std::fs::create_dir(&file).expect("a folder in its place");
    let ended = home.run(collect);
    assert_eq!(ended.code, Some(FAILED), "{ended:?}");
    assert!(ended.err.contains("cannot write") && ended.err.contains(".safetensors"), "{ended:?}");
    std::fs::remove_dir(&file).expect("removed");

    // a flipped bit anywhere in what is kept
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    for place in [3, 20, 40, 200, whole.len() / 2, whole.len() - 3] {
        let mut flipped = whole.clone();
        flipped[place] ^= 0x10;
        std::fs::write(&file, flipped).expect("written");
        let verify = home.run(["stats", "verify", file.to_str().expect("a path")]);
        refused(&verify, &[&name]);
    }
    std::fs::write(&file, whole).expect("written");
    assert!(!home.run(["stats", "verify", file.to_str().expect("a path")]).err.contains("damaged"));
}

#[test]
fn changes_that_were_damaged_are_refused_by_name() {
    let home = Home::new();
    let _ = home.run(edit(&["--save", "edit.st"])).well();
    let _ = home.run(["edit", "--method", "rome", "--set", "steps=2", "--save", "rome.st"]).well();
    for name in ["edit.st", "rome.st"] {
        let whole = std::fs::read(home.path(name)).expect("the file");
        let header = 8 + u64::from_le_bytes(whole[..8].try_into().expect("a length")) as usize;
        // the header's length, names, texts, the first and the last number
        for place in [0, 60, header / 2, header + 3] {
            let mut flipped = whole.clone();
            flipped[place] ^= 1;
            std::fs::write(home.path("flipped.st"), flipped).expect("written");
            refused(&home.run(["deltas", "show", "flipped.st"]), &["flipped.st: "]);
        }
        let mut flipped = whole.clone();
        flipped[whole.len() - 1] ^= 0x40;
        std::fs::write(home.path("flipped.st"), flipped).expect("written");
        let before = operations(&home);
        refused(&home.run(["deltas", "apply", "flipped.st"]), &["flipped.st: it is damaged", "copy it again"]);
        assert_eq!(operations(&home), before);
    }
    // files of an older program, which carry no checksum
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let said = [
        ("delta-exponent-flipped.safetensors", "is not the one that it records, and it has no checksum"),
        ("delta-f64-overflow.safetensors", "is not finite"),
    ];
    for (name, what) in said {
        let file = data.join(name).display().to_string();
        let before = operations(&home);
        refused(&home.run(["trace", "--samples", "1", "--apply", &file]), &[name, what]);
        assert_eq!(operations(&home), before);
    }
}

#[test]
fn odd_journals_are_told_in_a_sentence_and_nothing_is_done_on_top_of_them() {
    let home = Home::new();
    let _ = home.run(edit(&[])).well();
    let _ = home.run(["redo", "1"]).well();
    let good = std::fs::read_to_string(journal(&home)).expect("the journal");
    let line = |number: u64, change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(good.lines().next().expect("a line")).expect("a record");
        value["number"] = json!(number);
        change(&mut value);
        format!("{value}\n")
    };
    let all = [&["show", "1"][..], &["redo", "1"], &["undo", "1"], &["replay"], &["log"], &["undo"]];
    let newer = line(3, &|value| {
        value["schema"] = json!(9);
        value["program"] = json!("7.8.9");
    });
    let cases: [(&str, Vec<u8>, &str); 8] = [
        (
            "newer",
            newer.into_bytes(),
            "line 3: has schema 9, but this program knows schemas 1 to 2; Locus 7.8.9 wrote it",
        ),
        (
            "unknown",
            line(3, &|value| value["kind"] = json!("merge")).into_bytes(),
            "an action `merge` that this program does not",
        ),
        ("twice", line(2, &|_| ()).into_bytes(), "line 3: has number 2 after 2"),
        ("backwards", line(1, &|_| ()).into_bytes(), "line 3: has number 1 after 2"),
        ("not UTF-8", b"{\"number\":3,\"time\":\"\xff\xfe\"}\n".to_vec(), "line 3: is damaged"),
        ("nonsense", b"hello\n".to_vec(), "line 3: is damaged"),
        ("a huge line", [&vec![b'x'; 20_000_000][..], b"\n"].concat(), "line 3: is damaged"),
        ("nulls", vec![0, 0, 0, b'\n'], "line 3: is damaged"),
    ];
    for (index, (what, added, said)) in cases.into_iter().enumerate() {
        let text = [good.as_bytes(), &added].concat();
        std::fs::write(journal(&home), &text).expect("written");
        for arguments in all.into_iter().skip(if index == 0 { 0 } else { 4 }) {
            let sentence = home.run(arguments).sentence(FAILED);
            assert!(
                sentence.contains("operations.jsonl") && sentence.contains(said),
                "{what}, {arguments:?}: {sentence}"
            );
            assert!(sentence.len() < 1000, "{what}: {sentence}");
        }
        if index < 2 {
            let sentence = home.run(edit(&[])).sentence(FAILED);
            assert!(sentence.contains(said) && sentence.contains("nothing was recorded"), "{what}: {sentence}");
        }
        let sentence = home.run(["deltas", "prune", "--remove"]).sentence(FAILED);
        assert!(sentence.contains(said) && sentence.contains("nothing was deleted"), "{what}: {sentence}");
        assert!(std::fs::read(journal(&home)).expect("the journal") == text, "{what}: something was appended");
    }
    // a deed about an edit that is not there, and lines that were torn: said, and gone on from
    let absent = line(3, &|value| {
        let deed = json!({"kind": "undo", "edit": 77, "in_place": [77], "taken_back": [], "origin": "workbench"});
        deed.as_object().expect("a record").iter().for_each(|(name, part)| value[name] = part.clone());
    });
    std::fs::write(journal(&home), format!("{good}{absent}")).expect("written");
    assert!(home.run(["log"]).well().err.contains("line 3: refers to operation 77, which is not an earlier edit"));
    for arguments in [&["undo"][..], &["redo", "77"], &["undo", "77"], &["replay", "3"]] {
        let ended = home.run(arguments);
        assert_eq!(ended.code, Some(FAILED), "{arguments:?}: {ended:?}");
        assert!(ended.err.contains("77") && !ended.err.contains("panicked"), "{arguments:?}: {ended:?}");
    }
    for text in ["", "\n\n", "{\"number\":1,\"ti"] {
        std::fs::write(journal(&home), text).expect("written");
        let said = if text.len() > 3 { "line 1: not a complete operation" } else { "" };
        assert!(home.run(["log"]).well().out.contains("no operations yet"));
        for arguments in [&["show", "1"][..], &["undo"], &["redo"], &["replay"]] {
            let ended = home.run(arguments);
            assert_eq!(ended.code, Some(FAILED), "{ended:?}");
            assert!(ended.err.contains(said) && !ended.err.contains("panicked"), "{ended:?}");
        }
    }
}

#[test]
fn an_undo_that_cannot_be_recorded_is_not_told() {
    let home = Home::new();
    let _ = home.run(edit(&[])).well();
    let _ = home.run(["redo", "1"]).well();
    let before = std::fs::read(journal(&home)).expect("the journal");
    let blocks = u32::try_from(before.len()).expect("small") / 512;
    let ended = run_limited(&home, blocks, &["undo".to_owned()]);
    refused(&ended, &["operations.jsonl: the journal of operations cannot be written (File too large"]);
    assert_eq!(ended.out, "");
    assert!(std::fs::read(journal(&home)).expect("the journal") == before);
}

#[test]
fn changes_that_no_operation_names_are_listed_and_then_deleted() {
    let home = Home::new();
    assert!(home.run(["deltas", "prune"]).well().out.contains("is named by an operation"));
    let _ = home.run(edit(&[])).well();
    let folder = home.path("state/locus/deltas");
    let loose = folder.join(format!("{}.safetensors", "0".repeat(64)));
    std::fs::write(&loose, "left by an edit that was not recorded").expect("written");
    let before = files(&folder);
    let listed = home.run(["deltas", "prune"]).well().out;
    assert!(
        listed.contains(&"0".repeat(64)) && listed.contains("`locus deltas prune --remove` deletes them"),
        "{listed}"
    );
    assert_eq!(files(&folder), before, "listing deletes nothing");
    let record: Value = serde_json::from_str(&home.run(["deltas", "prune", "--json"]).well().out).expect("a record");
    assert_eq!((&record["bytes"], &record["removed"]), (&json!(37), &json!(false)));
    assert!(home.run(["deltas", "prune", "--remove"]).well().out.contains("deleted 1 change that no operation names"));
    assert!(!loose.exists() && files(&folder).len() == 1);
    let _ = home.run(["redo", "1"]).well();
}
