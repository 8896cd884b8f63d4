//! Fills a subject into a template.

use std::ops::Range;

/// A template with its subject in place of `{}`, without trailing blanks, and the byte range of the subject without
/// surrounding blanks; `None` if the template has no `{}`.
#[must_use]
pub fn fill(template: &str, subject: &str) -> (String, Option<Range<usize>>) {
    let text = template.replacen("{}", subject, 1);
    let place = template.find("{}").map(|start| {
        let start = start + subject.len() - subject.trim_start().len();
        start..start + subject.trim().len()
    });
    (text.trim_end_matches(' ').to_owned(), place.filter(|place| !place.is_empty()))
}
