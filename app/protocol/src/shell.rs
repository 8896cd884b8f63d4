//! Quotes arguments for a shell.

use shlex::Quoter;
use std::borrow::Cow;

/// Characters that no shell changes in an argument, besides letters and digits; shlex minds some of them, since they mean
/// something in the first word of a command.
const PLAIN: &str = "-_./=,:@%+";

/// An argument, quoted if necessary. A NUL stays, although no shell accepts one.
#[must_use]
pub fn quote(word: &str) -> String {
    if !word.is_empty() && word.chars().all(|character| character.is_ascii_alphanumeric() || PLAIN.contains(character))
    {
        return word.to_owned();
    }
    Quoter::new().allow_nul(true).quote(word).map_or_else(|_| word.to_owned(), Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn only_what_a_shell_would_change_is_quoted() {
        for word in ["a-b/c.d", "steps=25", "3,5", "DIR:main@2%"] {
            assert_eq!(quote(word), word);
        }
        assert_eq!(quote("The capital of {France} is"), "'The capital of {France} is'");
        for word in ["it's", "", "steps=25", "$HOME `ls` \"x\" \\ !1 ^a^b", "two\nlines", "München"] {
            assert_eq!(shlex::split(&quote(word)), Some(vec![word.to_owned()]));
        }
        assert_eq!(quote("a\0b").trim_matches('\''), "a\0b");
    }
}
