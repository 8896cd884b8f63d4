//! The facts, the prompt of the selected one with its next tokens, and the line to type one.

mod own;

use super::{About, Action, Models, Motion, Pane, Table, action};
use crate::keys::Key;
use crate::looks::{Paper, fit, printable, probability, shorten, token_text, width, window_start, wrap};
use crate::state::{Change, Seen, State, Wish};
use crate::text_input;
use crossterm::event::KeyCode;
use locus_protocol::{Fact, counted};
use own::{OwnFact, Typed};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use serde_json::{Value, json};
use tui_input::Input;

pub const ABOUT: About = About {
    name: "fact",
    title: "Fact",
    about: "The facts of the model, and what it answers now. [Brackets] mark the subject of the prompt; an edit \
            replaces the true target with the new one. Facts marked with * are edited together, in one edit, by a method \
            that takes many.",
    go: go_to!("fact", "Fact"),
    actions: || action::table(ACTIONS),
    models: Models::Same,
};

const ACTIONS: &[Action<FactPane>] = &[
    Action {
        name: "filter",
        help: "filter the facts: a few letters; !word excludes",
        hint: Some(|_, _| "filter".into()),
        available: |_, state| match state.facts.total() {
            0 => Err("there are no facts to filter yet".into()),
            _ => Ok(()),
        },
        run: |fact, _| {
            fact.filtering = true;
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "sort-facts",
        help: "sort by subject, relation, answer, or as in the file",
        available: |_, state| has_facts(state),
        run: |_, _| vec![Change::NextFactOrder.into()],
        ..Action::PLAIN
    },
    Action {
        name: "mark",
        help: "mark the fact; marked facts are edited together",
        available: |_, state| has_facts(state),
        run: |_, _| vec![Change::Focus("fact").into(), Change::ToggleMark.into()],
        ..Action::PLAIN
    },
    Action {
        name: "mark-all",
        help: "mark all facts that match the filter",
        available: |_, state| has_facts(state),
        run: |_, _| vec![Change::MarkShown.into()],
        ..Action::PLAIN
    },
    Action {
        name: "unmark-all",
        help: "clear all marks",
        available: |_, state| match state.facts.marked() {
            0 => Err("no fact is marked".into()),
            _ => Ok(()),
        },
        run: |_, _| vec![Change::UnmarkAll.into()],
        ..Action::PLAIN
    },
];

fn has_facts(state: &State) -> Result<(), String> {
    if state.facts.shown() > 0 { Ok(()) } else { Err("there is no fact to mark".to_owned()) }
}

/// What it has of its own.
#[derive(Clone, Debug, Default)]
pub struct FactPane {
    /// Whether keys go into the filter.
    filtering: bool,
    /// A fact that is being typed.
    own: Option<OwnFact>,
}

impl FactPane {
    /// Has a fact be typed, from nothing or from a fact on.
    pub fn type_fact(&mut self, from: Option<&Fact>) {
        self.own = Some(from.map_or_else(OwnFact::default, OwnFact::from_fact));
    }

    fn press_in_filter(&mut self, state: &State, key: Key) -> Vec<Wish> {
        let selected = state.facts.selected();
        let change = match key.code {
            KeyCode::Enter => {
                self.filtering = false;
                Change::AskNextTokens
            }
            KeyCode::Esc => {
                self.filtering = false;
                Change::Filter(Input::default())
            }
            KeyCode::Down => Change::SelectFact(selected + 1),
            KeyCode::Up => Change::SelectFact(selected.saturating_sub(1)),
            _ => {
                let mut filter = state.facts.filter.clone();
                let changed = text_input::press(&mut filter, key);
                if changed { Change::Filter(filter) } else { Change::MoveInFilter(filter) }
            }
        };
        vec![change.into()]
    }
}

impl Pane for FactPane {
    fn draw(&self, state: &Seen<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let mut paper = Paper::new(area, buffer);
        if state.facts.total() == 0 && self.own.is_none() {
            draw_welcome(state, &mut paper);
            return None;
        }
        let detail_rows = detail_rows(paper.left());
        let list_rows = paper.left().saturating_sub(detail_rows + 2);
        let cursor = draw_filter(state, self.filtering, &mut paper);
        draw_list(state, &mut paper, list_rows);
        let rule = state.glyphs().rule().repeat(paper.width());
        paper.line(Span::styled(rule, state.theme().muted()));
        match &self.own {
            Some(own) => own.draw(state, &mut paper),
            None => {
                draw_detail(state, &mut paper);
                cursor
            }
        }
    }

    fn motion(&mut self, state: &Seen<'_>, motion: Motion, page: usize) -> Vec<Wish> {
        let place = motion.in_list(state.facts.selected(), state.facts.shown(), page / 2);
        if place == state.facts.selected() { Vec::new() } else { vec![Change::SelectFact(place).into()] }
    }

    fn has_table(&self, state: &Seen<'_>) -> bool {
        state.facts.shown() > 0
    }

    fn table(&self, state: &Seen<'_>) -> Option<Table> {
        Some(table(state))
    }

    fn row(&self, state: &Seen<'_>) -> Option<usize> {
        state.fact().map(|_| state.facts.selected())
    }

    fn cell(&self, state: &Seen<'_>) -> Option<(String, Value)> {
        state.all().fact().map(|fact| ("the prompt".to_owned(), json!(fact.prompt())))
    }

    fn begin_anew(&mut self) {
        *self = Self::default();
    }

    fn typing(&self) -> Option<&'static [(&'static str, &'static str)]> {
        match &self.own {
            Some(_) => Some(&[("enter", "next field, then done"), ("tab", "next field"), ("esc", "leave")]),
            None => {
                self.filtering.then_some(&[("enter", "keep the filter"), ("esc", "clear it"), ("up/down", "select")])
            }
        }
    }

    fn press(&mut self, state: &State, key: Key) -> Vec<Wish> {
        let Some(own) = &mut self.own else { return self.press_in_filter(state, key) };
        match own.press(key) {
            Typed::Goes => Vec::new(),
            Typed::Left => {
                self.own = None;
                Vec::new()
            }
            Typed::Done(fact) => {
                self.own = None;
                vec![Change::AddFact(fact).into()]
            }
        }
    }

    fn paste(&mut self, state: &State, line: &str) -> Vec<Wish> {
        if let Some(own) = &mut self.own {
            text_input::insert(own.input(), line);
            return Vec::new();
        }
        let mut filter = state.facts.filter.clone();
        text_input::insert(&mut filter, line);
        vec![Change::Filter(filter).into()]
    }
}

