//! The edits in place, any of which can be undone, and the undone ones, of which the last can be redone.

use super::{Pressed, drift, frame, middle};
use crate::input::Effect;
use crate::keys::Key;
use crate::looks::{Paper, fit, fit_left, printable, ratio, shorten, window_start, wrap};
use crate::panes::{Extent, Form, Motion, Table};
use crate::state::{State, Tone, Wish, is_large};
use crossterm::event::KeyCode;
use locus_protocol::{EditInPlace, Grade, Undo, counted};
use ratatui::buffer::Buffer;
use ratatui::text::{Line, Span};
use serde_json::json;
use std::ops::RangeInclusive;

/// The list, and which edit has the cursor.
#[derive(Clone, Debug, Default)]
pub struct EditList {
    cursor: usize,
    /// Where the selected lines begin that end at the cursor.
    anchor: Option<usize>,
}

/// An edit of the list.
#[derive(Clone, Copy, Debug)]
enum Entry<'a> {
    InPlace(&'a EditInPlace),
    /// Undone; the flag says whether it is the one that can be redone.
    Undone(&'a EditInPlace, bool),
}

impl<'a> Entry<'a> {
    fn edit(self) -> &'a EditInPlace {
        match self {
            Self::InPlace(edit) | Self::Undone(edit, _) => edit,
        }
    }
}

/// Those in place, the oldest first, then the undone ones, the last first.
fn entries(state: &State) -> Vec<Entry<'_>> {
    let last = state.edits.undone.len().saturating_sub(1);
    let undone = state.edits.undone.iter().enumerate().rev();
    let undone = undone.map(|(index, edit)| Entry::Undone(edit, index == last));
    state.edits.applied.iter().map(Entry::InPlace).chain(undone).collect()
}

impl EditList {
    /// The list with the cursor on the newest edit in place.
    #[must_use]
    pub fn new(state: &State) -> Self {
        Self { cursor: state.edits.applied.len().saturating_sub(1), anchor: None }
    }

    pub(super) fn press(&mut self, state: &State, key: Key) -> Pressed {
        let total = entries(state).len();
        self.cursor = self.cursor.min(total.saturating_sub(1));
        if let Some(motion) = Motion::of(key) {
            self.cursor = motion.in_list(self.cursor, total, usize::from(state.screen.size.1) / 4);
        }
        Pressed::stays(match (key.code, key.control) {
            (KeyCode::Char('v' | 'V'), false) => {
                self.anchor = if self.anchor.is_some() { None } else { Some(self.cursor) };
                Vec::new()
            }
            (KeyCode::Char('y'), false) => self.copy(state, Extent::Row),
            (KeyCode::Char('Y'), false) => self.copy(state, Extent::Table),
            (KeyCode::Esc, false) if self.anchor.is_some() => {
                self.anchor = None;
                Vec::new()
            }
            (KeyCode::Enter | KeyCode::Char('u' | ' '), false) => vec![self.toggle(state)],
            (KeyCode::Char('r'), true) => vec![Wish::Run("redo")],
            (KeyCode::Char('s'), false) => drift::rescore(state),
            (KeyCode::Esc | KeyCode::Char('q' | 'U'), false) => return Pressed::goes(Vec::new()),
            _ => Vec::new(),
        })
    }

    /// Copies the selected lines, or the one under the cursor, or all, with tabs.
    fn copy(&mut self, state: &State, extent: Extent) -> Vec<Wish> {
        let table = table(state, self.cursor);
        if table.rows.is_empty() {
            return Vec::new();
        }
        let anchor = self.anchor.take().and_then(|anchor| isize::try_from(anchor).ok());
        let further = anchor.and_then(|anchor| anchor.checked_sub_unsigned(self.cursor));
        let table = table.part(extent, further);
        let what = counted(table.rows.len(), "edit");
        vec![Effect::Copy { what, text: table.written(extent, Form::Tabs) }.into()]
    }

    /// Undoes the edit under the cursor, or redoes it.
    fn toggle(&self, state: &State) -> Wish {
        let order = match entries(state).get(self.cursor) {
            Some(Entry::InPlace(edit)) => {
                state.ready_for_history().map(|()| Wish::order("undo".to_owned(), Undo::of(edit.number)))
            }
            Some(Entry::Undone(_, true)) => Ok(Wish::Run("redo")),
            Some(Entry::Undone(..)) => Err("redo the most recently undone edit first".to_owned()),
            None => Err("no edit is in place".to_owned()),
        };
        order.unwrap_or_else(|why| Wish::say(Tone::Plain, why))
    }

    pub(super) fn draw(&self, state: &State, buffer: &mut Buffer) {
        let entries = entries(state);
        let place = self.cursor.min(entries.len().saturating_sub(1));
        let verdict = if entries.iter().any(|entry| entry.edit().verdict.is_some()) { 2 } else { 0 };
        let rows = u16::try_from(entries.len() + 13 + verdict).unwrap_or(u16::MAX);
        let area = middle(state, 100, rows.max(10));
        let mut paper = Paper::new(frame(state, area, &title(state), buffer), buffer);
        if entries.is_empty() {
            paper.line(format!(" no edit is in place; {} edits the selected fact", state.key("run")));
            return;
        }
        let head = format!(
            " {:<6} {:>5} {:>9} {} ",
            "edit",
            "facts",
            state.glyphs().change_norm(),
            fit_left(state.glyphs().weight_change(), 10, state.glyphs())
        );
        paper.line(Span::styled(head, state.theme().heading()));
        let foot = foot(state, entries.get(place).copied(), paper.width());
        let foot_rows = if paper.left() > foot.len() + 2 { foot.len() } else { 0 };
        let selected = self.anchor.map_or(place..=place, |anchor| anchor.min(place)..=anchor.max(place));
        let (lines, under_cursor) = lines(state, &entries, (place, &selected), paper.width());
        let list_rows = paper.left().saturating_sub(foot_rows);
        let first = window_start(under_cursor, list_rows, lines.len());
        let written = lines.len().min(list_rows);
        for line in lines.into_iter().skip(first).take(list_rows) {
            paper.line(line);
        }
        for _ in written..list_rows {
            paper.line("");
        }
        for line in foot.into_iter().take(foot_rows) {
            paper.line(line);
        }
    }
}

