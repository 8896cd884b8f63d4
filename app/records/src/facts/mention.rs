//! Where a text mentions a subject.

use std::ops::Range;

/// Where a text mentions something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Bytes of the last mention.
    pub place: Range<usize>,
    /// How many mentions there are.
    pub count: usize,
}

/// The last mention of `subject` in `text` that is not part of a longer word: “Maryland Route 22” is not in “Maryland
/// Route 223 is in”, “an” not in “man”.
#[must_use]
pub fn mention(text: &str, subject: &str) -> Option<Mention> {
    let subject = subject.trim();
    let (first, last) = (subject.chars().next()?, subject.chars().next_back()?);
    let places = text.char_indices().filter(|(start, _)| text[*start..].starts_with(subject)).filter(|(start, _)| {
        let before = text[..*start].chars().next_back();
        let after = text[start + subject.len()..].chars().next();
        !before.is_some_and(|before| one_word(before, first)) && !after.is_some_and(|after| one_word(last, after))
    });
    let (count, start) = places.fold((0, 0), |(count, _), (start, _)| (count + 1, start));
    (count > 0).then(|| Mention { place: start..start + subject.len(), count })
}

/// Whether two characters side by side belong to one word.
fn one_word(left: char, right: char) -> bool {
    // scripts that are written without blanks between words
    let unspaced = |letter: char| {
        matches!(u32::from(letter), 0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF
            | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
    };
    // a combining mark belongs to the letter before it
    let mark = |letter: char| matches!(u32::from(letter), 0x0300..=0x036F | 0x1AB0..=0x1AFF | 0x20D0..=0x20FF);
    let word = |letter: char| letter.is_alphanumeric() || letter == '_' || mark(letter);
    mark(right) || (word(left) && word(right) && !unspaced(left) && !unspaced(right))
}

#[cfg(test)]
mod tests {
    use super::mention;

    #[test]
    fn a_mention_is_a_word_of_its_own_and_the_last_one_counts() {
        let place = |text, subject| mention(text, subject).map(|found| (found.place.start, found.count));
        assert_eq!(place("Maryland Route 223 is in", "Maryland Route 22"), None);
        assert_eq!(place("A man and an is", "an"), Some((10, 1)));
        assert_eq!(place("France loves France and France is", "France"), Some((24, 3)));
        assert_eq!(place("Eshkol of Israel: The Man. Israel's capital is", "Israel"), Some((27, 2)));
        assert_eq!(place("The city of 東京は", "東京"), Some((12, 1)));
        assert_eq!(place("Yahoo! is", "Yahoo!"), Some((0, 1)));
        assert_eq!(place("nothing", ""), None);
        assert_eq!(place("Kyo\u{304}to is", "Kyo"), None);
        assert_eq!(place("Denmark-Norway lies in", "Norway"), Some((8, 1)));
    }
}