/// Rows for the selected fact: prompt, targets, a heading and some next tokens.
fn detail_rows(rows: usize) -> usize {
    match rows {
        0..8 => 0,
        8..14 => 5,
        14..22 => 8,
        _ => 13,
    }
}

fn draw_welcome(state: &State, paper: &mut Paper<'_>) {
    paper.line("");
    paper.line(" Locus finds where a language model keeps a fact, and edits it there.");
    paper.line("");
    for line in first_steps(state) {
        paper.line(line);
    }
    paper.line("");
    let key = |name: &str| state.keymap().first_key(ABOUT.name, name);
    let text = match (&state.engine.load_trouble, state.job(), state.facts.arrived) {
        (Some(trouble), None, _) => format!(" {} ({} tries again)", printable(trouble), key("load")),
        (_, Some(job), _) if state.engine.model.is_none() => {
            format!(" Please wait: {} ({} cancels it).", job.title, key("cancel"))
        }
        (_, _, true) => format!(" This model comes without facts; press {} to type one.", key("own-fact")),
        _ => format!(" {}", state.without_a_model()),
    };
    let style = if state.engine.load_trouble.is_some() { state.theme().bad() } else { state.theme().accent() };
    let width = paper.width();
    for line in wrap(&text, width, 1) {
        paper.line(Span::styled(line, style));
    }
}

