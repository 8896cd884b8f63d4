//! The workbench in a pseudo-terminal, on the built-in model with the real plugins.

use locus_end_to_end::{FIRST, Home, PseudoTerminal, Records, fact, files, is_whole_safetensors, plugin};
use portable_pty::{CommandBuilder, ExitStatus};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

const SMALL: (u16, u16) = (24, 80);
/// Within which the program has to end.
const SECONDS: Duration = Duration::from_secs(40);
/// Exit code where a signal or a dropped line ended it.
const CUT_OFF: u32 = 130;

/// Keys as a terminal sends them.
const ESCAPE: &str = "\x1b";
const ENTER: &str = "\r";
const DOWN: &str = "\x1b[B";
const UP: &str = "\x1b[A";
const RIGHT: &str = "\x1b[C";
const CONTROL_C: &str = "\x03";
const CONTROL_R: &str = "\x12";
const CONTROL_Z: &str = "\x1a";

/// The demo, once its model is ready.
fn ready(home: &Home, variables: &[(&str, &str)]) -> PseudoTerminal {
    ready_with(home, &["demo"], variables)
}

fn ready_with(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> PseudoTerminal {
    let mut terminal = PseudoTerminal::start(home, SMALL, arguments, variables);
    // the first fact with what the model answers
    terminal.until_shown(&fact(FIRST).template.replace("{}", &format!("[{}]", fact(FIRST).subject)));
    terminal.until_shown("next token (unedited model)");
    terminal.until_shown("no edits");
    terminal
}

/// Starts an edit that takes a minute, and waits for its first steps.
fn begin_long_edit(terminal: &mut PseudoTerminal) {
    terminal.press("e");
    terminal.until_shown("[ Run: ");
    // method, objective, layers, run, free generation, steps
    terminal.press(&DOWN.repeat(5));
    terminal.until_shown("> steps");
    terminal.press("1000");
    terminal.until_shown("*1000");
    terminal.press(&UP.repeat(2));
    terminal.until_shown("> [ Run: ");
    terminal.press(ENTER);
    terminal.until("a step", |screen| screen.lines().any(|line| line.contains("loss ") && line.contains("decay ")));
}

fn leave(terminal: &mut PseudoTerminal) {
    terminal.press("q");
    assert!(terminal.end(SECONDS).success(), "it failed:\n{}", terminal.screen());
    terminal.assert_given_back();
}

/// Everything that the journal of the home holds.
fn journal(home: &Home) -> Records {
    Records::read(&std::fs::read_to_string(home.path("state/locus/journal.jsonl")).expect("the journal"))
}

/// The heat map on the screen: effects in hundredths by token and layer.
fn heat_map(screen: &str) -> Vec<Vec<i64>> {
    let row = |line: &str| -> Option<Vec<i64>> {
        // without colors blocks of four densities stand beside the numbers
        let line = line.replace(['░', '▒', '▓', '█'], " ");
        let words: Vec<&str> = line.split_whitespace().collect();
        let cells = words.len().checked_sub(12).filter(|&labels| labels > 0)?;
        words[cells..].iter().map(|word| word.parse().ok()).collect()
    };
    let rows = screen.lines().skip_while(|line| !line.trim_start().starts_with("layer ")).skip(1);
    rows.map_while(row).collect()
}

/// The table of layers on the screen: layer, whether it is marked as edited, p(new) and p(true).
fn layers(screen: &str) -> Vec<(usize, bool, f64, f64)> {
    let row = |line: &str| -> Option<(usize, bool, f64, f64)> {
        let words: Vec<&str> = line.trim_start_matches(['>', ' ']).split_whitespace().collect();
        let edited = words.contains(&"*");
        let words: Vec<&str> = words.into_iter().filter(|word| *word != "*").collect();
        // effect on subject and last token, change of the weights, then the probabilities
        let number = |index: usize| words.get(index)?.trim_start_matches('<').parse::<f64>().ok();
        Some((words.first()?.parse().ok()?, edited, number(4)?, number(5)?))
    };
    let rows = screen.lines().skip_while(|line| !line.trim_start().starts_with("layer ")).skip(1);
    rows.map_while(row).collect()
}

/// A dropped line may be told by the system's signal alone, before or after the workbench listens to it.
fn assert_cut_off(status: &ExitStatus) {
    assert!(status.exit_code() == CUT_OFF || status.signal() == Some("Hangup"), "{status:?}");
}

/// The losses of the step that is on the screen.
fn loss(screen: &str) -> Option<String> {
    screen.lines().find(|line| line.trim_start().starts_with("loss ")).map(str::to_owned)
}

#[test]
fn the_main_job_by_keys() {
    let home = Home::new();
    let mut terminal = ready(&home, &[]);
    let screen = terminal.screen();
    assert!(screen.contains("built-in") && screen.contains("cpu") && screen.contains("float32"), "{screen}");

    terminal.press("?");
    let help = terminal.until_shown("In five keys");
    assert!(help.contains("trace it") && help.contains("undo the edit"), "{help}");
    terminal.press(ESCAPE);
    terminal.until("the help closed", |screen| !screen.contains("In five keys"));

    // the heat map fills with the numbers of `locus trace`
    terminal.press("t");
    terminal.until_shown("traced in");
    let shown = heat_map(&terminal.screen());
    let headless = home.run(["trace", "--case", &FIRST.to_string(), "--json"]).well().records().traces()[0].clone();
    let effect = |score: &f64| (100.0 * (score - headless.started.corrupted)).round() as i64;
    let told: Vec<Vec<i64>> = headless.scores.iter().map(|row| row.iter().map(effect).collect()).collect();
    assert_eq!(shown, told, "{}", terminal.screen());

    // the table of layers moves while ROME runs
    terminal.press("r");
    let mut losses = BTreeSet::new();
    loop {
        let screen = terminal.until("the edit", |screen| screen.contains("loss ") || screen.contains("in place, took"));
        losses.extend(loss(&screen));
        if screen.contains("in place, took") {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert!(losses.len() > 1, "the screen did not move: {losses:?}");
    let screen = terminal.until_shown("1 edit in place");
    let edited = layers(&screen);
    assert_eq!(edited.len(), 12, "{screen}");
    let marked: Vec<usize> = edited.iter().filter(|row| row.1).map(|row| row.0).collect();
    // at the layer that suits the method on this model, wherever the trace is greatest
    let edit = ["edit", "--method", "rome", "--case", &FIRST.to_string(), "--json"];
    let again = home.run(edit).well().records().edits()[0].clone();
    assert_eq!(marked, again.started.layers, "{screen}");
    let (_, _, new, truth) = edited[11];
    assert!(new > truth, "{screen}");

    // redo and undo; undo says that it looked at the weights
    for round in 0..2 {
        if round > 0 {
            terminal.press(CONTROL_R);
            let screen = terminal.until_shown("1 edit in place");
            assert_eq!(layers(&screen)[11], edited[11], "{screen}");
        }
        terminal.press("u");
        terminal.until_shown("weights identical");
        let screen = terminal.until_shown("no edits");
        let (_, marked, new, truth) = layers(&screen)[11];
        assert!(!marked && new < truth, "{screen}");
    }
    leave(&mut terminal);
    assert!(terminal.screen().contains("journal.jsonl"), "{}", terminal.screen());

    // what was seen is also written down
    let journal = journal(&home);
    let traces = journal.traces();
    assert!(traces.len() == 1 && traces[0].scores == headless.scores, "{traces:?}");
    assert_eq!(traces[0].started.order, headless.started.order);
    let edits = journal.edits();
    let applied = edits[0].applied.clone().expect("applied");
    assert!((applied.rows[11].probability_new - edited[11].2).abs() < 1e-3);
    assert_eq!(journal.unedited_after_undo(), [true, false, true]);
    // and the same as without a terminal
    let again = again.applied.expect("applied");
    assert_eq!((again.rows, again.changes, again.scores), (applied.rows, applied.changes, applied.scores));
}

#[test]
fn all_sizes_while_an_edit_runs_and_then_it_is_cancelled() {
    let home = Home::new();
    let mut terminal = ready(&home, &[]);
    begin_long_edit(&mut terminal);
    // the table moves with the steps
    let mut tables = Vec::new();
    while tables.len() < 6 {
        let is_new = |screen: &str| !layers(screen).is_empty() && !tables.contains(&loss(screen));
        let screen = terminal.until("another step", is_new);
        tables.push(loss(&screen));
    }
    terminal.resize((40, 120));
    terminal.until("all four panes", |screen| {
        ["Fact", "Trace", "Layers", "Before/After"].iter().all(|pane| screen.contains(pane))
            && !screen.contains("tab: next")
    });
    for size in [(10, 40), (1, 1), (2, 7), (60, 200), (5, 300), (100, 3), (10, 40)] {
        terminal.resize(size);
        thread::sleep(Duration::from_millis(120));
    }
    terminal.resize(SMALL);
    terminal.until_shown("tab: next");
    terminal.until_shown("decay ");
    terminal.press(CONTROL_C);
    terminal.until_shown("was canceled");
    let screen = terminal.until_shown("no edits");
    assert!(screen.contains("nothing was changed"), "{screen}");
    // the same session goes on
    terminal.press("2");
    terminal.press("t");
    terminal.until_shown("traced in");
    leave(&mut terminal);
}

#[test]
fn a_dropped_line_ends_it_and_loses_nothing_that_was_written_down() {
    let home = Home::new();
    let mut terminal = ready(&home, &[]);
    begin_long_edit(&mut terminal);
    terminal.hang_up();
    assert_cut_off(&terminal.end(SECONDS));
    // every line of the journal can be read, up to the steps that were seen
    let journal = journal(&home);
    assert!(!journal.edits()[0].losses.is_empty());
    assert!(journal.edits()[0].applied.is_none());
}

#[test]
fn a_dropped_line_ends_an_idle_one() {
    let mut terminal = ready(&Home::new(), &[]);
    terminal.hang_up();
    assert_cut_off(&terminal.end(SECONDS));
}

#[test]
fn a_dropped_line_while_the_model_loads() {
    let mut terminal = PseudoTerminal::start(&Home::cold(), SMALL, &["demo"], &[]);
    terminal.until("anything", |screen| !screen.trim().is_empty());
    terminal.hang_up();
    assert_cut_off(&terminal.end(SECONDS));
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let home = Home::new();
        let mut terminal = ready(&home, &[]);
        terminal.signal(signal);
        assert_eq!(terminal.end(SECONDS).exit_code(), CUT_OFF, "{signal:?}");
        terminal.assert_given_back();
    }
    let home = Home::new();
    let mut terminal = ready(&home, &[]);
    begin_long_edit(&mut terminal);
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.end(SECONDS).exit_code(), CUT_OFF);
    terminal.assert_given_back();
    assert!(journal(&home).edits()[0].applied.is_none());
}

#[test]
fn an_end_for_want_of_memory_gives_the_terminal_back() {
    let home = Home::new();
    let mut terminal = ready(&home, &[]);
    terminal.give_no_more_memory();
    terminal.press("i");
    terminal.paste(&"long ".repeat(4_000_000));
    assert_eq!(terminal.end(SECONDS).exit_code(), 4);
    terminal.assert_given_back();
    assert!(terminal.screen().contains("out of memory"), "{}", terminal.screen());
}

/// All colors that were set: parameters of SGR sequences that are neither attributes nor the terminal's own colors.
fn colors(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let sequences = text.split("\x1b[").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
        rest[end..].starts_with('m').then(|| rest[..end].to_owned())
    });
    let is_color = |sequence: &String| {
        sequence
            .split([';', ':'])
            .any(|parameter| matches!(parameter.parse::<u32>(), Ok(30..=38 | 40..=48 | 58 | 90..=97 | 100..=107)))
    };
    sequences.filter(is_color).collect()
}

