//! The keymap that ships: no key that a plain terminal cannot send, no key twice, no action without a way to it.

use locus_tui::{Found, Key, Keymap, PANES, actions};
use std::collections::BTreeSet;

/// Keys that tmux and screen take, that are other keys' names, or that need keyboard reports.
const FORBIDDEN: [&str; 6] = ["ctrl-a", "ctrl-b", "ctrl-i", "ctrl-m", "ctrl-h", "ctrl-["];

fn shipped() -> Keymap {
    actions::keymap().expect("the shipped keymap")
}

#[test]
fn no_key_is_one_that_a_plain_terminal_cannot_send() {
    for (scope, keys, action) in shipped().bindings() {
        for key in keys {
            let name = key.to_string();
            assert!(!FORBIDDEN.contains(&name.as_str()), "[{scope}] {name} = {action}");
            assert!(!key.alt, "[{scope}] {name}: Alt is told apart from Esc by time");
            let is_letter =
                name.strip_prefix("ctrl-").is_none_or(|rest| rest.len() == 1 && rest.chars().all(char::is_lowercase));
            assert!(is_letter, "[{scope}] {name}: Ctrl reaches a program with letters only");
        }
    }
}

#[test]
fn a_key_that_stands_twice_in_a_section_is_refused() {
    let error = shipped().lay_over("mine", "[global]\n\"x\" = \"quit\"\n\"x\" = \"help\"\n").expect_err("twice");
    assert!(error.to_string().contains("duplicate key"), "{error}");
}

#[test]
fn every_action_has_a_name_of_its_own_help_that_fits_and_a_key() {
    let keymap = shipped();
    let mut names = BTreeSet::new();
    for action in actions::all() {
        assert!(names.insert(action.name()), "{} twice", action.name());
        assert!(!action.help().is_empty() && action.help().chars().count() <= 57, "{}: help too long", action.name());
        let has_key = keymap.bindings().any(|(_, _, bound)| bound == action.name());
        assert!(has_key, "{} has no key", action.name());
    }
}

#[test]
fn a_key_is_said_to_do_only_what_it_does() {
    let keymap = shipped();
    for pane in PANES {
        for action in actions::all() {
            for name in keymap.keys_of(pane.name, action.name()) {
                let keys: Vec<Key> = name.split(' ').map(|key| key.parse().expect("a key")).collect();
                let found = keymap.look_up(pane.name, &keys);
                let acts = matches!(found, Found::Action(found) if found == action.name());
                assert!(acts, "{name} in {}: {found:?}, not {}", pane.name, action.name());
            }
        }
    }
}

#[test]
fn hjkl_move_in_every_pane() {
    let keymap = shipped();
    for pane in PANES {
        for (key, action) in [("h", "left"), ("j", "down"), ("k", "up"), ("l", "right")] {
            match keymap.look_up(pane.name, &[key.parse().expect(key)]) {
                Found::Action(found) => assert_eq!(found, action, "{key} in {}", pane.name),
                other => panic!("{key} in {}: {other:?}", pane.name),
            }
        }
    }
}

#[test]
fn a_users_file_is_laid_over_and_its_mistakes_are_named() {
    let mut keymap = shipped();
    keymap.lay_over("mine.toml", "[global]\n\"U\" = \"undo\"\n\"u\" = \"\"\n").expect("a good file");
    assert!(matches!(keymap.look_up("fact", &["u".parse().expect("key")]), Found::Nothing));
    assert!(matches!(keymap.look_up("fact", &["U".parse().expect("key")]), Found::Action(action) if action == "undo"));
    for (text, complaint) in [
        ("[global]\n\"u\" = \"fly\"\n", "unknown action `fly`"),
        ("[somewhere]\n\"u\" = \"undo\"\n", "unknown section [somewhere]"),
        ("[global]\n\"hyper-u\" = \"undo\"\n", "`hyper-u` is not a key"),
        ("[global]\n\"ctrl-b\" = \"undo\"\n", "it is the prefix of tmux"),
        ("[global]\n\"alt-u\" = \"undo\"\n", "tell Alt from Esc by timing"),
        ("[global]\n\"u u\" = \"undo\"\n", "can never be typed"),
        ("[global\n", "mine.toml"),
    ] {
        let error = shipped().lay_over("mine.toml", text).expect_err(text).to_string();
        assert!(error.starts_with("mine.toml: ") && error.contains(complaint), "{text}: {error}");
    }
}

#[test]
fn a_long_text_in_a_users_file_is_not_echoed() {
    let long = "long ".repeat(100_000);
    for text in [
        format!("[global]\nU = \"{long}\""),
        format!("[\"{long}\"]\nU = \"undo\""),
        format!("[global]\n\"{long}\" = \"undo\""),
    ] {
        let said = shipped().lay_over("keymap.toml", &text).expect_err("refused").to_string();
        assert!(said.starts_with("keymap.toml: ") && said.len() < 4096, "{} bytes", said.len());
    }
}
