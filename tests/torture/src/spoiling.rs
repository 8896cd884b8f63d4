//! How a valid file is spoilt by rules: as a whole, field by field, and in the frame of its format.

use crate::samples::{Form, Sample};
use serde_json::{Map, Value, json};

/// A spoilt file.
#[derive(Clone, Debug)]
pub struct Spoilt {
    /// What was done to it.
    pub rule: String,
    /// Its contents.
    pub bytes: Vec<u8>,
    /// Whether nobody can take it for valid: what is read from it then has to be refused, or to be what it was before.
    pub bad: bool,
}

/// Every way in which a sample can be spoilt.
pub fn all(sample: &Sample) -> Vec<Spoilt> {
    let mut spoilt = wholes(&sample.bytes, sample.form);
    spoilt.extend(match sample.form {
        Form::Json => fields(&sample.bytes, |value| value.to_string().into_bytes()),
        Form::JsonLines => line_fields(&sample.bytes),
        Form::Toml => toml_fields(&sample.bytes),
        Form::Tensors => headers(&sample.bytes),
        Form::Text | Form::Bytes => Vec::new(),
    });
    spoilt.retain(|spoilt| spoilt.bytes != sample.bytes);
    spoilt
}

/// Whether a file is of its format at all.
pub fn is_of_form(bytes: &[u8], form: Form) -> bool {
    let text = std::str::from_utf8(bytes);
    match form {
        Form::Json => serde_json::from_slice::<Value>(bytes).is_ok(),
        Form::JsonLines => text.is_ok_and(|text| {
            text.lines().filter(|line| !line.trim().is_empty()).all(|line| serde_json::from_str::<Value>(line).is_ok())
        }),
        Form::Toml => text.is_ok_and(|text| toml::from_str::<toml::Table>(text).is_ok()),
        Form::Text => text.is_ok(),
        Form::Tensors => tensors_header(bytes).is_some(),
        Form::Bytes => true,
    }
}

/// The header of a safetensors file and where its data begin.
fn tensors_header(bytes: &[u8]) -> Option<(Map<String, Value>, usize)> {
    let (size, rest) = bytes.split_first_chunk::<8>()?;
    let size = usize::try_from(u64::from_le_bytes(*size)).ok()?;
    Some((serde_json::from_slice(rest.get(..size)?).ok()?, 8 + size))
}

/// The file as a whole.
fn wholes(bytes: &[u8], form: Form) -> Vec<Spoilt> {
    let middle = bytes.len() / 2;
    let with = |at: usize, what: &[u8]| [&bytes[..at], what, &bytes[at..]].concat();
    let wide: Vec<u8> = bytes.iter().take(20_000).flat_map(|&byte| [byte, 0]).collect();
    let mut made = vec![
        ("empty", Vec::new()),
        ("one byte", bytes[..1].to_vec()),
        ("a quarter", bytes[..bytes.len() / 4].to_vec()),
        ("half", bytes[..middle].to_vec()),
        ("three quarters", bytes[..bytes.len() / 4 * 3].to_vec()),
        ("all but a byte", bytes[..bytes.len() - 1].to_vec()),
        ("wrong UTF-8 in the middle", with(middle, &[0xff, 0xc0, 0x80])),
        ("half a character in the middle", with(middle, &[0xe6, 0x9d])),
        ("control characters in the middle", with(middle, b"\x1b]0;title\x07\x1b[2J\x00")),
        ("NULs", vec![0; 4096]),
        ("blanks", b" \n\t \n".to_vec()),
        ("UTF-16", [&[0xff, 0xfe][..], &wide].concat()),
        ("nested lists", b"[".repeat(100_000)),
        ("nested objects", b"{\"a\":".repeat(50_000)),
        ("a long line", b"A".repeat(1_000_000)),
        ("a number", b"17".to_vec()),
        ("a text", b"\"text\"".to_vec()),
        ("null", b"null".to_vec()),
        ("twice", bytes.repeat(2)),
        ("backwards", bytes.iter().rev().copied().collect()),
        ("something behind", with(bytes.len(), b"\x00\x01garbage")),
    ];
    for eighth in 0..8 {
        let mut flipped = bytes.to_vec();
        if let Some(byte) = flipped.get_mut(eighth * bytes.len() / 8) {
            *byte ^= 0x80;
        }
        made.push(("a flipped bit", flipped));
    }
    // what is of no known frame is not told by it
    let bad = |bytes: &[u8]| !is_of_form(bytes, form);
    made.into_iter().map(|(rule, bytes)| Spoilt { rule: rule.to_owned(), bad: bad(&bytes), bytes }).collect()
}