/// What a newcomer does first, with the keys as they are.
#[must_use]
pub fn first_steps(state: &State) -> Vec<Line<'static>> {
    let steps = [
        (vec!["down", "up", "filter"], "pick a fact"),
        (vec!["trace"], "trace it: which states carry it"),
        (vec!["run", "edit-form"], "edit it, or first choose method and layer"),
        (vec!["undo"], "undo the edit"),
        (vec!["quit"], "leave"),
    ];
    let line = |(names, text): (Vec<&str>, &str)| {
        let keys: Vec<_> = names.iter().map(|name| state.keymap().first_key(ABOUT.name, name)).collect();
        let keys = fit(&keys.join(" "), 8, state.glyphs());
        Line::from(vec![Span::raw("   "), Span::styled(keys, state.theme().accent()), Span::raw(text.to_owned())])
    };
    steps.into_iter().map(line).collect()
}

fn draw_filter(state: &State, filtering: bool, paper: &mut Paper<'_>) -> Option<Position> {
    let facts = &state.facts;
    let count = match facts.shown() == facts.total() {
        true => counted(facts.total(), "fact"),
        false => format!("{} of {}", facts.shown(), counted(facts.total(), "fact")),
    };
    let count = match facts.order.name() {
        "" => count,
        name => format!("{count} by {name}"),
    };
    let marked = match facts.marked() {
        0 => Span::raw(""),
        marked => {
            let text =
                format!(" {marked} marked ({} clears the marks)", state.keymap().first_key(ABOUT.name, "unmark-all"));
            Span::styled(text, state.theme().accent())
        }
    };
    let area = paper.rest();
    let value = printable(facts.filter.value());
    if !filtering && facts.filter.value().is_empty() {
        let source = printable(&facts.source);
        let filter = state.keymap().first_key(ABOUT.name, "filter");
        let text = match facts.marked() {
            0 => format!(
                " {count} of {source}; {filter} filters, {} marks",
                state.keymap().first_key(ABOUT.name, "mark")
            ),
            _ => format!(" {count};"),
        };
        paper.line(vec![Span::styled(text, state.theme().muted()), marked]);
        return None;
    }
    paper.line(vec![
        Span::styled(" /", state.theme().accent()),
        Span::raw(value),
        Span::styled(format!("   {count}"), state.theme().muted()),
        marked,
    ]);
    let column = u16::try_from(facts.filter.visual_cursor() + 2).unwrap_or(u16::MAX);
    let inside = area.height > 0 && column < area.width;
    (filtering && inside).then(|| Position::new(area.x + column, area.y))
}

fn draw_list(state: &Seen<'_>, paper: &mut Paper<'_>, rows: usize) {
    let facts = &state.facts;
    let start = window_start(facts.selected(), rows, facts.shown());
    let room = paper.width();
    let mut written = 0;
    for (offset, fact) in facts.from(start).take(rows).enumerate() {
        let selected = start + offset == facts.selected();
        let is_marked = facts.is_marked(start + offset);
        let mark = format!("{}{}", if selected { ">" } else { " " }, if is_marked { "*" } else { " " });
        let arrow = state.glyphs().arrow();
        let answer = format!(" {arrow} {}", printable(&fact.target_true));
        let prompt = shorten(&printable(&fact.prompt()), room.saturating_sub(width(&answer) + 2), state.glyphs());
        let text = fit(&format!("{mark}{prompt}{answer}"), room, state.glyphs());
        let selected = selected || state.is_selected(start + offset, facts.selected());
        let style = match (selected, is_marked) {
            (true, _) => state.theme().selected(),
            (false, true) => state.theme().accent(),
            (false, false) => state.theme().text(),
        };
        paper.line(Span::styled(text, style));
        written += 1;
    }
    if facts.shown() == 0 && rows > 0 {
        let leave = state.keymap().first_key(ABOUT.name, "leave");
        paper.line(Span::styled(format!(" nothing matches; {leave} clears the filter"), state.theme().warn()));
        written += 1;
    }
    for _ in written..rows {
        paper.line("");
    }
}

