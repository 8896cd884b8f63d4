//! The running job, those that wait, and those that have ended; each can be canceled, or run again.

use super::{Pressed, frame, middle};
use crate::keys::Key;
use crate::looks::{Paper, fit, printable, seconds, shorten, window_start, wrap};
use crate::panes::Motion;
use crate::state::{Change, Ended, Job, Order, State, Tone, Wish, phase_text, time_left};
use crossterm::event::KeyCode;
use locus_protocol::{Grade, Outcome};
use ratatui::buffer::Buffer;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Cells of the word that says how a job is.
const STANDING: usize = 13;

/// The list, and which job has the cursor.
#[derive(Clone, Debug, Default)]
pub struct JobList {
    cursor: usize,
}

/// A job of the list.
#[derive(Clone, Copy, Debug)]
enum Entry<'a> {
    Running(&'a Job),
    Waiting(&'a Order),
    Ended(&'a Ended),
}

/// The running one, the one that stands by, those that wait in their order, those that have ended, the last first.
fn entries(state: &State) -> Vec<Entry<'_>> {
    let running = state.job().into_iter().chain(state.standing_by()).map(Entry::Running);
    let ended = state.jobs.ended.iter().rev().map(Entry::Ended);
    running.chain(state.jobs.waiting.iter().map(Entry::Waiting)).chain(ended).collect()
}

impl JobList {
    pub(super) fn press(&mut self, state: &State, key: Key) -> Pressed {
        let total = entries(state).len();
        self.cursor = self.cursor.min(total.saturating_sub(1));
        if let Some(motion) = Motion::of(key) {
            self.cursor = motion.in_list(self.cursor, total, usize::from(state.screen.size.1) / 4);
        }
        Pressed::stays(match (key.code, key.control) {
            (KeyCode::Char('x') | KeyCode::Delete, false) => vec![self.cancel(state)],
            (KeyCode::Char('X'), false) => cancel_waiting(state),
            (KeyCode::Char('p' | ' '), false) => vec![Wish::Run("pause")],
            (KeyCode::Char('r') | KeyCode::Enter, false) => vec![self.again(state)],
            (KeyCode::Esc | KeyCode::Char('q' | 'J'), false) => return Pressed::goes(Vec::new()),
            _ => Vec::new(),
        })
    }

    /// Cancels the job under the cursor, or takes it out of the queue.
    fn cancel(&self, state: &State) -> Wish {
        match entries(state).get(self.cursor) {
            Some(Entry::Running(job)) => Change::Cancel(job.id).into(),
            Some(Entry::Waiting(order)) => Change::DropWaiting(order.job).into(),
            Some(Entry::Ended(_)) | None => Wish::say(Tone::Plain, "that job has already ended"),
        }
    }

    /// Orders the job under the cursor again.
    fn again(&self, state: &State) -> Wish {
        match entries(state).get(self.cursor) {
            Some(Entry::Ended(ended)) => match state.ready_again(ended) {
                Ok(()) => Change::OrderAgain(Box::new(ended.order.clone())).into(),
                Err(why) => Wish::say(Tone::Plain, why),
            },
            _ => Wish::say(Tone::Plain, "only a job that has ended can be run again"),
        }
    }

    pub(super) fn draw(&self, state: &State, buffer: &mut Buffer) {
        let entries = entries(state);
        let place = self.cursor.min(entries.len().saturating_sub(1));
        let rows = u16::try_from(entries.len() + 7).unwrap_or(u16::MAX);
        let area = middle(state, 100, rows.max(8));
        let title = format!("Jobs: {} waiting, {} ended", state.jobs.waiting.len(), state.jobs.ended.len());
        let mut paper = Paper::new(frame(state, area, &title, buffer), buffer);
        if entries.is_empty() {
            paper.line(" there are no jobs yet");
            return;
        }
        let foot = foot(state, entries.get(place).copied(), paper.width());
        let list_rows = paper.left().saturating_sub(foot.len());
        let first = window_start(place, list_rows, entries.len());
        for (index, entry) in entries.iter().enumerate().skip(first).take(list_rows) {
            paper.line(line(state, *entry, index == place, paper.width()));
        }
        for line in foot {
            paper.line(line);
        }
    }
}

/// Takes all jobs that wait out of the queue.
fn cancel_waiting(state: &State) -> Vec<Wish> {
    state.jobs.waiting.iter().map(|order| Change::DropWaiting(order.job).into()).collect()
}

/// How a job is, in a word, its title, and its time.
fn parts(state: &State, entry: Entry<'_>) -> (&'static str, Style, String, String) {
    let theme = state.theme();
    match entry {
        Entry::Running(job) => {
            let word = match (job.cancelling, job.paused) {
                (true, _) => "canceling",
                (_, true) => "paused",
                _ if state.stands_by(job.id) => "stands by",
                _ => "running",
            };
            let left = time_left(job.left(state.now));
            let phase = phase_text(job).map_or_else(String::new, |phase| format!(": {phase}"));
            (word, theme.accent(), format!("{}{phase}", job.title), left)
        }
        Entry::Waiting(order) => ("waiting", theme.muted(), order.title.clone(), String::new()),
        Entry::Ended(ended) => {
            let Ended { order, outcome, seconds: took, .. } = ended;
            let (word, style) = match outcome {
                Outcome::Done => match &ended.verdict {
                    Some(verdict) => (in_a_word(verdict.grade()), theme.verdict(verdict)),
                    None if ended.fell_short => ("no effect", theme.warn()),
                    None => ("done", theme.good()),
                },
                Outcome::Cancelled { .. } => ("canceled", theme.warn()),
                Outcome::Failed { .. } => ("failed", theme.bad()),
            };
            (word, style, order.title.clone(), seconds(*took))
        }
    }
}

/// A verdict where there is room for a word.
fn in_a_word(grade: Grade) -> &'static str {
    match grade {
        Grade::Took => "took",
        Grade::TookBut => "took, but",
        Grade::DidNotTake => "did not take",
    }
}

