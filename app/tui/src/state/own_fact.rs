//! The prompt line: a fact that the user types.

use locus_protocol::Fact;
use tui_input::Input;

/// The fields, in the order in which they are filled.
pub const FIELDS: [(&str, &str); 3] =
    [("prompt", "The capital of {France} is"), ("true target", "Paris"), ("new target", "Rome")];

/// A fact that is being typed.
#[derive(Clone, Debug, Default)]
pub struct OwnFact {
    /// What the fields say.
    pub fields: [Input; 3],
    /// The field with the cursor.
    pub field: usize,
    /// What is wrong.
    pub error: Option<String>,
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
    pub fn step(&mut self, forward: bool) {
        self.field = if forward { (self.field + 1) % 3 } else { (self.field + 2) % 3 };
    }

    /// The fact, as far as it is one.
    ///
    /// # Errors
    /// The first field that is wrong, and one sentence.
    pub fn fact(&self) -> Result<Fact, (usize, String)> {
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
}
