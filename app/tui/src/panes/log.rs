//! What the engine, plugins, libtorch and the workbench have said, by level, with a filter.

use super::{About, Action, Models, Motion, Pane, Table, action};
use crate::keys::Key;
use crate::looks::{Paper, fit, printable, window_start, wrap};
use crate::state::{Change, LogLine, Seen, State, Wish};
use crate::text_input;
use crossterm::event::KeyCode;
use locus_protocol::LogLevel;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Span;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tui_input::Input;

pub const ABOUT: About = About {
    name: "log",
    title: "Log",
    about: "Messages of the engine, plugins, libtorch (stderr) and the workbench, the newest last. The view follows \
            new lines until you move to another one. A level shows its own lines and all that are more severe.",
    go: go_to!("log", "Log"),
    actions: || action::table(ACTIONS),
    models: Models::Same,
};

const ACTIONS: &[Action<LogPane>] = &[
    Action {
        name: "filter-log",
        help: "filter the log by words in a line; !word excludes",
        hint: Some(|_, _| "filter".into()),
        run: |log, _| {
            log.typing = true;
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "log-level",
        help: "show errors and warnings only, errors only, all",
        hint: Some(|log, _| log.level.next().title().to_owned()),
        run: |log, _| {
            (log.level, log.cursor) = (log.level.next(), None);
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "leave-log",
        help: "go back to the previous pane",
        hint: Some(|_, _| "back".into()),
        run: |_, _| vec![Change::GoBack.into()],
        ..Action::PLAIN
    },
    Action {
        name: "clear-log-filter",
        help: "show all lines of the level again",
        available: |log, _| match log.filter.value().is_empty() {
            true => Err("the log is not filtered".into()),
            false => Ok(()),
        },
        run: |log, _| {
            (log.filter, log.cursor) = (Input::default(), None);
            Vec::new()
        },
        ..Action::PLAIN
    },
];

/// The least level of the lines that show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    #[default]
    All,
    /// Warnings and errors, without plain messages.
    Warnings,
    Errors,
}

impl Level {
    fn next(self) -> Self {
        match self {
            Self::All => Self::Warnings,
            Self::Warnings => Self::Errors,
            Self::Errors => Self::All,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::All => "all lines",
            Self::Warnings => "warnings and errors",
            Self::Errors => "errors only",
        }
    }

    /// That of a line.
    fn of(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Errors,
            LogLevel::Warning => Self::Warnings,
            LogLevel::Info => Self::All,
        }
    }
}

/// What it has of its own.
#[derive(Clone, Debug, Default)]
pub struct LogPane {
    level: Level,
    filter: Input,
    typing: bool,
    /// Place of the line under the cursor among those shown; none follows the end.
    cursor: Option<usize>,
}

impl LogPane {
    /// The lines that show, the oldest first.
    fn lines<'a>(&self, state: &'a State) -> Vec<&'a LogLine> {
        let filter = self.filter.value().to_lowercase();
        let (without, with): (Vec<&str>, Vec<&str>) = filter.split_whitespace().partition(|word| word.starts_with('!'));
        let lets = |line: &&LogLine| {
            let text = format!("{} {} {}", line.source, line.level.name(), line.text).to_lowercase();
            let without = without.iter().map(|word| &word[1..]).filter(|word| !word.is_empty());
            Level::of(line.level) >= self.level
                && with.iter().all(|word| text.contains(word))
                && !without.into_iter().any(|word| text.contains(word))
        };
        state.log.lines().filter(lets).collect()
    }
}

fn style(state: &State, line: &LogLine) -> Style {
    match Level::of(line.level) {
        Level::Errors => state.theme().bad(),
        Level::Warnings => state.theme().warn(),
        Level::All => state.theme().text(),
    }
}

