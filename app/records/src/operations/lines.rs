//! What the lines of the journal say, and whether the journal can be gone on from.
//!
//! A line that a killed program left torn is left out. Any other line that cannot be understood may hold what is in
//! place now: nothing is done on top of it.

use super::Standing;
use locus_protocol::shown::shortened;
use locus_protocol::{DEEDS, Deed, OPERATION_SCHEMA, Operation};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

/// Longest part of a line's own text in a sentence.
const SHOWN: usize = 120;

/// What a journal holds.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// Operations in their order.
    pub operations: Vec<Operation>,
    /// What is odd and can be gone on from, each in a sentence: torn lines, edits that are not there.
    pub complaints: Vec<String>,
    /// What cannot be gone on from, each in a sentence: lines of a newer program, damaged lines, numbers that do not
    /// rise.
    pub refusals: Vec<String>,
}

impl Read {
    /// An operation by its number.
    #[must_use]
    pub fn find(&self, number: u64) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.number == number)
    }

    /// What the next start of the workbench on a model puts in place.
    #[must_use]
    pub fn standing(&self, fingerprint: &str) -> Standing {
        Standing::of(&self.operations, fingerprint)
    }

    /// The first thing that cannot be gone on from, with how many more there are.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let first = self.refusals.first()?;
        Some(match self.refusals.len() - 1 {
            0 => first.clone(),
            1 => format!("{first} (and one more line)"),
            more => format!("{first} (and {more} more lines)"),
        })
    }
}

/// What has been read so far, as far as the next line depends on it.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    lines: u64,
    /// The highest number; 0 for none.
    pub last: u64,
    /// Operations that are edits.
    edits: BTreeSet<u64>,
}

/// What is needed of a line to know whether it can be read.
#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    schema: Option<u64>,
    #[serde(default)]
    program: Option<String>,
    #[serde(default)]
    kind: Option<String>,
}

impl Reading {
    /// Reads lines that come after those read before; the last one may lack its end.
    pub fn take(&mut self, file: &Path, bytes: &[u8], read: &mut Read) {
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.lines += 1;
            if !line.iter().all(u8::is_ascii_whitespace) {
                self.line(file, line, read);
            }
        }
    }

    fn line(&mut self, file: &Path, line: &[u8], read: &mut Read) {
        let place = format!("{}, line {}", file.display(), self.lines);
        // without its end, so that a text that was torn is one that has no end
        let (line, ends) = line.strip_suffix(b"\n").map_or((line, false), |line| (line, true));
        let torn = |error: &serde_json::Error| {
            format!("{place}: not a complete operation ({}); it is skipped", short(&error.to_string()))
        };
        let probe = match serde_json::from_slice::<Probe>(line) {
            Ok(probe) => probe,
            // whoever wrote it was killed meanwhile
            Err(error) if error.is_eof() || !ends => return read.complaints.push(torn(&error)),
            Err(error) => return read.refusals.push(damaged(&place, &error)),
        };
        let by = probe
            .program
            .as_deref()
            .map_or_else(|| "an unnamed version of Locus".to_owned(), |version| format!("Locus {}", short(version)));
        if let Some(schema) = probe.schema.filter(|&schema| schema == 0 || schema > u64::from(OPERATION_SCHEMA)) {
            return read.refusals.push(format!(
                "{place}: has schema {schema}, but this program knows schemas 1 to {OPERATION_SCHEMA}; {by} wrote it: use that version or a newer one"
            ));
        }
        if let Some(kind) = probe.kind.filter(|kind| !DEEDS.contains(&kind.as_str())) {
            return read.refusals.push(format!(
                "{place}: contains an action `{}` that this program does not know; {by} wrote it: use that version or a newer one",
                short(&kind)
            ));
        }
        match serde_json::from_slice::<Operation>(line) {
            Ok(operation) => self.operation(&place, operation, read),
            Err(error) if !ends => read.complaints.push(torn(&error)),
            Err(error) => read.refusals.push(damaged(&place, &error)),
        }
    }

    fn operation(&mut self, place: &str, operation: Operation, read: &mut Read) {
        let Operation { number, .. } = operation;
        if number <= self.last {
            read.refusals.push(format!(
                "{place}: has number {number} after {}, but numbers must increase; remove one of the two lines",
                self.last
            ));
        }
        self.last = self.last.max(number);
        match &operation.deed {
            Deed::Edit(_) | Deed::Apply(_) => _ = self.edits.insert(number),
            Deed::Undo { edit } | Deed::Redo { edit } if !self.edits.contains(edit) => {
                read.complaints.push(format!("{place}: refers to operation {edit}, which is not an earlier edit"));
            }
            Deed::Undo { .. } | Deed::Redo { .. } => {}
        }
        let mut named = BTreeSet::new();
        let twice = operation.in_place.iter().chain(&operation.taken_back).find(|edit| !named.insert(**edit));
        if let Some(edit) = twice {
            read.refusals.push(format!("{place}: lists operation {edit} twice among those in place; remove the line"));
        }
        read.operations.push(operation);
    }
}

