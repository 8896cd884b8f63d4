//! The heat map of a causal trace: tokens by layers, filling as rows come.

mod map;

use super::{About, Action, Models, Motion, Pane, Table, action};
use crate::looks::{Paper, printable, probability, ratio, signed, token_text, width, wrap};
use crate::state::{Change, Of, Opening, Seen, State, TraceView, View, Wish, arrange};
use locus_protocol::{Event, Fact, Intervention, Outcome, TraceAnswer, TraceKind, TraceOrder, counted, with_edits};
use map::{cursor_line, draw_map, scale_line};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

pub const ABOUT: About = About {
    name: "trace",
    title: "Trace",
    about: "Noise on the subject's embeddings destroys the answer. Each cell restores one clean state in that \
            run: its effect is how much of the answer's probability comes back. * marks tokens of the subject, ~ \
            first-order estimates.",
    go: go_to!("trace", "Trace"),
    actions: || action::table(ACTIONS),
    models: Models::Compared,
};

const ACTIONS: &[Action<TracePane>] = &[
    Action {
        name: "trace-kind",
        help: "next kind: hidden states, MLP, attention",
        hint: Some(|trace, _| format!("show {}", kind_name(next_kind(trace.kind)))),
        available: |_, state| nothing_is_traced(state),
        run: |trace, state| {
            trace.kind = next_kind(trace.kind);
            if trace.kind != TraceKind::Hidden && trace.intervention.is_severed() {
                trace.intervention = Intervention::Restore;
            }
            trace.trace_if_wanted(state)
        },
        ..Action::PLAIN
    },
    Action {
        name: "trace-intervention",
        help: "next intervention: restore, sever, ablate",
        available: |_, state| nothing_is_traced(state),
        run: |trace, state| {
            let all = Intervention::ALL;
            let place = all.iter().position(|known| *known == trace.intervention).unwrap_or_default();
            trace.intervention = all[(place + 1) % all.len()];
            if trace.intervention.is_severed() {
                trace.kind = TraceKind::Hidden;
            }
            trace.trace_if_wanted(state)
        },
        ..Action::PLAIN
    },
    Action {
        name: "trace-answer",
        help: "next answer: true, new, the model's own, typed",
        hint: Some(|_, state| {
            format!("answer: {}", next_answer(&state.seen()).map_or("type one", |answer| answer.whose()))
        }),
        available: |_, state| match state.seen().fact() {
            Some(_) => nothing_is_traced(state),
            None => Err("no fact is selected".into()),
        },
        run: |trace, state| trace.follow_next(state),
        ..Action::PLAIN
    },
    Action {
        name: "trace-scale",
        help: "scale to full restoration, or to the greatest effect",
        run: |trace, _| {
            trace.full_scale = !trace.full_scale;
            Vec::new()
        },
        ..Action::PLAIN
    },
];

fn nothing_is_traced(state: &State) -> Result<(), String> {
    match state.traces.running() {
        Some(_) => Err(format!("a trace is running; {} cancels it", state.key("cancel"))),
        None => Ok(()),
    }
}

/// The answer after the one that is traced; nothing where the next one is to be typed.
fn next_answer(seen: &Seen<'_>) -> Option<TraceAnswer> {
    let has_new = seen.fact().is_some_and(|fact| TraceAnswer::New.text(fact).is_some());
    match seen.traced_answer(seen.view().of) {
        TraceAnswer::True if has_new => Some(TraceAnswer::New),
        TraceAnswer::True | TraceAnswer::New => Some(TraceAnswer::Model),
        TraceAnswer::Model => None,
        TraceAnswer::Text(_) => Some(TraceAnswer::True),
    }
}

/// What it has of its own.
#[derive(Clone, Debug, Default)]
pub struct TracePane {
    /// Which kind is shown, and traced next.
    kind: TraceKind,
    /// What is done to cells in the maps that are shown, and traced next.
    intervention: Intervention,
    /// By prompt: the token under the cursor of all views that have none of their own; elsewhere it is on the last token of
    /// the subject.
    tokens: BTreeMap<String, usize>,
    /// Whether the scale ends at the clean probability instead of at the greatest effect.
    full_scale: bool,
}

