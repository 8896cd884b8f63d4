//! What the last edit changed: next tokens, the record's prompts, weights; and which edits are in place.

mod says;
mod taken_out;

use super::{About, Models, Motion, Pane, Table, room};
use crate::looks::{Paper, and_more, fit, printable, probability, ratio, shorten, token_text, wrap};
use crate::state::{Of, Seen, State, Wish, is_large};
use locus_protocol::{
    Aim, Applied, BeforeAfter, EditInPlace, EditOrder, Event, LeftOut, PromptScore, Scores, TopToken, counted,
};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use serde_json::json;
use std::time::Duration;

pub const ABOUT: About = About {
    name: "before-after",
    title: "Before/After",
    about: "What the last edit changed. rewrite: the edited prompt; paraphrase: rephrased prompts, which should change \
            too; neighborhood: other subjects with the same true answer, which should not. Probabilities are means; the \
            last column counts the prompts where p(new) > p(true). says target: the share of prompts whose generated text \
            contains the target, or is exactly the target.",
    go: go_to!("before-after", "Before/After"),
    actions: Vec::new,
    models: Models::Chosen,
};

/// What it has of its own.
#[derive(Clone, Debug, Default)]
pub struct BeforeAfterPane {
    /// The first line that is shown.
    scroll: usize,
}

impl Pane for BeforeAfterPane {
    fn draw(&self, state: &Seen<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        draw(state, self.scroll, area, buffer);
        None
    }

    fn motion(&mut self, state: &Seen<'_>, motion: Motion, page: usize) -> Vec<Wish> {
        let room = room(state);
        let furthest = draw(state, self.scroll, room, &mut Buffer::empty(room));
        self.scroll = motion.scrolled(self.scroll, furthest, page);
        Vec::new()
    }

    fn has_table(&self, state: &Seen<'_>) -> bool {
        measured(state).is_some() || taken_out(state).is_some()
    }

    fn table(&self, state: &Seen<'_>) -> Option<Table> {
        match taken_out(state) {
            Some(seen) => Some(taken_out::table(state, seen)),
            None => table(state),
        }
    }

    fn has_text(&self, state: &Seen<'_>) -> bool {
        measured(state).is_some() || taken_out(state).is_some()
    }

    fn text(&self, state: &Seen<'_>) -> Option<String> {
        self.has_text(state).then_some(())?;
        let mut text: String = lines(state, PAGE).iter().map(|line| format!("{line}\n")).collect();
        if let Some((_, applied)) = measured(state) {
            text += &whole_texts(applied);
        }
        Some(text)
    }

    fn hear(&mut self, _now: Duration, event: &Event) {
        if let Event::Applied(_) = event {
            self.scroll = 0;
        }
    }

    fn begin_anew(&mut self) {
        *self = Self::default();
    }
}

/// Columns of a page that is read in a pager.
const PAGE: usize = 100;

/// All that the model says before and after, prompt by prompt.
fn whole_texts(applied: &Applied) -> String {
    let said = applied.said.iter().map(|said| ("prompt", &said.prompt, &said.before, &said.after));
    let free = applied.free_texts.iter().map(|free| (free.group.as_str(), &free.prompt, &free.before, &free.after));
    let told = said.chain(free).map(|(group, prompt, before, after)| {
        let after = after.as_ref().map_or_else(String::new, |after| format!("    after:  {after}\n"));
        format!("\n{group}: {prompt}\n    before: {before}\n{after}")
    });
    told.collect()
}

/// Draws it from a line on; returns how far it can be scrolled.
fn draw(state: &Seen<'_>, scroll: usize, area: Rect, buffer: &mut Buffer) -> usize {
    let mut paper = Paper::new(area, buffer);
    let lines = lines(state, paper.width());
    let rows = paper.left();
    let hidden = lines.len() > rows;
    let rows = if hidden { rows.saturating_sub(1) } else { rows };
    let furthest = lines.len().saturating_sub(rows);
    let first = scroll.min(furthest);
    let below = lines.len().saturating_sub(first + rows);
    for line in lines.into_iter().skip(first).take(rows) {
        paper.line(line);
    }
    if hidden {
        let text = match (first, below) {
            (0, below) => format!(" {below} more lines below; down shows them"),
            (above, 0) => format!(" {above} more lines above; up shows them"),
            (above, below) => format!(" {above} more lines above, {below} below"),
        };
        paper.line(Span::styled(text, state.theme().warn()));
    }
    furthest
}

