//! The keys of the pane and of everywhere, filtered as one types; Enter runs the selected line.

use super::{Pressed, frame, middle};
use crate::actions;
use crate::keys::Key;
use crate::looks::{Paper, fit, printable, window_start, wrap};
use crate::panes::{Act, Motion, PANES, Panes, first_steps};
use crate::state::{State, Wish};
use crate::text_input;
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use tui_input::Input;

/// The help: what is typed to filter it, and which line has the cursor.
#[derive(Clone, Debug, Default)]
pub struct Help {
    filter: Input,
    /// Place of the selected line among those of actions; none before anything was gone to.
    selected: Option<usize>,
}

enum Row {
    Text(Line<'static>),
    Action(&'static dyn Act),
}

impl Row {
    fn action(&self) -> Option<&'static dyn Act> {
        match self {
            Self::Text(_) => None,
            Self::Action(action) => Some(*action),
        }
    }
}

impl Help {
    fn area(state: &State) -> Rect {
        middle(state, 84, state.screen.size.1)
    }

    /// All lines; with a filter the actions that it lets through.
    fn rows(&self, state: &State, room: usize) -> Vec<Row> {
        let filter = self.filter.value().trim().to_lowercase();
        if filter.is_empty() {
            return everything(state, room);
        }
        let words: Vec<&str> = filter.split_whitespace().collect();
        let text =
            |action: &dyn Act| format!("{} {} {}", keys(state, action), action.name(), action.help()).to_lowercase();
        let matches =
            |row: &Row| row.action().is_some_and(|action| words.iter().all(|word| text(action).contains(word)));
        everything(state, room).into_iter().filter(matches).collect()
    }

    pub(super) fn press(&mut self, state: &State, key: Key) -> Pressed {
        let area = Self::area(state);
        let actions: Vec<&dyn Act> =
            self.rows(state, usize::from(area.width.saturating_sub(2))).iter().filter_map(Row::action).collect();
        match (key.code, key.control) {
            (KeyCode::Esc, _) if self.filter.value().is_empty() => return Pressed::goes(Vec::new()),
            (KeyCode::Char('?'), false) if self.filter.value().is_empty() => return Pressed::goes(Vec::new()),
            (KeyCode::Esc, _) => (self.filter, self.selected) = (Input::default(), None),
            (KeyCode::Enter, _) => {
                let selected = self.selected.or_else(|| (!self.filter.value().trim().is_empty()).then_some(0));
                let action = selected.and_then(|place| actions.get(place));
                return Pressed::goes(action.map(|action| Wish::Run(action.name())).into_iter().collect());
            }
            _ => match Motion::of(key).filter(|_| key.typed().is_none()) {
                Some(motion) if !actions.is_empty() => {
                    let page = usize::from(area.height / 2);
                    let next = match self.selected {
                        None if matches!(motion, Motion::Down | Motion::Top) => 0,
                        place => motion.in_list(place.unwrap_or(0), actions.len(), page),
                    };
                    self.selected = Some(next);
                }
                Some(_) => {}
                None => {
                    if text_input::press(&mut self.filter, key) {
                        self.selected = None;
                    }
                }
            },
        }
        Pressed::stays(Vec::new())
    }

    pub(super) fn paste(&mut self, text: &str) {
        text_input::insert(&mut self.filter, text);
        self.selected = None;
    }

    pub(super) fn draw(&self, state: &State, panes: &Panes, buffer: &mut Buffer) -> Option<Position> {
        let area = Self::area(state);
        let inside = frame(state, area, "Help", buffer);
        let mut paper = Paper::new(inside, buffer);
        let hint = if self.filter.value().is_empty() { "type to filter, enter runs the selected line" } else { "" };
        paper.line(vec![
            Span::styled(" filter: ", state.theme().accent()),
            Span::raw(printable(self.filter.value())),
            Span::styled(hint, state.theme().muted()),
        ]);
        let rows = self.rows(state, paper.width());
        let filtered = !self.filter.value().trim().is_empty();
        let selected = self.selected.or(filtered.then_some(0));
        // the place of the selected action among all lines
        let mut of_actions = rows.iter().enumerate().filter(|(_, row)| row.action().is_some()).map(|(place, _)| place);
        let under_cursor = selected.and_then(|place| of_actions.nth(place));
        let room = paper.left().saturating_sub(1);
        let first = window_start(under_cursor.unwrap_or(0), room, rows.len());
        let all = rows.len();
        for (place, row) in rows.into_iter().enumerate().skip(first).take(room) {
            match row {
                Row::Text(line) => paper.line(line),
                Row::Action(action) => paper.line(key_line(state, panes, action, Some(place) == under_cursor)),
            }
        }
        for _ in all.saturating_sub(first)..room {
            paper.line("");
        }
        let below = all.saturating_sub(first + room);
        let foot = match (all, below) {
            (0, _) => " nothing matches; esc shows all keys".to_owned(),
            (_, 0) => String::new(),
            (_, below) => format!(" {below} more lines: down"),
        };
        paper.line(Span::styled(foot, state.theme().muted()));
        let column = u16::try_from(self.filter.visual_cursor() + " filter: ".len()).unwrap_or(u16::MAX);
        (inside.height > 0 && column < inside.width).then(|| Position::new(inside.x + column, inside.y))
    }
}

fn everything(state: &State, room: usize) -> Vec<Row> {
    let heading = |text: &str| Row::Text(Line::styled(format!(" {text}"), state.theme().heading()));
    let empty = || Row::Text(Line::default());
    let mut rows = vec![heading("In five keys")];
    rows.extend(first_steps(state).into_iter().map(Row::Text));
    if let Some(pane) = PANES.get(state.screen.focus()) {
        rows.extend([empty(), heading(&format!("This pane: {}", pane.title))]);
        let about = wrap(&format!("   {}", pane.about), room, 3);
        rows.extend(about.into_iter().map(|line| Row::Text(Line::styled(line, state.theme().muted()))));
        rows.extend((pane.actions)().into_iter().map(Row::Action));
    }
    rows.extend([empty(), heading("Everywhere")]);
    rows.extend(actions::GLOBAL.iter().map(|action| Row::Action(action)));
    rows.extend(PANES.iter().map(|pane| Row::Action(&pane.go)));
    rows.extend([empty(), heading("Windows")]);
    rows.extend(actions::WINDOWS.iter().map(|action| Row::Action(action)));
    rows.extend(actions::VIEWS.iter().map(|action| Row::Action(action)));
    rows
}

fn keys(state: &State, action: &dyn Act) -> String {
    let keys = state.keymap().keys_of(state.pane(), action.name());
    if keys.is_empty() { format!(":{}", action.name()) } else { keys.join(", ") }
}

/// A line of an action; muted where it can do nothing now.
fn key_line(state: &State, panes: &Panes, action: &dyn Act, selected: bool) -> Line<'static> {
    let (keys, help) = (fit(&keys(state, action), 18, state.glyphs()), action.help());
    if selected {
        let why = action.available(panes, state).err().map_or_else(String::new, |why| format!(" (not now: {why})"));
        return Line::styled(format!("   {keys} {help}{why}"), state.theme().selected());
    }
    let style = if action.available(panes, state).is_ok() { state.theme().text() } else { state.theme().muted() };
    Line::from(vec![
        Span::raw("   "),
        Span::styled(keys, state.theme().accent()),
        Span::styled(format!(" {help}"), style),
    ])
}
