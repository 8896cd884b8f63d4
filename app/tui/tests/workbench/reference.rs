//! docs/keys.md holds every action with its keys, and every command that takes arguments. `UPDATE_DOCS=1 cargo test
//! --release --workspace --test workbench reference` writes it again.

use locus_tui::{Act, Keymap, PANES, actions};
use std::fmt::Write;
use std::path::Path;

const HEAD: &str = "# Keys\n\nEvery action of the workbench with its keys, as `configs/keymap.toml` binds them. `?` shows the same for \
    the focused pane, with the keys of your own keymap; `:NAME` runs an action by its name. A test keeps this page equal to the program.\n";

/// One table of actions; the keys are those of a pane, or of all panes where it is empty.
fn table(keymap: &Keymap, pane: &str, rows: impl Iterator<Item = &'static dyn Act>) -> String {
    let mut text = "\n| keys | action | what it does |\n|---|---|---|\n".to_owned();
    for action in rows {
        let code = |key: &String| format!("`{}`", key.replace('|', "\\|"));
        let keys: Vec<String> = keymap.keys_of(pane, action.name()).iter().map(code).collect();
        let help = action.help().replace('|', "\\|");
        writeln!(text, "| {} | `{}` | {help} |", keys.join(", "), action.name()).expect("a text takes all");
    }
    text
}

fn page() -> String {
    let keymap = actions::keymap().expect("the shipped keymap");
    let mut text = HEAD.to_owned();
    let all = |actions: &'static [_]| actions.iter().map(|action| action as &dyn Act);
    text += "\n## In every pane\n";
    let go = PANES.iter().map(|pane| &pane.go as &dyn Act);
    text += &table(&keymap, "", all(actions::GLOBAL).chain(go));
    text += "\n## Copy rows and tables\n";
    text += &table(&keymap, "", all(actions::COPYING));
    text += "\n## Windows and views\n";
    text += &table(&keymap, "", all(actions::WINDOWS).chain(all(actions::VIEWS)));
    for pane in PANES {
        let _ = write!(text, "\n## Pane: {}\n\n{}\n", pane.title, pane.about);
        let actions = (pane.actions)();
        if !actions.is_empty() {
            text += &table(&keymap, pane.name, actions.into_iter());
        }
    }
    text += "\n## Commands with arguments\n\nType `:`, then the command; Tab completes it and its arguments.\n\n";
    text += "| command | arguments | what it does |\n|---|---|---|\n";
    for command in actions::COMMANDS {
        let arguments = command.arguments.replace('|', "\\|");
        writeln!(text, "| `:{}` | `{arguments}` | {} |", command.name, command.help).expect("a text takes all");
    }
    text
}

#[test]
fn the_page_of_keys_is_what_the_program_does() {
    let text = page();
    let bound = actions::keymap().expect("the shipped keymap");
    for (scope, _, action) in bound.bindings() {
        assert!(text.contains(&format!("| `{action}` |")), "[{scope}] {action} is on no page");
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/keys.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &text).expect("docs/keys.md is written");
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = text.lines().zip(written.lines()).find(|(now, then)| now != then);
    assert!(text == written, "docs/keys.md is not what the program does; UPDATE_DOCS=1 writes it again: {differs:?}");
}
