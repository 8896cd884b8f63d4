//! What a token stands for, byte by byte. Decoders of whole texts strip and fuse, so that one token decoded by itself
//! loses its blank, and a character that is split over tokens becomes replacement characters.

use serde_json::Value;
use std::collections::HashMap;

/// How a vocabulary writes bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    form: Form,
    /// Whether the vocabulary has a token for every single byte, written `<0x0A>`.
    bytes: bool,
    /// Tokens that stand for their own letters, by id.
    added: HashMap<u32, String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
enum Form {
    /// Only the tokenizer's own decoder knows.
    #[default]
    Unknown,
    /// A letter for each byte (GPT-2).
    ByteLevel,
    /// Letters, and marks (sentencepiece): what stands for what.
    Marked(Vec<(String, String)>),
}

impl Pieces {
    /// Reads the form off the decoder, or off the splitter where there is no decoder.
    pub fn of(inner: &tokenizers::Tokenizer) -> Self {
        let added = inner.get_added_tokens_decoder();
        let added = added.into_iter().map(|(id, token)| (id, token.content.clone())).collect();
        let decoder = inner.get_decoder().and_then(|decoder| serde_json::to_value(decoder).ok());
        let splitter = || inner.get_pre_tokenizer().and_then(|splitter| serde_json::to_value(splitter).ok());
        let form = decoder.or_else(splitter).map(|value| form(&value)).unwrap_or_default();
        let bytes = ["<0x00>", "<0xFF>"].iter().all(|token| inner.token_to_id(token).is_some());
        Self { form, bytes, added }
    }

    /// Whether a token's bytes are known.
    pub fn known(&self) -> bool {
        self.form != Form::Unknown
    }

    /// The bytes of one token as it stands inside a text; none for an id that is no token.
    pub fn bytes(&self, inner: &tokenizers::Tokenizer, id: i64) -> Vec<u8> {
        let Ok(id) = u32::try_from(id) else { return Vec::new() };
        if let Some(content) = self.added.get(&id) {
            return content.clone().into_bytes();
        }
        let Some(token) = inner.id_to_token(id) else { return Vec::new() };
        match &self.form {
            Form::Unknown => inner.decode(&[id], false).unwrap_or(token).into_bytes(),
            Form::ByteLevel => {
                let bytes: Option<Vec<u8>> = token.chars().map(byte_of).collect();
                bytes.unwrap_or_else(|| token.into_bytes())
            }
            Form::Marked(_) if self.bytes && single_byte(&token).is_some() => single_byte(&token).into_iter().collect(),
            Form::Marked(replaced) => {
                let replace = |token: String, (mark, content): &(String, String)| token.replace(mark, content);
                replaced.iter().fold(token, replace).into_bytes()
            }
        }
    }
}

/// Bytes for the eye: those that are no whole character are shown as `<0xC5>`.
pub(super) fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("<0x{byte:02X}>")));
    }
    text
}

/// The form that a decoder, or a sequence of them, undoes.
fn form(decoder: &Value) -> Form {
    let parts = ["decoders", "pretokenizers"].iter().find_map(|name| decoder[*name].as_array());
    let parts: Vec<&Value> = parts.map_or_else(|| vec![decoder], |parts| parts.iter().collect());
    let is = |part: &Value, kind: &str| part["type"] == kind;
    if parts.iter().any(|part| is(part, "ByteLevel")) {
        return Form::ByteLevel;
    }
    let mut replaced = Vec::new();
    for part in parts {
        match part["type"].as_str() {
            Some("Metaspace") => {
                replaced.push((part["replacement"].as_str().unwrap_or("▁").to_owned(), " ".to_owned()));
            }
            Some("Replace") => {
                let Some(mark) = part["pattern"]["String"].as_str() else { return Form::Unknown };
                replaced.push((mark.to_owned(), part["content"].as_str().unwrap_or_default().to_owned()));
            }
            Some("ByteFallback" | "Fuse" | "Strip" | "Digits" | "Split" | "Punctuation") => {}
            _ => return Form::Unknown,
        }
    }
    if replaced.is_empty() { Form::Unknown } else { Form::Marked(replaced) }
}

/// `<0x0A>` as a byte.
fn single_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() == 2 { u8::from_str_radix(digits, 16).ok() } else { None }
}

/// The byte that a letter of a byte-level vocabulary stands for: visible Latin-1 characters stand for themselves, the
/// others are counted from U+0100 on.
fn byte_of(letter: char) -> Option<u8> {
    let visible = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let code = u32::from(letter);
    match u8::try_from(code) {
        Ok(byte) => visible(byte).then_some(byte),
        Err(_) => (0..=u8::MAX).filter(|&byte| !visible(byte)).nth((code - 0x100) as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::{byte_of, shown, single_byte};

    #[test]
    fn every_byte_has_a_letter() {
        let letters = (0..0x180).filter_map(char::from_u32);
        let mut bytes: Vec<u8> = letters.filter_map(byte_of).collect();
        bytes.sort_unstable();
        assert!(bytes.into_iter().eq(0..=u8::MAX));
        assert_eq!(
            (byte_of('Ġ'), byte_of('Ċ'), byte_of('Å'), byte_of('▁')),
            (Some(b' '), Some(b'\n'), Some(0xC5), None)
        );
    }

    #[test]
    fn parts_of_a_character_are_shown_as_bytes() {
        assert_eq!(shown(" Łódź".as_bytes()), " Łódź");
        assert_eq!(shown(&[b' ', 0xC5]), " <0xC5>");
        assert_eq!(shown(&[0x81, b'd']), "<0x81>d");
        assert_eq!((single_byte("<0x0A>"), single_byte("<0x0a1>"), single_byte("<unk>")), (Some(10), None, None));
    }
}
