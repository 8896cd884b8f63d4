//! Commands that take arguments, as they are typed after `:`. What each argument may be is offered while it is typed.

use super::views;
use crate::input::Effect;
use crate::looks::Colors;
use crate::panes::NAMES;
use crate::state::{Change, Of, Settings, State, Tone, Wish, parse_layers, shown_value};
use locus_protocol::{Hyperparameter, HyperparameterKind, ModelSource, PluginKind};
use std::path::PathBuf;
use tui_input::Input;

/// A command that takes arguments.
#[derive(Debug)]
pub struct Command {
    pub name: &'static str,
    /// Its arguments, as help shows them.
    pub arguments: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    complete: fn(&State, &[&str]) -> Vec<Completion>,
    run: fn(&State, &[&str]) -> Result<Vec<Wish>, String>,
}

/// What an argument may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    pub value: String,
    /// What it stands for.
    pub help: String,
}

impl Completion {
    fn new(value: impl Into<String>, help: impl Into<String>) -> Self {
        Self { value: value.into(), help: help.into() }
    }
}

/// All commands that take arguments.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "layer",
        arguments: "N",
        help: "go to a layer; the next edit changes it",
        complete: |state, before| match before {
            [] => layers(state),
            _ => Vec::new(),
        },
        run: |state, words| match words {
            [number] => go_to_layer(state, number),
            _ => Err(usage("layer")),
        },
    },
    Command {
        name: "layers",
        arguments: "5 | 3-6 | 3,5",
        help: "set the layers that the next edit changes",
        complete: |state, before| match before {
            [] => layers(state),
            _ => Vec::new(),
        },
        run: |state, words| {
            let text = words.join(" ");
            if text.is_empty() {
                return Err(usage("layers"));
            }
            parse_layers(&text, state.layers()).map_err(|error| error.to_string())?;
            Ok(vec![Change::TypeLayers(text).into()])
        },
    },
    Command {
        name: "method",
        arguments: "NAME",
        help: "choose the editing method",
        complete: |state, before| plugins(state, PluginKind::Method, before),
        run: |state, words| choose(state, PluginKind::Method, words),
    },
    Command {
        name: "objective",
        arguments: "NAME",
        help: "choose the objective",
        complete: |state, before| plugins(state, PluginKind::Objective, before),
        run: |state, words| choose(state, PluginKind::Objective, words),
    },
    Command {
        name: "set",
        arguments: "NAME VALUE",
        help: "set a hyperparameter of the method or objective",
        complete: |state, before| match before {
            [] => hyperparameters(state).into_iter().map(offered).collect(),
            [name] => hyperparameter(state, name).map_or_else(|_| Vec::new(), |(_, _, known)| values(known)),
            _ => Vec::new(),
        },
        run: set,
    },
    Command {
        name: "layout",
        arguments: "NAME | save NAME | remove NAME",
        help: "show a layout, or save this one under a name",
        complete: |state, before| match before {
            [] => {
                let known = layout_names(state).map(|name| Completion::new(name, "show it"));
                let more = [("save", "save the current panes under a name"), ("remove", "delete a layout")];
                known.chain(more.map(|(name, help)| Completion::new(name, help))).collect()
            }
            ["save" | "remove"] => layout_names(state).map(|name| Completion::new(name, "")).collect(),
            _ => Vec::new(),
        },
        run: layout,
    },
    Command {
        name: "source",
        arguments: "as-it-is | unedited | without N | A",
        help: "choose the model that the focused view shows",
        complete: |state, before| match before {
            [] => {
                let all = [("as-it-is", "with the edits in place"), ("unedited", "without any edit")];
                let without = ("without", "with all edits in place but one");
                let variants = state.compare.variants.list.iter();
                let variants = variants.map(|variant| Completion::new(variant.letter, "the variant in Compare"));
                all.into_iter()
                    .chain([without])
                    .map(|(name, help)| Completion::new(name, help))
                    .chain(variants)
                    .collect()
            }
            ["without"] => {
                let edits = state.edits.applied.iter().rev();
                edits.map(|edit| Completion::new(edit.number.to_string(), edit.title.clone())).collect()
            }
            _ => Vec::new(),
        },
        run: source,
    },
    Command {
        name: "pane",
        arguments: "NAME",
        help: "go to a pane",
        complete: |_, before| match before {
            [] => NAMES.iter().map(|name| Completion::new(*name, "")).collect(),
            _ => Vec::new(),
        },
        run: |_, words| match words {
            [name] => {
                let known = NAMES.iter().find(|known| *known == name);
                let known =
                    known.ok_or_else(|| format!("unknown pane `{name}`; the panes are {}", NAMES.join(", ")))?;
                Ok(vec![Change::Focus(known).into()])
            }
            _ => Err(usage("pane")),
        },
    },
    Command {
        name: "open",
        arguments: "MODEL | DIR | ORG/NAME",
        help: "load another model by name, folder or hub id",
        complete: |state, before| match before {
            [] => state.known_models().into_iter().map(|known| Completion::new(known.name, known.about)).collect(),
            _ => Vec::new(),
        },
        run: |state, words| {
            state.ready_to_wait()?;
            let wanted = words.join(" ");
            let known = state.known_models().into_iter().find(|known| known.name == wanted);
            match known {
                Some(known) => Ok(vec![Change::Open(known.source).into()]),
                None if wanted.is_empty() => Err(usage("open")),
                None if wanted.contains('/') => Ok(vec![Change::Open(ModelSource::Folder(folder(&wanted))).into()]),
                None => {
                    let list = state.key("models");
                    Err(format!("unknown model `{wanted}`; {list} lists the models, and a folder contains a /"))
                }
            }
        },
    },
    Command {
        name: "theme",
        arguments: "NAME",
        help: "choose colors; the next start keeps them",
        complete: |_, before| match before {
            [] => Colors::ALL.iter().map(|(_, name, what)| Completion::new(*name, *what)).collect(),
            _ => Vec::new(),
        },
        run: |state, words| match words {
            [name] => {
                let names = || Colors::ALL.map(|(_, name, _)| name).join(", ");
                let colors = Colors::named(name);
                let colors = colors.ok_or_else(|| format!("unknown theme `{name}`; the themes are {}", names()))?;
                let mut wishes = vec![Change::Colors(colors).into()];
                // what a file names goes over what is remembered
                if state.launch.own.colors.is_some_and(|own| own != colors) {
                    let text = "workbench.toml names another theme, which :reload and the next start bring back";
                    wishes.push(Wish::say(Tone::Plain, text));
                }
                Ok(wishes)
            }
            _ => Err(usage("theme")),
        },
    },
    Command {
        name: "reload",
        arguments: "",
        help: "reload workbench.toml and keymap.toml",
        complete: |_, _| Vec::new(),
        run: |_, words| match words {
            [] => Ok(vec![Wish::Do(Effect::Reload)]),
            _ => Err(usage("reload")),
        },
    },
    Command {
        name: "fact",
        arguments: "TEXT",
        help: "filter the facts and select the best match",
        complete: |_, _| Vec::new(),
        run: |_, words| match words.join(" ") {
            text if text.is_empty() => Err(usage("fact")),
            text => Ok(vec![Change::Focus("fact").into(), Change::Filter(Input::new(text)).into()]),
        },
    },
];

