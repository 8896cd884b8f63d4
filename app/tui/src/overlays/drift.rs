//! What the edits in place do together, below their list: scores of the one under the cursor, and how far weights and
//! a fixed text have drifted.

use crate::looks::{probability, ratio, shorten};
use crate::state::{LARGE, State, Tone, Wish};
use locus_protocol::{EditRescored, JobKind, PromptScore, Rescore};
use ratatui::text::Line;

/// Rise of the fixed text's perplexity above which it is a warning.
pub const RISE: f64 = 0.1;

/// Orders all edits in place to be scored.
pub fn rescore(state: &State) -> Vec<Wish> {
    let ready = match state.edits.applied.is_empty() {
        true => Err("no edit is in place, so there is nothing to score".to_owned()),
        false => state.ready_to_wait(),
    };
    match ready {
        Ok(()) => {
            let title = "scoring the edits in place".to_owned();
            vec![Wish::order(title, Rescore::default())]
        }
        Err(why) => vec![Wish::say(Tone::Plain, why)],
    }
}

/// The lines below the list; `edit` is the number under the cursor.
pub fn lines(state: &State, edit: Option<u64>, room: usize) -> Vec<Line<'static>> {
    let line = |text: String, warns: bool| {
        let style = if warns { state.theme().warn() } else { state.theme().text() };
        Line::styled(shorten(&text, room, state.glyphs()), style)
    };
    let Some(rescored) = &state.edits.rescored else {
        let running = state.job().is_some_and(|job| job.kind == JobKind::Rescore);
        let text = match (state.edits.applied.is_empty(), running) {
            (true, _) => return Vec::new(),
            (_, true) => " scoring all of them together",
            _ => " s scores all of them together, and a fixed text",
        };
        return vec![line(text.to_owned(), false)];
    };
    let mut lines = Vec::new();
    if let Some(fare) = rescored.edits.iter().find(|fare| Some(fare.number) == edit) {
        lines.push(line(fares(state, fare), false));
    }
    if let Some(change) = rescored.largest_change() {
        let text =
            format!(" all together: a weight changed by {} of its norm ({})", ratio(change.relative), change.parameter);
        lines.push(line(text, change.relative > LARGE));
    }
    if let Some(rise) = rescored.perplexity_rise() {
        let (before, now) = (rescored.perplexity_before, rescored.perplexity_now);
        let text = format!(
            " perplexity of {} unedited facts: {before:.3} {} {now:.3} ({:+.1} %)",
            rescored.text_facts,
            state.glyphs().arrow(),
            100.0 * rise
        );
        lines.push(line(text, rise.is_nan() || rise > RISE));
    }
    lines
}

/// Scores of an edit, before any edit and now.
fn fares(state: &State, fare: &EditRescored) -> String {
    let arrow = state.glyphs().arrow();
    let side = |group: &[PromptScore], new: bool| mean(group, |score| if new { score.new } else { score.truth });
    let (before, now) = (&fare.scores.before, &fare.scores.after);
    let part = |name: &str, before: &[PromptScore], now: &[PromptScore], new: bool| {
        let (before, now) = (side(before, new)?, side(now, new)?);
        Some(format!("{name} {} {arrow} {}", probability(before), probability(now)))
    };
    let parts = [
        part("p(new)", &before.rewrite, &now.rewrite, true),
        part("p(true)", &before.rewrite, &now.rewrite, false),
        part("paraphrases p(new)", &before.paraphrase, &now.paraphrase, true),
        part("neighborhood p(true)", &before.neighborhood, &now.neighborhood, false),
    ];
    format!(" edit {}: {}", fare.number, parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// The mean of a number over prompts; nothing without any.
fn mean(group: &[PromptScore], number: impl Fn(&PromptScore) -> f64) -> Option<f64> {
    (!group.is_empty()).then(|| group.iter().map(number).sum::<f64>() / group.len() as f64)
}