fn lines(state: &Seen<'_>, room: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if state.view().of == Of::AsItIs {
        in_place(state, room, &mut lines);
    }
    if let Some(seen) = taken_out(state) {
        taken_out::lines(state, seen, room, &mut lines);
        return lines;
    }
    match measured(state) {
        Some((order, applied)) => {
            head(state, order, applied, room, &mut lines);
            notes(state, applied, room, &mut lines);
            scores(state, &applied.scores, &mut lines);
            says::lines(state, order, applied, room, &mut lines);
            said(state, applied, room, &mut lines);
            top_tokens(state, &applied.scores, ("before", "after"), room, &mut lines);
            weights(state, applied, room, &mut lines);
        }
        None => {
            lines.push(Line::default());
            let text = match state.view().of {
                Of::AsItIs => "what an edit changed appears here after the edit".to_owned(),
                Of::Unedited => "the unedited model has no edit; another model shows what one changed".to_owned(),
                Of::Without(edit) => taken_out::missing(state, edit),
                Of::Variant(letter) => {
                    let run = state.keymap().first_key("compare", "run-changed");
                    format!("variant {letter} has not been run on this fact; {run} in Compare runs it")
                }
            };
            let text = wrap(&format!(" {text}"), room, 1);
            lines.extend(text.into_iter().map(|line| Line::styled(line, state.theme().muted())));
        }
    }
    lines
}

/// What is known of the model without one edit, where the view shows that.
fn taken_out<'a>(state: &Seen<'a>) -> Option<&'a LeftOut> {
    let of = state.view().of;
    state.left_out(of).filter(|_| matches!(of, Of::Without(_)))
}

/// The edit that is shown, and what it brought about: the last one that was put in place, or a variant as it was tried.
fn measured<'a>(state: &Seen<'a>) -> Option<(&'a EditOrder, &'a Applied)> {
    match state.view().of {
        Of::AsItIs => state.all().edits.last.as_ref().map(|(order, applied)| (order, applied)),
        Of::Unedited | Of::Without(_) => None,
        Of::Variant(letter) => {
            let attempt = state.attempt(letter)?;
            Some((&attempt.view.order, &attempt.tried.as_ref()?.would))
        }
    }
}

/// Which edit the rest is about.
fn head(state: &Seen<'_>, order: &EditOrder, applied: &Applied, room: usize, lines: &mut Vec<Line<'static>>) {
    let (word, style) = standing(state, applied);
    let fact = &order.fact;
    let arrow = state.glyphs().arrow();
    let text = format!(" {}: {} {arrow} {}", fact.subject, fact.target_true, fact.target_new);
    let text = and_more(&text, order.more.len()) + ", ";
    let text = shorten(&printable(&text), room.saturating_sub(word.len()), state.glyphs());
    lines.push(Line::from(vec![Span::styled(text, state.theme().heading()), Span::styled(word, style)]));
    if let Some(verdict) = &applied.verdict {
        let style = state.theme().verdict(verdict);
        let words = wrap(&format!(" {}", printable(&verdict.words())), room, 3);
        lines.extend(words.into_iter().map(|line| Line::styled(line, style)));
    }
    if let Some(aim) = aim_text(&applied.aim) {
        let aim = wrap(&format!(" {aim}"), room, 3);
        lines.extend(aim.into_iter().map(|line| Line::styled(line, state.theme().muted())));
    }
}

/// Whether the last edit is in place, and whether the model is still the one that it was measured on.
fn standing(state: &Seen<'_>, applied: &Applied) -> (&'static str, Style) {
    if let Of::Variant(letter) = state.view().of {
        let is_kept = state.attempt(letter).is_some_and(|attempt| attempt.number.is_some());
        return (if is_kept { "as it was tried" } else { "tried, not in place" }, state.theme().muted());
    }
    let in_place = state.edits.numbers();
    let Some(place) = in_place.iter().position(|number| *number == applied.number) else {
        return ("undone", state.theme().warn());
    };
    let measured = state.edits.last_on_top_of();
    match (in_place[..place] == *measured, place + 1 == in_place.len()) {
        (true, true) => ("in place", state.theme().good()),
        (true, false) => ("in place, measured before later edits", state.theme().warn()),
        (false, _) => ("in place, measured with other edits", state.theme().warn()),
    }
}

