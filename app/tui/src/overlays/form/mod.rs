//! The edit form: method, objective, layers, and every hyperparameter that the plugins declare.

mod fields;

use super::{Pressed, frame, middle};
use crate::actions;
use crate::keys::Key;
use crate::looks::{Paper, and_more, fit, printable, shorten, width, window_start, wrap};
use crate::panes::Panes;
use crate::state::{Change, State, Tone, Wish, shown_value};
use crate::text_input;
use crossterm::event::KeyCode;
use fields::{Field, choices_note, complaint, fields, help, is_choice, typed, value};
use locus_protocol::{MOST_SAID_TOKENS, PluginKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Position;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use tui_input::Input;

/// Cells of a field's name.
const NAME: usize = 24;
/// Name of the hyperparameter by which a plugin follows a published code to its quirks.
const PARITY: &str = "parity";
/// Its value where the plugin does what is sensible.
const PARITY_OFF: &str = "off";
/// Cells of a field's value.
const VALUE: usize = 20;

/// The form: which field has the cursor, and its text while it is typed.
#[derive(Clone, Debug, Default)]
pub struct Form {
    field: usize,
    typing: Option<Input>,
}

/// The title of the form: the variant, or the facts that the edit is about.
fn title(state: &State) -> String {
    if let Some(form) = &state.form.variant {
        return format!("Variant {}", form.letter);
    }
    let first = state
        .facts
        .first_to_edit()
        .map(|fact| format!("{}: {} {} {}", fact.subject, fact.target_true, state.glyphs().arrow(), fact.target_new));
    match (first, state.facts.marked()) {
        (None, _) => "Edit".to_owned(),
        (Some(first), 0 | 1) => format!("Edit {first}"),
        (Some(first), marked) => format!("Edit {marked} facts together: {}", and_more(&first, marked - 1)),
    }
}

/// What plugins that follow a published code to its quirks say about it, one line each.
fn parity_notes(state: &State) -> Vec<String> {
    let mut notes = Vec::new();
    for kind in [PluginKind::Method, PluginKind::Objective] {
        let Some(id) = state.settings().chosen(&state.engine, kind) else { continue };
        let parameters = state.engine.hyperparameters(kind, id).iter().filter(|parameter| parameter.name == PARITY);
        for parameter in parameters {
            let value = state.settings().typed(kind, id, PARITY).map_or(shown_value(&parameter.default), str::to_owned);
            if value != PARITY_OFF {
                notes.push(parameter.help.clone());
            }
        }
    }
    notes
}

impl Form {
    pub(super) fn press(&mut self, state: &State, panes: &Panes, key: Key) -> Pressed {
        let total = fields(state).len();
        self.field = self.field.min(total - 1);
        match key.code {
            KeyCode::Esc => return Pressed::goes(Vec::new()),
            KeyCode::Down | KeyCode::Tab => self.go((self.field + 1) % total),
            KeyCode::Up | KeyCode::BackTab => self.go((self.field + total - 1) % total),
            KeyCode::PageDown => self.go((self.field + 8).min(total - 1)),
            KeyCode::PageUp => self.go(self.field.saturating_sub(8)),
            KeyCode::Enter if fields(state).get(self.field) == Some(&Field::Run) => return self.run(state, panes),
            KeyCode::Enter => self.go((self.field + 1) % total),
            _ => return Pressed::stays(self.change(state, key).into_iter().map(Wish::from).collect()),
        }
        Pressed::stays(Vec::new())
    }

    fn go(&mut self, field: usize) {
        self.field = field;
        self.typing = None;
    }

    /// Starts the edit, unless a field is wrong: then goes there.
    fn run(&mut self, state: &State, panes: &Panes) -> Pressed {
        let wrong =
            fields(state).into_iter().enumerate().find_map(|(place, field)| Some((place, complaint(state, field)?)));
        if let Some((place, complaint)) = wrong {
            self.go(place);
            return Pressed::stays(vec![Wish::say(Tone::Bad, complaint)]);
        }
        if state.form.variant.is_some() {
            // it waits its turn
            return Pressed::goes(vec![Change::EndVariantForm.into(), Wish::Run("run-changed")]);
        }
        match actions::find("run").map(|run| run.available(panes, state)) {
            Some(Err(why)) => Pressed::stays(vec![Wish::say(Tone::Plain, why)]),
            _ => Pressed::goes(vec![Wish::Run("run")]),
        }
    }

    /// A key that changes the field under the cursor.
    fn change(&mut self, state: &State, key: Key) -> Option<Change> {
        let field = fields(state).get(self.field).copied()?;
        let forward = match key.code {
            KeyCode::Right | KeyCode::Char(' ' | 'l') => Some(true),
            KeyCode::Left | KeyCode::Char('h') => Some(false),
            _ => None,
        };
        let mut settings = state.settings().clone();
        match (field, forward) {
            (Field::Plugin(kind), Some(forward)) => {
                settings.step_plugin(&state.engine, kind, forward);
                Some(Change::Settings(settings))
            }
            (Field::Parameter(kind, plugin, parameter), Some(forward)) if is_choice(parameter) => {
                let choice = settings.next_choice(kind, plugin, parameter, forward)?;
                let choice = if choice == shown_value(&parameter.default) { String::new() } else { choice };
                settings.set(kind, plugin, &parameter.name, &choice);
                Some(Change::Settings(settings))
            }
            (Field::Parameter(_, _, parameter), None) if is_choice(parameter) => None,
            (Field::Layers | Field::FreeGeneration | Field::Parameter(..), _) => {
                self.start_typing(state, field, key);
                let mut typing = self.typing.take().unwrap_or_default();
                text_input::press(&mut typing, key);
                let change = typed(state, field, typing.value());
                self.typing = Some(typing);
                change
            }
            (Field::Plugin(_) | Field::Run, _) => None,
        }
    }

    /// Typing takes the place of a default; moving or deleting starts from what is there.
    fn start_typing(&mut self, state: &State, field: Field<'_>, key: Key) {
        if self.typing.is_none() {
            let (text, is_default) = value(state, field);
            let replace = is_default && (field == Field::Layers || key.typed().is_some());
            self.typing = Some(if replace { Input::default() } else { Input::new(text) });
        }
    }

    pub(super) fn paste(&mut self, state: &State, text: &str) -> Vec<Wish> {
        let Some(field) = fields(state).get(self.field).copied() else { return Vec::new() };
        let takes_text = match field {
            Field::Layers | Field::FreeGeneration => true,
            Field::Parameter(_, _, parameter) => !is_choice(parameter),
            Field::Plugin(_) | Field::Run => false,
        };
        if !takes_text {
            return Vec::new();
        }
        self.start_typing(state, field, Key::character('x'));
        let mut typing = self.typing.take().unwrap_or_default();
        text_input::insert(&mut typing, text);
        let change = typed(state, field, typing.value());
        self.typing = Some(typing);
        change.into_iter().map(Wish::from).collect()
    }

    pub(super) fn draw(&self, state: &State, buffer: &mut Buffer) -> Option<Position> {
        let fields = fields(state);
        let place = self.field.min(fields.len().saturating_sub(1));
        let notes = 2 * parity_notes(state).len();
        let rows = u16::try_from(fields.len() + notes + 9).unwrap_or(u16::MAX);
        let area = middle(state, 92, rows.min(state.screen.size.1));
        let title = title(state);
        let title = shorten(&printable(&title), usize::from(area.width.saturating_sub(6)), state.glyphs());
        let inside = frame(state, area, &title, buffer);
        let mut paper = Paper::new(inside, buffer);
        let foot = if paper.left() >= 8 { 4 } else { 0 };
        let (lines, under_cursor) = self.lines(state, &fields, place, paper.width());
        let list_rows = paper.left().saturating_sub(foot);
        let first = window_start(under_cursor, list_rows, lines.len());
        let below = lines.len().saturating_sub(first + list_rows);
        let written = lines.len().min(list_rows);
        for line in lines.into_iter().skip(first).take(list_rows) {
            paper.line(line);
        }
        for _ in written..list_rows {
            paper.line("");
        }
        if foot > 0 {
            let more = if below > 0 { format!(" {below} more below ") } else { String::new() };
            let rule = state.glyphs().rule().repeat(paper.width().saturating_sub(width(&more)));
            paper.line(Span::styled(rule + &more, state.theme().muted()));
            if let Some(field) = fields.get(place) {
                let (text, how) = help(state, *field);
                let room = paper.width();
                paper.line(shorten(&format!(" {}", printable(&text)), room, state.glyphs()));
                paper.line(Span::styled(
                    shorten(&format!(" {}", printable(&how)), room, state.glyphs()),
                    state.theme().muted(),
                ));
                let complaint = complaint(state, *field).unwrap_or_default();
                paper.line(Span::styled(
                    shorten(&format!(" {}", printable(&complaint)), room, state.glyphs()),
                    state.theme().bad(),
                ));
            }
        }
        self.cursor(inside, under_cursor.checked_sub(first)?)
    }

    /// Where the cursor stands in the field that is typed in.
    fn cursor(&self, inside: ratatui::layout::Rect, row: usize) -> Option<Position> {
        let typing = self.typing.as_ref()?;
        let column = NAME + 4 + typing.visual_cursor().saturating_sub(typing.visual_scroll(VALUE - 1)).min(VALUE);
        let (column, row) = (u16::try_from(column).ok()?, u16::try_from(row).ok()?);
        (column < inside.width && row < inside.height).then(|| Position::new(inside.x + column, inside.y + row))
    }

    /// All lines, and which of them has the cursor.
    fn lines(&self, state: &State, fields: &[Field<'_>], place: usize, room: usize) -> (Vec<Line<'static>>, usize) {
        let mut lines = Vec::new();
        let mut under_cursor = 0;
        let mut section = None;
        for (index, field) in fields.iter().enumerate() {
            if let Field::Parameter(kind, plugin, _) = field
                && section != Some(*kind)
            {
                section = Some(*kind);
                lines.push(Line::default());
                let title = format!(" {} (optional)", printable(state.engine.title(*kind, plugin)));
                lines.push(Line::styled(title, state.theme().heading()));
            }
            if index == place {
                under_cursor = lines.len();
            }
            lines.push(self.line(state, *field, index == place, room));
            if *field == Field::Run {
                for note in parity_notes(state) {
                    let note = wrap(&format!(" parity: {}", printable(&note)), room, 9);
                    lines.extend(note.into_iter().map(|line| Line::styled(line, state.theme().warn())));
                }
            }
        }
        (lines, under_cursor)
    }

    fn line(&self, state: &State, field: Field<'_>, focused: bool, room: usize) -> Line<'static> {
        let theme = state.theme();
        let mark = if focused { ">" } else { " " };
        let name_style = if focused { theme.accent() } else { theme.text() };
        let (text, is_default) = value(state, field);
        let wrong = complaint(state, field).is_some();
        let (name, after) = match field {
            Field::Run => {
                let style = if focused { theme.selected() } else { theme.heading() };
                let what = match &state.form.variant {
                    Some(form) => format!("try variant {}", form.letter),
                    None => state.run_hint(),
                };
                let text = format!("[ Run: {what} ]");
                return Line::from(vec![
                    Span::styled(format!(" {mark} "), name_style),
                    Span::styled(printable(&text), style),
                ]);
            }
            Field::Plugin(PluginKind::Method) => ("method", choices_note(state, PluginKind::Method)),
            Field::Plugin(PluginKind::Objective) => ("objective", choices_note(state, PluginKind::Objective)),
            Field::Layers => ("layers", format!("0 to {}", state.layers().saturating_sub(1))),
            Field::FreeGeneration => ("free generation", format!("tokens 0 to {MOST_SAID_TOKENS}; 0: off")),
            Field::Parameter(_, _, parameter) => {
                (parameter.name.as_str(), format!("{} {}", parameter.unit, parameter.range()))
            }
        };
        let shown = match (&self.typing, focused) {
            (Some(typing), true) => printable(typing.value()).chars().skip(typing.visual_scroll(VALUE - 1)).collect(),
            _ => printable(&text),
        };
        let value_style = match (wrong, is_default, focused) {
            (true, ..) => theme.bad(),
            (_, true, true) => Style::new(),
            (_, true, false) => theme.muted(),
            (_, false, _) => theme.heading(),
        };
        let changed = if matches!(field, Field::Parameter(..)) && !is_default { "*" } else { " " };
        let value_cells = fit(&shown, VALUE, state.glyphs());
        let after = if wrong { format!("wrong: {}", after.trim()) } else { after.trim().to_owned() };
        let after_room = room.saturating_sub(NAME + VALUE + 6);
        Line::from(vec![
            Span::styled(format!(" {mark} {}", fit(&printable(name), NAME, state.glyphs())), name_style),
            Span::raw(changed),
            Span::styled(value_cells, value_style),
            Span::styled(format!(" {}", shorten(&printable(&after), after_room, state.glyphs())), theme.muted()),
        ])
    }
}
