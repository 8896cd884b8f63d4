//! The engine behind a command that carries the protocol: over a line that is slow or cut, through a shell, and joined.

use locus_end_to_end::processes::{child_of, eventually, is_running};
use locus_end_to_end::{Home, PseudoTerminal, program};
use serde_json::json;
use std::time::{Duration, Instant};

/// An edit of a moment, with records on its output.
const EDIT: [&str; 10] =
    ["edit", "--method", "fine-tuning", "--set", "steps=3", "--layers", "2", "--case", "0", "--json"];
/// How long a front may take to say that its line was cut, and an engine to end without one.
const SECONDS: Duration = Duration::from_secs(30);

fn engine() -> String {
    program().with_file_name("locus-engine").display().to_string()
}

/// A command that carries another one over a line with a delay each way, which is cut after so many bytes; 0 for never.
fn over_a_slow_line(milliseconds: u64, bytes: u64, command: &str) -> String {
    format!("{} {milliseconds} {bytes} {command}", program().with_file_name("slow-line").display())
}

/// The record of the edit, but for its number in the journal of operations.
fn applied(out: &str) -> serde_json::Value {
    let line = out.lines().find(|line| line.contains(r#""event":"applied""#)).expect("an edit");
    let mut record: serde_json::Value = serde_json::from_str(line).expect("a record");
    record["operation"] = json!(null);
    record
}

#[test]
fn an_engine_behind_a_slow_line_or_a_shell_gives_the_same_numbers() {
    let home = Home::new();
    let near = home.run(EDIT).well();
    let slow = over_a_slow_line(200, 0, &format!("{} --stdio", engine()));
    let through_a_shell = format!("sh -c 'exec {} --stdio'", engine());
    for command in [slow, through_a_shell] {
        let far = home.run(EDIT.into_iter().chain(["--engine", command.as_str()])).well();
        assert_eq!(applied(&near.out), applied(&far.out), "{command}");
    }
}

#[test]
fn a_cut_is_told_whatever_the_delay_and_nothing_hangs() {
    let home = Home::new();
    // in the welcome, in what is told of model and plugins, and with an edit on its way
    for (milliseconds, bytes) in [(20, 20_000), (200, 20_000), (200, 100), (200, 2_000)] {
        let process = home.path(&format!("engine-{milliseconds}-{bytes}"));
        let command = format!("sh -c 'echo $$ > {}; exec {} --stdio'", process.display(), engine());
        let start = Instant::now();
        let line = over_a_slow_line(milliseconds, bytes, &command);
        let ended = home.run(EDIT.into_iter().chain(["--engine", line.as_str()]));
        let case = format!("{milliseconds} ms, {bytes} bytes");
        assert!(start.elapsed() < SECONDS, "{case}: {:?}", start.elapsed());
        assert!(matches!(ended.code, Some(3 | 4)), "{case}: {ended:?}");
        let said = ended.err.lines().last().unwrap_or_default();
        assert!(said.contains("the connection to the engine was lost"), "{case}: {}", ended.err);
        assert!(!ended.out.contains(r#""event":"applied""#), "{case}: cut after all was told");
        let engine = std::fs::read_to_string(&process).expect("the engine was started");
        let engine: u32 = engine.trim().parse().expect("its process");
        eventually("the engine behind the line ends", || (!is_running(engine)).then_some(()));
    }
}

#[test]
fn a_command_that_starts_no_engine_is_named() {
    let home = Home::new();
    let none = home.run(["model", "info", "--engine", "no-such-program --stdio"]);
    assert!(
        none.code == Some(2) && none.err.contains("no-such-program") && none.err.contains("cannot be started"),
        "{none:?}"
    );
    // what reads files here
    let replay = home.run(["replay", "--engine", "sh"]);
    assert!(replay.code == Some(2) && replay.err.contains("run it there"), "{replay:?}");
}

/// The workbench on an engine that is joined by a command.
fn joined(home: &Home, command: &str) -> PseudoTerminal {
    PseudoTerminal::start(home, (40, 120), &["attach", "--engine", command], &[])
}

#[test]
fn an_engine_that_runs_is_joined_by_a_command() {
    let home = Home::new();
    let mut first = PseudoTerminal::start(&home, (40, 120), &["demo", "--keep"], &[]);
    first.until_shown("next token");
    let process = child_of(first.process());
    first.press("t");
    first.until_shown("traced in");
    first.hang_up();
    first.end(SECONDS);
    assert!(is_running(process), "the engine ended with its front");

    // the only one; the trace of before is on the screen
    let only = format!("sh -c 'exec {} --stdio --join'", engine());
    let mut second = joined(&home, &only);
    second.until("the trace", |screen| screen.contains("next token") && screen.contains("greatest:"));
    second.hang_up();
    second.end(SECONDS);
    assert!(is_running(process), "the engine ended with a front that had joined");
    // one by its number, over a slow line; what is ordered there is done
    let named = over_a_slow_line(200, 0, &format!("sh -c 'exec {} --stdio --join {process}'", engine()));
    let mut third = joined(&home, &named);
    third.until("the trace", |screen| screen.contains("next token") && screen.contains("greatest:"));
    third.press("q");
    third.until_shown("leave and end the engine");
    third.press("y");
    third.end(SECONDS);
    eventually("the engine ends when it is told to", || (!is_running(process)).then_some(()));
    // and then there is none
    let mut fourth = joined(&home, &only);
    let ending = fourth.end(SECONDS);
    let screen = fourth.screen();
    assert!(screen.contains("no engine could be joined: no engine is running on this machine"), "{screen}");
    assert_eq!(ending.exit_code(), 1, "{screen}");
}