fn damaged(place: &str, error: &serde_json::Error) -> String {
    let what = error.to_string();
    format!("{place}: is damaged ({}), and what is in place may depend on it; remove the line", short(&what))
}

/// A text of the line's own.
fn short(text: &str) -> Cow<'_, str> {
    shortened(text, SHOWN)
}

#[cfg(test)]
mod tests {
    use super::{Read, Reading};
    use std::path::Path;

    const UNDO: &str = r#"{"schema":2,"program":"0.1.0","number":N,"time":"t","run":"r","origin":"workbench","model":{"name":"m","fingerprint":"f"},"kind":"undo","edit":1,"in_place":[],"taken_back":[]}"#;

    fn read(text: &[u8]) -> Read {
        let mut read = Read::default();
        Reading::default().take(Path::new("j"), text, &mut read);
        read
    }

    fn undo(number: u64) -> String {
        UNDO.replace("\"number\":N", &format!("\"number\":{number}"))
    }

    #[test]
    fn what_cannot_be_gone_on_from_is_told_from_what_was_torn() {
        let good = undo(1);
        let newer = good.replace("\"schema\":2", "\"schema\":3").replace("0.1.0", "9.9.9");
        let unknown = good.replace("\"undo\"", "\"merge\"");
        let old = good.replace("\"schema\":2,\"program\":\"0.1.0\",", "");
        let long = good.replace("\"undo\"", &format!("\"{}\"", "x".repeat(5_000_000)));
        for (text, refused) in [
            (newer.as_str(), "j, line 1: has schema 3, but this program knows schemas 1 to 2; Locus 9.9.9 wrote it"),
            (&unknown, "contains an action `merge` that this program does not know; Locus 0.1.0 wrote it"),
            (&unknown.replace("\"program\":\"0.1.0\",", ""), "an unnamed version of Locus"),
            (&long, "contains an action `xxx"),
            ("[]", "is damaged"),
            ("\u{0}\u{0}\u{0}", "is damaged"),
            (r#"{"number":1,"kind":"undo"}"#, "is damaged"),
            (&format!("{good}\n{good}"), "line 2: has number 1 after 1"),
            (&format!("{}\n{good}", undo(5)), "line 2: has number 1 after 5"),
            (&undo(0), "has number 0 after 0"),
            (&good.replace("[],\"taken", "[1,1],\"taken"), "lists operation 1 twice"),
        ] {
            let read = read(format!("{text}\n").as_bytes());
            let refusal = read.refusal().unwrap_or_else(|| panic!("{} is not refused", super::short(text)));
            assert!(refusal.contains(refused), "{refusal}");
            assert!(refusal.len() < 500 && !refusal.contains('\n'), "{refusal}");
        }
        let good = [good.as_bytes(), b"\n"].concat();
        let all = read(&good);
        assert!(all.refusals.is_empty() && all.operations.len() == 1, "{all:?}");
        assert!(all.complaints[0].contains("refers to operation 1, which is not an earlier edit"), "{all:?}");
        let old = read(format!("{old}\n").as_bytes());
        assert_eq!((old.refusals.len(), old.operations[0].schema), (0, 1), "{old:?}");
        // not UTF-8, inside a text
        let place = good.windows(3).position(|window| window == b"\"t\"").expect("a time") + 1;
        let mut broken = good.clone();
        broken[place] = 0xff;
        assert!(read(&broken).refusal().expect("refused").contains("is damaged"));
        for end in 0..good.len() - 1 {
            let torn = read(&good[..end]);
            assert!(torn.refusals.is_empty() && torn.complaints.len() == usize::from(end > 0), "{end}: {torn:?}");
            let followed = read(&[&good[..end], b"\n", undo(2).as_bytes(), b"\n"].concat());
            assert!(followed.refusals.is_empty(), "{end}: {followed:?}");
        }
    }

    #[test]
    fn many_refusals_are_one_sentence() {
        let text = format!("{{}}\n{{}}\n{}\n[\n", undo(1));
        assert!(read(text.as_bytes()).refusal().expect("refused").ends_with("(and one more line)"));
        assert!(read(b"").refusal().is_none() && read(b"\n \n").operations.is_empty());
    }
}
