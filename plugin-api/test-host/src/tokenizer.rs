//! Tokens of the tiny model: the bytes, and a letter with the space before it as one.

use crate::model::END;
use locus_plugin::{Error, Result};
use std::ops::Range;

/// What the end of a text is called.
pub(crate) const END_OF_TEXT: &str = "<end>";
/// The first of the tokens that are a space and a letter.
const SPACED: i64 = END + 1;
const LETTERS: &[u8; 52] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// How many tokens there are.
pub(crate) const VOCABULARY: i64 = SPACED + LETTERS.len() as i64;

/// The tokens of a text.
pub(crate) fn tokens(text: &str) -> Vec<i64> {
    let (mut ids, mut bytes) = (Vec::new(), text.as_bytes());
    while let [first, rest @ ..] = bytes {
        let letter = rest.first().filter(|_| *first == b' ').and_then(|next| LETTERS.iter().position(|it| it == next));
        ids.push(letter.map_or(i64::from(*first), |letter| SPACED + letter as i64));
        bytes = if letter.is_some() { &rest[1..] } else { rest };
    }
    ids
}

/// The bytes of one token.
fn bytes(id: i64) -> Result<Vec<u8>> {
    match id {
        0..END => Ok(vec![id as u8]),
        END => Ok(END_OF_TEXT.into()),
        SPACED..VOCABULARY => Ok(vec![b' ', LETTERS[(id - SPACED) as usize]]),
        _ => Err(Error::Request(format!("the token {id} is not in the vocabulary of {VOCABULARY}"))),
    }
}

/// The text of tokens.
pub(crate) fn text(ids: &[i64]) -> Result<String> {
    let bytes = ids.iter().map(|&id| bytes(id)).collect::<Result<Vec<_>>>()?.concat();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The tokens that hold one of these bytes of their text.
pub(crate) fn holding(ids: &[i64], place: &Range<usize>) -> Result<Range<usize>> {
    let (mut end, mut found) = (0, Vec::new());
    for (index, &id) in ids.iter().enumerate() {
        let start = end;
        end += bytes(id)?.len();
        if start < place.end && place.start < end {
            found.push(index);
        }
    }
    Ok(found.first().map_or(0..0, |first| *first..first + found.len()))
}