impl TracePane {
    /// Orders a trace of the fact and the model that a view of this pane with the keys shows; from elsewhere, of the selected
    /// fact on the model as it is.
    pub fn start(&mut self, state: &State) -> Vec<Wish> {
        let plain = View::default();
        let seen = if state.pane() == ABOUT.name { state.seen() } else { Seen::new(state, &plain) };
        // what cannot be traced as it is shown is traced as it is
        let of = if seen.lacks(seen.view().of).is_some() { seen.view().of } else { Of::AsItIs };
        let answer = seen.traced_answer(of);
        seen.fact().map_or_else(Vec::new, |fact| self.follow(&seen, fact, of, answer))
    }

    /// Orders a trace of an answer on a model.
    fn follow(&mut self, seen: &Seen<'_>, fact: &Fact, of: Of, answer: TraceAnswer) -> Vec<Wish> {
        let without = seen.lacks(of).unwrap_or_default();
        let on = if without.is_empty() { String::new() } else { format!(" on {}", seen.model(of)) };
        let title = format!("tracing {}{on}", fact.subject);
        self.tokens.remove(&fact.prompt());
        vec![Wish::order(title, TraceOrder { without, ..self.order(fact, answer) })]
    }

    fn order(&self, fact: &Fact, answer: TraceAnswer) -> TraceOrder {
        TraceOrder { intervention: self.intervention, answer, ..TraceOrder::new(fact.clone(), self.kind) }
    }

    /// Goes to the next answer, and traces it where the fact was traced and the engine is free.
    fn follow_next(&mut self, state: &State) -> Vec<Wish> {
        let seen = state.seen();
        let (Some(fact), Some(answer)) = (seen.fact(), next_answer(&seen)) else {
            return vec![Wish::Open(Opening::TraceText)];
        };
        let of = seen.view().of;
        let edits = seen.edits_of(of).unwrap_or_default();
        let is_there = state.traces.of_answer(&self.order(fact, answer.clone()), &edits).is_some();
        let is_wanted = !is_there && seen.lacks(of).is_some() && state.traces.any_of(fact);
        let mut wishes = vec![Change::TraceAnswer(Box::new(fact.clone()), answer.clone()).into()];
        if is_wanted && state.ready_for_a_look().is_ok() {
            wishes.extend(self.follow(&seen, fact, of, answer));
        }
        wishes
    }

    /// Traces the selected fact in the way that was chosen, where it was traced in another and the engine is free.
    fn trace_if_wanted(&mut self, state: &State) -> Vec<Wish> {
        let traced = state.fact().is_some_and(|fact| state.traces.any_of(fact));
        let wanted = traced && self.shown(&state.seen()).is_none();
        if wanted && state.ready_for_a_look().is_ok() { self.start(state) } else { Vec::new() }
    }

    /// The heat map that is shown.
    fn shown<'a>(&self, seen: &Seen<'a>) -> Option<&'a TraceView> {
        match seen.view() {
            // one that runs shows where nothing else is asked for
            View { of: Of::AsItIs, fact: None, .. } => {
                let running = seen.all().traces.running();
                let running = running.filter(|running| running.started.order.without.is_empty());
                running.or_else(|| self.of(seen, seen.view().of))
            }
            view => self.of(seen, view.of),
        }
    }

    /// The heat map of a model.
    fn of<'a>(&self, seen: &Seen<'a>, of: Of) -> Option<&'a TraceView> {
        let (traces, fact) = (&seen.all().traces, seen.fact()?);
        let in_place = seen.edits_of(of)?;
        let order = self.order(fact, seen.traced_answer(of));
        let exact = traces.of_answer(&order, &in_place);
        exact.or_else(|| match (of, traces.chosen_answer(fact)) {
            // of the model as it is the newest one shows until there is one, and says of which model it is
            (Of::AsItIs, Some(_)) => traces.newest_of_answer(&order),
            (Of::AsItIs, None) => traces.newest(fact, self.kind, self.intervention),
            // another model was perhaps asked for another answer, which the map says
            _ => traces.of_model(fact, self.kind, self.intervention, &in_place),
        })
    }

    /// The heat map that differences are taken from, where it has the same tokens.
    fn other<'a>(&self, seen: &Seen<'a>, view: &TraceView) -> Option<&'a TraceView> {
        let other = self.of(seen, seen.view().against?)?;
        let same = other.started.layers == view.started.layers
            && other.started.tokens.iter().map(|token| &token.text).eq(view
                .started
                .tokens
                .iter()
                .map(|token| &token.text));
        same.then_some(other)
    }

    /// The prompt and the token under the cursor of a view, which the view keeps when it gets a cursor of its own.
    pub fn cursor(&self, seen: &Seen<'_>) -> Option<(String, usize)> {
        let view = self.shown(seen)?;
        Some((view.started.order.fact.prompt(), self.cursor_token(seen, view)))
    }

    /// The token under the cursor, the view's own or that of all views of the same prompt.
    fn cursor_token(&self, seen: &Seen<'_>, view: &TraceView) -> usize {
        let prompt = view.started.order.fact.prompt();
        let chosen = match seen.view() {
            View { layer: Some(_), token, .. } => {
                token.as_ref().filter(|(known, _)| *known == prompt).map(|(_, token)| *token)
            }
            _ => self.tokens.get(&prompt).copied(),
        };
        let token = chosen.or_else(|| view.last_subject_token()).unwrap_or(0);
        token.min(view.started.tokens.len().saturating_sub(1))
    }
}

