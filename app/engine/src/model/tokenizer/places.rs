//! Places in a text: which tokens hold them.

use super::Tokens;
use std::ops::Range;

/// A range of bytes, widened so that it cuts no character.
pub(super) fn whole_characters(text: &str, span: Range<usize>) -> Range<usize> {
    if span.is_empty() {
        return span;
    }
    let start = (0..=span.start.min(text.len())).rev().find(|&place| text.is_char_boundary(place));
    let end = (span.end.min(text.len())..=text.len()).find(|&place| text.is_char_boundary(place));
    start.unwrap_or(0)..end.unwrap_or(text.len())
}

impl Tokens {
    /// The tokens that hold a byte of `place`, end exclusive; the last of them holds its last character.
    #[must_use]
    pub fn holding(&self, place: &Range<usize>) -> Option<Range<usize>> {
        holding(&self.spans, place)
    }
}

/// The same of spans.
pub(super) fn holding(spans: &[Range<usize>], place: &Range<usize>) -> Option<Range<usize>> {
    let holds = |span: &Range<usize>| !span.is_empty() && span.start < place.end && span.end > place.start;
    let first = spans.iter().position(holds)?;
    let last = spans.iter().rposition(holds)?;
    Some(first..last + 1)
}

#[cfg(test)]
mod tests {
    use super::whole_characters;

    #[test]
    fn no_character_is_cut() {
        assert_eq!(whole_characters("aŁb", 2..3), 1..3);
        assert_eq!(whole_characters("aŁb", 1..2), 1..3);
        assert_eq!(whole_characters("aŁb", 2..2), 2..2);
    }
}
