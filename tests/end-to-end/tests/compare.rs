//! The comparison in a pseudo-terminal: methods and objectives side by side, on the built-in model with real plugins.

use locus_end_to_end::{FIRST, Home, PseudoTerminal, Records, fact, files};
use locus_protocol::{Event, Tried};
use std::time::Duration;

const LARGE: (u16, u16) = (40, 120);
const SECONDS: Duration = Duration::from_secs(40);

/// The demo on a large screen, once its model is ready.
fn ready(home: &Home) -> PseudoTerminal {
    let mut terminal = PseudoTerminal::start(home, LARGE, &["demo"], &[]);
    terminal.until_shown(&fact(FIRST).template.replace("{}", &format!("[{}]", fact(FIRST).subject)));
    terminal.until_shown("next token (unedited model)");
    terminal
}

fn leave(terminal: &mut PseudoTerminal) {
    terminal.press("q");
    assert!(terminal.end(SECONDS).success(), "it failed:\n{}", terminal.screen());
    terminal.assert_given_back();
}

fn tried(home: &Home) -> Vec<Tried> {
    let journal = std::fs::read_to_string(home.path("state/locus/journal.jsonl")).expect("the journal");
    let tried = |event| if let Event::Tried(tried) = event { Some(tried) } else { None };
    Records::read(&journal).events.into_iter().filter_map(tried).collect()
}

/// Waits until no variant runs, waits or lacks its numbers.
fn all_measured(terminal: &mut PseudoTerminal, variants: usize) {
    terminal.until("all variants measured", |screen| {
        let lines: Vec<&str> = screen.lines().filter(|line| line.contains(" · layer")).collect();
        let measured = lines.iter().filter(|line| line.contains("KiB") && line.contains(" s, ")).count();
        measured >= variants && !screen.contains("waiting")
    });
}

#[test]
fn methods_and_objectives_are_compared_exported_and_one_is_put_in_place() {
    let home = Home::new();
    let mut terminal = ready(&home);
    terminal.press("t");
    terminal.until_shown("traced in");
    terminal.press("C");
    terminal.until_shown("not run yet");
    terminal.press("r");
    all_measured(&mut terminal, 3);
    let screen = terminal.screen();
    assert!(screen.contains("A=") && screen.contains("B-A") && screen.contains("C-A"), "{screen}");

    // every variant says what the same edit says without the screen
    let variants = tried(&home);
    assert_eq!(variants.len(), 3);
    for variant in &variants {
        let method = variant.would.title.split(' ').next().expect("method");
        let layer = variant.would.title.split(" L").nth(1).and_then(|rest| rest.split(' ').next()).expect("layers");
        let arguments = ["edit", "--method", method, "--case", &FIRST.to_string(), "--layers", layer, "--json"];
        let edits = home.run(arguments.into_iter().chain(["--free-generation", "10"])).well().records().edits();
        let applied = edits[0].applied.as_ref().expect("applied");
        assert_eq!((&applied.scores, &applied.numbers), (&variant.would.scores, &variant.would.numbers), "{method}");
        assert_eq!((&applied.rows, &applied.said), (&variant.would.rows, &variant.would.said), "{method}");
        assert!(applied.numbers.contains_key("after.rewrite_says") && !applied.free_texts.is_empty(), "{method}");
        assert_eq!(applied.free_texts, variant.would.free_texts, "{method}");
    }

    // the same fact under every objective, with another number by layer
    terminal.press("O");
    terminal.until_shown("not run yet");
    terminal.press("r");
    all_measured(&mut terminal, 4);
    terminal.press("m");
    terminal.until_shown("p(true)  ");

    terminal.press("x");
    terminal.until_shown(".csv, .json, .md, .svg");
    let written: Vec<String> = files(&home.path("")).keys().map(|path| path.display().to_string()).collect();
    for ending in [".csv", ".json", ".md", ".svg"] {
        let found = written.iter().any(|path| path.contains("locus-compare-") && path.ends_with(ending));
        assert!(found, "{ending}: {written:?}");
    }

    terminal.press("p");
    terminal.until_shown("1 edit in place");
    terminal.press("u");
    let screen = terminal.until_shown("weights identical to checkpoint");
    leave(&mut terminal);

    // the next start stands where this one ended, with all numbers
    let mut terminal = PseudoTerminal::start(&home, LARGE, &["demo"], &[]);
    terminal.until_shown("next token (unedited model)");
    let again = terminal.until_shown("D-A");
    assert!(again.contains("layout compare") && !again.contains("not run yet"), "{again}");
    let numbers = |screen: &str| {
        let rewrite = screen.lines().find(|line| line.contains(" rewrite ")).unwrap_or_default();
        rewrite.split('┃').nth(1).unwrap_or_default().to_owned()
    };
    assert!(!numbers(&again).is_empty() && numbers(&again) == numbers(&screen), "{again}");
    leave(&mut terminal);
}