/// The command that a line begins with, and its words after that; a number alone goes to that layer.
fn parse(line: &str) -> Option<(&'static Command, Vec<&str>)> {
    let mut words = line.split_whitespace();
    let first = words.next()?;
    if first.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some((find("layer")?, std::iter::once(first).chain(words).collect()));
    }
    Some((find(first)?, words.collect()))
}

/// A command by its name.
fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// What a line that begins with a command asks for; `None` where it begins with none.
///
/// # Errors
/// One sentence: an argument is missing or wrong.
#[must_use]
pub fn run(state: &State, line: &str) -> Option<Result<Vec<Wish>, String>> {
    let (command, words) = parse(line)?;
    Some((command.run)(state, &words))
}

/// What the last word of a line may be, where the line has a command and a blank after it: the text before that word, and
/// what is offered in its place.
#[must_use]
pub fn complete(state: &State, line: &str) -> Option<(String, Vec<Completion>)> {
    // a blank may be longer than a byte
    let (place, blank) = line.char_indices().rfind(|(_, character)| character.is_whitespace())?;
    let (before, _) = line.split_at(place + blank.len_utf8());
    let mut words = before.split_whitespace();
    let command = find(words.next()?)?;
    Some((before.to_owned(), (command.complete)(state, &words.collect::<Vec<_>>())))
}

/// A folder as typed; `~` is the user's own.
#[must_use]
pub fn folder(text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}

fn source(state: &State, words: &[&str]) -> Result<Vec<Wish>, String> {
    views::has_sources(state)?;
    let letter = |name: &str| name.chars().next().filter(|_| name.chars().count() == 1);
    let of = match words {
        ["as-it-is"] => Of::AsItIs,
        ["unedited"] => Of::Unedited,
        ["without", edit] => {
            let number = edit.parse().ok().filter(|number| state.edits.numbers().contains(number));
            let list = state.key("edits");
            Of::Without(number.ok_or_else(|| format!("edit {edit} is not in place; {list} lists the edits"))?)
        }
        [name] => {
            let known = state.compare.variants.list.iter().map(|variant| variant.letter);
            let known =
                known.into_iter().find(|known| letter(name).is_some_and(|letter| letter.eq_ignore_ascii_case(known)));
            Of::Variant(known.ok_or_else(|| format!("there is no variant {name}; {}", usage("source")))?)
        }
        _ => return Err(usage("source")),
    };
    Ok(views::show(state, of))
}

