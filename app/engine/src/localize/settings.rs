//! What a user has set of a localizer.

use crate::error::{Error, Result};
use serde_json::{Map, Value};

/// The settings of one localizer, read by their names.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a>(pub &'a Map<String, Value>);

impl Settings<'_> {
    /// A whole number in a range.
    ///
    /// # Errors
    /// It is something else.
    pub fn count(&self, name: &str, default: usize, range: std::ops::RangeInclusive<usize>) -> Result<usize> {
        let Some(value) = self.0.get(name) else { return Ok(default) };
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok()).filter(|count| range.contains(count));
        count.ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            Error::Request(format!("`{name}` must be a whole number from {least} to {most}, not {value}"))
        })
    }

    /// A number in a range.
    ///
    /// # Errors
    /// It is something else.
    pub fn number(&self, name: &str, default: f64, range: std::ops::RangeInclusive<f64>) -> Result<f64> {
        let Some(value) = self.0.get(name) else { return Ok(default) };
        value.as_f64().filter(|number| range.contains(number)).ok_or_else(|| {
            Error::Request(format!("`{name}` must be a number from {} to {}, not {value}", range.start(), range.end()))
        })
    }

    /// One of several words; the first is the default.
    ///
    /// # Errors
    /// It is something else.
    pub fn choice<'w>(&self, name: &str, words: &[&'w str]) -> Result<&'w str> {
        let Some(value) = self.0.get(name) else { return Ok(words[0]) };
        let found = words.iter().find(|word| value.as_str() == Some(**word)).copied();
        found.ok_or_else(|| Error::Request(format!("`{name}` must be one of {}, not {value}", words.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use serde_json::{Map, json};

    #[test]
    fn values_of_another_kind_are_refused_by_name() {
        let set = Map::from_iter([("window".to_owned(), json!("five")), ("states".to_owned(), json!("mpl"))]);
        let settings = Settings(&set);
        assert_eq!(settings.count("samples", 10, 1..=1000).expect("default"), 10);
        let error = settings.count("window", 5, 1..=100).expect_err("text").to_string();
        assert_eq!(error, "`window` must be a whole number from 1 to 100, not \"five\"");
        let error = settings.choice("states", &["mlp", "hidden"]).expect_err("unknown").to_string();
        assert_eq!(error, "`states` must be one of mlp, hidden, not \"mpl\"");
    }
}
