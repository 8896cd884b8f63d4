//! What the pane orders: variants, their runs, and one of them put in place.

use super::{Standing, standing};
use crate::input::Effect;
use crate::state::{Compare, EditView, Ground, MOST_VARIANTS, Stage, State, Tone};
use locus_protocol::{Keep, PluginKind, TriedOn, Try, counted, model_with};

/// Whether there are variants.
pub(super) fn has_variants(state: &State) -> Result<(), String> {
    match state.compare.variants.is_empty() {
        true => Err("there is no variant yet; + adds what the edit form says, C one for each method".to_owned()),
        false => Ok(()),
    }
}

/// Whether a model is there to try variants on.
pub(super) fn can_fill(state: &State) -> Result<(), String> {
    match state.engine.model {
        Some(_) => Ok(()),
        None => Err("the model is not loaded yet".to_owned()),
    }
}

/// Whether a variant can be added.
pub(super) fn can_add(state: &State) -> Result<(), String> {
    can_fill(state)?;
    match state.compare.variants.len() < MOST_VARIANTS {
        true => Ok(()),
        false => Err(format!("there are {MOST_VARIANTS} variants, which is the most; - takes the selected one away")),
    }
}

/// Whether variants can be run. They wait their turn behind what runs.
pub(super) fn can_run(state: &State) -> Result<(), String> {
    can_fill(state)?;
    has_variants(state)?;
    if state.engine.gone { state.ready_for_a_job() } else { state.chosen_fact().map(|_| ()) }
}

/// Whether the selected variant can be put in place.
pub(super) fn can_keep(state: &State) -> Result<(), String> {
    has_variants(state)?;
    state.ready_for_a_job()?;
    match selected_attempt(state) {
        Some(_) => Ok(()),
        None => {
            let model = model_with(&state.measured_on());
            Err(format!("the selected variant has no change to put in place that was found on {model}; r or R runs it"))
        }
    }
}

/// The selected variant's attempt, once it was measured.
fn selected_attempt(state: &State) -> Option<&crate::state::Attempt> {
    let variant = state.compare.variants.get(state.compare.cursor)?;
    match standing(state, variant) {
        Standing::Known(attempt, Ground::Same) if attempt.kept => Some(attempt),
        _ => None,
    }
}

/// Adds what the edit form says.
pub(super) fn add(state: &mut State) -> Vec<Effect> {
    state.compare.add(state.settings.clone());
    Vec::new()
}

/// Puts one variant for each loaded plugin of a kind in the place of those that are there.
pub(super) fn fill(state: &mut State, kind: PluginKind) -> Vec<Effect> {
    let mut ids: Vec<String> = state.engine.of_kind(kind).map(|plugin| plugin.id.clone()).collect();
    // the form's choice comes first, and is the baseline
    let chosen = state.settings.chosen(&state.engine, kind).map(str::to_owned);
    ids.sort_by_key(|id| chosen.as_ref() != Some(id));
    let left_out = ids.len().saturating_sub(MOST_VARIANTS);
    let number = state.compare.number;
    while !state.compare.variants.is_empty() {
        state.compare.remove();
    }
    for id in ids.iter().take(MOST_VARIANTS) {
        let mut settings = state.settings.clone();
        settings.choose(kind, id);
        if kind == PluginKind::Method {
            // a window that suits the model is left to the method
            let window = state.engine.plugin(kind, id).is_some_and(|plugin| plugin.layers.len() > 1);
            settings.layers = if window { String::new() } else { state.layer.to_string() };
        }
        state.compare.add(settings);
    }
    (state.compare.cursor, state.compare.baseline, state.compare.number) = (0, 0, number);
    state.focus_on("compare");
    if left_out > 0 {
        let text = format!("{left_out} more have no letter left; e changes a variant");
        state.notices.say(state.now, Tone::Plain, text);
    }
    Vec::new()
}

/// Runs all variants, or those without numbers. What is wrong with one is said in its line.
pub(super) fn run(state: &mut State, all: bool) -> Vec<Effect> {
    let Some(fact) = state.fact().cloned() else { return Vec::new() };
    let mut orders = Vec::new();
    for variant in &state.compare.variants {
        let wanted = match standing(state, variant) {
            Standing::Wrong(_) => false,
            Standing::New => true,
            Standing::Known(_, Ground::Other) => true,
            Standing::Known(attempt, _) => match attempt.view.stage {
                Stage::Running => false,
                Stage::Cancelled(_) | Stage::Failed(_) => true,
                Stage::Applied | Stage::Tried | Stage::Undone => all,
            },
        };
        if wanted && let Ok(order) = Compare::order(variant, &state.engine, &fact) {
            orders.push((variant.letter, order));
        }
    }
    if orders.is_empty() {
        let text = "every variant has its numbers or is on its way; R runs all again";
        state.notices.say(state.now, Tone::Plain, text.to_owned());
        return Vec::new();
    }
    state.compare.scroll = 0;
    let mut effects = Vec::new();
    for (letter, order) in orders {
        let title = format!("trying variant {letter}, {}, on {}", order.method, order.fact.subject);
        let on = state.compare.on;
        effects.extend(state.order(title, Try { order, on }));
    }
    effects
}

/// Goes to the fact after or before the selected one.
pub(super) fn step_fact(state: &mut State, forward: bool) -> Vec<Effect> {
    let place = state.facts.selected();
    state.facts.select(if forward { place + 1 } else { place.saturating_sub(1) });
    state.compare.scroll = 0;
    state.want_prediction();
    Vec::new()
}

/// Puts the selected variant in place; the other panes show it as an edit then.
pub(super) fn keep(state: &mut State) -> Vec<Effect> {
    let Some(attempt) = selected_attempt(state) else { return Vec::new() };
    let (tried, view) = (attempt.view.job, attempt.view.clone());
    let letter = state.compare.variants.get(state.compare.cursor).map_or('?', |variant| variant.letter);
    let in_place = state.edits.numbers();
    let title = match in_place.len() {
        _ if view.on_top_of == in_place => format!("putting variant {letter} in place"),
        edits => {
            let edits = counted(edits, "edit");
            format!("putting variant {letter}, found on the unedited model, on top of {edits}")
        }
    };
    let effects = state.order(title, Keep { tried });
    let mut shown = EditView { job: state.last_job, stage: Stage::Running, ..view };
    if shown.on_top_of != in_place {
        // they are of another model; the engine tells those of this one
        (shown.before, shown.rows, shown.verdict) = (Vec::new(), Vec::new(), None);
        shown.on_top_of = in_place;
    }
    state.edits.view = Some(shown);
    effects
}

/// Has variants be measured on the other model from now on.
pub(super) fn change_ground(state: &mut State) -> Vec<Effect> {
    state.compare.on = match state.compare.on {
        TriedOn::Unedited => TriedOn::AsItIs,
        TriedOn::AsItIs => TriedOn::Unedited,
    };
    state.compare.scroll = 0;
    let text = match state.compare.on {
        TriedOn::Unedited => "variants are measured from the unedited model",
        TriedOn::AsItIs => "variants are measured on the model as it is, with the edits in place",
    };
    state.notices.say(state.now, Tone::Plain, text.to_owned());
    Vec::new()
}
