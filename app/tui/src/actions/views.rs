//! Actions on what a view of a pane shows: which model, the difference from which, which fact, whose cursor.

use crate::panes::{Action, Models, PANES, Panes};
use crate::state::{Change, Of, State, Tone, View, Wish};

pub const VIEWS: &[Action<Panes>] = &[
    Action {
        name: "next-source",
        help: "another model: as it is, unedited, one edit out, variants",
        hint: Some(|_, state| format!("show {}", state.seen().words(next(state, state.seen().view().of)))),
        available: |_, state| has_sources(state),
        run: |_, state| {
            let of = next(state, state.seen().view().of);
            show(state, of)
        },
        ..Action::PLAIN
    },
    Action {
        name: "difference",
        help: "show the difference from another model; last: none",
        available: |_, state| match models(state) == Models::Compared {
            true => Ok(()),
            false => Err("Trace and Layers show differences; go to one of them".to_owned()),
        },
        run: |_, state| {
            let against = next_difference(state);
            set(state, |view| view.against = against)
        },
        ..Action::PLAIN
    },
    Action {
        name: "edited-layer",
        help: "go to the layer that the edit changes; again: the next",
        available: |_, state| match state.seen().next_edited_layer() {
            Some(_) => Ok(()),
            None => Err(format!("no edit of this fact is shown; {} makes one", state.key("run"))),
        },
        run: |_, state| to_layer(state, state.seen().next_edited_layer()),
        ..Action::PLAIN
    },
    Action {
        name: "effective-layer",
        help: "go to the layer of the greatest effect at the subject",
        available: |_, state| match state.seen().most_effective_layer() {
            Some(_) => Ok(()),
            None => {
                let trace = state.key("trace");
                Err(format!("no trace of hidden states of this fact has effects; {trace} traces it"))
            }
        },
        run: |_, state| to_layer(state, state.seen().most_effective_layer()),
        ..Action::PLAIN
    },
    Action {
        name: "pin-fact",
        help: "pin this view to its fact, or follow the selection",
        available: |_, state| {
            has_sources(state)?;
            state.chosen_fact().map(|_| ())
        },
        run: |_, state| {
            let seen = state.seen();
            let fact = if seen.view().fact.is_some() { None } else { seen.fact().cloned().map(Box::new) };
            set(state, |view| view.fact = fact)
        },
        ..Action::PLAIN
    },
    Action {
        name: "unlink",
        help: "give this view its own cursor, or link it again",
        available: |_, state| match models(state) == Models::Compared {
            true => Ok(()),
            false => Err("the cursors of Trace and Layers move together; go to one of them".to_owned()),
        },
        run: |panes, state| {
            let seen = state.seen();
            let (layer, token) = match seen.view().layer {
                Some(_) => (None, None),
                None => (Some(seen.layer()), panes.trace.cursor(&seen)),
            };
            set(state, |view| (view.layer, view.token) = (layer, token))
        },
        ..Action::PLAIN
    },
];

fn to_layer(state: &State, layer: Option<usize>) -> Vec<Wish> {
    layer.map(|layer| state.seen().choose_layer(layer).into()).into_iter().collect()
}

/// Which models the pane with the keys can show.
fn models(state: &State) -> Models {
    PANES.get(state.screen.focus()).map_or(Models::Same, |pane| pane.models)
}

/// Whether the pane with the keys can show one model or another.
///
/// # Errors
/// Says which panes can.
pub fn has_sources(state: &State) -> Result<(), String> {
    match models(state) != Models::Same {
        true => Ok(()),
        false => Err("Trace, Layers and Before/After can show other models; go to one of them".to_owned()),
    }
}

/// The source after one.
fn next(state: &State, of: Of) -> Of {
    let all = state.sources();
    let place = all.iter().position(|known| *known == of);
    all[place.map_or(0, |place| (place + 1) % all.len())]
}

/// The model from which differences are shown after this one; none after the last.
fn next_difference(state: &State) -> Option<Of> {
    let View { of, against, .. } = state.seen().view();
    let all: Vec<Of> = state.sources().into_iter().filter(|known| known != of).collect();
    match against {
        None => all.first().copied(),
        Some(against) => {
            let place = all.iter().position(|known| known == against)?;
            all.get(place + 1).copied()
        }
    }
}

/// Has the view with the keys show a model.
pub fn show(state: &State, of: Of) -> Vec<Wish> {
    set(state, |view| view.of = of)
}

/// The view with the keys, changed; what it shows then is said, since a small screen has no title for it.
fn set(state: &State, change: impl FnOnce(&mut View)) -> Vec<Wish> {
    let mut view = state.seen().view().clone();
    change(&mut view);
    let seen = crate::state::Seen::new(state, &view);
    let text = seen.title(false).map_or_else(|| "the model as it is".to_owned(), |title| format!("shows: {title}"));
    vec![Change::View(Box::new(view.clone())).into(), Wish::say(Tone::Plain, text)]
}