/// Values that stand for another: what it is called, and whether nobody can take it for valid.
fn others(value: &Value) -> Vec<(&'static str, Value, bool)> {
    let nested = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let mut others = vec![("nested", nested, true), ("huge", json!(1e300), false)];
    match value {
        Value::Number(_) => others.extend([
            ("negative", json!(-1), false),
            ("nought", json!(0), false),
            ("ten to the seventh", json!(10_000_000), false),
            ("beyond 64 bits", json!(1.8e19), false),
            ("a fraction", json!(0.37), false),
            ("a text for a number", json!("seven"), true),
            ("a list for a number", json!([1]), true),
        ]),
        Value::String(_) => others.extend([
            ("a number for a text", json!(3), true),
            ("an object for a text", json!({"a": 1}), true),
            ("an empty text", json!(""), false),
            ("control characters", json!("\u{1b}[31m\u{7}\u{0}\r\u{9b}x"), false),
            ("a long text", json!("long ".repeat(200_000)), false),
            ("a path upwards", json!("../../../../etc/passwd"), false),
        ]),
        Value::Bool(flag) => {
            others.extend([("turned", json!(!flag), false), ("a text for a truth", json!("yes"), true)])
        }
        Value::Array(list) => others.extend([
            ("an empty list", json!([]), false),
            ("a text for a list", json!("list"), true),
            ("the list twice", json!([list.clone(), list.clone()].concat()), false),
        ]),
        Value::Object(_) => {
            others.extend([("an empty object", json!({}), false), ("a number for an object", json!(5), true)]);
        }
        Value::Null => others.push(("a text for nothing", json!("text"), false)),
    }
    others
}

/// Places in a document, the outer ones first; of long lists and objects only the beginning.
fn places(value: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut next = 0;
    while next < found.len() && found.len() < 400 {
        let inside: Vec<String> = match value.pointer(&found[next]) {
            Some(Value::Object(map)) => {
                map.keys().take(60).map(|key| key.replace('~', "~0").replace('/', "~1")).collect()
            }
            Some(Value::Array(list)) => (0..list.len().min(2)).map(|index| index.to_string()).collect(),
            _ => Vec::new(),
        };
        let outer = found[next].clone();
        found.extend(inside.into_iter().map(|name| format!("{outer}/{name}")));
        next += 1;
    }
    found.split_off(1)
}

fn without(value: &Value, place: &str) -> Option<Value> {
    let mut value = value.clone();
    let (outer, name) = place.rsplit_once('/')?;
    let name = name.replace("~1", "/").replace("~0", "~");
    match value.pointer_mut(outer)? {
        Value::Object(map) => drop(map.remove(&name)?),
        Value::Array(list) => drop(list.remove(name.parse().ok()?)),
        _ => return None,
    }
    Some(value)
}

/// Each field of a JSON document: taken away, or something else in its place.
fn fields(bytes: &[u8], write: impl Fn(&Value) -> Vec<u8>) -> Vec<Spoilt> {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return Vec::new() };
    let mut spoilt = Vec::new();
    for place in places(&value) {
        if let Some(value) = without(&value, &place) {
            spoilt.push(Spoilt { rule: format!("{place} removed"), bytes: write(&value), bad: false });
        }
        let Some(now) = value.pointer(&place).cloned() else { continue };
        for (what, other, bad) in others(&now) {
            let mut changed = value.clone();
            if let Some(field) = changed.pointer_mut(&place) {
                *field = other;
            }
            spoilt.push(Spoilt { rule: format!("{place}: {what}"), bytes: write(&changed), bad });
        }
        // JSON has no such number
        let marker = json!("torture: NaN here");
        let mut changed = value.clone();
        if let Some(field) = changed.pointer_mut(&place) {
            *field = marker.clone();
        }
        let text = String::from_utf8_lossy(&write(&changed)).replace(&marker.to_string(), "NaN");
        spoilt.push(Spoilt { rule: format!("{place}: NaN"), bytes: text.into_bytes(), bad: true });
    }
    spoilt
}