fn line(state: &State, entry: Entry<'_>, focused: bool, room: usize) -> Line<'static> {
    let (word, style, title, time) = parts(state, entry);
    let pick = |style: Style| if focused { state.theme().selected() } else { style };
    let mark = if focused { ">" } else { " " };
    let room = room.saturating_sub(STANDING + 4 + time.len());
    let title = fit(&shorten(&printable(&title), room, state.glyphs()), room, state.glyphs());
    Line::from(vec![
        Span::styled(format!("{mark} {}", fit(word, STANDING, state.glyphs())), pick(style)),
        Span::styled(title, pick(state.theme().text())),
        Span::styled(format!(" {time} "), pick(state.theme().muted())),
    ])
}

/// Why the job under the cursor ended as it did, and what the keys would do.
fn foot(state: &State, entry: Option<Entry<'_>>, room: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled(state.glyphs().rule().repeat(room), state.theme().muted())];
    let (why, style) = match entry {
        Some(Entry::Running(_)) => ("x cancels it; p pauses or resumes it".to_owned(), state.theme().text()),
        Some(Entry::Waiting(_)) => {
            ("x removes it from the queue; X removes all that wait".to_owned(), state.theme().text())
        }
        Some(Entry::Ended(ended)) => how_it_ended(state, ended),
        None => (String::new(), state.theme().text()),
    };
    let text = wrap(&format!(" {}", printable(&why)), room, 1);
    lines.extend(text.into_iter().take(3).map(|line| Line::styled(line, style)));
    lines
}

/// How a job ended, and whether it can be run again.
fn how_it_ended(state: &State, ended: &Ended) -> (String, Style) {
    let again = if state.was_of_another(ended) { "it was of another model" } else { "r runs it again" };
    match &ended.outcome {
        Outcome::Done => match &ended.verdict {
            Some(verdict) => (format!("{}; {again}", verdict.words()), state.theme().verdict(verdict)),
            None if ended.fell_short => (format!("done, but no effect is defined; {again}"), state.theme().warn()),
            None => (again.to_owned(), state.theme().text()),
        },
        Outcome::Cancelled { kept } if kept.is_empty() => (again.to_owned(), state.theme().text()),
        Outcome::Cancelled { kept } => (format!("kept: {kept}; {again}"), state.theme().warn()),
        Outcome::Failed { error, .. } => (format!("{error}; {again}"), state.theme().bad()),
    }
}