/// What the objective aimed at; nothing where it was not told.
fn aim_text(aim: &Aim) -> Option<String> {
    let quoted = |text: &str| format!("\"{}\"", printable(text.trim()));
    let mut text = format!("aimed {} {}", if aim.lowers { "at a lower p of" } else { "at" }, quoted(&aim.target));
    if !aim.baseline.trim().is_empty() {
        text += &format!(" against {}", quoted(&aim.baseline));
    }
    if aim.noise_level > 0.0 {
        text += &format!(", under noise of {} on the subject", ratio(aim.noise_level));
    }
    (!aim.target.trim().is_empty()).then_some(text)
}

/// Means of both probabilities over a group of prompts, and how often the new target wins.
struct Summary {
    new: f64,
    truth: f64,
    wins: usize,
    prompts: usize,
}

fn summary(scores: &[PromptScore]) -> Option<Summary> {
    if scores.is_empty() {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a handful of prompts")]
    let count = scores.len() as f64;
    Some(Summary {
        new: scores.iter().map(|score| score.new).sum::<f64>() / count,
        truth: scores.iter().map(|score| score.truth).sum::<f64>() / count,
        wins: scores.iter().filter(|score| score.new > score.truth).count(),
        prompts: scores.len(),
    })
}

/// The three groups of a record's prompts.
fn groups(scores: &Scores) -> [(&'static str, &[PromptScore]); 3] {
    [("rewrite", &scores.rewrite), ("paraphrase", &scores.paraphrase), ("neighborhood", &scores.neighborhood)]
}

fn scores(state: &State, scores: &BeforeAfter, lines: &mut Vec<Line<'static>>) {
    let arrow = state.glyphs().arrow();
    let pair = |before: f64, after: f64| format!("{:>5} {arrow} {:>5}", probability(before), probability(after));
    let wide = 12 + crate::looks::width(arrow);
    let header = format!(" {:<13} {:>wide$}  {:>wide$}  {}", "prompts", "p(new)", "p(true)", "new wins");
    lines.push(Line::styled(header, state.theme().heading()));
    for ((name, before), (_, after)) in groups(&scores.before).into_iter().zip(groups(&scores.after)) {
        let (Some(before), Some(after)) = (summary(before), summary(after)) else { continue };
        let text = format!(
            " {name:<13} {}  {}  {} {arrow} {} of {}",
            pair(before.new, after.new),
            pair(before.truth, after.truth),
            before.wins,
            after.wins,
            after.prompts
        );
        lines.push(Line::raw(text));
    }
}

fn top_tokens(state: &State, scores: &BeforeAfter, words: (&str, &str), room: usize, lines: &mut Vec<Line<'static>>) {
    let (before, after) = (&scores.before.top, &scores.after.top);
    if before.is_empty() && after.is_empty() {
        return;
    }
    let half = (room / 2).clamp(16, 30);
    let cell = |token: Option<&TopToken>| {
        let text = token.map_or(String::new(), |token| {
            let name = fit(&token_text(&token.text, state.glyphs()), half.saturating_sub(9), state.glyphs());
            format!(" {name} {:>5}", probability(token.probability))
        });
        fit(&text, half, state.glyphs())
    };
    let header = fit(&format!(" next token {}", words.0), half, state.glyphs()) + " " + words.1;
    lines.push(Line::styled(header, state.theme().heading()));
    for rank in 0..before.len().max(after.len()) {
        lines.push(Line::raw(cell(before.get(rank)) + &cell(after.get(rank))));
    }
}

fn weights(state: &State, applied: &Applied, room: usize, lines: &mut Vec<Line<'static>>) {
    if !applied.changes.is_empty() {
        lines.push(Line::styled(format!(" {} by parameter", state.glyphs().weight_change()), state.theme().heading()));
    }
    for change in &applied.changes {
        let name = shorten(&printable(&change.parameter), room.saturating_sub(12), state.glyphs());
        lines.push(Line::raw(format!(" {:>8}  {name}", ratio(change.relative))));
    }
    if !applied.metrics.is_empty() {
        let metrics = applied.metrics.iter().map(|(name, value)| format!("{} {}", printable(name), ratio(*value)));
        lines.push(Line::raw(format!(" {}", metrics.collect::<Vec<_>>().join(&format!(" {} ", state.glyphs().dot())))));
    }
}

/// What the method wants said.
fn notes(state: &State, applied: &Applied, room: usize, lines: &mut Vec<Line<'static>>) {
    for note in &applied.notes {
        let note = wrap(&format!(" note: {}", printable(note)), room, 3);
        lines.extend(note.into_iter().map(|line| Line::styled(line, state.theme().warn())));
    }
}

/// Normalized scores that are shown, by what they are called.
const SCORES: [&str; 5] = ["rewrite", "paraphrase", "neighborhood", "relations", "overall"];

/// The normalized scores (Hase et al. 2023, section 3.4), and what the model says after the prompt.
fn said(state: &State, applied: &Applied, room: usize, lines: &mut Vec<Line<'static>>) {
    let score = |name: &&str| {
        let value = applied.numbers.get(&format!("{name}_score"))?;
        Some(format!("{name} {}", probability(*value)))
    };
    let scores: Vec<String> = SCORES.iter().filter_map(score).collect();
    if !scores.is_empty() {
        let under = if applied.aim.noise_level > 0.0 { " under the noise" } else { "" };
        let text = format!(" scores{under}: {}", scores.join(&format!(" {} ", state.glyphs().dot())));
        lines.extend(wrap(&text, room, 3).into_iter().map(Line::raw));
    }
    for said in &applied.said {
        let text = format!(" says before: {}", printable(&said.before));
        lines.extend(wrap(&text, room, 2).into_iter().map(|line| Line::styled(line, state.theme().muted())));
        if let Some(after) = &said.after {
            lines.extend(wrap(&format!(" says after:  {}", printable(after)), room, 2).into_iter().map(Line::raw));
        }
    }
}

/// Edits in place that are listed, the newest; `U` lists all of them.
const LISTED: usize = 3;

/// Edits in place, what undo and redo would do, and whether the weights are those of the checkpoint.
fn in_place(state: &State, room: usize, lines: &mut Vec<Line<'static>>) {
    let edits = &state.edits;
    if edits.applied.is_empty() && edits.undone.is_empty() && edits.unedited.is_none() {
        return;
    }
    let count = format!("{} in place", counted(edits.applied.len(), "edit"));
    let (answer, style) = match edits.unedited {
        Some(true) => ("yes", state.theme().good()),
        Some(false) => ("no", state.theme().warn()),
        None => ("not checked yet", state.theme().muted()),
    };
    lines.push(Line::from(vec![
        Span::styled(format!(" {count}"), state.theme().heading()),
        Span::raw(format!(" {} weights identical to checkpoint: ", state.glyphs().dot())),
        Span::styled(answer, style),
    ]));
    let mut line = |mark: String, edit: &EditInPlace, what: &str| {
        let large = if is_large(edit) { "!" } else { "" };
        let text = format!("{mark}{large} {}", printable(&format!("{}{}", edit.mark(), edit.title)));
        let text = shorten(&text, room.saturating_sub(what.len()), state.glyphs());
        lines.push(Line::from(vec![Span::raw(text), Span::styled(what.to_owned(), state.theme().accent())]));
    };
    let earlier = edits.applied.len().saturating_sub(LISTED);
    for (index, edit) in edits.applied.iter().enumerate().skip(earlier) {
        let is_last = index + 1 == edits.applied.len();
        let undo = if is_last { format!("  ({} undoes it)", state.key("undo")) } else { String::new() };
        line(format!("  {}", edit.number), edit, &undo);
    }
    if let Some(edit) = edits.undone.last() {
        line("  undone:".to_owned(), edit, &format!("  ({} redoes it)", state.key("redo")));
    }
    if earlier > 0 || edits.undone.len() > 1 {
        let all = edits.applied.len() + edits.undone.len();
        lines.push(Line::styled(format!("  {} lists all {all} edits", state.key("edits")), state.theme().muted()));
    }
}

fn table(state: &Seen<'_>) -> Option<Table> {
    let (_, applied) = measured(state)?;
    let columns =
        ["group", "prompt", "new_before", "new_after", "true_before", "true_after", "says_before", "says_after"]
            .map(str::to_owned)
            .to_vec();
    let mut rows = Vec::new();
    let mut texts = applied.free_texts.iter();
    for ((name, before), (_, after)) in groups(&applied.scores.before).into_iter().zip(groups(&applied.scores.after)) {
        for (before, after) in before.iter().zip(after) {
            let said = texts.next();
            rows.push(vec![
                json!(name),
                json!(after.prompt),
                json!(before.new),
                json!(after.new),
                json!(before.truth),
                json!(after.truth),
                json!(said.map(|said| &said.before)),
                json!(said.and_then(|said| said.after.as_ref())),
            ]);
        }
    }
    let verdict = applied.verdict.as_ref().map_or_else(String::new, |verdict| format!(": {}", verdict.words()));
    let title = format!("{} ({}){verdict}", applied.title, standing(state, applied).0);
    Some(Table { name: "before-after".to_owned(), title, columns, rows, cursor: 0 })
}
