//! Which answer a trace follows.

use crate::Fact;
use serde::{Deserialize, Serialize};

/// Which answer's probability a trace follows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceAnswer {
    /// The true target of the fact.
    #[default]
    True,
    /// The new target of the fact.
    New,
    /// The model's next token, with the edits in place.
    Model,
    /// Any other text, taken as the continuation of the prompt.
    Text(String),
}

/// Keywords, with the answers that they stand for.
const WORDS: [(&str, TraceAnswer); 3] =
    [("true", TraceAnswer::True), ("new", TraceAnswer::New), ("model", TraceAnswer::Model)];

impl TraceAnswer {
    /// From `true`, `new`, `model`, or any other text; with a blank before it, a text may be one of these words.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let word = WORDS.into_iter().find(|(word, _)| *word == text);
        word.map_or_else(|| Self::Text(text.trim().to_owned()), |(_, answer)| answer)
    }

    /// The text that [`Self::parse`] reads as this answer.
    #[must_use]
    pub fn written(&self) -> String {
        match (self, WORDS.iter().find(|(_, answer)| answer == self)) {
            (Self::Text(text), _) if WORDS.iter().any(|(word, _)| word == text) => format!(" {text}"),
            (Self::Text(text), _) => text.clone(),
            (_, Some((word, _))) => (*word).to_owned(),
            _ => String::new(),
        }
    }

    /// Origin of the answer, in a word or two.
    #[must_use]
    pub const fn whose(&self) -> &'static str {
        match self {
            Self::True => "true",
            Self::New => "new",
            Self::Model => "model's",
            Self::Text(_) => "typed",
        }
    }

    /// The answer's text for a fact; `None` if the model chooses it, or the fact has none.
    #[must_use]
    pub fn text<'a>(&'a self, fact: &'a Fact) -> Option<&'a str> {
        let text = match self {
            Self::True => &fact.target_true,
            Self::New => &fact.target_new,
            Self::Model => return None,
            Self::Text(text) => text,
        };
        (!text.trim().is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::TraceAnswer;

    #[test]
    fn what_is_written_is_read_again() {
        let text = |text: &str| TraceAnswer::Text(text.to_owned());
        for answer in [TraceAnswer::True, TraceAnswer::New, TraceAnswer::Model, text("Rome"), text("new"), text("a b")]
        {
            assert_eq!(TraceAnswer::parse(&answer.written()), answer, "{answer:?}");
        }
        assert_eq!(TraceAnswer::parse(" Rome "), text("Rome"));
        assert_eq!(serde_json::to_string(&text("Rome")).expect("JSON"), r#"{"text":"Rome"}"#);
        assert_eq!(serde_json::to_string(&TraceAnswer::Model).expect("JSON"), r#""model""#);
    }
}
