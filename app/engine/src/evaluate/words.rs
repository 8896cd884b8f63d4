//! Words of a text, as NLTK's `word_tokenize` cuts them: sentences first, then the rules of its word tokenizer.
//!
//! The rules are those of NLTK 3.6.5 one by one. Sentences are found by a rule in place of the trained model that NLTK
//! downloads, so a full stop inside a text can stay with its word where NLTK cuts it off, and the other way round:
//! after abbreviations that are not in the list below, and after numbers and initials that end a sentence.

use fancy_regex::Regex;
use std::sync::LazyLock;

/// Rules in order: what is looked for, and what stands in its place.
const BEFORE_BLANKS: [(&str, &str); 16] = [
    // quotation marks that open
    (r"([«“‘„]|`+)", " $1 "),
    (r#"^""#, "``"),
    (r"(``)", " $1 "),
    (r#"([ (\[{<])("|'{2})"#, "$1 `` "),
    (r"(?i)(')(?!re|ve|ll|m|t|s|d|n)(\w)\b", "$1 $2"),
    // punctuation
    (r#"([^.])(\.)([\])}>"'»”’ ]*)\s*$"#, "$1 $2 $3 "),
    (r"([:,])([^\d])", " $1 $2"),
    (r"([:,])$", " $1 "),
    (r"(\.{2,})", " $1 "),
    (r"([;@#$%&])", " $1 "),
    (r#"([^.])(\.)([\])}>"']*)\s*$"#, "$1 $2$3 "),
    (r"([?!])", " $1 "),
    (r"([^'])' ", "$1 ' "),
    (r"([*])", " $1 "),
    (r"([\]\[(){}<>])", " $1 "),
    (r"(--)", " $1 "),
];

/// Rules for a text with a blank at either end.
const BETWEEN_BLANKS: [(&str, &str); 15] = [
    // quotation marks that close
    (r"([»”’])", " $1 "),
    (r#"""#, " '' "),
    (r"(\S)('')", "$1 $2 "),
    (r"([^' ])('[sS]|'[mM]|'[dD]|') ", "$1 $2 "),
    (r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", "$1 $2 "),
    // contractions
    (r"(?i)\b(can)(not)\b", " $1 $2 "),
    (r"(?i)\b(d)('ye)\b", " $1 $2 "),
    (r"(?i)\b(gim)(me)\b", " $1 $2 "),
    (r"(?i)\b(gon)(na)\b", " $1 $2 "),
    (r"(?i)\b(got)(ta)\b", " $1 $2 "),
    (r"(?i)\b(lem)(me)\b", " $1 $2 "),
    (r"(?i)\b(more)('n)\b", " $1 $2 "),
    (r"(?i)\b(wan)(na)\s", " $1 $2 "),
    (r"(?i) ('t)(is)\b", " $1 $2 "),
    (r"(?i) ('t)(was)\b", " $1 $2 "),
];

/// Words before a full stop that do not end a sentence.
const ABBREVIATIONS: [&str; 62] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "rev", "hon", "gen", "col", "maj", "capt", "lt", "sgt", "cmdr",
    "adm", "gov", "sen", "rep", "pres", "messrs", "mt", "ft", "ave", "blvd", "rd", "no", "nos", "vol", "pp", "fig",
    "ed", "eds", "vs", "etc", "e.g", "i.e", "cf", "al", "ca", "approx", "inc", "ltd", "co", "corp", "bros", "u.s",
    "u.k", "u.n", "jan", "feb", "mar", "apr", "aug", "sept", "oct", "nov", "dec", "a.m", "p.m",
];

type Rules = Vec<(Regex, &'static str)>;

static RULES: LazyLock<[Rules; 2]> = LazyLock::new(|| {
    // a rule that does not compile would be left out; a test counts them
    let compile = |rules: &[(&'static str, &'static str)]| {
        rules.iter().filter_map(|&(pattern, place)| Some((Regex::new(pattern).ok()?, place))).collect()
    };
    [compile(&BEFORE_BLANKS), compile(&BETWEEN_BLANKS)]
});

/// The words of a text, punctuation marks among them.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    sentences(text).into_iter().flat_map(words_of_sentence).collect()
}

fn words_of_sentence(sentence: &str) -> Vec<String> {
    let apply = |text: String, rules: &Rules| {
        rules.iter().fold(text, |text, (pattern, place)| pattern.replace_all(&text, *place).into_owned())
    };
    let text = apply(sentence.to_owned(), &RULES[0]);
    let text = apply(format!(" {text} "), &RULES[1]);
    text.split_whitespace().map(str::to_owned).collect()
}

/// A text cut after full stops, question and exclamation marks that a new sentence follows.
fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut begun = 0;
    let marks: Vec<(usize, char)> = text.char_indices().collect();
    for (index, &(at, mark)) in marks.iter().enumerate() {
        if !matches!(mark, '.' | '?' | '!') {
            continue;
        }
        // quotation marks and brackets that close belong to the sentence
        let closed = |&&(_, next): &&(usize, char)| matches!(next, '"' | '\'' | ')' | ']' | '}' | '”' | '’' | '»');
        let after = index + 1 + marks[index + 1..].iter().take_while(closed).count();
        let Some(&(end, blank)) = marks.get(after) else { continue };
        let rest = text[end..].trim_start();
        let opens = rest.trim_start_matches(['"', '\'', '(', '[', '“', '‘', '«', '`']);
        let begins = opens.chars().next().is_some_and(|first| !first.is_lowercase());
        if blank.is_whitespace() && begins && !(mark == '.' && is_abbreviation(&text[begun..at])) {
            found.push(text[begun..end].trim());
            begun = end;
        }
    }
    found.push(text[begun..].trim());
    found.retain(|sentence| !sentence.is_empty());
    found
}

/// Whether the last word before a full stop is an abbreviation or an initial.
fn is_abbreviation(before: &str) -> bool {
    let word = before.rsplit(|letter: char| letter.is_whitespace() || "([{\"'“‘".contains(letter)).next();
    let word = word.unwrap_or_default();
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    initial || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::{BEFORE_BLANKS, BETWEEN_BLANKS, RULES, sentences, words, words_of_sentence};

    #[test]
    fn all_rules_compile() {
        assert_eq!((RULES[0].len(), RULES[1].len()), (BEFORE_BLANKS.len(), BETWEEN_BLANKS.len()));
    }

    /// What `NLTKWordTokenizer().tokenize` of NLTK 3.6.5 makes of each line.
    #[test]
    fn sentences_are_cut_as_nltk_cuts_them() {
        let table: Vec<(String, Vec<String>)> =
            serde_json::from_str(include_str!("../../tests/words.json")).expect("table");
        assert!(table.len() > 30);
        for (sentence, expected) in table {
            assert_eq!(words_of_sentence(&sentence), expected, "{sentence}");
        }
    }

    #[test]
    fn a_text_is_cut_into_sentences() {
        assert_eq!(
            sentences(
                "Mr. Smith met J. R. Tolkien in the U.S. last year. \"Who?\" He left at 3.5 p.m. on Monday! Then... no."
            ),
            [
                "Mr. Smith met J. R. Tolkien in the U.S. last year.",
                "\"Who?\"",
                "He left at 3.5 p.m. on Monday!",
                "Then... no."
            ]
        );
        assert_eq!(words("He left. She can't stay."), ["He", "left", ".", "She", "ca", "n't", "stay", "."]);
    }
}
