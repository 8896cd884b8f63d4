//! What leaving one edit out would change: the model as it is, beside the model with all other edits.

use super::{groups, scores, top_tokens};
use crate::looks::{printable, shorten, wrap};
use crate::panes::Table;
use crate::state::{Of, Seen};
use locus_protocol::{LeftOut, model_with};
use ratatui::text::Line;
use serde_json::json;

/// Why there is nothing to show yet.
pub(super) fn missing(state: &Seen<'_>, edit: u64) -> String {
    if let Some(why) = state.look_failed(Of::Without(edit)) {
        let key = state.keymap().first_key(state.pane(), "next-source");
        return format!(
            "the model without edit {edit} could not be measured: {why}; {key} chooses a model and tries again"
        );
    }
    let is_there = state.edits.applied.iter().any(|known| known.number == edit);
    match state.ready_for_a_look() {
        _ if !is_there => format!("edit {edit} is not in place, so it cannot be left out"),
        Ok(()) => format!("the model without edit {edit} is being measured"),
        Err(why) => format!("the model without edit {edit} is measured as soon as the engine is free: {why}"),
    }
}

pub(super) fn lines(state: &Seen<'_>, seen: &LeftOut, room: usize, lines: &mut Vec<Line<'static>>) {
    let arrow = state.glyphs().arrow();
    let fact = &seen.fact;
    let text = format!(" {}: {} {arrow} {}", fact.subject, fact.target_true, fact.target_new);
    lines.push(Line::styled(shorten(&printable(&text), room, state.glyphs()), state.theme().heading()));
    for edit in state.edits.applied.iter().filter(|edit| !seen.with.contains(&edit.number)) {
        let text = format!(" without edit {}: {}", edit.number, printable(&edit.title));
        lines.push(Line::styled(shorten(&text, room, state.glyphs()), state.theme().accent()));
    }
    let text = format!(" {} {arrow} {}; all edits stay in place", model_with(&seen.in_place), model_with(&seen.with));
    lines.extend(wrap(&text, room, 1).into_iter().map(|line| Line::styled(line, state.theme().muted())));
    scores(state, &seen.scores, lines);
    top_tokens(state, &seen.scores, ("as it is", "without it"), room, lines);
}

pub(super) fn table(state: &Seen<'_>, seen: &LeftOut) -> Table {
    let columns = ["group", "prompt", "new_as_it_is", "new_without", "true_as_it_is", "true_without"];
    let (before, after) = (groups(&seen.scores.before), groups(&seen.scores.after));
    let rows = before.into_iter().zip(after).flat_map(|((name, before), (_, after))| {
        before.iter().zip(after).map(move |(before, after)| {
            let prompt = json!(after.prompt);
            vec![json!(name), prompt, json!(before.new), json!(after.new), json!(before.truth), json!(after.truth)]
        })
    });
    Table {
        name: "taken-out".to_owned(),
        title: format!("{} beside {}", model_with(&seen.in_place), state.model(state.view().of)),
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
        cursor: 0,
    }
}
