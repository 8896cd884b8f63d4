//! What should be known of a fact before its numbers are believed: tokens that hold more than the subject, targets that
//! cannot be told apart, answers that copying finds, edits that change nothing, neighbors that are none.

use crate::error::Result;
use crate::model::Tokenizer;
use crate::model::tokenizer::mention;
use locus_protocol::Fact;

/// One sentence about a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactRemark {
    /// What it is about.
    pub kind: RemarkKind,
    /// The sentence, in lower case and without a full stop.
    pub text: String,
}

/// What a remark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// Which tokens are the subject's.
    Place,
    /// Both targets begin with the same token.
    FirstToken,
    /// The new answer is the true one.
    NoChange,
    /// An answer and the subject are parts of each other, so that copying answers the prompt.
    Copying,
    /// A neighborhood prompt mentions the subject, or is there twice.
    Neighbor,
}

impl RemarkKind {
    /// Whether scores of such a fact say less than they seem to.
    #[must_use]
    pub fn spoils_scores(self) -> bool {
        matches!(self, Self::NoChange | Self::Copying)
    }

    /// What it is about, in words that are counted.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Place => "a token or mention of the subject is ambiguous",
            Self::FirstToken => "both answers begin with the same token",
            Self::NoChange => "the new answer is the true one",
            Self::Copying => "an answer contains the subject or is part of it",
            Self::Neighbor => "a neighborhood prompt mentions the subject or is repeated",
        }
    }
}

/// All remarks about a fact.
///
/// # Errors
/// The subject has no token in the prompt; the tokenizer refuses a text.
pub fn remarks(tokenizer: &Tokenizer, fact: &Fact) -> Result<Vec<FactRemark>> {
    let mut found = Vec::new();
    let mut say = |kind, text: String| found.push(FactRemark { kind, text });
    let (prompt, subject) = (fact.prompt(), fact.subject.trim());
    let tokens = tokenizer.prompt(&fact.template, subject, None)?;
    for (glued, end, token) in
        [(&tokens.glued[0], "first", tokens.subject.start), (&tokens.glued[1], "last", tokens.subject.end - 1)]
    {
        if !glued.is_empty() {
            let piece = tokenizer.piece(tokens.ids[token]);
            say(
                RemarkKind::Place,
                format!("the {end} token of the subject `{subject}` is `{piece}`, which also contains `{glued}`"),
            );
        }
    }
    let mentions = mention(&prompt, subject).map_or(0, |found| found.count);
    if mentions > 1 {
        let which = match fact.place() {
            Some(place) => format!("at character {}", prompt[..place.start].chars().count() + 1),
            None => "mentioned last".to_owned(),
        };
        say(
            RemarkKind::Place,
            format!("the prompt mentions the subject `{subject}` {mentions} times; the one {which} is used"),
        );
    }
    let (new, truth) = (fact.target_new.trim(), fact.target_true.trim());
    if !new.is_empty() && new == truth {
        say(RemarkKind::NoChange, format!("the new answer `{new}` is the true one: there is nothing to edit"));
    } else if !new.is_empty() && !truth.is_empty() {
        let first = |target: &str| Ok::<_, crate::error::Error>(tokenizer.joined(&prompt, target)?.target()[0]);
        let shared = first(new)?;
        if shared == first(truth)? {
            let piece = tokenizer.piece(shared);
            let text = format!("the answers `{new}` and `{truth}` begin with the same token `{piece}`");
            say(RemarkKind::FirstToken, text + ": first tokens do not tell them apart");
        }
    }
    for answer in [truth, new].into_iter().filter(|answer| !answer.is_empty()) {
        let (answer_lower, subject_lower) = (answer.to_lowercase(), subject.to_lowercase());
        let how = match (answer_lower == subject_lower, subject_lower.contains(&answer_lower)) {
            (true, _) => "is the subject",
            (_, true) => "is part of the subject",
            _ if answer_lower.contains(&subject_lower) => "contains the subject",
            _ => continue,
        };
        say(RemarkKind::Copying, format!("the answer `{answer}` {how} `{subject}`: copying gives it"));
    }
    for (index, neighbor) in fact.neighborhood.iter().enumerate() {
        if mention(neighbor, subject).is_some() {
            let text = format!("the neighborhood prompt `{neighbor}` mentions the subject `{subject}`");
            say(RemarkKind::Neighbor, text + ": it may rightly change, and gets no noise");
        }
        if fact.neighborhood[..index].contains(neighbor) {
            say(RemarkKind::Neighbor, format!("the neighborhood prompt `{neighbor}` occurs more than once"));
        }
    }
    Ok(found)
}

/// The fact without the neighborhood prompts that mention its subject or are there already.
#[must_use]
pub fn without_doubtful_neighbors(fact: &Fact) -> Fact {
    let mut kept: Vec<String> = Vec::new();
    for neighbor in &fact.neighborhood {
        if mention(neighbor, &fact.subject).is_none() && !kept.contains(neighbor) {
            kept.push(neighbor.clone());
        }
    }
    Fact { neighborhood: kept, ..fact.clone() }
}
