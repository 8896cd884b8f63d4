//! Text in cells of the terminal: how wide it is, how it is cut, how what cannot be printed is written.

use super::Glyphs;
use locus_protocol::shown::{is_unseen, written_out};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Cells that a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// A text cut to at most so many cells, with an ellipsis where something is missing.
#[must_use]
pub fn shorten(text: &str, cells: usize, glyphs: Glyphs) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let Some(room) = cells.checked_sub(1) else { return String::new() };
    let mut kept = String::new();
    let mut taken = 0;
    for grapheme in text.graphemes(true) {
        let wide = UnicodeWidthStr::width(grapheme);
        if taken + wide > room {
            break;
        }
        taken += wide;
        kept.push_str(grapheme);
    }
    kept.push_str(glyphs.ellipsis());
    kept
}

/// A text in exactly so many cells, at their left end.
#[must_use]
pub fn fit(text: &str, cells: usize, glyphs: Glyphs) -> String {
    let mut kept = shorten(text, cells, glyphs);
    let missing = cells.saturating_sub(width(&kept));
    kept.extend(std::iter::repeat_n(' ', missing));
    kept
}

/// A text in exactly so many cells, at their right end.
#[must_use]
pub fn fit_left(text: &str, cells: usize, glyphs: Glyphs) -> String {
    let kept = shorten(text, cells, glyphs);
    format!("{}{kept}", " ".repeat(cells.saturating_sub(width(&kept))))
}

/// A text broken into lines, at blanks where there are some; all but the first are indented.
#[must_use]
pub fn wrap(text: &str, cells: usize, indent: usize) -> Vec<String> {
    let indent = if indent + 8 < cells { indent } else { 0 };
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut taken = 0;
    for word in text.split_inclusive(' ') {
        if taken + width(word.trim_end()) > cells && taken > indent {
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
            line.push_str(&" ".repeat(indent));
            taken = indent;
        }
        line.push_str(word);
        taken += width(word);
    }
    lines.push(line);
    lines
}

/// A name, and how many there are besides.
#[must_use]
pub fn and_more(name: &str, more: usize) -> String {
    if more == 0 { name.to_owned() } else { format!("{name} and {more} more") }
}

/// A text on one line with what cannot be printed written out.
#[must_use]
pub fn printable(text: &str) -> String {
    written_out(text, |character| is_unseen(character) || is_variation(character)).into_owned()
}

/// A token as panes show it: printable, a leading space as a dot.
#[must_use]
pub fn token_text(text: &str, glyphs: Glyphs) -> String {
    match text.strip_prefix(' ') {
        Some(rest) => format!("{}{}", glyphs.space(), printable(rest)),
        None => printable(text),
    }
}

/// The ASCII character that stands in for another one.
#[must_use]
pub fn plain(symbol: &str) -> &'static str {
    match symbol {
        "→" => ">",
        "·" => "-",
        "“" | "”" | "„" => "\"",
        "‘" | "’" => "'",
        "–" | "—" => "-",
        "…" => "~",
        _ => "?",
    }
}

/// Characters that change how the one before them looks: terminals disagree on their width.
fn is_variation(character: char) -> bool {
    matches!(character, '\u{fe00}'..='\u{fe0f}')
}

#[cfg(test)]
mod tests {
    use super::{Glyphs, fit, fit_left, printable, shorten, token_text, width, wrap};

    #[test]
    fn texts_are_cut_by_cells_and_not_by_characters() {
        let glyphs = Glyphs::new(false);
        assert_eq!(shorten("東京タワー", 5, glyphs), "東京…");
        assert_eq!(width(&fit("東京タワー", 4, glyphs)), 4);
        assert_eq!(fit("ab", 4, glyphs), "ab  ");
        assert_eq!(fit_left("ab", 4, glyphs), "  ab");
        assert_eq!(shorten("abc", 0, glyphs), "");
    }

    #[test]
    fn long_texts_are_broken_at_blanks() {
        assert_eq!(wrap("one two three four", 12, 1), ["one two", " three four"]);
        assert!(wrap("a longer text than there is room for", 20, 4).iter().all(|line| width(line.trim_end()) <= 20));
        assert_eq!(wrap("", 5, 0), [""]);
    }

    #[test]
    fn what_cannot_be_printed_is_written_out() {
        assert_eq!(printable("a\u{1b}[31m\r\n\u{200b}\u{fe0f}"), "a\\u{1b}[31m\\r\\n\\u{200b}\\u{fe0f}");
        assert_eq!(token_text(" Paris", Glyphs::new(false)), "·Paris");
        assert_eq!(token_text(" Paris", Glyphs::new(true)), "_Paris");
    }
}
