//! The word that a text begins with.

use unicode_normalization::char::is_combining_mark;

/// What a decoder shows of a character whose bytes are not all there yet.
const CUT: char = '\u{fffd}';

/// The word that a text begins with, without the blanks before it; nothing where it begins with something else. Letters and
/// digits make a word, and `-`, `'` and `’` between them, `.` and `,` between digits.
#[must_use]
pub fn word(text: &str) -> &str {
    let text = text.trim_start_matches([' ', '\t']);
    let mut before = None;
    let mut letters = text.char_indices().peekable();
    while let Some((place, letter)) = letters.next() {
        let after = letters.peek().map(|(_, letter)| *letter);
        let joins = |is: fn(char) -> bool| before.is_some_and(is) && after.is_some_and(is);
        let belongs = match letter {
            '-' | '\'' | '’' => joins(char::is_alphanumeric),
            '.' | ',' => joins(|letter| letter.is_ascii_digit()),
            _ => letter.is_alphanumeric() || before.is_some() && is_combining_mark(letter),
        };
        if !belongs {
            return &text[..place];
        }
        before = Some(letter);
    }
    text
}

/// Whether the word that a text begins with stays as it is, whatever follows the text.
#[must_use]
pub fn has_word(text: &str) -> bool {
    let text = text.trim_start_matches([' ', '\t']);
    let mut rest = text[word(text).len()..].chars();
    match (rest.next(), rest.next()) {
        (None, _) | (Some(CUT), None) => false,
        // what may yet turn out to stand between two letters
        (Some('-' | '\'' | '’' | '.' | ','), None) => word(text).is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{has_word, word};

    #[test]
    fn a_text_begins_with_a_word_or_with_none() {
        for (text, first) in [
            (" Paris, which", "Paris"),
            ("Paris", "Paris"),
            (" Guinea-Bissau.", "Guinea-Bissau"),
            (" N'Djamena and", "N'Djamena"),
            (" 3.5 million", "3.5"),
            (" 1,390 facts", "1,390"),
            (" Thimphu.", "Thimphu"),
            (" नेपाल में", "नेपाल"),
            ("\n\nParis", ""),
            (" “Paris”", ""),
            (",", ""),
            ("", ""),
        ] {
            assert_eq!(word(text), first, "{text:?}");
        }
    }

    #[test]
    fn a_word_is_there_once_something_else_follows_it() {
        for whole in [" Paris,  which", " Paris is", " Paris\n", "\n", ", and", " “", ","] {
            assert!(has_word(whole), "{whole:?}");
        }
        for open in ["", " ", " Par", " Guinea-", " N'", " 3.", " Paris\u{fffd}", "\u{fffd}"] {
            assert!(!has_word(open), "{open:?}");
        }
    }
}