fn usage(name: &str) -> String {
    let arguments = find(name).map_or("", |command| command.arguments);
    format!("type :{name} {arguments}")
}

fn layers(state: &State) -> Vec<Completion> {
    (0..state.layers()).map(|layer| Completion::new(layer.to_string(), "")).collect()
}

fn go_to_layer(state: &State, number: &str) -> Result<Vec<Wish>, String> {
    let last = state.layers().checked_sub(1).ok_or("no model is loaded, so there are no layers yet")?;
    let layer = number.parse().ok().filter(|layer| *layer <= last);
    let layer = layer.ok_or_else(|| format!("a layer is a number from 0 to {last}, not `{number}`"))?;
    Ok(vec![Change::ChooseLayer(layer).into()])
}

fn plugins(state: &State, kind: PluginKind, before: &[&str]) -> Vec<Completion> {
    if !before.is_empty() {
        return Vec::new();
    }
    state.engine.of_kind(kind).map(|plugin| Completion::new(&plugin.id, &plugin.title)).collect()
}

fn choose(state: &State, kind: PluginKind, words: &[&str]) -> Result<Vec<Wish>, String> {
    let what = if kind == PluginKind::Method { "method" } else { "objective" };
    let [name] = words else { return Err(usage(what)) };
    if state.engine.plugin(kind, name).is_none() {
        let known: Vec<&str> = state.engine.of_kind(kind).map(|plugin| plugin.id.as_str()).collect();
        return Err(match known.as_slice() {
            [] => format!("no {what} is loaded; {} shows where Locus looked for plugins", state.key("model")),
            known => format!("unknown {what} `{name}`; known: {}", known.join(", ")),
        });
    }
    let mut settings = state.settings().clone();
    settings.choose(kind, name);
    Ok(vec![Change::Settings(settings).into()])
}

/// Hyperparameters of the chosen method, then of the chosen objective.
fn hyperparameters(state: &State) -> Vec<(PluginKind, &str, &Hyperparameter)> {
    let of = |kind: PluginKind| {
        let id = state.settings().chosen(&state.engine, kind);
        id.into_iter()
            .flat_map(move |id| state.engine.hyperparameters(kind, id).iter().map(move |known| (kind, id, known)))
    };
    of(PluginKind::Method).chain(of(PluginKind::Objective)).collect()
}

fn hyperparameter<'a>(state: &'a State, name: &str) -> Result<(PluginKind, &'a str, &'a Hyperparameter), String> {
    let all = hyperparameters(state);
    let found = all.iter().find(|(.., known)| known.name == name).copied();
    found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|(.., known)| known.name.as_str()).collect();
        format!("unknown hyperparameter `{name}`; known: {}", names.join(", "))
    })
}

fn offered((_, _, known): (PluginKind, &str, &Hyperparameter)) -> Completion {
    let default = shown_value(&known.default);
    Completion::new(&known.name, format!("{}; {} (default {default})", known.help, known.range()))
}

/// What takes a hyperparameter back to its default.
const DEFAULT: &str = "default";

/// Values of a hyperparameter that can be listed, and how its default comes back.
fn values(known: &Hyperparameter) -> Vec<Completion> {
    let choices = match &known.kind {
        HyperparameterKind::Bool => vec!["yes".to_owned(), "no".to_owned()],
        HyperparameterKind::Choice { choices } => choices.clone(),
        _ => Vec::new(),
    };
    let choices = choices.into_iter().map(|choice| Completion::new(choice, ""));
    choices.chain([Completion::new(DEFAULT, shown_value(&known.default))]).collect()
}

fn set(state: &State, words: &[&str]) -> Result<Vec<Wish>, String> {
    let [name, value @ ..] = words else { return Err(usage("set")) };
    let (kind, plugin, known) = hyperparameter(state, name)?;
    let value = value.join(" ");
    let mut settings: Settings = state.settings().clone();
    match value.as_str() {
        "" => {
            return Err(format!("type :set {name} VALUE: {}, default {}", known.range(), shown_value(&known.default)));
        }
        DEFAULT => settings.set(kind, plugin, name, ""),
        value => {
            known.parse(value)?;
            settings.set(kind, plugin, name, value);
        }
    }
    Ok(vec![Change::Settings(settings).into()])
}

fn layout_names(state: &State) -> impl Iterator<Item = &str> {
    state.screen.windows.layouts.iter().map(|layout| layout.name.as_str())
}

fn layout(state: &State, words: &[&str]) -> Result<Vec<Wish>, String> {
    let name = |words: &[&str]| match words.join(" ") {
        name if name.is_empty() => Err(usage("layout")),
        name => Ok(name),
    };
    match words {
        ["save", words @ ..] => super::windows::keep_layout(state, &name(words)?),
        ["remove", words @ ..] => super::windows::remove_layout(state, &name(words)?),
        words => super::windows::show_layout(state, &name(words)?),
    }
}
