//! The table from keys to actions: `configs/keymap.toml`, with a user's file laid over it.

use super::Key;
use locus_protocol::{did_you_mean, shown};
use std::collections::BTreeMap;
use thiserror::Error;

/// The keymap that ships with the program.
const DEFAULTS: &str = include_str!("../../../../configs/keymap.toml");

/// Keys that do not reach a program over a plain SSH line, or are another key's name there, or belong to tmux
/// and screen.
const FORBIDDEN: [(&str, &str); 6] = [
    ("ctrl-i", "it is Tab"),
    ("ctrl-m", "it is Enter"),
    ("ctrl-h", "it is Backspace"),
    ("ctrl-[", "it is Esc"),
    ("ctrl-a", "it is the prefix of screen"),
    ("ctrl-b", "it is the prefix of tmux"),
];

/// What is wrong with a keymap.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}: {what}")]
pub struct KeymapError {
    pub file: String,
    /// What is wrong, and what to do.
    pub what: String,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
struct Binding {
    scope: String,
    keys: Vec<Key>,
    action: &'static str,
}

/// What a sequence of keys means.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// An action, by its name.
    Action(&'static str),
    /// The beginning of a longer sequence.
    Prefix,
    Nothing,
}

/// The table from keys to actions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keymap {
    /// Names that a line may use: of panes, whose sections hold keys of theirs, and of actions.
    panes: Vec<&'static str>,
    actions: Vec<&'static str>,
    bindings: Vec<Binding>,
}

impl Keymap {
    /// The keymap that ships with the program, for these panes and actions.
    ///
    /// # Errors
    /// The shipped file is wrong; a test sees to it that it is not.
    pub fn shipped(panes: Vec<&'static str>, actions: Vec<&'static str>) -> Result<Self, KeymapError> {
        let mut keymap = Self { panes, actions, bindings: Vec::new() };
        keymap.lay_over("configs/keymap.toml", DEFAULTS)?;
        Ok(keymap)
    }

    /// Lays another file over the table. An empty action takes a key away.
    ///
    /// # Errors
    /// Names the section, the key and what is wrong with it.
    pub fn lay_over(&mut self, file: &str, text: &str) -> Result<(), KeymapError> {
        let wrong = |what: String| KeymapError { file: file.to_owned(), what: shown::message(&what).into_owned() };
        let sections: BTreeMap<String, BTreeMap<String, String>> =
            toml::from_str(text).map_err(|error| wrong(error.message().to_owned()))?;
        for (scope, lines) in sections {
            if scope != "global" && !self.panes.iter().any(|pane| *pane == scope) {
                let names = self.panes.join(", ");
                let meant = did_you_mean(&scope, self.panes.iter().copied().chain(["global"]));
                return Err(wrong(format!("unknown section [{scope}]{meant}; the sections are global, {names}")));
            }
            for (keys_text, name) in lines {
                let keys = parse_sequence(&keys_text).map_err(|what| wrong(format!("[{scope}] {what}")))?;
                self.bindings.retain(|binding| binding.scope != scope || binding.keys != keys);
                if name.is_empty() {
                    continue;
                }
                let action = self.actions.iter().copied().find(|action| *action == name).ok_or_else(|| {
                    let meant = did_you_mean(&name, self.actions.iter().copied());
                    wrong(format!("[{scope}] {keys_text:?}: unknown action `{name}`{meant}; `:` lists all actions"))
                })?;
                self.bindings.push(Binding { scope: scope.clone(), keys, action });
            }
        }
        self.check_prefixes().map_err(wrong)
    }

    /// What a sequence of keys means in a pane.
    #[must_use]
    pub fn look_up(&self, pane: &str, keys: &[Key]) -> Found {
        for scope in [pane, "global"] {
            let exact = self.bindings.iter().find(|binding| binding.scope == scope && binding.keys == keys);
            if let Some(binding) = exact {
                return Found::Action(binding.action);
            }
            if self.bindings.iter().any(|binding| binding.scope == scope && binding.keys.starts_with(keys)) {
                return Found::Prefix;
            }
        }
        Found::Nothing
    }

    /// The keys of an action in a pane, those that work everywhere first. A key that the pane gives another meaning is
    /// none of them.
    #[must_use]
    pub fn keys_of(&self, pane: &str, action: &str) -> Vec<String> {
        let acts = |keys: &[Key]| matches!(self.look_up(pane, keys), Found::Action(found) if found == action);
        let of = |scope: &str| -> Vec<String> {
            let bindings = self.bindings.iter().filter(|binding| binding.scope == scope);
            let mine = bindings.filter(|binding| binding.action == action && acts(&binding.keys));
            let mut keys: Vec<_> = mine.map(|binding| sequence_name(&binding.keys)).collect();
            keys.sort_by_key(|name| (name.chars().count(), name.to_lowercase(), name.starts_with(char::is_uppercase)));
            keys
        };
        let mut keys = of("global");
        keys.extend(of(pane));
        keys
    }

    /// The first key of an action in a pane, by the action's name; without one, its name as the palette takes it.
    #[must_use]
    pub fn first_key(&self, pane: &str, name: &str) -> String {
        let keys = self.keys_of(pane, name);
        keys.into_iter().next().unwrap_or_else(|| format!(":{name}"))
    }

    /// What can follow the keys pressed so far.
    #[must_use]
    pub fn continuations(&self, pane: &str, keys: &[Key]) -> Vec<(String, &'static str)> {
        let here = self.bindings.iter().filter(|binding| binding.scope == pane || binding.scope == "global");
        here.filter(|binding| binding.keys.len() > keys.len() && binding.keys.starts_with(keys))
            .map(|binding| (sequence_name(&binding.keys[keys.len()..]), binding.action))
            .collect()
    }

    /// Every binding: section, keys, action.
    pub fn bindings(&self) -> impl Iterator<Item = (&str, &[Key], &'static str)> {
        self.bindings.iter().map(|binding| (binding.scope.as_str(), binding.keys.as_slice(), binding.action))
    }

    /// A sequence may not begin with another one of its section: the longer could never be typed.
    fn check_prefixes(&self) -> Result<(), String> {
        for short in &self.bindings {
            let longer = |other: &&Binding| {
                other.scope == short.scope && other.keys.len() > short.keys.len() && other.keys.starts_with(&short.keys)
            };
            if let Some(long) = self.bindings.iter().find(longer) {
                let (short_name, long_name) = (sequence_name(&short.keys), sequence_name(&long.keys));
                return Err(format!(
                    "[{}] {long_name:?} can never be typed, because {short_name:?} acts first",
                    short.scope
                ));
            }
        }
        Ok(())
    }
}

/// Reads `g g` or `ctrl-r`.
fn parse_sequence(text: &str) -> Result<Vec<Key>, String> {
    let mut keys = Vec::new();
    for name in text.split(' ').filter(|name| !name.is_empty()) {
        if let Some((_, why)) = FORBIDDEN.iter().find(|(forbidden, _)| *forbidden == name) {
            return Err(format!("`{name}` cannot be used: {why}"));
        }
        let key: Key = name.parse()?;
        if key.alt {
            return Err(format!(
                "`{name}` cannot be used: terminals tell Alt from Esc by timing, which SSH does not keep"
            ));
        }
        keys.push(key);
    }
    if keys.is_empty() { Err("a line has no key".to_owned()) } else { Ok(keys) }
}

/// A sequence as help shows it.
fn sequence_name(keys: &[Key]) -> String {
    keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
}
