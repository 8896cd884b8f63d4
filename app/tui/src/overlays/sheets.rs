//! Texts to read: model and plugins, the last error.

use super::{Pressed, frame, middle};
use crate::as_command::{self, ShellCommand};
use crate::input::Effect;
use crate::keys::Key;
use crate::looks::{Paper, bytes, count, fit, printable, wrap};
use crate::panes::Motion;
use crate::state::State;
use crossterm::event::KeyCode;
use locus_protocol::{ModelSource, PluginKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Columns of a text that is read in a pager: lines are as long as they are.
const PAGE: usize = 2000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SheetKind {
    /// The loaded model, its device and memory, and the plugins.
    Model,
    Error,
    /// The last trace or edit as a command.
    Command,
    /// What a pager would have shown.
    Text {
        title: String,
        text: String,
    },
}

/// A text and how far it is scrolled.
#[derive(Clone, Debug)]
pub struct Sheet {
    kind: SheetKind,
    scroll: usize,
}

impl Sheet {
    /// A text from its beginning.
    #[must_use]
    pub const fn new(kind: SheetKind) -> Self {
        Self { kind, scroll: 0 }
    }

    fn title(&self) -> &str {
        match &self.kind {
            SheetKind::Model => "Model and plugins",
            SheetKind::Error => "Last error",
            SheetKind::Command => "The same as a command",
            SheetKind::Text { title, .. } => title,
        }
    }

    fn area(&self, state: &State) -> Rect {
        let rows = state.screen.size.1;
        match self.kind {
            SheetKind::Model | SheetKind::Text { .. } => middle(state, 100, rows),
            SheetKind::Error => middle(state, 84, 14),
            SheetKind::Command => middle(state, 100, 24),
        }
    }

    fn lines(&self, state: &State, room: usize) -> Vec<Line<'static>> {
        match &self.kind {
            SheetKind::Model => model(state, room),
            SheetKind::Error => error(state, room),
            SheetKind::Command => command(state, room),
            SheetKind::Text { text, .. } => {
                let wrapped = text.lines().flat_map(|line| wrap(&format!(" {}", printable(line)), room, 3));
                wrapped.map(Line::raw).collect()
            }
        }
    }

    pub(super) fn press(&mut self, state: &State, key: Key) -> Pressed {
        if key.code == KeyCode::Char('p') && !key.control {
            let lines = self.lines(state, PAGE);
            let text = lines.iter().map(|line| format!("{line}\n")).collect();
            return Pressed::stays(vec![Effect::Page { title: self.title().to_owned(), text }.into()]);
        }
        let motion = match (key.code, key.control) {
            (KeyCode::Char(' '), false) => Some(Motion::PageDown),
            (KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | 'M' | 'E' | '$'), false) => {
                return Pressed::goes(Vec::new());
            }
            _ => Motion::of(key),
        };
        if let Some(motion) = motion {
            let area = self.area(state);
            let (room, rows) = (usize::from(area.width.saturating_sub(2)), usize::from(area.height.saturating_sub(2)));
            let last = self.lines(state, room).len().saturating_sub(rows);
            self.scroll = motion.in_list(self.scroll.min(last), last + 1, rows / 2);
        }
        Pressed::stays(Vec::new())
    }

    pub(super) fn draw(&self, state: &State, buffer: &mut Buffer) {
        let area = self.area(state);
        let (room, rows) = (usize::from(area.width.saturating_sub(2)), usize::from(area.height.saturating_sub(2)));
        let lines = self.lines(state, room);
        let last = lines.len().saturating_sub(rows);
        let first = self.scroll.min(last);
        let title = self.title();
        let title = match lines.len().saturating_sub(first + rows) {
            0 => title.to_owned(),
            below => format!("{title} ({below} more lines: down)"),
        };
        let mut paper = Paper::new(frame(state, area, &title, buffer), buffer);
        for line in lines.into_iter().skip(first).take(rows) {
            paper.line(line);
        }
    }
}

fn heading(state: &State, text: &str) -> Line<'static> {
    Line::styled(format!(" {text}"), state.theme().heading())
}