impl Pane for LogPane {
    fn draw(&self, state: &Seen<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let mut paper = Paper::new(area, buffer);
        let lines = self.lines(state);
        let key = |name: &str| state.keymap().first_key(ABOUT.name, name);
        let head = if self.typing || !self.filter.value().is_empty() {
            vec![
                Span::styled(" /", state.theme().accent()),
                Span::raw(printable(self.filter.value())),
                Span::styled(format!("   {} of {}", lines.len(), state.log.lines().len()), state.theme().muted()),
            ]
        } else {
            let dropped = match state.log.dropped() {
                0 => String::new(),
                dropped => format!("; {dropped} older ones dropped"),
            };
            let text = format!(
                " {}: {}{dropped}; {} filters, {} {}",
                self.level.title(),
                lines.len(),
                key("filter-log"),
                key("log-level"),
                self.level.next().title()
            );
            vec![Span::styled(text, state.theme().muted())]
        };
        paper.line(head);
        let column = u16::try_from(self.filter.visual_cursor() + 2).unwrap_or(u16::MAX);
        let cursor =
            (self.typing && area.height > 0 && column < area.width).then(|| Position::new(area.x + column, area.y));
        if lines.is_empty() {
            let text = if state.log.lines().len() == 0 { " nothing has been logged yet" } else { " no line matches" };
            paper.line(Span::styled(text, state.theme().muted()));
            return cursor;
        }
        let place = self.cursor.unwrap_or(lines.len() - 1).min(lines.len() - 1);
        let text = |line: &LogLine| {
            let start =
                format!(" {:>7.1} {:<7} {}: ", line.at.as_secs_f64(), line.level.name(), printable(&line.source));
            format!("{start}{}", printable(&line.text))
        };
        // the line under the cursor stands whole below the others
        let room = paper.width();
        let whole = wrap(&text(lines[place]), room, 9);
        let below = match paper.left() {
            rows if rows >= 8 && whole.len() > 1 => whole.len().min(rows / 3) + 1,
            _ => 0,
        };
        let rows = paper.left().saturating_sub(below);
        let first = window_start(place, rows, lines.len());
        let shown = lines.iter().enumerate().skip(first).take(rows);
        let mut written = 0;
        for (number, line) in shown {
            let style = match self.cursor.is_some() && number == place || state.is_selected(number, place) {
                true => state.theme().selected(),
                false => style(state, line),
            };
            paper.line(Span::styled(fit(&text(line), room, state.glyphs()), style));
            written += 1;
        }
        if below > 0 {
            for _ in written..rows {
                paper.line("");
            }
            paper.line(Span::styled(state.glyphs().rule().repeat(room), state.theme().muted()));
            for part in whole.into_iter().take(below - 1) {
                paper.line(Span::styled(part, style(state, lines[place])));
            }
        }
        cursor
    }

    fn motion(&mut self, state: &Seen<'_>, motion: Motion, page: usize) -> Vec<Wish> {
        let last = self.lines(state).len().saturating_sub(1);
        let place = motion.in_list(self.cursor.unwrap_or(last).min(last), last + 1, page);
        // the end is followed again
        self.cursor = (place < last || motion == Motion::Up && last == 0).then_some(place);
        Vec::new()
    }

    fn has_table(&self, state: &Seen<'_>) -> bool {
        state.log.lines().len() > 0
    }

    fn table(&self, state: &Seen<'_>) -> Option<Table> {
        let lines = self.lines(state);
        let cursor = self.cursor.unwrap_or(lines.len().saturating_sub(1));
        let row = |line: &&LogLine| {
            vec![json!(line.at.as_secs_f64()), json!(line.level), json!(line.source), json!(line.text)]
        };
        Some(Table {
            name: "log".to_owned(),
            title: String::new(),
            columns: ["seconds", "level", "source", "text"].map(str::to_owned).to_vec(),
            rows: lines.iter().map(row).collect(),
            cursor,
        })
    }

    fn row(&self, state: &Seen<'_>) -> Option<usize> {
        let last = self.lines(state).len().checked_sub(1)?;
        Some(self.cursor.unwrap_or(last).min(last))
    }

    fn cell(&self, state: &Seen<'_>) -> Option<(String, Value)> {
        let line = *self.lines(state).get(self.row(state)?)?;
        Some(("the line".to_owned(), json!(line.text)))
    }

    fn has_text(&self, _state: &Seen<'_>) -> bool {
        true
    }

    fn text(&self, state: &Seen<'_>) -> Option<String> {
        let line = |line: &LogLine| {
            format!("{:>9.1} {:<7} {}: {}\n", line.at.as_secs_f64(), line.level.name(), line.source, line.text)
        };
        Some(self.lines(state).into_iter().map(line).collect())
    }

    fn typing(&self) -> Option<&'static [(&'static str, &'static str)]> {
        self.typing.then_some(&[("enter", "keep the filter"), ("esc", "all lines")])
    }

    fn press(&mut self, _state: &State, key: Key) -> Vec<Wish> {
        match key.code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => (self.typing, self.filter, self.cursor) = (false, Input::default(), None),
            _ => {
                text_input::press(&mut self.filter, key);
                self.cursor = None;
            }
        }
        Vec::new()
    }

    fn paste(&mut self, _state: &State, line: &str) -> Vec<Wish> {
        text_input::insert(&mut self.filter, line);
        Vec::new()
    }

    fn remember(&self) -> Option<Value> {
        serde_json::to_value(self.level).ok()
    }

    fn recall(&mut self, remembered: &Value) -> serde_json::Result<()> {
        self.level = Level::deserialize(remembered)?;
        Ok(())
    }
}
