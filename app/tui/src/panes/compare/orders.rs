//! What the pane orders: variants, their runs, and one of them put in place.

use super::{ComparePane, Standing, standing};
use crate::state::{Change, Ground, MOST_VARIANTS, Stage, State, Tone, Variant, Variants, Wish};
use locus_protocol::{Keep, PluginKind, TriedOn, Try, counted, model_with};

/// The key of an action in Compare, which other panes name too.
fn key(state: &State, action: &str) -> String {
    state.keymap().first_key("compare", action)
}

/// Whether there are variants.
pub(super) fn has_variants(state: &State) -> Result<(), String> {
    match state.compare.variants.list.is_empty() {
        true => {
            let (add, fill) = (key(state, "add-variant"), key(state, "compare-methods"));
            Err(format!("there is no variant yet; {add} adds the edit form's settings, {fill} one for each method"))
        }
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
    match state.compare.variants.list.len() < MOST_VARIANTS {
        true => Ok(()),
        false => {
            let remove = key(state, "remove-variant");
            Err(format!("there can be {MOST_VARIANTS} variants at most; {remove} removes the selected one"))
        }
    }
}

/// Whether variants can be run. They wait their turn behind what runs.
pub(super) fn can_run(state: &State) -> Result<(), String> {
    can_fill(state)?;
    has_variants(state)?;
    state.ready_to_wait()?;
    state.chosen_fact().map(|_| ())
}

/// Whether the selected variant can be put in place.
pub(super) fn can_keep(state: &State) -> Result<(), String> {
    has_variants(state)?;
    state.ready_for_a_job()?;
    match selected_attempt(state) {
        Some(_) => Ok(()),
        None => {
            let model = model_with(&state.measured_on());
            let (run, all) = (key(state, "run-changed"), key(state, "run-all"));
            Err(format!("the selected variant has no change found on {model} to put in place; {run} or {all} runs it"))
        }
    }
}

/// The selected variant's attempt, once it was measured.
fn selected_attempt(state: &State) -> Option<&crate::state::Attempt> {
    let variant = state.compare.variants.selected()?;
    match standing(state, variant) {
        Standing::Known(attempt, Ground::Same) if attempt.kept => Some(attempt),
        _ => None,
    }
}

/// Puts one variant for each loaded plugin of a kind in the place of those that are there.
pub(super) fn fill(state: &State, kind: PluginKind) -> Vec<Wish> {
    let mut ids: Vec<String> = state.engine.of_kind(kind).map(|plugin| plugin.id.clone()).collect();
    // the form's choice comes first, and is the baseline
    let chosen = state.settings().chosen(&state.engine, kind).map(str::to_owned);
    ids.sort_by_key(|id| chosen.as_ref() != Some(id));
    let left_out = ids.len().saturating_sub(MOST_VARIANTS);
    let mut variants = Variants::default();
    for id in ids.iter().take(MOST_VARIANTS) {
        let mut settings = state.settings().clone();
        settings.choose(kind, id);
        if kind == PluginKind::Method {
            // a window that suits the model is left to the method
            let window = state.engine.plugin(kind, id).is_some_and(|plugin| plugin.layers.len() > 1);
            settings.layers = if window { String::new() } else { state.layer().to_string() };
        }
        variants.add(settings);
    }
    (variants.cursor, variants.baseline) = (0, 0);
    let mut wishes = vec![Change::Variants(variants).into(), Change::Focus("compare").into()];
    if left_out > 0 {
        let text = format!("{left_out} more have no letter left; {} changes a variant", key(state, "change-variant"));
        wishes.push(Wish::say(Tone::Plain, text));
    }
    wishes
}

/// Puts the selected variant in place; the other panes show it as an edit then.
pub(super) fn keep(state: &State) -> Vec<Wish> {
    let Some(attempt) = selected_attempt(state) else { return Vec::new() };
    let tried = attempt.view.job;
    let letter = state.compare.variants.selected().map_or('?', |variant| variant.letter);
    let in_place = state.edits.numbers();
    let title = match in_place.len() {
        _ if attempt.view.on_top_of == in_place => format!("putting variant {letter} in place"),
        edits => {
            let edits = counted(edits, "edit");
            format!("putting variant {letter}, found on the unedited model, on top of {edits}")
        }
    };
    vec![Wish::order(title, Keep { tried })]
}

impl ComparePane {
    /// Runs all variants, or those without numbers. What is wrong with one is said in its line.
    pub(super) fn run(&mut self, state: &State, all: bool) -> Vec<Wish> {
        let Some(fact) = state.fact() else { return Vec::new() };
        let wanted = |variant: &&Variant| match standing(state, variant) {
            Standing::Wrong(_) => false,
            Standing::New | Standing::Known(_, Ground::Other) => true,
            Standing::Known(attempt, _) => match attempt.view.stage {
                Stage::Running => false,
                Stage::Cancelled(_) | Stage::Failed(_) => true,
                Stage::Applied | Stage::Tried | Stage::Undone => all,
            },
        };
        let on = state.compare.on;
        let order = |variant: &Variant| {
            let order = variant.order(&state.engine, fact).ok()?;
            let title = format!("trying variant {}, {}, on {}", variant.letter, order.method, order.fact.subject);
            Some(Wish::order(title, Try { order, on }))
        };
        let orders: Vec<Wish> = state.compare.variants.list.iter().filter(wanted).filter_map(order).collect();
        if orders.is_empty() {
            let all = key(state, "run-all");
            let text = format!("every variant has its numbers or is on its way; {all} runs all again");
            return vec![Wish::say(Tone::Plain, text)];
        }
        self.scroll = 0;
        orders
    }

    /// Goes to the fact after or before the selected one.
    pub(super) fn step_fact(&mut self, state: &State, forward: bool) -> Vec<Wish> {
        let place = state.facts.selected();
        self.scroll = 0;
        vec![Change::SelectFact(if forward { place + 1 } else { place.saturating_sub(1) }).into()]
    }

    /// Has variants be measured on the other model from now on.
    pub(super) fn change_ground(&mut self, state: &State) -> Vec<Wish> {
        let (on, text) = match state.compare.on {
            TriedOn::Unedited => {
                (TriedOn::AsItIs, "variants are measured on the model as it is, with the edits in place")
            }
            TriedOn::AsItIs => (TriedOn::Unedited, "variants are measured from the unedited model"),
        };
        self.scroll = 0;
        vec![Change::MeasureOn(on).into(), Wish::say(Tone::Plain, text)]
    }
}
