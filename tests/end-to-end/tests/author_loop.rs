//! The loop of a plugin's author without leaving the workbench, and what was done by hand as a command.

use locus_end_to_end::{FIRST, Home, PseudoTerminal, Records, build, fact, program, toolchain};
use locus_protocol::{Event, PluginReloaded};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const LARGE: (u16, u16) = (40, 120);
/// Within which the program has to end, and longest wait for a build.
const SECONDS: Duration = Duration::from_secs(40);
const PATIENCE: Duration = Duration::from_secs(240);

const ESCAPE: &str = "\x1b";
const ENTER: &str = "\r";
const DOWN: &str = "\x1b[B";
const RIGHT: &str = "\x1b[C";

fn ready(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> PseudoTerminal {
    let mut terminal = PseudoTerminal::start(home, LARGE, arguments, variables);
    terminal.until_shown(&fact(FIRST).template.replace("{}", &format!("[{}]", fact(FIRST).subject)));
    terminal.until_shown("next token (unedited model)");
    terminal.until_shown("no edits");
    terminal
}

/// What the workbench has written down so far.
fn journal(home: &Home) -> Records {
    let text = std::fs::read_to_string(home.path("state/locus/journal.jsonl")).expect("the journal");
    // the last line may be in the making
    Records::read(&text[..text.rfind('\n').map_or(0, |end| end + 1)])
}

/// Waits until the journal is as wanted: a build takes as long as it takes.
fn until(terminal: &PseudoTerminal, home: &Home, what: &str, wanted: impl Fn(&Records) -> bool) {
    let start = Instant::now();
    while !wanted(&journal(home)) {
        assert!(start.elapsed() < PATIENCE, "{what} never came:\n{}", terminal.screen());
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn applied(records: &Records) -> usize {
    records.edits().iter().filter(|edit| edit.applied.is_some()).count()
}

fn reloads(records: &Records) -> Vec<PluginReloaded> {
    let reload = |event: &Event| match event {
        Event::PluginReloaded(reloaded) => Some(reloaded.clone()),
        _ => None,
    };
    records.events.iter().filter_map(reload).collect()
}

/// Chooses a method in the form by its title and runs the edit.
fn run_with(terminal: &mut PseudoTerminal, title: &str) {
    terminal.press("e");
    terminal.until_shown("[ Run: ");
    let chosen = |screen: &str| {
        let is_title = |rest: &str| !rest.trim_start().starts_with("(build");
        let is_chosen = |line: &str| {
            let after = line.split_once("method  ").map(|(_, rest)| rest.trim_start());
            after.and_then(|rest| rest.strip_prefix(title)).is_some_and(is_title)
        };
        screen.lines().any(is_chosen)
    };
    for _ in 0..40 {
        if chosen(&terminal.screen()) {
            terminal.press(&DOWN.repeat(3));
            terminal.until_shown("> [ Run: ");
            terminal.press(ENTER);
            return;
        }
        terminal.press(RIGHT);
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("no {title} in\n{}", terminal.screen());
}

fn change(source: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(source).expect("the source");
    assert!(text.contains(from), "{from}");
    std::fs::write(source, text.replace(from, to)).expect("written");
}

#[test]
fn from_nothing_to_a_changed_method_without_leaving_the_workbench() {
    let home = Home::new();
    let _ = home.run(["plugin", "new", "my-loop"]).well();
    build(&home.path("my-loop"), "cargo");
    let source = home.path("my-loop/src/lib.rs");
    let library = home.path("my-loop/target/release/libmy_loop.so").display().to_string();

    // an editor that writes down what it was asked to open, and mends the file
    let editor = home.path("editor");
    let script = "#!/bin/sh\necho \"$@\" > \"$HOME/opened\"\ncp \"$HOME/mended.rs\" \"$2\"\n";
    std::fs::write(&editor, script).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&editor, mode).expect("may run");
    let editor = editor.display().to_string();
    let tools = toolchain();
    let mut variables: Vec<(&str, &str)> = tools.iter().map(|(name, value)| (*name, value.as_str())).collect();
    variables.push(("EDITOR", &editor));

    let mut terminal = ready(&home, &["demo", "--plugin", &library], &variables);
    run_with(&mut terminal, "My loop");
    terminal.until_shown("1 edit in place");

    // another constant: one key builds, loads and runs again
    change(&source, "rate: f64 = 1.0,", "rate: f64 = 0.1,");
    terminal.press("B");
    terminal.until_shown("cargo build of my-loop");
    until(&terminal, &home, "the second edit", |records| applied(records) == 2);
    terminal.until_shown("1 edit in place");
    let records = journal(&home);
    let reloaded = reloads(&records);
    assert_eq!(reloaded.len(), 1);
    assert_eq!((reloaded[0].loaded[0].id.as_str(), reloaded[0].replaced[0].id.as_str()), ("my-loop", "my-loop@1"));
    let edits = records.edits();
    assert_eq!(edits[0].started.order, edits[1].started.order);
    assert_eq!(edits[0].losses[0], edits[1].losses[0], "both begin at the same model");
    assert_ne!(edits[0].losses[1..], edits[1].losses[1..], "the new build takes other steps");

    // both builds stand side by side; the journal is ahead of the screen
    terminal.until_shown("in place as edit");
    let screen = terminal.until_shown("B-A");
    assert!(screen.contains("my-loop@1"), "{screen}");
    terminal.press("3");

    // the build before is there as well, and does what it did
    run_with(&mut terminal, "My loop (build 1)");
    terminal.until_shown("This fact is already edited");
    terminal.press("o");
    until(&terminal, &home, "the third edit", |records| applied(records) == 3);
    assert_eq!(journal(&home).edits()[2].started.order.method, "my-loop@1");
    terminal.until_shown("2 edits in place");
    terminal.press("u");
    terminal.press("u");
    terminal.until_shown("no edits");

    // what cannot be loaded leaves the old build in use
    change(&source, "rate: f64 = 0.1,", "rate: f64 = 99.0,");
    terminal.press("B");
    until(&terminal, &home, "the refusal", |records| {
        records.outcomes().iter().any(|outcome| format!("{outcome:?}").contains("has an invalid declaration"))
    });
    run_with(&mut terminal, "My loop");
    until(&terminal, &home, "the fourth edit", |records| applied(records) == 4);
    let records = journal(&home);
    assert_eq!(records.edits()[3].losses, edits[1].losses);
    assert_eq!(reloads(&records).len(), 1);

    // what does not compile is shown with its place; the editor opens there, and the next build is in use
    change(&source, "rate: f64 = 99.0,", "rate: f64 = 0.5,");
    std::fs::copy(&source, home.path("mended.rs")).expect("copied");
    change(&source, "let step_length =", "let step_length: i64 =");
    let broken = std::fs::read_to_string(&source).expect("the source");
    let line = 1 + broken.lines().position(|line| line.contains("let step_length: i64 =")).expect("a line");
    terminal.press("B");
    terminal.until_shown("cargo build of my-loop");
    let start = Instant::now();
    while !terminal.screen().contains("the build failed; the previous build stays in use") {
        assert!(start.elapsed() < PATIENCE, "{}", terminal.screen());
        std::thread::sleep(Duration::from_millis(100));
    }
    let screen = terminal.until_shown("mismatched types");
    assert!(screen.contains(&format!("src/lib.rs:{line}:")), "{screen}");
    terminal.press(ENTER);
    let start = Instant::now();
    while !home.path("opened").exists() {
        assert!(start.elapsed() < PATIENCE, "the editor was not opened:\n{}", terminal.screen());
        std::thread::sleep(Duration::from_millis(50));
    }
    terminal.until_shown("cargo build of my-loop");
    let opened = std::fs::read_to_string(home.path("opened")).expect("what was opened");
    assert_eq!(opened.trim(), format!("+{line} {}", source.display()));
    terminal.press("B");
    until(&terminal, &home, "the fifth edit", |records| applied(records) == 5);
    terminal.until_shown("1 edit in place");
    terminal.press("q");
    assert!(terminal.end(SECONDS).success(), "{}", terminal.screen());
    terminal.assert_given_back();

    // the model was loaded once, and the last edit is what the library does without a terminal
    let records = journal(&home);
    assert_eq!(records.events.iter().filter(|event| matches!(event, Event::Model(_))).count(), 1);
    let replaced: Vec<String> = reloads(&records).iter().map(|reload| reload.replaced[0].id.clone()).collect();
    assert_eq!(replaced, ["my-loop@1", "my-loop@2"]);
    let last = records.edits()[4].clone();
    let layers = last.started.layers[0].to_string();
    let case = FIRST.to_string();
    let edit = ["edit", "--plugin", &library, "--method", "my-loop", "--layers", &layers, "--case", &case, "--json"];
    let again = home.run(edit).well().records().edits()[0].clone();
    assert_eq!(again.losses, last.losses);
    let (again, last) = (again.applied.expect("applied"), last.applied.expect("applied"));
    assert_eq!((again.rows, again.changes, again.scores), (last.rows, last.changes, last.scores));
}

/// What was put on the clipboard last (OSC 52).
fn copied(terminal: &PseudoTerminal) -> Option<String> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = terminal.bytes();
    let text = String::from_utf8_lossy(&bytes);
    let (_, rest) = text.rsplit_once("\x1b]52;c;")?;
    let (digits, _) = rest.split_once("\x1b\\")?;
    let mut decoded = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits.bytes().filter(|digit| *digit != b'=') {
        bits = bits << 6 | u32::try_from(DIGITS.iter().position(|known| *known == digit)?).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    String::from_utf8(decoded).ok()
}

/// Asks for the last job as a command and runs that in a shell; the command and its records.
fn as_command(terminal: &mut PseudoTerminal, home: &Home, begins: &str) -> (String, Records) {
    terminal.press("$");
    terminal.until_shown("The same as a command");
    let start = Instant::now();
    let command = loop {
        match copied(terminal).filter(|command| command.starts_with(begins)) {
            Some(command) => break command,
            None => assert!(start.elapsed() < SECONDS, "nothing was copied:\n{}", terminal.screen()),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    terminal.press(ESCAPE);
    let folder = program().parent().map(Path::to_owned).unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path))).expect("a path");
    let mut shell = Command::new("sh");
    // a document in the command ends with its line
    let (first, rest) = command.split_once('\n').unwrap_or((&command, ""));
    let script = match first.split_once(" <<") {
        Some((command, document)) => format!("{command} --json <<{document}\n{rest}"),
        None => format!("{first} --json"),
    };
    shell.arg("-c").arg(script).current_dir(home.path("")).env_clear().envs(home.environment()).env("PATH", path);
    let output = shell.output().expect("a shell");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    (command, Records::read(&String::from_utf8(output.stdout).expect("UTF-8")))
}

#[test]
fn what_was_done_by_hand_gives_the_same_numbers_as_a_command() {
    let home = Home::new();
    let mut terminal = ready(&home, &["demo"], &[]);
    let same_edit = |records: &Records, command: &str| {
        let by_hand = journal(&home).edits().last().cloned().expect("an edit");
        let again = records.edits()[0].clone();
        assert_eq!(again.losses, by_hand.losses, "{command}");
        let (again, by_hand) = (again.applied.expect("applied"), by_hand.applied.expect("applied"));
        assert_eq!((again.rows, again.changes), (by_hand.rows, by_hand.changes), "{command}");
        assert_eq!((again.scores, again.numbers), (by_hand.scores, by_hand.numbers), "{command}");
    };

    // a trace, then an edit of a record with a setting of its own
    terminal.press("t");
    terminal.until_shown("traced in");
    let (command, records) = as_command(&mut terminal, &home, "locus trace ");
    assert!(
        command.contains(&format!("--case {FIRST} --kind hidden")) && command.ends_with("--threads 1"),
        "{command}"
    );
    assert_eq!(records.traces()[0].scores, journal(&home).traces()[0].scores, "{command}");
    terminal.press("e");
    terminal.until_shown("[ Run: ");
    terminal.press(&DOWN.repeat(5));
    terminal.until_shown("> steps");
    terminal.press("7");
    terminal.press("\x1b[A\x1b[A");
    terminal.until_shown("> [ Run: ");
    terminal.press(ENTER);
    until(&terminal, &home, "the edit", |records| applied(records) == 1);
    terminal.until_shown("1 edit in place");
    let (command, records) = as_command(&mut terminal, &home, "locus edit ");
    assert!(
        command.contains(&format!("--case {FIRST}"))
            && command.contains("--set steps=7")
            && command.contains("--seed 0"),
        "{command}"
    );
    same_edit(&records, &command);
    terminal.press("u");
    terminal.until_shown("no edits");

    // a fact of one's own
    terminal.press("i");
    for text in ["It's said that the capital of {Chile} is", "Santiago", "Rome"] {
        terminal.press(text);
        terminal.press(ENTER);
    }
    terminal.until_shown("[Chile]");
    terminal.press("r");
    until(&terminal, &home, "the edit", |records| applied(records) == 2);
    terminal.until_shown("1 edit in place");
    let (command, records) = as_command(&mut terminal, &home, "locus edit ");
    assert!(
        command.contains(r#"--prompt "It's said that the capital of {Chile} is" --true Santiago --new Rome"#),
        "{command}"
    );
    same_edit(&records, &command);
    terminal.press("q");
    assert!(terminal.end(SECONDS).success(), "{}", terminal.screen());
    terminal.assert_given_back();
}
