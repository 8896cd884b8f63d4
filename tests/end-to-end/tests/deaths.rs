//! Front and engine are two processes: what ends the engine does not end the front, and nothing that was recorded is lost.

use locus_dying::WAYS;
use locus_end_to_end::processes::{child_of, eventually, is_running, kill};
use locus_end_to_end::{Ended, Home, PseudoTerminal, operations, order, order_of, plugin, program};
use locus_protocol::EditOrder;
use rustix::process::Signal;
use serde_json::json;
use std::fs::Permissions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long an engine may outlive a front that did not keep it.
const SECONDS: Duration = Duration::from_secs(8);

/// Reads records until one of a kind comes.
fn until(lines: &mut impl Iterator<Item = std::io::Result<String>>, event: &str) {
    let wanted = format!("\"event\":\"{event}\"");
    let found = lines.by_ref().map_while(Result::ok).any(|line| line.contains(&wanted));
    assert!(found, "it ended and told of no `{event}`");
}

/// A command whose edit takes many steps, once it has made one.
fn long_edit(home: &Home) -> (Child, Box<dyn Iterator<Item = std::io::Result<String>>>) {
    let mut child = home.command(["edit", "--orders", "-", "--sequence", "--json"]).spawn().expect("it starts");
    let orders = order(0, "rome", 4, json!({"steps": 3})) + &order(1, "rome", 4, json!({"steps": 1000}));
    let mut input = child.stdin.take().expect("input");
    input.write_all(orders.as_bytes()).expect("orders");
    drop(input);
    let mut lines: Box<dyn Iterator<Item = _>> = Box::new(BufReader::new(child.stdout.take().expect("output")).lines());
    until(&mut lines, "applied");
    until(&mut lines, "step");
    (child, lines)
}

fn ended(child: Child) -> Ended {
    child.wait_with_output().expect("its end").into()
}

#[test]
fn the_front_maps_no_libtorch_and_the_engine_does() {
    let home = Home::new();
    let (mut child, _lines) = long_edit(&home);
    let maps = |process: u32| std::fs::read_to_string(format!("/proc/{process}/maps")).expect("maps");
    assert!(!maps(child.id()).contains("libtorch"), "{}", maps(child.id()));
    let engine = child_of(child.id());
    assert!(maps(engine).contains("libtorch_cpu.so"));
    child.kill().expect("killed");
    child.wait().expect("its end");
    eventually("the engine of a front that was killed ends", || (!is_running(engine)).then_some(()));
}

#[test]
fn a_command_says_that_its_engine_was_killed_and_what_was_recorded_is_there() {
    let home = Home::new();
    let (child, lines) = long_edit(&home);
    kill(child_of(child.id()));
    drop(lines);
    let ended = ended(child);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    for part in ["signal 9", "in the plugin `rome`", "during “rome for", "what was recorded before is kept"] {
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
    }
    assert_eq!(operations(&home).len(), 1, "the first edit was recorded, the second one was not made");
    let _ = home.run(["replay"]).well();
}

#[test]
fn a_load_that_is_killed_is_told_as_one() {
    let home = Home::new();
    let mut child = home.command(["eval", "--limit", "1000", "--json"]).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("output")).lines();
    until(&mut lines, "started");
    kill(child_of(child.id()));
    drop(lines);
    let ended = ended(child);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(
        ended.err.contains("the engine was terminated by signal 9") && ended.err.contains("during “"),
        "{}",
        ended.err
    );
}

/// Each way to die, in a method and in an objective: the front is there and names plugin and job, and an edit before is
/// recorded.
#[test]
fn whatever_way_a_plugin_takes_to_end_the_process_the_front_lives_and_names_it() {
    let home = Home::new();
    let file = plugin("locus-dying").display().to_string();
    let mut recorded = 0;
    for (index, way) in WAYS.iter().enumerate() {
        // slow to be noticed, so once is enough
        let kinds: &[&str] = if *way == "runs-out-of-processor-time" || *way == "closes-everything" {
            &["method"]
        } else {
            &["method", "objective"]
        };
        for kind in kinds {
            let good = order(index as u64, "fine-tuning", 2, json!({"steps": 1}));
            let dying = json!({"how": way}).as_object().cloned().expect("settings");
            let bad = match *kind {
                "method" => EditOrder { method_settings: dying, ..order_of(1, "dies", 3, json!({})) },
                _ => EditOrder {
                    objective: "dies".to_owned(),
                    objective_settings: dying,
                    ..order_of(1, "rome", 3, json!({}))
                },
            };
            let bad = serde_json::to_string(&bad).expect("an order") + "\n";
            let ended = home.run_with(&(good + &bad), ["edit", "--orders", "-", "--sequence", "--plugin", &file]);
            recorded += 1;
            assert!(matches!(ended.code, Some(3 | 4)), "{kind} {way}: {ended:?}");
            let said = ended.err.lines().last().unwrap_or_default();
            assert!(said.contains("the engine") && said.contains("during “"), "{kind} {way}: {ended:?}");
            assert!(said.contains("in the plugin `dies`") || ended.code == Some(4), "{kind} {way}: {said}");
            assert_eq!(operations(&home).len(), recorded, "{kind} {way}");
        }
    }
    assert!(recorded >= 40, "{recorded} deaths only");
    let _ = home.run(["log"]).well();
}

