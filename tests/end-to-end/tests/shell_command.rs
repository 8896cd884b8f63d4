//! The command that the workbench shows for what was done last gives, run in a shell, the numbers of the screen: after two
//! edits, for a trace, an edit, variants of both models, and one that was put on top.

use base64::Engine;
use locus_end_to_end::{Home, PseudoTerminal, Records, program};
use locus_protocol::{Applied, Event};
use std::process::{Command, Stdio};
use std::time::Duration;

const LARGE: (u16, u16) = (40, 120);
const SECONDS: Duration = Duration::from_secs(40);

/// All that the workbench wrote down.
fn journal(home: &Home) -> Records {
    Records::read(&std::fs::read_to_string(home.path("state/locus/journal.jsonl")).expect("the journal"))
}

/// The command that `$` puts on the clipboard.
fn shown_command(terminal: &mut PseudoTerminal) -> String {
    const BEGIN: &[u8] = b"\x1b]52;c;";
    const END: &[u8] = b"\x1b\\";
    let copies = |bytes: &[u8]| bytes.windows(BEGIN.len()).filter(|window| *window == BEGIN).count();
    let before = copies(&terminal.bytes());
    terminal.press("$");
    terminal.until("a copy", |_| true);
    let start = std::time::Instant::now();
    let bytes = loop {
        let bytes = terminal.bytes();
        let end = bytes.windows(END.len()).rposition(|window| window == END);
        let begin = bytes.windows(BEGIN.len()).rposition(|window| window == BEGIN);
        if copies(&bytes) > before && end > begin {
            break bytes;
        }
        assert!(start.elapsed() < SECONDS, "nothing was copied:\n{}", terminal.screen());
        std::thread::sleep(Duration::from_millis(20));
    };
    let begin = bytes.windows(BEGIN.len()).rposition(|window| window == BEGIN).expect("a copy") + BEGIN.len();
    let text = bytes[begin..].split(|byte| *byte == END[0]).next().expect("its end");
    let text = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
    terminal.press("\x1b");
    terminal.until("the sheet closed", |screen| !screen.contains("locus trace ") && !screen.contains("locus edit "));
    String::from_utf8(text).expect("UTF-8")
}

/// Runs a command line in a shell, with records on its output.
fn run(home: &Home, line: &str) -> Records {
    let line = line.replacen("locus ", "locus --json ", 1);
    let folder = program().parent().expect("a folder").display().to_string();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &line]).current_dir(home.path("")).env_clear().envs(home.environment());
    command.env("PATH", format!("{folder}:/usr/bin:/bin")).stdin(Stdio::null());
    let output = command.output().expect("a shell");
    assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
    Records::read(&String::from_utf8(output.stdout).expect("UTF-8"))
}

fn applied(records: &Records) -> Applied {
    let applied = |event: &Event| if let Event::Applied(applied) = event { Some(applied.clone()) } else { None };
    records.events.iter().rev().find_map(applied).expect("an edit")
}

fn tried(records: &Records) -> Applied {
    let tried = |event: &Event| if let Event::Tried(tried) = event { Some(tried.would.clone()) } else { None };
    records.events.iter().rev().find_map(tried).expect("a variant")
}

/// Whether the one variant has its numbers: the time that it took and what it keeps.
fn is_measured(screen: &str) -> bool {
    screen.lines().any(|line| line.contains(" · layer") && line.contains(" s, ") && line.contains("KiB"))
}

/// What an edit says, without what tells one run from another.
fn bare(applied: Applied) -> Applied {
    Applied { job: 0, number: 0, operation: None, ..applied }
}

#[test]
fn the_command_for_the_shell_gives_the_numbers_of_the_screen() {
    let home = Home::new();
    // a facts file of its own, with a blank in its name: the first of the built-in ones
    let records = std::fs::read(home.cache().join("built-in-model/facts.json")).expect("the built-in facts");
    let records: Vec<serde_json::Value> = serde_json::from_slice(&records).expect("a list");
    std::fs::write(home.path("own facts.json"), serde_json::to_vec(&records[..8]).expect("facts")).expect("a file");
    let mut terminal = PseudoTerminal::start(&home, LARGE, &["--facts", "own facts.json"], &[]);
    terminal.until_shown("next token (unedited model)");
    terminal.press("r");
    terminal.until_shown("1 edit in place");
    terminal.press("1j");
    terminal.until_shown("next token (with 1 edit in place)");
    terminal.press("r");
    terminal.until_shown("2 edits in place");

    let line = shown_command(&mut terminal);
    assert!(line.contains("--with-edits 1 ") && line.contains("--facts 'own facts.json'"), "{line}");
    let (screen, shell) = (applied(&journal(&home)), applied(&run(&home, &line)));
    assert_eq!(screen.weights, shell.weights, "bit by bit: {line}");
    assert_eq!(bare(screen), bare(shell), "{line}");

    // a trace of another fact, which the edits do not concern
    terminal.press("1jjt");
    terminal.until_shown("traced in");
    let line = shown_command(&mut terminal);
    assert!(line.contains("--with-edits 1,2 "), "{line}");
    let (screen, shell) = (journal(&home).traces().pop().expect("a trace"), run(&home, &line).traces().remove(0));
    assert_eq!(screen.scores, shell.scores, "{line}");
    assert_eq!((screen.started.clean, screen.started.corrupted), (shell.started.clean, shell.started.corrupted));

    // a variant of the unedited model, and the same of the model as it is
    terminal.press("5+r");
    terminal.until("a measured variant", |screen| is_measured(screen) && screen.contains("without the 2 edits"));
    let line = shown_command(&mut terminal);
    assert!(!line.contains("--with-edits"), "{line}");
    let unedited = bare(tried(&journal(&home)));
    let shell = Applied { weights: Default::default(), ..bare(applied(&run(&home, &line))) };
    assert_eq!(unedited, shell, "{line}");
    terminal.press("s");
    terminal.until_shown("run on unedited only");
    terminal.press("r");
    terminal.until("a measured variant", |screen| is_measured(screen) && screen.contains("on top of the 2 edits"));
    let line = shown_command(&mut terminal);
    assert!(line.contains("--with-edits 1,2 "), "{line}");
    let on_top = bare(tried(&journal(&home)));
    assert_ne!(on_top.scores, unedited.scores, "the edits in place are part of it");
    let shell = Applied { weights: Default::default(), ..bare(applied(&run(&home, &line))) };
    assert_eq!(on_top, shell, "{line}");

    // the variant of the unedited model on top of both edits
    terminal.press("s");
    terminal.until_shown("without the 2 edits");
    terminal.press("p");
    terminal.until_shown("3 edits in place");
    terminal.press("3");
    let line = shown_command(&mut terminal);
    assert!(line.contains("--with-edits 1,2 --on-unedited"), "{line}");
    let (screen, shell) = (applied(&journal(&home)), applied(&run(&home, &line)));
    assert!(screen.found_on_unedited && shell.found_on_unedited);
    assert_eq!(screen.weights, shell.weights, "bit by bit: {line}");
    assert_eq!(bare(screen), bare(shell), "{line}");

    terminal.press("q");
    assert!(terminal.end(SECONDS).success(), "it failed:\n{}", terminal.screen());
    // and what the journal holds runs again to the same numbers
    let said = home.run(["replay"]).well();
    assert!(said.out.contains("came out the same"), "{said:?}");
}