#[test]
fn no_color_means_none() {
    let see = |variables: &[(&str, &str)]| {
        let home = Home::new();
        let mut terminal = ready(&home, variables);
        terminal.press("t");
        let plain = terminal.until_shown("traced in");
        terminal.press("r");
        terminal.until_shown("in place, took");
        terminal.press("?");
        terminal.until_shown("Help");
        terminal.press(ESCAPE);
        leave(&mut terminal);
        (plain, colors(&terminal.bytes()))
    };
    let (screen, none) = see(&[("NO_COLOR", "1")]);
    assert!(none.is_empty(), "{none:?}");
    let (colored_screen, some) = see(&[]);
    assert!(!some.is_empty(), "this test sees no colors at all");
    // the numbers are there all the same
    assert_eq!(heat_map(&screen), heat_map(&colored_screen));
}

#[test]
fn an_idle_workbench_is_silent() {
    let mut terminal = ready(&Home::new(), &[]);
    terminal.press("t");
    terminal.until_shown("traced in");
    // messages fade after six seconds
    thread::sleep(Duration::from_secs(7));
    terminal.until_quiet(Duration::from_secs(1));
    let before = terminal.bytes().len();
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(terminal.bytes().len() - before, 0, "bytes were sent while nothing happened");
    leave(&mut terminal);
}