/// A plugin in C whose initializer does something first, in the user's folder.
fn starting(home: &Home, name: &str, body: &str) -> PathBuf {
    let folder = home.path("data/locus/plugins");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).expect("modes");
    let source = home.path("start.c");
    let text = format!(
        "#include <signal.h>\n#include <stdlib.h>\nvoid start(void) __attribute__((constructor));\nvoid start(void) {{ {body} }}\n"
    );
    std::fs::write(&source, text).expect("source");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let library = folder.join(name);
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-I"]).arg(root.join("plugin-api/include"));
    compiler.arg(root.join("tests/fixtures/c-plugin/scale_row.c")).arg(&source).arg("-o").arg(&library);
    assert!(compiler.status().expect("a compiler of C").success());
    library
}

#[test]
fn a_library_that_ends_the_engine_when_it_is_opened_is_named_and_left_out_until_it_changes() {
    for (name, body) in
        [("libcrashes.so", "*(volatile int *)0 = 1;"), ("libexits.so", "exit(0);"), ("libaborts.so", "abort();")]
    {
        let home = Home::new();
        let library = starting(&home, name, body);
        let first = home.run(["plugin", "list"]).well();
        assert!(first.err.contains(name) && first.err.contains("left out until it changes"), "{}", first.err);
        assert!(first.out.contains("rome") && first.err.contains("crashed the engine when it was loaded"), "{first:?}");
        // it is not opened a second time, and a bug report tells of it
        let second = home.run(["plugin", "list"]).well();
        assert!(second.err.starts_with("locus: refused: ") && second.err.contains(name), "{second:?}");
        assert!(home.run(["doctor"]).well().out.contains(name));
        let _ = home.run(["edit", "--method", "fine-tuning", "--set", "steps=1", "--case", "0"]).well();
        // another build of it is tried again, and is a plugin like others
        std::fs::remove_file(&library).expect("removed");
        starting(&home, name, "");
        let third = home.run(["plugin", "list"]).well();
        assert!(third.err.is_empty() && third.out.contains("scale-row"), "{third:?}");
    }
}

/// The workbench on the built-in model, once it asks what to do.
fn workbench(home: &Home, arguments: &[&str]) -> PseudoTerminal {
    let mut terminal = PseudoTerminal::start(home, (40, 120), arguments, &[]);
    terminal.until_shown("next token");
    terminal
}

#[test]
fn the_workbench_outlives_its_engine_and_a_new_one_has_the_recorded_edits_in_place() {
    let home = Home::new();
    for case in ["0", "100"] {
        let quick = ["--method", "fine-tuning", "--set", "steps=2", "--layers", "2"];
        let _ = home.run(["edit", "--case", case].into_iter().chain(quick)).well();
    }
    let _ = home.run(["redo", "1"]).well();
    let mut terminal = workbench(&home, &["demo"]);
    terminal.until_shown("1 edit in place");
    // in the middle of a comparison
    terminal.press("C");
    terminal.press("r");
    terminal.until_shown("trying");
    kill(child_of(terminal.process()));
    let screen = terminal.until_shown("The engine has ended");
    assert!(screen.contains("signal 9"), "{screen}");
    terminal.until_shown("a new engine is running, with 1 edit in place as recorded");
    // enter runs again what was cut off
    terminal.press("\r");
    terminal.until("the comparison", |screen| screen.contains("trying") && !screen.contains("The engine has ended"));
    // an edit is made in the new engine, and recorded
    terminal.press("\x03");
    terminal.until("that it was canceled", |screen| screen.contains("canceled"));
    let before = operations(&home).len();
    terminal.press("\x1b");
    terminal.press("u");
    terminal.until_shown("no edits");
    eventually("the undo is recorded", || (operations(&home).len() == before + 1).then_some(()));
    terminal.press("q");
    terminal.end(Duration::from_secs(20));
    terminal.assert_given_back();
}

