//! Fields of a `config.json`: typed, bounded, with published defaults, and a record of which were read.

use super::leftover;
use crate::model::architecture::Activation;
use locus_protocol::shown::quoted;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Reads fields of a `config.json` and words the complaint about a bad one.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    /// Where the fields lie, as in `rope_scaling.`; empty for the outermost ones.
    within: String,
    read: RefCell<BTreeSet<String>>,
    notes: RefCell<Vec<String>>,
}

impl<'a> Fields<'a> {
    /// Layers of a model: far more than any published one has, few enough to list.
    pub const LAYERS: RangeInclusive<i64> = 1..=4_096;
    /// Attention heads of a layer.
    pub const HEADS: RangeInclusive<i64> = 1..=65_536;
    /// Channels of a stream, a head or an MLP.
    pub const WIDTH: RangeInclusive<i64> = 1..=1 << 22;
    /// Entries of a vocabulary.
    pub const VOCABULARY: RangeInclusive<i64> = 1..=1 << 26;
    /// Positions of a context or a window.
    pub const POSITIONS: RangeInclusive<i64> = 1..=1 << 32;

    /// The fields of a whole file.
    ///
    /// # Errors
    /// It is not a JSON object.
    pub fn new(config: &'a Value) -> Result<Self, String> {
        let object = config.as_object();
        let object = object.ok_or("not a JSON object; copy config.json from the checkpoint again")?;
        Ok(Self { object, within: String::new(), read: RefCell::default(), notes: RefCell::default() })
    }