impl Pane for TracePane {
    fn draw(&self, state: &Seen<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let mut paper = Paper::new(area, buffer);
        match self.shown(state) {
            Some(view) => draw_view(self, state, view, &mut paper),
            None if state.view().of != Of::AsItIs => draw_missing(state, &mut paper),
            None => draw_nothing(self, state, &mut paper),
        }
        None
    }

    fn motion(&mut self, state: &Seen<'_>, motion: Motion, page: usize) -> Vec<Wish> {
        let Some(view) = self.shown(state) else { return Vec::new() };
        match motion {
            Motion::Left => vec![state.choose_layer(state.layer().saturating_sub(1)).into()],
            Motion::Right => vec![state.choose_layer(state.layer() + 1).into()],
            vertical => {
                let place = vertical.in_list(self.cursor_token(state, view), view.started.tokens.len(), page);
                let prompt = view.started.order.fact.prompt();
                if state.view().layer.is_some() {
                    let token = Some((prompt, place));
                    return vec![Change::View(Box::new(View { token, ..state.view().clone() })).into()];
                }
                self.tokens.insert(prompt, place);
                Vec::new()
            }
        }
    }

    fn of_model(&self, state: &Seen<'_>) -> Option<String> {
        self.shown(state).map(|view| view.started.model())
    }

    fn has_table(&self, state: &Seen<'_>) -> bool {
        self.shown(state).is_some_and(|view| view.rows_done() > 0)
    }

    fn table(&self, state: &Seen<'_>) -> Option<Table> {
        self.shown(state).map(|view| table(self, state, view))
    }

    fn cell(&self, state: &Seen<'_>) -> Option<(String, Value)> {
        let view = self.shown(state)?;
        let (token, layer) = (self.cursor_token(state, view), state.layer());
        let drawn = Drawn { view, other: state.view().against.and_then(|_| self.other(state, view)) };
        let name = view.started.tokens.get(token).map_or("", |token| token.text.trim());
        let (what, value) = match (drawn.other, drawn.value(token, layer)) {
            (Some(_), value) => ("difference", value),
            (None, None) => ("p", view.score(token, layer)),
            (None, value) => ("effect", value),
        };
        Some((format!("the {what} of `{name}` at layer {layer}"), json!(value)))
    }

    fn hear(&mut self, _now: Duration, event: &Event) {
        match event {
            Event::Trace(started) => (self.kind, self.intervention) = (started.order.kind, started.order.intervention),
            Event::Model(_) => self.tokens.clear(),
            _ => {}
        }
    }

    fn begin_anew(&mut self) {
        *self = Self::default();
    }

    fn remember(&self) -> Option<Value> {
        serde_json::to_value(self.kind).ok()
    }

    fn recall(&mut self, remembered: &Value) -> serde_json::Result<()> {
        self.kind = TraceKind::deserialize(remembered)?;
        Ok(())
    }
}

fn next_kind(kind: TraceKind) -> TraceKind {
    match kind {
        TraceKind::Hidden => TraceKind::Mlp,
        TraceKind::Mlp => TraceKind::Attention,
        TraceKind::Attention => TraceKind::Hidden,
    }
}

