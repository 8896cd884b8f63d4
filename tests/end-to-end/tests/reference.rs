//! docs/commands.md holds the help of every command as the program prints it. `UPDATE_DOCS=1 cargo test --release
//! --workspace --test reference` writes it again.

use locus_end_to_end::Home;
use std::path::Path;

const HEAD: &str = "# Commands\n\nThe help of every command, as `locus … --help` prints it. The flags of all commands \
    are under `locus`, and every command has them. A test keeps this page equal to the program. docs/command-line.md \
    explains the commands with examples.\n";

/// Where the help of a command goes on to the flags that all commands have.
const FLAGS: &str = "\nFlags of all commands:\n";

/// The help of a command and of all commands below it, each under its own heading. `flags`, those of all commands, are on
/// the page once.
fn pages(home: &Home, words: &[&str], flags: &mut String, text: &mut String) {
    let help = home.run(words.iter().copied().chain(["--help"])).well().out;
    let (own, common) = help.split_once(FLAGS).unwrap_or_else(|| panic!("{words:?} lacks{FLAGS}"));
    let help = if flags.is_empty() {
        flags.push_str(common);
        help.as_str()
    } else {
        assert_eq!(common, flags, "{words:?}");
        own
    };
    let name = std::iter::once("locus").chain(words.iter().copied()).collect::<Vec<_>>().join(" ");
    text.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", help.trim_end()));
    for line in help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty()) {
        // a line that goes on a description is indented deeper
        let Some(word) = line.strip_prefix("  ").filter(|line| !line.starts_with(' ')) else { continue };
        let word = word.split_whitespace().next().expect("the name of a command");
        if word != "help" {
            pages(home, &[words, &[word]].concat(), flags, text);
        }
    }
}

#[test]
fn the_page_of_commands_is_what_the_program_says() {
    let mut text = HEAD.to_owned();
    pages(&Home::new(), &[], &mut String::new(), &mut text);
    assert!(text.lines().all(|line| line.chars().count() <= 300 && !line.contains('\u{1b}')));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &text).expect("docs/commands.md is written");
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = text.lines().zip(written.lines()).find(|(now, then)| now != then);
    assert!(
        text == written,
        "docs/commands.md is not what the program says; UPDATE_DOCS=1 writes it again: {differs:?}"
    );
}