    /// The fields of the object in field `name`; `None` where the field is missing or null.
    pub fn inside(&self, name: &str) -> Result<Option<Fields<'a>>, String> {
        match self.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(object)) => Ok(Some(Fields {
                object,
                within: format!("{}{name}.", self.within),
                read: RefCell::default(),
                notes: RefCell::default(),
            })),
            Some(other) => Err(self.complaint(name, other, "an object or null")),
        }
    }

    /// The value of a field, which now counts as read.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.read.borrow_mut().insert(name.to_owned());
        self.object.get(name)
    }

    /// The value of a field that says something: neither missing nor null.
    fn said(&self, name: &str) -> Option<&'a Value> {
        self.get(name).filter(|value| !value.is_null())
    }

    /// Whether the field is there, null or not.
    pub fn has(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    /// Whether there are no fields at all.
    pub fn is_empty(&self) -> bool {
        self.object.is_empty()
    }

    /// Keeps a sentence for [`Self::leftover`], which gives all that is to be told.
    pub fn tell(&self, note: String) {
        self.notes.borrow_mut().push(note);
    }

    /// One sentence about a field that is not `wanted`.
    pub fn complaint(&self, name: &str, value: &Value, wanted: &str) -> String {
        format!("field `{}{name}` is {} and must be {wanted}", self.within, shown(value))
    }

    /// One sentence about a field that asks for something that the decoder cannot do.
    pub fn refusal(&self, name: &str, value: &Value, why: &str) -> String {
        format!("field `{}{name}` is {}: {why}", self.within, shown(value))
    }

    fn whole(&self, name: &str, value: &Value, range: &RangeInclusive<i64>) -> Result<i64, String> {
        let wanted = || format!("a whole number from {} to {}", range.start(), range.end());
        let number = value.as_i64().filter(|number| range.contains(number));
        number.ok_or_else(|| self.complaint(name, value, &wanted()))
    }

    /// A whole number; the published default where the field is missing.
    pub fn integer(&self, name: &str, range: RangeInclusive<i64>, default: i64) -> Result<i64, String> {
        self.integer_as(&[name], range, default)
    }

    /// A whole number under any of several names (transformers reads them all); those that are there must agree.
    pub fn integer_as(&self, names: &[&str], range: RangeInclusive<i64>, default: i64) -> Result<i64, String> {
        let mut found: Option<(&str, i64)> = None;
        for name in names {
            let Some(value) = self.get(name) else { continue };
            let value = self.whole(name, value, &range)?;
            match found {
                Some((first, other)) if other != value => {
                    return Err(format!("fields `{first}` and `{name}` differ; leave one of them out"));
                }
                _ => found = Some((name, value)),
            }
        }
        Ok(found.map_or(default, |(_, value)| value))
    }

    /// The number of attention heads under any of several names. Where none is there, the default that is taken is told:
    /// the same tensors can be cut into other numbers of heads.
    pub fn heads(&self, names: &[&str], default: i64) -> Result<i64, String> {
        if !names.iter().any(|name| self.has(name)) {
            self.tell(format!(
                "config.json leaves out the number of attention heads (`{}`), which no tensor's shape shows; the published default, {default}, is used",
                names.join("` or `")
            ));
        }
        self.integer_as(names, Self::HEADS, default)
    }

    /// A whole number, or `None` where the field is missing or null.
    pub fn optional_integer(&self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, String> {
        self.said(name).map(|value| self.whole(name, value, &range)).transpose()
    }

    /// A whole number, none where the field is null, and the published default where it is missing.
    pub fn integer_or_none(&self, name: &str, range: RangeInclusive<i64>, default: i64) -> Result<Option<i64>, String> {
        if self.has(name) { self.optional_integer(name, range) } else { Ok(Some(default)) }
    }

    fn positive(&self, name: &str, value: &Value) -> Result<f64, String> {
        let number = value.as_f64().filter(|number| number.is_finite() && *number > 0.0);
        number.ok_or_else(|| self.complaint(name, value, "a positive number"))
    }

    /// A positive number; the published default where the field is missing.
    pub fn number(&self, name: &str, default: f64) -> Result<f64, String> {
        self.get(name).map_or(Ok(default), |value| self.positive(name, value))
    }

    /// A positive number that must be there.
    pub fn needed_number(&self, name: &str) -> Result<f64, String> {
        let missing =
            || format!("field `{}{name}` is missing and has no default; copy it from the checkpoint", self.within);
        self.positive(name, self.get(name).ok_or_else(missing)?)
    }

    /// A positive number, or `None` where the field is missing or null.
    pub fn optional_number(&self, name: &str) -> Result<Option<f64>, String> {
        self.said(name).map(|value| self.positive(name, value)).transpose()
    }

    /// A positive number, none where the field is null, and the published default where it is missing.
    pub fn number_or_none(&self, name: &str, default: f64) -> Result<Option<f64>, String> {
        if self.has(name) { self.optional_number(name) } else { Ok(Some(default)) }
    }

    /// A truth value; the published default where the field is missing.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, String> {
        self.get(name)
            .map_or(Ok(default), |value| value.as_bool().ok_or_else(|| self.complaint(name, value, "true or false")))
    }

    /// A field with one value that can be run, which is also what a missing or null one means; `why` says what the other
    /// would be.
    pub fn only(&self, name: &str, value: bool, why: &str) -> Result<(), String> {
        let Some(given) = self.said(name) else { return Ok(()) };
        let flag = given.as_bool().ok_or_else(|| self.complaint(name, given, "true or false"))?;
        if flag == value { Ok(()) } else { Err(self.refusal(name, given, &format!("{why} not supported"))) }
    }

    /// A text, or `None` where the field is missing or null.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, String> {
        self.said(name).map(|value| value.as_str().ok_or_else(|| self.complaint(name, value, "a text"))).transpose()
    }

    /// A list of texts, or `None` where the field is missing or null.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, String> {
        let Some(value) = self.said(name) else { return Ok(None) };
        let list = value.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
        list.map(Some).ok_or_else(|| self.complaint(name, value, "a list of texts"))
    }

    /// A list of positive numbers.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, String> {
        let Some(value) = self.said(name) else {
            return Err(format!("field `{}{name}` is missing; copy it from the checkpoint", self.within));
        };
        let positive = |value: &Value| value.as_f64().filter(|number| number.is_finite() && *number > 0.0);
        let list = value.as_array().and_then(|list| list.iter().map(positive).collect());
        list.ok_or_else(|| self.complaint(name, value, "a list of positive numbers"))
    }

    /// A list of whole numbers, empty where the field is missing or null.
    pub fn integers(&self, name: &str, range: &RangeInclusive<i64>) -> Result<Vec<i64>, String> {
        let Some(value) = self.said(name) else { return Ok(Vec::new()) };
        let integer = |value: &Value| value.as_i64().filter(|number| range.contains(number));
        let list = value.as_array().and_then(|list| list.iter().map(integer).collect());
        let wanted = || format!("a list of whole numbers from {} to {}", range.start(), range.end());
        list.ok_or_else(|| self.complaint(name, value, &wanted()))
    }

    /// A list of switches, true and false or 1 and 0, or `None` where the field is missing or null.
    pub fn switches(&self, name: &str) -> Result<Option<Vec<bool>>, String> {
        let Some(value) = self.said(name) else { return Ok(None) };
        let switch = |value: &Value| match value.as_i64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => value.as_bool(),
        };
        let list = value.as_array().and_then(|list| list.iter().map(switch).collect());
        list.map(Some).ok_or_else(|| self.complaint(name, value, "a list of 0 and 1"))
    }

    /// The activation named by `name`; the published one where the field is missing.
    pub fn activation(&self, name: &str, default: &str) -> Result<Activation, String> {
        let text = match self.get(name) {
            None => default,
            Some(value) => value.as_str().ok_or_else(|| self.complaint(name, value, "the name of an activation"))?,
        };
        Activation::parse(text).ok_or_else(|| {
            let known: Vec<_> = Activation::NAMES.iter().map(|(name, _)| *name).collect();
            let named = shown(&Value::from(text));
            format!(
                "field `{name}` names the activation {named}, which is not supported; known are {}",
                known.join(", ")
            )
        })
    }

    /// Looks at the fields that nobody read: what to tell of them, and what was to be told before.
    ///
    /// # Errors
    /// One that may change numbers, by name, with its value and the remedy.
    pub fn leftover(&self, family: &str, harmless: &[&str]) -> Result<Vec<String>, String> {
        let read = self.read.borrow();
        let unread = self.object.iter().filter(|(name, _)| !read.contains(*name));
        let mut notes = self.notes.borrow().clone();
        for (name, value) in unread {
            match leftover::judge(name, value, harmless) {
                leftover::FieldVerdict::Harmless => {}
                leftover::FieldVerdict::Unknown => notes.push(format!(
                    "config.json: field `{}` is not known for architecture {family} and is ignored",
                    quoted(name)
                )),
                leftover::FieldVerdict::MayChangeNumbers => {
                    return Err(self.refusal(
                        &quoted(name),
                        value,
                        &format!(
                            "architecture {family} does not have it, or it is not supported; remove the field only if the checkpoint was trained without it"
                        ),
                    ));
                }
            }
        }
        Ok(notes)
    }

    /// Refuses fields that nobody read.
    pub fn nothing_else(&self, of: &str) -> Result<(), String> {
        let read = self.read.borrow();
        let unread = self.object.iter().find(|(name, value)| !read.contains(*name) && !value.is_null());
        match unread {
            Some((name, value)) => {
                Err(self.refusal(&quoted(name), value, &format!("{of} has no such field; check its name")))
            }
            None => Ok(()),
        }
    }
}

/// A value as a complaint repeats it.
fn shown(value: &Value) -> String {
    quoted(&value.to_string())
}
