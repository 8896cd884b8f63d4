//! Where the first sentence of a text ends.

/// The beginning of a text up to where its first sentence ends: a line break, `!`, `?`, or a full stop after a word of
/// more than two letters or after a number (`St.` and `U.S.` end none).
#[must_use]
pub fn sentence(text: &str) -> &str {
    let start = text.len() - text.trim_start().len();
    let mut word = start..start;
    for (place, character) in text.char_indices().skip_while(|(place, _)| *place < start) {
        let ends = match character {
            '\n' | '\r' => return &text[..place],
            '!' | '?' => true,
            '.' => {
                let before = &text[word.clone()];
                let is_number = !before.is_empty() && before.chars().all(|letter| letter.is_ascii_digit());
                let follows = text[place + 1..].chars().next();
                let goes_on = follows.is_some_and(char::is_alphanumeric);
                (before.chars().count() > 2 && !before.contains('.') || is_number) && !goes_on
            }
            _ => false,
        };
        if ends {
            return &text[..place + character.len_utf8()];
        }
        if character.is_whitespace() {
            word = place + character.len_utf8()..place + character.len_utf8();
        } else {
            word.end = place + character.len_utf8();
        }
    }
    text
}

/// Whether a text ends where a sentence does, so that nothing that follows is looked at.
#[must_use]
pub fn is_whole(text: &str) -> bool {
    let told = sentence(text);
    // a full stop at the very end may turn out to stand in a number
    told.len() < text.len() || told.trim_end().ends_with(['!', '?'])
}

#[cfg(test)]
mod tests {
    use super::{is_whole, sentence};

    #[test]
    fn a_text_ends_where_its_first_sentence_does() {
        for (text, first) in [
            (" French. He was born", " French."),
            (" French\nQuestion:", " French"),
            ("\n\nFrench", "\n\nFrench"),
            (" St. Petersburg. It", " St. Petersburg."),
            (" the U.S. Army in 1990. Then", " the U.S. Army in 1990."),
            (" 3.14 and more", " 3.14 and more"),
            (" yes! And", " yes!"),
            ("", ""),
        ] {
            assert_eq!(sentence(text), first, "{text:?}");
        }
        assert!(is_whole(" French. He") && is_whole(" yes!") && !is_whole(" French") && !is_whole(" 3."));
    }
}