const fn kind_name(kind: TraceKind) -> &'static str {
    match kind {
        TraceKind::Hidden => "hidden states",
        TraceKind::Mlp => "MLP",
        TraceKind::Attention => "attention",
    }
}

fn draw_nothing(own: &TracePane, state: &State, paper: &mut Paper<'_>) {
    let kind = match own.intervention {
        Intervention::Restore => kind_name(own.kind).to_owned(),
        other => format!("{}, {}", kind_name(own.kind), other.title()),
    };
    let waiting =
        state.traces.ordered.as_ref().filter(|(job, _)| state.job().is_some_and(|running| running.id == *job));
    let trouble = state.traces.trouble.as_ref().filter(|trouble| state.fact() == Some(&trouble.order.fact));
    paper.line("");
    if let Some((_, order)) = waiting {
        let text = format!(" tracing {}: the clean and the corrupted runs come first", printable(&order.fact.subject));
        paper.line(Span::styled(text, state.theme().accent()));
    } else if let Some(trouble) = trouble {
        paper.line(outcome_line(state, &trouble.outcome));
        paper.line(format!(" press {} to try again", state.keymap().first_key(ABOUT.name, "trace")));
    } else if state.engine.model.is_none() {
        paper.line(Span::styled(" the trace of a fact appears here once the model is loaded", state.theme().muted()));
    } else if state.fact().is_some() {
        paper.line(vec![
            Span::raw(" press "),
            Span::styled(state.keymap().first_key(ABOUT.name, "trace"), state.theme().accent()),
            Span::raw(format!(" to trace the selected fact ({kind})")),
        ]);
        paper.line("");
        for line in wrap(&format!(" {}", ABOUT.about), paper.width(), 1) {
            paper.line(Span::styled(line, state.theme().muted()));
        }
    } else {
        paper.line(Span::styled(" no fact is selected", state.theme().muted()));
    }
}

/// Why there is no heat map of a model, and what brings it.
fn draw_missing(seen: &Seen<'_>, paper: &mut Paper<'_>) {
    let of = seen.view().of;
    let text = match (of, seen.edits_of(of)) {
        (Of::Variant(letter), None) => format!(
            "variant {letter} is not in place and cannot be traced; {} in Compare puts it in place, then {} traces it",
            seen.keymap().first_key("compare", "keep-variant"),
            seen.keymap().first_key("", "trace")
        ),
        (Of::Without(edit), None) => format!("edit {edit} is not in place, so it cannot be left out"),
        (_, Some(with)) if is_being_traced(seen, &with) => {
            format!("tracing on {}: the clean and the corrupted runs come first", seen.model(of))
        }
        _ if seen.lacks(of).is_some() => format!(
            "this fact has not been traced on {}; {} traces it and leaves the edits in place",
            seen.model(of),
            seen.keymap().first_key("", "trace")
        ),
        _ => format!(
            "this fact has not been traced on {}; with its edits in place {} traces it",
            seen.model(of),
            seen.keymap().first_key("", "trace")
        ),
    };
    for line in wrap(&format!(" {}", printable(&text)), paper.width(), 1) {
        paper.line(Span::styled(line, seen.theme().muted()));
    }
}

/// Whether a trace of the fact that is shown was ordered on the model with these edits, and has not told anything yet.
fn is_being_traced(seen: &Seen<'_>, with: &[u64]) -> bool {
    let in_place = seen.edits.numbers();
    let of_order = |order: &TraceOrder| in_place.iter().filter(|edit| !order.without.contains(edit)).eq(with);
    let ordered = seen.all().traces.ordered.as_ref();
    ordered.is_some_and(|(_, order)| seen.fact() == Some(&order.fact) && of_order(order))
}

/// How a trace ended that did not end well.
fn outcome_line(state: &State, outcome: &Outcome) -> Line<'static> {
    match outcome {
        Outcome::Done => Line::default(),
        Outcome::Cancelled { kept } if kept.is_empty() => Line::styled(" canceled", state.theme().warn()),
        Outcome::Cancelled { kept } => {
            Line::styled(format!(" canceled; kept: {}", printable(kept)), state.theme().warn())
        }
        Outcome::Failed { error, .. } => Line::styled(format!(" failed: {}", printable(error)), state.theme().bad()),
    }
}