#[test]
fn an_engine_that_is_kept_goes_on_and_is_joined_again_and_watched() {
    let home = Home::new();
    let mut first = workbench(&home, &["demo", "--keep"]);
    let engine = child_of(first.process());
    first.press("t");
    first.until_shown("traced in");
    first.hang_up();
    first.end(Duration::from_secs(20));
    assert!(is_running(engine), "the engine ended with its front");
    let listed = home.run(["attach", "--list"]).well();
    assert!(listed.out.contains(&engine.to_string()), "{}", listed.out);

    let mut second = PseudoTerminal::start(&home, (40, 120), &["attach"], &[]);
    // the trace of before is on the screen
    second.until("the trace", |screen| screen.contains("next token") && screen.contains("greatest:"));
    let mut watcher = PseudoTerminal::start(&home, (40, 120), &["attach", "--watch"], &[]);
    watcher.until_shown("controlled by another workbench");
    // what one orders, the other one sees
    second.press("t");
    watcher.until_shown("traced in");
    // what would order something is not done
    watcher.press("r");
    watcher.until_shown("read-only");
    watcher.press("q");
    watcher.end(Duration::from_secs(20));
    // a third one takes over, and the second one only looks on
    let mut third = PseudoTerminal::start(&home, (40, 120), &["attach"], &[]);
    third.until_shown("next token");
    second.until_shown("controlled by another workbench");
    second.press("q");
    second.end(Duration::from_secs(20));
    assert!(is_running(engine));
    third.press("q");
    third.until_shown("leave and end the engine");
    third.press("y");
    third.end(Duration::from_secs(20));
    eventually("the engine ends when it is told to", || (!is_running(engine)).then_some(()));
    assert!(home.run(["attach", "--list"]).well().out.contains("no engine is running"));
}

#[test]
fn control_goes_back_and_an_engine_goes_on_while_a_workbench_is_there() {
    let home = Home::new();
    let mut first = workbench(&home, &["demo"]);
    let engine = child_of(first.process());
    let join = |first: &mut PseudoTerminal| {
        let mut second = PseudoTerminal::start(&home, (40, 120), &["attach"], &[]);
        second.until_shown("next token");
        first.until_shown("controlled by another workbench");
        second
    };
    // the one that joined is cut off
    let mut second = join(&mut first);
    second.hang_up();
    second.end(Duration::from_secs(20));
    first.until_shown("this workbench has control again");
    first.press("t");
    first.until_shown("traced in");
    // the one that started the engine leaves
    let mut second = join(&mut first);
    first.press("q");
    first.end(Duration::from_secs(20));
    second.press("r");
    second.until_shown("1 edit in place");
    assert!(is_running(engine));
    // and nobody is left
    second.hang_up();
    second.end(Duration::from_secs(20));
    eventually("its end", || (!is_running(engine)).then_some(()));
}

#[test]
fn an_engine_that_nobody_keeps_ends_with_its_front_within_seconds() {
    let home = Home::new();
    for ending in ["killed", "hung up", "left"] {
        let mut terminal = workbench(&home, &["demo"]);
        let engine = child_of(terminal.process());
        match ending {
            "killed" => terminal.signal(Signal::KILL),
            "hung up" => terminal.hang_up(),
            _ => terminal.press("q"),
        }
        terminal.end(Duration::from_secs(20));
        let start = Instant::now();
        eventually("its end", || (!is_running(engine)).then_some(()));
        assert!(start.elapsed() < SECONDS, "{ending}: {:?}", start.elapsed());
    }
}

#[test]
fn a_front_of_another_version_and_a_stranger_are_told_so() {
    let home = Home::new();
    let mut engine = Command::new(program().with_file_name("locus-engine"));
    engine.arg("--stdio").env_clear().envs(home.environment());
    engine.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    for (said, answer) in [
        ("{\"say\":\"hello\",\"protocol\":99,\"program\":\"9.0.0\"}\n", "install the same version of both"),
        ("GET / HTTP/1.1\n", "not a hello from locus"),
    ] {
        let mut child = engine.spawn().expect("it starts");
        child.stdin.take().expect("input").write_all(said.as_bytes()).expect("written");
        let out = child.wait_with_output().expect("its end");
        let out = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.contains(answer) && out.contains("refused"), "{out}");
    }
}
