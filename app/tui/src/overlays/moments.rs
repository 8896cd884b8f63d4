//! Asks what is to become of second moments that an edit needs and that would take long.

use super::{Pressed, frame, middle};
use crate::keys::Key;
use crate::looks::{Paper, count, printable, shorten, wrap};
use crate::panes::Motion;
use crate::state::{Change, Order, State, Tone, Wish};
use crossterm::event::KeyCode;
use locus_protocol::{JobId, MomentsChoice, SecondMomentsNeeded, SecondMomentsTask, Task, about_seconds};
use ratatui::buffer::Buffer;
use ratatui::text::Span;

/// The question, with the cursor on an answer.
#[derive(Clone, Debug)]
pub struct MomentsQuestion {
    needed: SecondMomentsNeeded,
    /// Other edits that asked since.
    others: Vec<JobId>,
    selected: usize,
}

impl MomentsQuestion {
    /// The question of an edit's job.
    #[must_use]
    pub fn new(needed: SecondMomentsNeeded) -> Self {
        Self { needed, others: Vec::new(), selected: 0 }
    }

    /// Another edit asks: the answer is for that as well.
    pub fn asks_too(&mut self, job: JobId) {
        self.others.push(job);
    }

    pub(super) fn press(&mut self, state: &State, key: Key) -> Pressed {
        let choices = &self.needed.choices;
        match key.code {
            KeyCode::Esc | KeyCode::Char('q' | 'n') => return Pressed::goes(Vec::new()),
            KeyCode::Enter => {
                if let Err(why) = state.ready_to_wait() {
                    return Pressed::stays(vec![Wish::say(Tone::Plain, why)]);
                }
                let asked = |job: &JobId| *job == self.needed.job || self.others.contains(job);
                let orders = state.jobs.ended.iter().map(|ended| &ended.order).filter(|order| asked(&order.job));
                let change = choices.get(self.selected).map(|choice| self.answer(orders.cloned().collect(), choice));
                return Pressed::goes(change.into_iter().map(Into::into).collect());
            }
            _ => {
                if let Some(motion) = Motion::of(key) {
                    self.selected = motion.in_list(self.selected, choices.len(), 1);
                }
            }
        }
        Pressed::stays(Vec::new())
    }

    /// What a choice has done about the edits that asked. A hyperparameter is that of one method: edits by another ask again.
    fn answer(&self, mut orders: Vec<Order>, choice: &MomentsChoice) -> Change {
        let first = match choice {
            MomentsChoice::Collect { .. } => Some(SecondMomentsTask::Collect),
            MomentsChoice::CollectFewer { tokens, .. } => {
                Some(SecondMomentsTask::CollectFewer { tokens: usize::try_from(*tokens).unwrap_or(usize::MAX) })
            }
            MomentsChoice::Without { setting, .. } => {
                let edits = orders.iter_mut().filter_map(|order| match &mut order.task {
                    Task::Edit(edit) => Some(edit),
                    Task::Try(attempt) => Some(&mut attempt.order),
                    _ => None,
                });
                for edit in edits.filter(|edit| edit.method == self.needed.method) {
                    edit.method_settings.insert(setting.clone(), false.into());
                }
                None
            }
        };
        Change::AllAgain { first: first.map(|first| Box::new(first.into())), orders }
    }

    pub(super) fn draw(&self, state: &State, buffer: &mut Buffer) {
        let SecondMomentsNeeded { method, layers, choices, .. } = &self.needed;
        let columns = 84.min(state.screen.size.0);
        let of = if layers.len() == 1 { "layer" } else { "layers" };
        let layers = layers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let others = match self.others.len() {
            0 => String::new(),
            1 => " 1 other edit waits for the same answer.".to_owned(),
            others => format!(" {others} other edits wait for the same answer."),
        };
        let what = format!(
            "{method} needs second moments of the keys at {of} {layers}; none are stored for this model.{others}"
        );
        let lines = wrap(&printable(&what), usize::from(columns).saturating_sub(4), 0);
        let rows = u16::try_from(lines.len() + choices.len()).unwrap_or(10) + 3;
        let area = middle(state, columns, rows);
        let mut paper = Paper::new(frame(state, area, "Second moments", buffer), buffer);
        for line in lines {
            paper.line(format!(" {line}"));
        }
        paper.line("");
        for (number, choice) in choices.iter().enumerate() {
            let style = if number == self.selected { state.theme().selected() } else { state.theme().text() };
            let text = format!(" {} ", words(choice));
            paper.line(Span::styled(shorten(&printable(&text), paper.width(), state.glyphs()), style));
        }
    }
}

/// A choice with what it costs.
fn words(choice: &MomentsChoice) -> String {
    let takes = |seconds: &Option<f64>| seconds.map_or_else(|| "time unknown".to_owned(), about_seconds);
    match choice {
        MomentsChoice::Collect { tokens: Some(tokens), seconds } => {
            format!("up to {} tokens, stored for this model: {}", count(*tokens), takes(seconds))
        }
        MomentsChoice::Collect { tokens: None, seconds } => {
            format!("the whole corpus, stored for this model: {}", takes(seconds))
        }
        MomentsChoice::CollectFewer { tokens, seconds } => {
            format!("{} tokens, less exact, for this session: {}", count(*tokens), about_seconds(*seconds))
        }
        MomentsChoice::Without { setting, help } => format!("none: {setting} off ({help})"),
    }
}