fn title(state: &State) -> String {
    let in_place = format!("{} in place", counted(state.edits.applied.len(), "edit"));
    match state.edits.undone.len() {
        0 => in_place,
        undone => format!("{in_place}, {undone} undone"),
    }
}

/// All lines, and which of them has the cursor.
fn lines(
    state: &State,
    entries: &[Entry<'_>],
    (place, selected): (usize, &RangeInclusive<usize>),
    room: usize,
) -> (Vec<Line<'static>>, usize) {
    let mut lines = Vec::new();
    let mut under_cursor = 0;
    for (index, entry) in entries.iter().enumerate() {
        let is_first_back = matches!(entry, Entry::Undone(_, true));
        if is_first_back {
            lines.push(Line::styled(" undone, the most recent first", state.theme().heading()));
        }
        if index == place {
            under_cursor = lines.len();
        }
        lines.push(line(state, *entry, (index == place, selected.contains(&index)), room));
    }
    (lines, under_cursor)
}

fn line(state: &State, entry: Entry<'_>, (cursor, focused): (bool, bool), room: usize) -> Line<'static> {
    let (glyphs, edit) = (state.glyphs(), entry.edit());
    let mark = if cursor { ">" } else { " " };
    let numbers = format!("{mark} {:<5} {:>5} {:>9} ", edit.number, edit.facts, ratio(edit.norm));
    let change = format!("{}{}", fit_left(&ratio(edit.relative), 10, glyphs), if is_large(edit) { "!" } else { " " });
    let title = shorten(&printable(&format!("{}{}", edit.mark(), edit.title)), room.saturating_sub(36), glyphs);
    let style = match (focused, entry) {
        (true, _) => state.theme().selected(),
        (_, Entry::InPlace(_)) => state.theme().text(),
        (_, Entry::Undone(..)) => state.theme().muted(),
    };
    let change_style = if is_large(edit) && !focused { state.theme().warn() } else { style };
    let is_plain = focused || matches!(entry, Entry::Undone(..));
    let judged = edit.verdict.as_ref().filter(|verdict| !is_plain && verdict.grade() != Grade::Took);
    let title_style = judged.map_or(style, |verdict| state.theme().verdict(verdict));
    Line::from(vec![
        Span::styled(numbers, style),
        Span::styled(change, change_style),
        Span::styled(fit(&format!(" {title}"), room.saturating_sub(35), glyphs), title_style),
    ])
}

/// All edits as a table.
fn table(state: &State, cursor: usize) -> Table {
    let columns = ["edit", "in_place", "facts", "norm", "relative_weight_change", "title", "verdict"];
    let row = |entry: Entry<'_>| {
        let edit = entry.edit();
        let verdict = edit.verdict.as_ref().map(locus_protocol::AimVerdict::words);
        let in_place = matches!(entry, Entry::InPlace(_));
        vec![
            json!(edit.number),
            json!(in_place),
            json!(edit.facts),
            json!(edit.norm),
            json!(edit.relative),
            json!(edit.title),
            json!(verdict),
        ]
    };
    let rows = entries(state).into_iter().map(row).collect();
    let columns = columns.map(str::to_owned).to_vec();
    Table { name: "edits".to_owned(), title: title(state), columns, rows, cursor }
}

/// What the mark means, what enter would do, and whether the weights are the checkpoint's.
fn foot(state: &State, entry: Option<Entry<'_>>, room: usize) -> Vec<Line<'static>> {
    let rule = state.glyphs().rule().repeat(room);
    let mut lines = vec![Line::styled(rule, state.theme().muted())];
    let edits = state.edits.applied.iter().chain(&state.edits.undone);
    if edits.clone().any(is_large) {
        let text = " ! a weight changed by more than its own norm: check other facts";
        lines.extend(wrap(text, room, 3).into_iter().map(|line| Line::styled(line, state.theme().warn())));
    }
    let what = match entry {
        Some(Entry::InPlace(edit)) => format!(" enter undoes edit {}; the others stay in place", edit.number),
        Some(Entry::Undone(edit, true)) => format!(" enter redoes edit {} in its old place", edit.number),
        _ => " redo the edit above first".to_owned(),
    };
    lines.push(Line::raw(shorten(&what, room, state.glyphs())));
    if let Some(verdict) = entry.and_then(|entry| entry.edit().verdict.as_ref()) {
        let words = wrap(&format!(" {}", printable(&verdict.words())), room, 1);
        lines.extend(words.into_iter().take(3).map(|line| Line::styled(line, state.theme().verdict(verdict))));
    }
    lines.extend(drift::lines(state, entry.map(|entry| entry.edit().number), room));
    let (answer, style) = match state.edits.unedited {
        Some(true) => ("yes", state.theme().good()),
        Some(false) => ("no", state.theme().warn()),
        None => ("not checked yet", state.theme().muted()),
    };
    lines.push(Line::from(vec![Span::raw(" weights identical to checkpoint: "), Span::styled(answer, style)]));
    lines
}