/// A prompt with its subject in brackets, which show it without colors too.
#[must_use]
pub fn prompt_spans(state: &State, fact: &Fact) -> Vec<Span<'static>> {
    let (before, after) = fact.template.split_once("{}").unwrap_or((&fact.template, ""));
    vec![
        Span::raw(printable(before)),
        Span::styled(format!("[{}]", printable(&fact.subject)), state.theme().subject()),
        Span::raw(printable(after)),
    ]
}

fn draw_detail(state: &State, paper: &mut Paper<'_>) {
    let Some(fact) = state.fact() else { return };
    let mut spans = vec![Span::raw(" ")];
    spans.extend(prompt_spans(state, fact));
    paper.line(spans);
    let new = match fact.target_new.as_str() {
        "" => format!("(none; {} adds one)", state.keymap().first_key(ABOUT.name, "amend-fact")),
        new => printable(new),
    };
    paper.line(vec![
        Span::styled(" true ", state.theme().muted()),
        Span::styled(printable(&fact.target_true), state.theme().heading()),
        Span::styled(format!("  {} new ", state.glyphs().arrow()), state.theme().muted()),
        Span::styled(new, state.theme().heading()),
        Span::styled(
            format!("  ({} paraphrases, {} neighborhood prompts)", fact.paraphrases.len(), fact.neighborhood.len()),
            state.theme().muted(),
        ),
    ]);
    match state.prediction() {
        Some(prediction) => {
            let edits = match prediction.edits {
                0 => "unedited model".to_owned(),
                edits => format!("with {} in place", counted(edits, "edit")),
            };
            paper.line(Span::styled(format!(" next token ({edits})"), state.theme().muted()));
            for top in &prediction.top {
                paper.line(token_line(state, &top.text, top.probability, fact, paper.width()));
            }
        }
        None if state.engine.model.is_some() => {
            let text = if state.job().is_some() && state.ready_for_a_look().is_err() {
                " next tokens appear when the job is done"
            } else {
                " asking for the next tokens"
            };
            paper.line(Span::styled(text, state.theme().muted()));
        }
        None => paper.line(Span::styled(" next tokens appear when the model is loaded", state.theme().muted())),
    }
}

/// A next token with its probability as a number and as a bar; the targets are named.
fn token_line(state: &State, text: &str, value: f64, fact: &Fact, room: usize) -> Line<'static> {
    const BEFORE: usize = 1 + 14 + 1 + 5 + 1 + 5;
    let is = |target: &str| !target.is_empty() && !text.trim().is_empty() && target.starts_with(text.trim());
    let role = match (is(&fact.target_true), is(&fact.target_new)) {
        (true, _) => "true",
        (_, true) => "new",
        _ => "",
    };
    let cells = room.saturating_sub(BEFORE + 2).min(50);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "cells of a bar"
    )]
    let filled = (value.clamp(0.0, 1.0) * cells as f64).round() as usize;
    let style = if role.is_empty() { state.theme().text() } else { state.theme().heading() };
    Line::from(vec![
        Span::styled(format!(" {} ", fit(&token_text(text, state.glyphs()), 14, state.glyphs())), style),
        Span::raw(format!("{:>5} ", probability(value))),
        Span::styled(format!("{role:<5}"), state.theme().accent()),
        Span::styled(state.glyphs().bar().repeat(filled), state.theme().accent()),
    ])
}

fn table(state: &State) -> Table {
    let columns = ["prompt", "subject", "target_true", "target_new", "relation"].map(str::to_owned).to_vec();
    let rows = state.facts.from(0).map(|fact| {
        vec![
            json!(fact.prompt()),
            json!(fact.subject),
            json!(fact.target_true),
            json!(fact.target_new),
            json!(fact.relation),
        ]
    });
    Table {
        name: "facts".to_owned(),
        title: String::new(),
        columns,
        rows: rows.collect(),
        cursor: state.facts.selected(),
    }
}
