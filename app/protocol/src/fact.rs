//! A fact as the workbench handles it.

use locus_plugin_data::fill;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// One fact: a prompt with its subject, the true answer, and the one that an edit would replace it with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Number in the file it comes from; `None` for one that was typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_id: Option<u64>,
    /// The prompt with `{}` in the subject's place, ending right before the answer.
    pub template: String,
    pub subject: String,
    /// The true answer, without a leading space.
    pub target_true: String,
    /// The new answer, without a leading space.
    pub target_new: String,
    /// The relation's number in Wikidata, or whatever the file calls it.
    #[serde(default)]
    pub relation: String,
    /// Other wordings of the same question.
    #[serde(default)]
    pub paraphrases: Vec<String>,
    /// Prompts about other subjects whose answer is `target_true` and should stay so.
    #[serde(default)]
    pub neighborhood: Vec<String>,
    /// Prompts about other subjects of which `target_new` is true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
    /// Prompts about the subject that leave room for text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generation: Vec<String>,
    /// Questions about something else, with answers of their own that should stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locality: Vec<Locality>,
    /// Number of the true answer in Wikidata, if the file has it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target_true_id: String,
    /// Number of the new answer in Wikidata, if the file has it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target_new_id: String,
}

/// A question about something else than the fact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locality {
    /// The prompt, ending right before the answer.
    pub prompt: String,
    /// Its answer, without a leading space.
    pub answer: String,
}

/// Why a typed fact is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactError(pub String);

impl std::fmt::Display for FactError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for FactError {}

impl Fact {
    /// What a question of zsRE has in the place of a true answer, as the published code reads it.
    pub const NO_ANSWER: &str = "<|endoftext|>";

    /// Whether it was read without a true answer.
    #[must_use]
    pub fn has_no_true_answer(&self) -> bool {
        self.target_true == Self::NO_ANSWER
    }

    /// The whole prompt, without trailing blanks: a space separates it from an answer anyway.
    #[must_use]
    pub fn prompt(&self) -> String {
        fill(&self.template, &self.subject).0
    }

    /// Bytes of [`Self::prompt`] that are the subject; `None` where the template has no `{}`.
    #[must_use]
    pub fn place(&self) -> Option<Range<usize>> {
        fill(&self.template, &self.subject).1
    }

    /// Reads a prompt with its subject in braces, as typed: `The capital of {France} is`.
    ///
    /// # Errors
    /// No pair of braces, or more than one, or nothing inside.
    pub fn from_marked(marked: &str, target_true: &str, target_new: &str) -> Result<Self, FactError> {
        let wrong = |what: &str| FactError(format!("{what}; mark the subject like this: The capital of {{France}} is"));
        let (before, rest) = marked.split_once('{').ok_or_else(|| wrong("the prompt marks no subject"))?;
        let (subject, after) = rest.split_once('}').ok_or_else(|| wrong("the brace of the subject is not closed"))?;
        if subject.starts_with('{') && after.starts_with('}') {
            return Err(wrong("the braces are doubled, but one pair marks the subject"));
        }
        if subject.trim().is_empty() {
            return Err(wrong("there is no subject between the braces"));
        }
        if before.contains('}') {
            return Err(wrong("a closing brace has no opening brace"));
        }
        if after.contains(['{', '}']) || subject.contains('{') {
            return Err(wrong("the prompt marks more than one subject"));
        }
        Ok(Self {
            template: format!("{before}{{}}{}", after.trim_end()),
            subject: subject.trim().to_owned(),
            target_true: target_true.trim().to_owned(),
            target_new: target_new.trim().to_owned(),
            ..Self::default()
        })
    }

    /// The prompt with its subject in braces, as [`Self::from_marked`] reads it.
    #[must_use]
    pub fn marked(&self) -> String {
        self.template.replacen("{}", &format!("{{{}}}", self.subject), 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Fact;

    #[test]
    fn a_typed_fact_survives_the_round_trip() {
        let fact = Fact::from_marked("The capital of {France} is ", "Paris", " Rome").expect("fact");
        assert_eq!(fact.template, "The capital of {} is");
        assert_eq!(fact.prompt(), "The capital of France is");
        assert_eq!(fact.marked(), "The capital of {France} is");
        assert_eq!((fact.target_true.as_str(), fact.target_new.as_str()), ("Paris", "Rome"));
    }

    #[test]
    fn the_place_is_the_template_s_and_not_the_first_mention() {
        let place = |marked: &str| {
            let fact = Fact::from_marked(marked, "x", "y").expect(marked);
            let (prompt, place) = (fact.prompt(), fact.place().expect(marked));
            assert_eq!(prompt[place.clone()], fact.subject);
            place.start
        };
        assert_eq!(place("France loves France and {France} is"), 24);
        assert_eq!(place("A man and {an} is"), 10);
        assert_eq!(place("The city of { 東京 } is in"), 12);
        let padded = Fact { template: "In {} ".into(), subject: " Rome ".into(), ..Fact::default() };
        assert_eq!((padded.prompt().as_str(), padded.place()), ("In  Rome", Some(4..8)));
        assert_eq!(Fact { template: "Rome is".into(), subject: "Rome".into(), ..Fact::default() }.place(), None);
    }

    #[test]
    fn what_is_wrong_with_a_typed_fact_is_said() {
        for (marked, complaint) in [
            ("The capital of France is", "marks no subject"),
            ("The capital of {France is", "not closed"),
            ("The capital of {} is", "no subject between"),
            ("{A} and {B} are", "more than one"),
            ("The capital of {{France}} is", "doubled"),
            ("The} capital of {France} is", "no opening brace"),
        ] {
            let error = Fact::from_marked(marked, "x", "y").expect_err(marked).to_string();
            assert!(error.contains(complaint), "{marked}: {error}");
        }
    }
}
