//! What the model says of its own accord, before and after the edit, beside the likelihoods of given targets.

use crate::looks::{probability, wrap};
use crate::state::State;
use locus_protocol::{Applied, EditOrder};
use ratatui::text::Line;

/// Cells of a row's name.
const NAME: usize = 24;

/// Shares of the prompts after which the target is said, and of those about others after which the same is said as
/// before; or why there are none.
pub(super) fn lines(state: &State, order: &EditOrder, applied: &Applied, room: usize, lines: &mut Vec<Line<'static>>) {
    if let Some(why) = state.says_nothing(order, applied) {
        lines.extend(
            wrap(&format!(" {why}"), room, 3).into_iter().map(|line| Line::styled(line, state.theme().muted())),
        );
        return;
    }
    let arrow = state.glyphs().arrow();
    let wide = 12 + crate::looks::width(arrow);
    let head = format!("free generation ({})", order.free_generation);
    let header = format!(" {head:<NAME$} {:>wide$}  {:>wide$}", "rewrite", "paraphrase");
    lines.push(Line::styled(header, state.theme().heading()));
    for (title, name) in [("says target", "says"), ("says target exactly", "says_exactly")] {
        let cell = |group: &str| {
            let number = |when: &str| applied.numbers.get(&format!("{when}.{group}_{name}")).copied();
            let pair = number("before").zip(number("after"));
            pair.map_or_else(String::new, |(before, after)| {
                format!("{:>5} {arrow} {:>5}", probability(before), probability(after))
            })
        };
        let row = format!(" {title:<NAME$} {:>wide$}  {:>wide$}", cell("rewrite"), cell("paraphrase"));
        lines.push(Line::raw(row.trim_end().to_owned()));
    }
    if let Some(kept) = applied.numbers.get("neighborhood_kept") {
        lines.push(Line::raw(format!(" {:<NAME$} {:>wide$}", "neighborhood kept (says)", probability(*kept))));
    }
}