fn error(state: &State, room: usize) -> Vec<Line<'static>> {
    let errors: Vec<&str> = state.notices.errors().collect();
    let errors = if errors.is_empty() { vec!["no errors so far"] } else { errors };
    let mut lines = Vec::new();
    for (index, error) in errors.iter().enumerate() {
        if index == 1 {
            lines.push(Line::styled(" earlier errors, the newest first", state.theme().heading()));
        }
        lines.extend(wrap(&format!(" {}", printable(error)), room, 1).into_iter().map(Line::raw));
    }
    lines
}

fn command(state: &State, room: usize) -> Vec<Line<'static>> {
    let ShellCommand { line, note } = match as_command::last(state) {
        Ok(command) => command,
        Err(why) => return vec![Line::raw(format!(" {why}"))],
    };
    let told = line.lines().flat_map(|line| wrap(&format!(" {}", printable(line)), room, 3));
    let mut lines: Vec<Line<'static>> = told.map(Line::raw).collect();
    if let Some(note) = note {
        lines.push(Line::default());
        lines.extend(
            wrap(&format!(" {note}"), room, 1).into_iter().map(|line| Line::styled(line, state.theme().warn())),
        );
    }
    lines
}

fn model(state: &State, room: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut pair = |name: &str, value: String| {
        let text = format!(" {} {}", fit(name, 16, state.glyphs()), printable(&value));
        lines.extend(wrap(&text, room, 18).into_iter().map(Line::raw));
    };
    let source = match &state.launch.source {
        ModelSource::BuiltIn => "the built-in model".to_owned(),
        ModelSource::Folder(path) => path.display().to_string(),
    };
    pair("source", source);
    if let Some(model) = &state.engine.model {
        pair("name", model.name.clone());
        pair("architecture", model.family.clone());
        pair("layers", model.layers.to_string());
        pair("width", format!("{} (MLP {})", model.hidden, model.inner));
        pair("vocabulary", model.vocabulary.to_string());
        pair("parameters", count(model.parameters));
        pair("dtype", model.number_format.clone());
        pair("device", format!("{}: {}", model.device.name, model.device.reason));
        let difference = match model.probe.deviation {
            0.0 => "are bit-identical".to_owned(),
            deviation => format!("differ by at most {deviation:.1e}"),
        };
        let (prompt, answer) = (&model.probe.prompt, model.probe.answer.trim());
        pair("probe", format!("tapped and untapped logits of `{prompt}` {difference}; the answer is `{answer}`"));
    }
    if let Some(memory) = &state.engine.memory {
        pair("memory", format!("{} resident", bytes(memory.resident)));
        for (number, gpu) in memory.gpus.iter().enumerate() {
            let text = format!(
                "{} of {} used, {} by us, {} % busy",
                bytes(gpu.used),
                bytes(gpu.total),
                bytes(gpu.ours),
                gpu.busy
            );
            pair(&format!("GPU {number}"), text);
        }
    }
    for (kind, title) in [(PluginKind::Method, "Methods"), (PluginKind::Objective, "Objectives")] {
        lines.push(Line::default());
        lines.push(heading(state, title));
        for plugin in state.engine.of_kind(kind) {
            let text = format!(
                "   {} {} {} (interface {}, {})",
                fit(&plugin.id, 18, state.glyphs()),
                plugin.title,
                plugin.version,
                plugin.interface,
                plugin.compiler
            );
            lines.extend(wrap(&printable(&text), room, 22).into_iter().map(Line::raw));
        }
        if state.engine.of_kind(kind).next().is_none() {
            lines.push(Line::styled(
                "   none is loaded; put a plugin next to the program or start with --plugin FILE",
                state.theme().warn(),
            ));
        }
    }
    if !state.engine.refused.is_empty() {
        lines.push(Line::default());
        lines.push(heading(state, "Rejected files"));
        for refused in &state.engine.refused {
            let text = format!("   {}: {}", refused.file.display(), refused.reason);
            lines.extend(
                wrap(&printable(&text), room, 5).into_iter().map(|line| Line::styled(line, state.theme().warn())),
            );
        }
    }
    lines
}
