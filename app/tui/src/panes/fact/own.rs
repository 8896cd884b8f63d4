//! The prompt line: a fact that the user types.

use crate::keys::Key;
use crate::looks::{Paper, printable, wrap};
use crate::state::State;
use crate::text_input;
use crossterm::event::KeyCode;
use locus_protocol::Fact;
use ratatui::layout::Position;
use ratatui::text::Span;
use tui_input::Input;

/// The fields, in the order in which they are filled.
const FIELDS: [(&str, &str); 3] =
    [("prompt", "The capital of {France} is"), ("true target", "Paris"), ("new target", "Rome")];

/// Where typing a fact has come to.
#[derive(Debug)]
pub enum Typed {
    Goes,
    /// The user left without a fact.
    Left,
    Done(Box<Fact>),
}

/// A fact that is being typed.
#[derive(Clone, Debug, Default)]
pub struct OwnFact {
    /// What the fields say.
    fields: [Input; 3],
    /// The field with the cursor.
    field: usize,
    error: Option<String>,
    /// The fact it began as, whose paraphrases and neighborhood stay with it as long as subject, prompt and true target do.
    origin: Option<Fact>,
}

impl OwnFact {
    /// Starts from a fact.
    #[must_use]
    pub fn from_fact(fact: &Fact) -> Self {
        let fields = [fact.marked(), fact.target_true.clone(), fact.target_new.clone()];
        Self { fields: fields.map(Input::new), field: 2, error: None, origin: Some(fact.clone()) }
    }

    /// The field with the cursor.
    pub fn input(&mut self) -> &mut Input {
        &mut self.fields[self.field.min(2)]
    }

    /// Moves between the fields, round the ends.
    fn step(&mut self, forward: bool) {
        self.field = if forward { (self.field + 1) % 3 } else { (self.field + 2) % 3 };
    }

    /// The fact, as far as it is one.
    ///
    /// # Errors
    /// The first field that is wrong, and one sentence.
    fn fact(&self) -> Result<Fact, (usize, String)> {
        let [prompt, truth, new] = [0, 1, 2].map(|field| self.fields[field].value());
        let fact = Fact::from_marked(prompt, truth, new).map_err(|error| (0, error.to_string()))?;
        if fact.target_true.is_empty() {
            return Err((1, "type the true answer: a trace follows its probability".to_owned()));
        }
        Ok(match &self.origin {
            Some(origin) if origin.marked() == fact.marked() && origin.target_true == fact.target_true => {
                Fact { target_new: fact.target_new, case_id: None, ..origin.clone() }
            }
            _ => fact,
        })
    }

    pub fn press(&mut self, key: Key) -> Typed {
        match key.code {
            KeyCode::Esc => return Typed::Left,
            KeyCode::BackTab | KeyCode::Up => self.step(false),
            KeyCode::Tab | KeyCode::Down => self.step(true),
            KeyCode::Enter if self.field + 1 < self.fields.len() && self.fields[self.field + 1].value().is_empty() => {
                self.step(true);
            }
            KeyCode::Enter => match self.fact() {
                Ok(fact) => return Typed::Done(Box::new(fact)),
                Err((field, error)) => (self.field, self.error) = (field, Some(error)),
            },
            _ => {
                if text_input::press(self.input(), key) {
                    self.error = None;
                }
            }
        }
        Typed::Goes
    }

    /// Draws its lines; returns where the cursor stands.
    pub fn draw(&self, state: &State, paper: &mut Paper<'_>) -> Option<Position> {
        let mut cursor = None;
        paper.line(Span::styled(" your own fact: mark the subject with braces", state.theme().heading()));
        for (index, (name, example)) in FIELDS.iter().enumerate() {
            let focused = index == self.field;
            let area = paper.rest();
            let label = format!("{} {name:<11} ", if focused { ">" } else { " " });
            let room = paper.width().saturating_sub(label.len() + 1);
            let input = &self.fields[index];
            let scroll = input.visual_scroll(room);
            let value: String = printable(input.value()).chars().skip(scroll).collect();
            let label_style = if focused { state.theme().accent() } else { state.theme().muted() };
            let text = match value.is_empty() {
                true => Span::styled(format!("for example: {example}"), state.theme().muted()),
                false => Span::raw(value),
            };
            paper.line(vec![Span::styled(label.clone(), label_style), text]);
            let column = u16::try_from(label.len() + input.visual_cursor().saturating_sub(scroll)).unwrap_or(u16::MAX);
            if focused && area.height > 0 && column < area.width {
                cursor = Some(Position::new(area.x + column, area.y));
            }
        }
        match &self.error {
            Some(error) => {
                let room = paper.width();
                for line in wrap(&format!(" {error}"), room, 1) {
                    paper.line(Span::styled(line, state.theme().bad()));
                }
            }
            None => paper.line(Span::styled(" enter: next field, then done   esc: leave", state.theme().muted())),
        }
        cursor
    }
}