#[test]
fn a_hostile_method_is_told_in_the_pane_and_the_session_goes_on() {
    let home = Home::new();
    let hostile = plugin("locus-hostile").display().to_string();
    let mut terminal = ready_with(&home, &["demo", "--plugin", &hostile], &[]);
    terminal.press("e");
    terminal.until_shown("[ Run: ");
    let choose = |terminal: &mut PseudoTerminal, method: &str| {
        let chosen = |screen: &str| screen.lines().any(|line| line.contains("method  ") && line.contains(method));
        for _ in 0..40 {
            if chosen(&terminal.screen()) {
                return;
            }
            terminal.press(RIGHT);
            thread::sleep(Duration::from_millis(100));
        }
        panic!("no {method} in\n{}", terminal.screen());
    };
    choose(&mut terminal, "panics-in-lib");
    terminal.press(&DOWN.repeat(3));
    terminal.until_shown("> [ Run: ");
    terminal.press(ENTER);
    terminal.until_shown("panicked: ");
    terminal.until_shown("no edits");
    terminal.press("e");
    terminal.until_shown("[ Run: ");
    choose(&mut terminal, "Rank-one");
    terminal.press(ESCAPE);
    terminal.press("r");
    terminal.until_shown("in place, took");
    terminal.until_shown("1 edit in place");
    leave(&mut terminal);
    let edits = journal(&home).edits();
    assert_eq!(edits.iter().map(|edit| edit.applied.is_some()).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn edits_are_saved_and_tables_exported_into_the_folder_it_was_started_in() {
    let home = Home::new();
    let mut terminal = ready(&home, &[]);
    terminal.press("r");
    terminal.until_shown("1 edit in place");
    // nothing that is there is replaced, and names are plain
    std::fs::write(home.path("locus-edits.safetensors"), "mine").expect("written");
    terminal.press("w");
    terminal.until_shown("writing the edits to ./locus-edits-2.safetensors: done");
    terminal.press("x");
    terminal.until_shown(".csv");
    leave(&mut terminal);
    let written = |ending: &str| -> Vec<Vec<u8>> {
        let named = files(&home.path("")).into_keys().filter(|path| path.components().count() == 1);
        let named = named.filter(|path| path.extension().is_some_and(|extension| extension == ending));
        named.map(|path| std::fs::read(home.path("").join(path)).expect("the file")).collect()
    };
    let saved = written("safetensors");
    assert!(saved.len() == 2 && is_whole_safetensors(&saved[0]) && saved[1] == b"mine");
    assert_eq!(String::from_utf8_lossy(&written("csv")[0]).lines().count(), 13, "head and twelve layers");
    assert!(serde_json::from_slice::<serde_json::Value>(&written("json")[0]).is_ok());
}

/// A method that spreads over layers tells its last step long before it ends: that is not the end of its time.
#[test]
fn the_time_left_of_memit_is_never_nothing() {
    let home = Home::new();
    std::fs::create_dir_all(home.path("config/locus")).expect("a folder");
    std::fs::write(home.path("config/locus/workbench.toml"), "method = \"memit\"\n").expect("settings");
    let mut terminal = PseudoTerminal::start(&home, (40, 120), &["demo"], &[]);
    terminal.until_shown("next token (unedited model)");
    // the second time what the first one took is known
    for edits in ["1 edit in place", "2 edits in place"] {
        terminal.press("r");
        if edits.starts_with('2') {
            terminal.until_shown("This fact is already edited");
            terminal.press("o");
        }
        let (mut about_to_end, mut longest, mut is_told) = (None, Duration::ZERO, false);
        let begun = Instant::now();
        loop {
            let screen = terminal.screen();
            if screen.contains(edits) {
                break;
            }
            assert!(begun.elapsed() < SECONDS, "it does not end:\n{screen}");
            assert!(!screen.contains(" 0 s left"), "{screen}");
            is_told |= screen.contains("s left") || screen.contains("time left unknown");
            let since = screen.contains("<1 s left").then(|| about_to_end.unwrap_or_else(Instant::now));
            longest = longest.max(since.map_or(Duration::ZERO, |since| since.elapsed()));
            about_to_end = since;
            thread::sleep(Duration::from_millis(5));
        }
        assert!(is_told, "{edits}: no time left was shown");
        // on a slow machine everything takes longer
        let whole = begun.elapsed();
        assert!(longest < Duration::from_secs(3).max(whole / 2), "{edits}: less than a second left for {longest:?}");
    }
    leave(&mut terminal);
}

#[test]
fn leaving_while_an_edit_runs_is_asked_about() {
    let home = Home::new();
    let mut terminal = ready(&home, &[]);
    begin_long_edit(&mut terminal);
    terminal.press("q");
    terminal.until_shown("Leave?");
    terminal.press("n");
    terminal.until("the question closed", |screen| !screen.contains("Leave?"));
    terminal.press("q");
    terminal.until_shown("Leave?");
    terminal.press("y");
    assert!(terminal.end(SECONDS).success());
    terminal.assert_given_back();
    assert!(journal(&home).edits()[0].applied.is_none());
}

#[test]
fn control_z_goes_to_the_shell_and_fg_comes_back() {
    let home = Home::new();
    let mut command = CommandBuilder::new("bash");
    command.args(["--norc", "--noprofile", "-i"]);
    command.cwd(home.path(""));
    command.env_clear();
    for (name, value) in home.environment() {
        command.env(name, value);
    }
    command.env("PS1", "shell> ");
    let mut terminal = PseudoTerminal::start_command(command, SMALL);
    terminal.until_shown("shell> ");
    let program = locus_end_to_end::program();
    terminal.press(&format!("{} --threads 1 demo\r", program.display()));
    terminal.until_shown("next token (unedited model)");
    terminal.press(CONTROL_Z);
    terminal.until_shown("Stopped");
    terminal.press("echo in the $((40 + 2))\r");
    terminal.until_shown("in the 42");
    terminal.press("fg\r");
    terminal.until_shown("next token (unedited model)");
    terminal.press("?");
    terminal.until_shown("In five keys");
    terminal.press(ESCAPE);
    terminal.until("the help closed", |screen| !screen.contains("In five keys"));
    terminal.press("q");
    terminal.until_shown("journal.jsonl");
    terminal.press("echo left with $?\r");
    terminal.until_shown("left with 0");
    terminal.press("exit\r");
    terminal.end(SECONDS);
    terminal.assert_given_back();
}

#[test]
fn a_wrong_keymap_is_told_before_the_screen_is_taken() {
    let home = Home::new();
    std::fs::create_dir_all(home.path("config/locus")).expect("a folder");
    std::fs::write(home.path("config/locus/keymap.toml"), "[global]\n\"f\" = \"fly\"\n").expect("written");
    let mut terminal = PseudoTerminal::start(&home, SMALL, &["demo"], &[]);
    assert_eq!(terminal.end(SECONDS).exit_code(), 1);
    let said = terminal.screen().replace('\n', "");
    assert!(said.contains("keymap.toml") && said.contains("fly"), "{said}");
    terminal.assert_given_back();
}

#[test]
fn a_pager_gets_the_terminal_and_gives_it_back() {
    let home = Home::new();
    let (pager, read) = (home.path("pager"), home.path("read"));
    let script = format!("#!/bin/sh\ncat > '{}'\necho THE PAGER > /dev/tty\nread line < /dev/tty\n", read.display());
    std::fs::write(&pager, script).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&pager, mode).expect("may run");
    let pager = pager.display().to_string();
    let mut terminal = ready(&home, &[("PAGER", &pager)]);
    terminal.press("3");
    terminal.until_shown("3 Layers");
    terminal.press("gp");
    terminal.until_shown("THE PAGER");
    assert!(!terminal.screen().contains("3 Layers"), "the terminal was given back:\n{}", terminal.screen());
    terminal.press(ENTER);
    terminal.until_shown("3 Layers");
    let text = std::fs::read_to_string(&read).expect("what it read");
    assert!(text.starts_with("layer  ") && text.lines().count() > 4, "{text}");
    // keys are the workbench's again
    terminal.press("1");
    terminal.until_shown("[");
    leave(&mut terminal);
}
