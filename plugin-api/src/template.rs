//! The token of a filled template at which a fact is edited.

use crate::error::{Error, Result};
use crate::host::PromptTokens;
use crate::services::Host;

/// Which token of a prompt stands for the fact (`fact_token` of the published code).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactToken {
    /// The last token of the subject.
    SubjectLast,
    /// The first token of the subject.
    SubjectFirst,
    /// The first token after the subject; the subject's last if nothing follows.
    SubjectFirstAfterLast,
    /// The last token of the prompt.
    Last,
}

impl FactToken {
    /// The names of the published code, in the order of a form.
    pub const NAMES: [&str; 4] = ["subject_last", "subject_first", "subject_first_after_last", "last"];

    /// Parses one of [`Self::NAMES`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::SubjectLast, Self::SubjectFirst, Self::SubjectFirstAfterLast, Self::Last];
        Self::NAMES.iter().position(|known| *known == name).map(|index| all[index])
    }
}

impl PromptTokens {
    /// The position of a fact token.
    #[must_use]
    pub fn position(&self, token: FactToken) -> usize {
        match token {
            FactToken::SubjectLast => self.subject.end.saturating_sub(1),
            FactToken::SubjectFirst => self.subject.start,
            FactToken::SubjectFirstAfterLast if self.subject.end < self.prompt => self.subject.end,
            FactToken::SubjectFirstAfterLast => self.subject.end.saturating_sub(1),
            FactToken::Last => self.prompt.saturating_sub(1),
        }
    }

    /// Token ids after those of the prompt; empty if no target was given.
    #[must_use]
    pub fn target(&self) -> &[i64] {
        self.ids.get(self.prompt..).unwrap_or_default()
    }
}

/// Token ids of a template with its subject filled in, and the position of its fact token: the tokens that contain the
/// subject's characters, which the published code finds by counting.
///
/// # Errors
/// [`Error::Request`] if the template does not have exactly one `{}`, or no token contains the subject.
pub fn lookup(host: &dyn Host, template: &str, subject: &str, token: FactToken) -> Result<(Vec<i64>, usize)> {
    let tokens = tokenized(host, template, subject, "")?;
    let position = tokens.position(token);
    Ok((tokens.ids, position))
}

/// A template with its subject and a target after it as tokens, see [`Host::tokenize_prompt`].
///
/// # Errors
/// Those of [`lookup`]; an empty target.
pub fn tokenize_fact(host: &dyn Host, template: &str, subject: &str, target: &str) -> Result<PromptTokens> {
    if target.trim().is_empty() {
        return Err(Error::Request("the target is empty; give the answer's text".to_owned()));
    }
    tokenized(host, template, subject, target)
}

fn tokenized(host: &dyn Host, template: &str, subject: &str, target: &str) -> Result<PromptTokens> {
    if template.matches("{}").count() != 1 {
        return Err(Error::Request(format!("the template `{template}` must contain {{}} exactly once")));
    }
    let tokens = host.tokenize_prompt(template, subject, target)?;
    if tokens.subject.is_empty() || tokens.subject.end > tokens.prompt || tokens.prompt > tokens.ids.len() {
        return Err(Error::Request(format!("the subject `{subject}` has no token of its own in `{template}`")));
    }
    Ok(tokens)
}