/// What is drawn: a heat map, and the one that differences are taken from.
#[derive(Clone, Copy)]
struct Drawn<'a> {
    view: &'a TraceView,
    other: Option<&'a TraceView>,
}

impl Drawn<'_> {
    /// The effect of a cell, or its difference.
    fn value(&self, token: usize, layer: usize) -> Option<f64> {
        let effect = self.view.effect(token, layer)?;
        match self.other {
            Some(other) => Some(effect - other.effect(token, layer)?),
            None => Some(effect),
        }
    }

    /// The largest difference, whatever its sign.
    fn largest(&self) -> f64 {
        let cells = (0..self.view.started.tokens.len())
            .flat_map(|token| (0..self.view.started.layers).filter_map(move |layer| self.value(token, layer)));
        cells.map(f64::abs).filter(|value| value.is_finite()).fold(1e-9, f64::max)
    }
}

fn draw_view(own: &TracePane, state: &Seen<'_>, view: &TraceView, paper: &mut Paper<'_>) {
    let started = &view.started;
    let dot = format!(" {} ", state.glyphs().dot());
    let mut what = match started.order.kind {
        TraceKind::Hidden => kind_name(TraceKind::Hidden).to_owned(),
        kind => format!("{}, window {}", kind_name(kind), started.order.window),
    };
    if started.order.intervention != Intervention::Restore {
        what += &format!(", {}", started.order.intervention.title());
    }
    if arrange(state).has_tabs {
        // no border whose title says it
        what += &format!(", {}", with_edits(&started.in_place));
    }
    let mut numbers = format!("{dot}clean {}", probability(started.clean));
    if !started.order.intervention.is_ablation() {
        numbers += &format!("{dot}corrupted {}", probability(started.corrupted));
    }
    let answer = format!("{} “{}”", started.order.answer.whose(), token_text(started.answer.trim(), state.glyphs()));
    // the longest that there is room for
    let short = what.replacen(kind_name(TraceKind::Hidden), "hidden", 1);
    let ways = [(&what, "traced answer: "), (&what, "answer: "), (&what, ""), (&short, "")];
    let fits = |(what, before): &&(&String, &str)| {
        width(what) + width(before) + width(&answer) + width(&dot) + width(&numbers) < paper.width()
    };
    let (what, before) = ways.iter().find(fits).unwrap_or(&ways[3]);
    paper.line(vec![
        Span::styled(format!(" {what}"), state.theme().heading()),
        Span::raw(dot.clone()),
        Span::styled(format!("{before}{answer}"), state.theme().accent()),
        Span::raw(numbers),
    ]);
    let drawn = Drawn { view, other: own.other(state, view) };
    if let Some(against) = state.view().against {
        let text = match difference_missing(state, against, drawn) {
            None => {
                let other = drawn.other.filter(|other| other.started.answer != started.answer);
                let other = other.map_or_else(String::new, |other| format!(", {}", other.started.answer_in_words()));
                format!(" effects minus those of {}{}", state.model(against), printable(&other))
            }
            Some(why) => {
                let text = format!(" no difference: {}", printable(&why));
                wrap(&text, paper.width(), 1).into_iter().for_each(|line| {
                    paper.line(Span::styled(line, state.theme().warn()));
                });
                return;
            }
        };
        paper.line(Line::styled(text, state.theme().accent()));
    } else {
        paper.line(progress_line(state, view, paper.width()));
    }
    if let Some(why) = &view.undefined {
        let text = format!(" no effect is defined: {}", printable(why));
        for line in wrap(&text, paper.width(), 1).into_iter().take(3) {
            paper.line(Span::styled(line, state.theme().bad()));
        }
    }
    // What is below the map: the value under the cursor and the scale.
    let below = match paper.left() {
        0..6 => 0,
        6..9 => 1,
        _ => 2,
    };
    let map_rows = paper.left().saturating_sub(below);
    draw_map(own, state, drawn, paper, map_rows);
    if below >= 1 {
        paper.line(cursor_line(own, state, drawn));
    }
    if below >= 2 {
        paper.line(scale_line(own, state, drawn));
    }
}