/// Each field of the first and the last line.
fn line_fields(bytes: &[u8]) -> Vec<Spoilt> {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    let mut spoilt = Vec::new();
    let mut chosen = vec![0, lines.len().saturating_sub(1)];
    chosen.dedup();
    for line in chosen {
        let write = |value: &Value| {
            let mut all: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            all[line] = value.to_string();
            (all.join("\n") + "\n").into_bytes()
        };
        let of_line = fields(lines[line].as_bytes(), write);
        spoilt.extend(of_line.into_iter().map(|it| Spoilt { rule: format!("line {}{}", line + 1, it.rule), ..it }));
    }
    spoilt
}

/// Each field of a TOML document.
fn toml_fields(bytes: &[u8]) -> Vec<Spoilt> {
    let Ok(table) = toml::from_str::<toml::Table>(&String::from_utf8_lossy(bytes)) else { return Vec::new() };
    let Ok(value) = serde_json::to_value(table) else { return Vec::new() };
    let write = |value: &Value| toml::to_string(value).unwrap_or_default().into_bytes();
    let mut spoilt = fields(value.to_string().as_bytes(), write);
    // what TOML cannot say comes out empty
    spoilt.retain(|spoilt| !spoilt.bytes.is_empty() && !spoilt.rule.ends_with(": NaN"));
    spoilt
}

/// The header of a safetensors file: its length, and each of its fields.
fn headers(bytes: &[u8]) -> Vec<Spoilt> {
    let Some((header, start)) = tensors_header(bytes) else { return Vec::new() };
    let data = &bytes[start..];
    let frame = |header: &[u8], length: u64| [&length.to_le_bytes()[..], header, data].concat();
    let mut spoilt = Vec::new();
    let length = (start - 8) as u64;
    for wrong in [0, 1, length - 1, length + 1, length + 8, bytes.len() as u64, 1 << 40, u64::MAX] {
        let rule = format!("the header's length is {wrong}");
        spoilt.push(Spoilt { rule, bytes: frame(&bytes[8..start], wrong), bad: true });
    }
    // a few tensors are enough
    let few: Map<String, Value> = header.iter().take(4).map(|(name, about)| (name.clone(), about.clone())).collect();
    let places = fields(Value::Object(few).to_string().as_bytes(), |value| {
        let mut whole = header.clone();
        for name in header.keys().take(4) {
            whole.remove(name);
        }
        whole.extend(value.as_object().cloned().unwrap_or_default());
        let text = Value::Object(whole).to_string().into_bytes();
        let length = text.len() as u64;
        frame(&text, length)
    });
    spoilt.extend(places);
    spoilt
}

#[cfg(test)]
mod tests {
    use super::{fields, is_of_form, places, without};
    use crate::samples::Form;
    use serde_json::{Value, json};

    #[test]
    fn every_field_is_found_taken_away_and_replaced() {
        let value = json!({"a": {"b/c": 1}, "d": [true, "x", 3]});
        assert_eq!(places(&value), ["/a", "/d", "/a/b~1c", "/d/0", "/d/1"]);
        assert_eq!(without(&value, "/a/b~1c"), Some(json!({"a": {}, "d": [true, "x", 3]})));
        let spoilt = fields(value.to_string().as_bytes(), |value| value.to_string().into_bytes());
        let find = |rule: &str| spoilt.iter().find(|it| it.rule == rule).expect(rule);
        let negative: Value = serde_json::from_slice(&find("/a/b~1c: negative").bytes).expect("JSON");
        assert_eq!(negative["a"]["b/c"], json!(-1));
        assert!(find("/d/1: a number for a text").bad && !is_of_form(&find("/d/0: NaN").bytes, Form::Json));
    }
}
