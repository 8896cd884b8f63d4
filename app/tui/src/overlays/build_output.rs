//! What cargo says of a plugin's crate; its complaints can be gone through, and opened in an editor.

use super::{Pressed, frame, middle};
use crate::author;
use crate::input::Effect;
use crate::keys::Key;
use crate::looks::{Paper, printable, shorten};
use crate::panes::Motion;
use crate::state::{BuildStage, Change, State, Tone, Wish};
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::text::Span;

/// Rows below the text: what the cursor is on, and how the build stands.
const FOOT: usize = 2;

pub(super) fn press(state: &State, key: Key) -> Pressed {
    let (last, page) = (last_start(state), rows(state) / 2);
    let place = state.build.scroll.unwrap_or(last).min(last);
    let motion = match (key.code, key.control) {
        (KeyCode::Char(' '), false) => Some(Motion::PageDown),
        _ => Motion::of(key),
    };
    if let Some(motion) = motion {
        let next = motion.in_list(place, last + 1, page);
        return Pressed::stays(vec![Change::ScrollBuild((next < last).then_some(next)).into()]);
    }
    Pressed::stays(match (key.code, key.control) {
        (KeyCode::Char('n') | KeyCode::Tab, false) => vec![Change::StepProblem(true).into()],
        (KeyCode::Char('p') | KeyCode::BackTab, false) => vec![Change::StepProblem(false).into()],
        (KeyCode::Enter, false) => vec![open(state)],
        (KeyCode::Char('B'), false) => again(state),
        (KeyCode::Esc | KeyCode::Char('q'), false) => return Pressed::goes(Vec::new()),
        _ => Vec::new(),
    })
}

/// Opens the place under the cursor.
fn open(state: &State) -> Wish {
    match state.build.problem() {
        Some(problem) => Effect::OpenEditor { file: problem.file.clone(), line: problem.place.0 }.into(),
        None => Wish::say(Tone::Plain, "there is no error to open"),
    }
}

/// Builds the same crate again.
fn again(state: &State) -> Vec<Wish> {
    let Some((kind, id)) = &state.build.plugin else { return Vec::new() };
    author::rebuild(state, *kind, id).unwrap_or_else(|why| vec![Wish::say(Tone::Plain, why)])
}

fn rows(state: &State) -> usize {
    let area = middle(state, state.screen.size.0, state.screen.size.1);
    usize::from(area.height.saturating_sub(2)).saturating_sub(FOOT)
}

/// The first line shown when the end is.
fn last_start(state: &State) -> usize {
    state.build.lines.len().saturating_sub(rows(state))
}

pub(super) fn draw(state: &State, buffer: &mut Buffer) {
    let area = middle(state, state.screen.size.0, state.screen.size.1);
    let build = &state.build;
    let id = build.plugin.as_ref().map_or("", |(_, id)| id.as_str());
    let mut paper = Paper::new(frame(state, area, &format!("cargo build of {id}"), buffer), buffer);
    let (rows, last) = (rows(state), last_start(state));
    let first = build.scroll.unwrap_or(last).min(last);
    let under_cursor = build.problems.get(build.cursor).map(|(line, _)| *line);
    for index in first..first + rows {
        let Some(line) = build.lines.get(index) else {
            paper.line("");
            continue;
        };
        let style = match line.split_once([':', '[']).map(|(level, _)| level) {
            _ if under_cursor == Some(index) => state.theme().selected(),
            Some("error") => state.theme().bad(),
            Some("warning") => state.theme().warn(),
            _ => state.theme().text(),
        };
        paper.line(Span::styled(format!(" {}", printable(line)), style));
    }
    if let Some(problem) = build.problem() {
        let (line, column) = problem.place;
        let text = format!(
            " {} of {}: {}:{line}:{column}: {}",
            build.cursor + 1,
            build.problems.len(),
            problem.file.display(),
            problem.message
        );
        paper.line(Span::styled(shorten(&printable(&text), paper.width(), state.glyphs()), state.theme().accent()));
    } else {
        paper.line("");
    }
    let (text, style) = match &build.stage {
        BuildStage::None => (String::new(), state.theme().text()),
        BuildStage::Running => {
            let text = format!("building {}; {} stops it", build.folder.display(), state.key("cancel"));
            (text, state.theme().accent())
        }
        BuildStage::Done => ("built".to_owned(), state.theme().good()),
        BuildStage::Failed(why) => (format!("{why}; the previous build stays in use"), state.theme().bad()),
    };
    paper.line(Span::styled(shorten(&format!(" {text}"), paper.width(), state.glyphs()), style));
}