/// Why there is no difference from a model.
fn difference_missing(state: &Seen<'_>, against: Of, drawn: Drawn<'_>) -> Option<String> {
    let Some(other) = drawn.other else {
        return Some(format!("there is no trace of {}", state.model(against)));
    };
    let sides = [(state.view().of, drawn.view), (against, other)];
    let undefined = sides.into_iter().find_map(|(of, view)| Some((of, view.undefined.as_ref()?)));
    undefined.map(|(of, why)| format!("no effect is defined on {}: {why}", state.model(of)))
}

fn progress_line(state: &Seen<'_>, view: &TraceView, room: usize) -> Line<'static> {
    let (done, rows) = (view.rows_done(), view.started.tokens.len());
    let order = &view.started.order;
    let settings = match order.intervention {
        Intervention::AblateMean => {
            format!("mean over {} of other facts", counted(view.started.donors.len(), "prompt"))
        }
        Intervention::AblateResample => format!("from {}", counted(view.started.donors.len(), "other subject")),
        Intervention::AblateZero => "in the clean run".to_owned(),
        _ => format!("noise {} ({})", ratio(view.started.noise_level), counted(order.samples, "sample")),
    };
    match &view.outcome {
        None if view.shows_preview() => {
            let text = format!(" preview (first order); exact: {done} of {rows} tokens");
            let whole = format!("{text}; {settings}");
            Line::styled(if width(&whole) > room { text } else { whole }, state.theme().accent())
        }
        None => Line::styled(format!(" filling: {done} of {rows} tokens; {settings}"), state.theme().accent()),
        // a view of another state shows what it was asked for
        Some(Outcome::Done | Outcome::Cancelled { .. })
            if state.view().of == Of::AsItIs && !view.started.is_of(&state.edits.numbers()) =>
        {
            let key = state.keymap().first_key(ABOUT.name, "trace");
            let text = format!(" of {}; {key} traces the model as it is now", view.started.model());
            let short = format!(" of an older state; {key} traces the model as it is now");
            Line::styled(if width(&text) > room { short } else { text }, state.theme().warn())
        }
        Some(Outcome::Done) if view.undefined.is_some() => Line::styled(format!(" {settings}"), state.theme().muted()),
        Some(Outcome::Done) => {
            let peak = |token: Option<usize>| {
                let peak = view.peak(Some(token?))?;
                let name = token_text(&view.started.tokens.get(peak.token)?.text, state.glyphs());
                Some(format!("{name} {} at layer {}", signed(peak.effect), peak.layer))
            };
            // the greatest of all comes first, wherever it is
            let greatest = view.peak(None).map(|peak| peak.token);
            let others = [view.last_subject_token(), view.last_token()].into_iter().filter(|token| *token != greatest);
            let peaks: Vec<String> = std::iter::once(greatest).chain(others).filter_map(peak).collect();
            let peaks = format!(" greatest: {}", peaks.join(", "));
            let text = format!("{peaks}; {settings}");
            Line::styled(if width(&text) > room { peaks } else { text }, state.theme().muted())
        }
        Some(outcome) => outcome_line(state, outcome),
    }
}

fn table(own: &TracePane, state: &Seen<'_>, view: &TraceView) -> Table {
    let columns =
        ["token", "text", "subject", "layer", "restored", "effect", "model", "undefined"].map(str::to_owned).to_vec();
    let (model, undefined) = (view.started.model(), view.undefined.clone());
    let mut rows = Vec::new();
    let mut cursor = 0;
    for (token, text) in view.started.tokens.iter().enumerate() {
        for layer in 0..view.started.layers {
            let Some(score) = view.score(token, layer) else { continue };
            if token == own.cursor_token(state, view) && layer == state.layer() {
                cursor = rows.len();
            }
            rows.push(vec![
                json!(token),
                json!(text.text),
                json!(text.subject),
                json!(layer),
                json!(score),
                json!(view.effect(token, layer)),
                json!(model),
                json!(undefined),
            ]);
        }
    }
    let undefined = undefined.map_or_else(String::new, |why| format!("; no effect is defined: {why}"));
    let title = format!(
        "Trace of “{}” → {} on {model}: clean {}, corrupted {}{undefined}",
        view.started.order.fact.prompt(),
        view.started.answer_in_words(),
        probability(view.started.clean),
        probability(view.started.corrupted)
    );
    Table { name: "trace".to_owned(), title, columns, rows, cursor }
}
