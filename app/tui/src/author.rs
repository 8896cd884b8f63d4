//! The loop of a plugin's author: build the crate, load the new build, run the last edit again.

use crate::input::Effect;
use crate::state::{Change, Opening, Settings, State, Tone, Wish};
use locus_protocol::{EditOrder, JobId, PluginKind, PluginReloaded, Task, Undo};
use std::path::PathBuf;

/// The chosen method or objective and the folder of its crate.
///
/// # Errors
/// There is none, cargo is at work, or the file does not say what it was built from.
pub fn crate_of(state: &State, kind: PluginKind) -> Result<(String, PathBuf), String> {
    let word = if kind == PluginKind::Method { "method" } else { "objective" };
    let id = state.settings().chosen(&state.engine, kind).ok_or_else(|| format!("no {word} is loaded"))?;
    folder_of(state, kind, id).map(|folder| (first_build(id).to_owned(), folder))
}

fn folder_of(state: &State, kind: PluginKind, id: &str) -> Result<PathBuf, String> {
    if state.build.is_running() {
        return Err(format!("cargo is already running; {} stops it", state.key("cancel")));
    }
    let plugin = state.engine.plugin(kind, id).ok_or_else(|| format!("`{id}` is not loaded"))?;
    plugin.source.clone().ok_or_else(|| {
        let file = plugin.file.display();
        format!("{file} does not name the crate that it was built from, as Rust plugins do; build it by hand")
    })
}

/// Builds the crate of a plugin.
///
/// # Errors
/// Those of [`crate_of`].
pub fn rebuild(state: &State, kind: PluginKind, id: &str) -> Result<Vec<Wish>, String> {
    let folder = folder_of(state, kind, id)?;
    let plugin = (kind, first_build(id).to_owned());
    Ok(vec![Change::Build { plugin, folder }.into(), Wish::Open(Opening::BuildOutput)])
}

/// Builds the crate of the chosen method or objective.
pub fn rebuild_chosen(state: &State, kind: PluginKind) -> Vec<Wish> {
    let started = crate_of(state, kind).and_then(|(id, _)| rebuild(state, kind, &id));
    started.unwrap_or_else(|why| vec![Wish::say(Tone::Plain, why)])
}

/// Notes which build is in use, and which it replaced.
pub fn note(state: &mut State, reloaded: &PluginReloaded) {
    let PluginReloaded { file, loaded, replaced, .. } = reloaded;
    state.build.replaced = replaced.iter().map(|plugin| plugin.id.clone()).collect();
    if !state.build.loaded.contains(file) {
        state.build.loaded.push(file.clone());
    }
    // a recording tells of builds that were not made here
    if let (None, Some(first)) = (&state.build.plugin, loaded.first()) {
        state.build.plugin = Some((first.kind, first.id.clone()));
    }
    for plugin in replaced {
        state.compare.rename(plugin.kind, first_build(&plugin.id), &plugin.id);
    }
}

/// A new build is in use: the last edit that was made with the old one is run again, in its place.
pub fn reloaded(state: &mut State, reloaded: &PluginReloaded) -> Vec<Effect> {
    note(state, reloaded);
    let PluginReloaded { loaded, replaced, .. } = reloaded;
    let Some(view) = &state.edits.view else { return Vec::new() };
    let is_new =
        |kind: PluginKind, id: &str| loaded.iter().any(|plugin| plugin.kind == kind && plugin.id == first_build(id));
    let order = &view.order;
    let concerns = is_new(PluginKind::Method, &order.method) || is_new(PluginKind::Objective, &order.objective);
    if !concerns || replaced.is_empty() || state.jobs.waiting_load().is_some() {
        return Vec::new();
    }
    let asked = asked(state, view.job).unwrap_or(order).clone();
    let method = newest(&asked.method, &state.build.replaced);
    let objective = newest(&asked.objective, &state.build.replaced);
    let order = EditOrder { method, objective, ..asked };
    let view_job = view.job;
    let in_place = view.number.filter(|number| state.edits.applied.iter().any(|edit| edit.number == *number));
    let mut effects = in_place.map_or_else(Vec::new, |edit| state.order("undo".to_owned(), Undo::of(edit)));
    let title = format!("editing {} with the new build", order.fact.subject);
    effects.extend(state.order(title, order.clone()));
    put_beside(state, view_job, &order);
    effects
}

/// What was asked for a job, without the settings that the engine filled in.
fn asked(state: &State, job: JobId) -> Option<&EditOrder> {
    let task = &state.jobs.ended.iter().rev().find(|ended| ended.order.job == job)?.order.task;
    if let Task::Edit(order) = task { Some(order) } else { None }
}

/// Puts the build that was replaced and the new one side by side in the comparison; what the old one did is known.
fn put_beside(state: &mut State, job: JobId, order: &EditOrder) {
    let old = |id: &String| state.build.replaced.iter().find(|old| first_build(old) == *id).unwrap_or(id).clone();
    let before = EditOrder { method: old(&order.method), objective: old(&order.objective), ..order.clone() };
    let (old, new) = (Settings::of_order(&state.engine, &before), Settings::of_order(&state.engine, order));
    state.compare.ask(job, before);
    state.compare.variants.put_beside(old, new);
    state.screen.focus_on("compare");
}

/// What `replaced` is a build of, where that is what was used; other ids stay as they are.
fn newest(id: &str, replaced: &[String]) -> String {
    let is_of = |old: &String| first_build(old) == first_build(id);
    if replaced.iter().any(is_of) { first_build(id).to_owned() } else { id.to_owned() }
}

/// What a message says once a new build is in use.
#[must_use]
pub fn loaded_sentence(state: &State, took: &str) -> String {
    let id = state.build.plugin.as_ref().map_or("", |(_, id)| id.as_str());
    match state.build.replaced.first() {
        Some(old) => format!("the new build of {id} is in use after {took}; the old one is {old}"),
        None => format!("{id} is already in its newest build"),
    }
}

/// The id of a plugin of which `id` may be a build that was replaced.
fn first_build(id: &str) -> &str {
    id.split('@').next().unwrap_or(id)
}
