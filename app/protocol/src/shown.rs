//! Text from outside, made safe to show: control characters are escaped, and long text is cut.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters of a name that a sentence quotes.
const LONGEST_NAME: usize = 120;
/// Characters of a quoted text that are shown.
const LONGEST_QUOTE: usize = 200;
/// Characters of a message that are shown.
const LONGEST_MESSAGE: usize = 1200;
/// Characters kept at the end of a cut message, which has the remedy.
const LONGEST_END: usize = 300;
/// Characters that say how much was cut, at most.
const SLACK: usize = 60;
/// Marks around what a message quotes.
const QUOTES: [(char, char); 3] = [('`', '`'), ('“', '”'), ('"', '"')];

/// Whether a terminal obeys a character instead of showing it, or shows nothing for it: controls, marks of the writing
/// direction, marks without width.
#[must_use]
pub fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// A text on one line, with invisible characters escaped: `\n`, `\t`, `\u{1b}`.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    written_out(text, is_unseen)
}

/// The same, but with line breaks kept, for text of several lines.
#[must_use]
pub fn shown_lines(text: &str) -> Cow<'_, str> {
    written_out(text, |character| character != '\n' && is_unseen(character))
}

/// A text with the `hidden` characters escaped.
#[must_use]
pub fn written_out(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            character if !hidden(character) => written.push(character),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            character => {
                let _ = write!(written, "\\u{{{:x}}}", u32::from(character));
            }
        }
    }
    Cow::Owned(written)
}

/// A text of at most `most` characters; a longer one is cut, with its length appended.
#[must_use]
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((cut, _)) => Cow::Owned(format!("{}… ({} characters)", &text[..cut], text.chars().count())),
    }
}

/// A name from a file or a model, as a sentence quotes it: short and on one line.
#[must_use]
pub fn quoted(name: &str) -> String {
    shown(&shortened(name, LONGEST_NAME)).into_owned()
}

/// A message in which nothing is quoted at length: its beginning and its end stay, whatever it quotes.
#[must_use]
pub fn message(text: &str) -> Cow<'_, str> {
    // fewer bytes are fewer characters
    if text.len() <= LONGEST_QUOTE {
        return Cow::Borrowed(text);
    }
    let quoted = with_short_quotes(text);
    let length = quoted.chars().count();
    if length <= LONGEST_MESSAGE + SLACK {
        return Cow::Owned(quoted);
    }
    let at = |number: usize| quoted.char_indices().nth(number).map_or(quoted.len(), |(place, _)| place);
    let (begin, end) = (LONGEST_MESSAGE - LONGEST_END, length - LONGEST_END);
    let left_out = end - begin;
    Cow::Owned(format!("{}… ({left_out} characters left out) …{}", &quoted[..at(begin)], &quoted[at(end)..]))
}

/// A message whose quotations are cut.
fn with_short_quotes(text: &str) -> String {
    let mut written = String::with_capacity(text.len().min(4 * LONGEST_MESSAGE));
    let mut rest = text;
    while let Some((place, (open, close))) = next_quote(rest) {
        let inner = place + open.len_utf8();
        written.push_str(&rest[..inner]);
        rest = &rest[inner..];
        let Some(end) = rest.find(close) else { break };
        // what was cut before is not cut again
        let fits = rest[..end].chars().nth(LONGEST_QUOTE + SLACK).is_none();
        if fits {
            written.push_str(&rest[..end])
        } else {
            written.push_str(&shortened(&rest[..end], LONGEST_QUOTE))
        }
        written.push(close);
        rest = &rest[end + close.len_utf8()..];
    }
    written.push_str(rest);
    written
}

fn next_quote(text: &str) -> Option<(usize, (char, char))> {
    let (place, found) = text.char_indices().find(|(_, character)| QUOTES.iter().any(|(open, _)| open == character))?;
    QUOTES.iter().find(|(open, _)| *open == found).map(|quote| (place, *quote))
}

/// JSON with invisible characters escaped as `\u001b`; the values are the same.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    // such characters stand in texts only, and there all of them may be written so
    if !text.chars().any(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unseen(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(written, "\\u{unit:04x}");
            }
        } else {
            written.push(character);
        }
    }
    Cow::Owned(written)
}

#[cfg(test)]
mod tests {
    use super::{json, message, quoted, shortened, shown, shown_lines};

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let hostile = "a\u{1b}]0;x\u{7}\u{9b}2J\u{7f}\u{202e}b\u{2066}\u{200b}\r\n\tc";
        let written = r"a\u{1b}]0;x\u{7}\u{9b}2J\u{7f}\u{202e}b\u{2066}\u{200b}\r\n\tc";
        assert_eq!(shown(hostile), written);
        assert_eq!(shown_lines("a\nb\u{1b}"), "a\nb\\u{1b}");
        for plain in ["Łódź 東京 🙂 “é”", "", "C:\\new"] {
            assert_eq!(shown(plain), plain);
        }
        for character in (0..=0x10_ffff_u32).filter_map(char::from_u32) {
            let text = character.to_string();
            let seen = shown(&text);
            assert!(!seen.chars().any(char::is_control), "{character:?}");
            assert!(!seen.contains(['\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{200b}', '\u{200f}']));
        }
    }

    #[test]
    fn json_keeps_its_values() {
        let hostile = serde_json::json!({"a\u{9b}": "\u{7f}\u{202e}\u{e0041}\u{1b}é"});
        let written = json(&hostile.to_string()).into_owned();
        assert!(written.chars().all(|character| !super::is_unseen(character)), "{written}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).expect("JSON"), hostile);
    }

    #[test]
    fn what_is_quoted_is_cut_and_the_remedy_stays() {
        assert_eq!(shortened("東京", 2), "東京");
        assert_eq!(shortened("東京タワー", 2), "東京… (5 characters)");
        assert_eq!(quoted("a\nb\u{1b}"), "a\\nb\\u{1b}");
        assert_eq!(quoted(&"\n".repeat(500)), format!("{}… (500 characters)", "\\n".repeat(120)));
        let long = "x".repeat(5_000_000);
        for (open, close) in [("`", "`"), ("“", "”"), ("\"", "\""), ("", "")] {
            let said = message(&format!("the subject {open}{long}{close} is not there; give another")).into_owned();
            assert!(said.chars().count() < 1300, "{}", said.len());
            assert_eq!(message(&said), said, "it is cut once");
            assert!(said.starts_with("the subject ") && said.ends_with(" is not there; give another"), "{said}");
            assert!(said.contains("… (") && said.contains("characters"), "{said}");
        }
        let many = format!("there are {}; name one", "`abc`, ".repeat(10_000));
        assert!(message(&many).chars().count() < 1300 && message(&many).ends_with("; name one"));
        assert_eq!(message("`a` is “b”; take \"c\""), "`a` is “b”; take \"c\"");
        let torn = format!("`{}", "é".repeat(400));
        assert!(message(&torn).starts_with("`é"));
    }
}
