//! Where in a filled template the token lies at which a fact is edited.

use crate::error::{Error, Result};
use crate::host::Host;

/// Which token of a prompt stands for the fact (`fact_token` of the published code).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactToken {
    /// The last token of the subject.
    SubjectLast,
    /// The first token of the subject.
    SubjectFirst,
    /// The first token after the subject; the subject's last where nothing follows.
    SubjectFirstAfterLast,
    /// The last token of the prompt.
    Last,
}

impl FactToken {
    /// The names of the published code, in the order of a form.
    pub const NAMES: [&str; 4] = ["subject_last", "subject_first", "subject_first_after_last", "last"];

    /// The token called `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::SubjectLast, Self::SubjectFirst, Self::SubjectFirstAfterLast, Self::Last];
        Self::NAMES.iter().position(|known| *known == name).map(|index| all[index])
    }
}

/// Token ids of a template with its subject filled in, and the position of its fact token. Prefix, subject and
/// suffix are tokenised apart to find the position, as the published code does (spec methods.md 0.2 B).
///
/// # Errors
/// [`Error::Request`] when the template has not exactly one `{}`, or text before it that does not end in a space.
pub fn lookup(host: &dyn Host, template: &str, subject: &str, token: FactToken) -> Result<(Vec<i64>, usize)> {
    let (prefix, suffix) = template
        .split_once("{}")
        .filter(|(_, suffix)| !suffix.contains("{}"))
        .ok_or_else(|| Error::Request(format!("the template `{template}` must contain {{}} exactly once")))?;
    let word = match prefix.strip_suffix(' ') {
        Some(_) => format!(" {}", subject.trim()),
        None if prefix.is_empty() => subject.to_owned(),
        None => {
            let message = format!("the text before {{}} in the template `{template}` must end in a space");
            return Err(Error::Request(message));
        }
    };
    let before = host.tokenize(prefix.strip_suffix(' ').unwrap_or(prefix), true)?.len();
    let word = host.tokenize(&word, false)?.len();
    let after = host.tokenize(suffix, false)?.len();
    let ids = host.tokenize(&format!("{prefix}{subject}{suffix}"), true)?;
    let position = match token {
        FactToken::SubjectLast => before + word - 1,
        FactToken::SubjectFirst => before,
        FactToken::SubjectFirstAfterLast if after == 0 => before + word - 1,
        FactToken::SubjectFirstAfterLast => before + word,
        FactToken::Last => ids.len() - 1,
    };
    if position >= ids.len() {
        return Err(Error::Request(format!("the subject `{subject}` has no token of its own in `{template}`")));
    }
    Ok((ids, position))
}
