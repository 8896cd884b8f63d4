//! JSON has no NaN and no infinity, but editing methods diverge: such numbers are written as strings.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Wire {
    Finite(f64),
    Other(String),
    Missing(()),
}

impl From<f64> for Wire {
    fn from(value: f64) -> Self {
        if value.is_finite() { Self::Finite(value) } else { Self::Other(value.to_string()) }
    }
}

impl Wire {
    /// The number; a string other than `NaN`, `inf` and `-inf` is an error.
    fn read<E: Error>(self) -> Result<f64, E> {
        match self {
            Self::Finite(value) => Ok(value),
            Self::Missing(()) => Ok(f64::NAN),
            Self::Other(text) => match text.as_str() {
                "NaN" => Ok(f64::NAN),
                "inf" => Ok(f64::INFINITY),
                "-inf" => Ok(f64::NEG_INFINITY),
                _ => Err(E::custom("a string is where a number should be")),
            },
        }
    }
}

/// For `#[serde(with = "locus_plugin_data::number::map")]` on a map of numbers.
pub mod map {
    use super::{BTreeMap, Deserialize, Deserializer, Serialize, Serializer, Wire};

    pub fn serialize<S: Serializer>(map: &BTreeMap<String, f64>, serializer: S) -> Result<S::Ok, S::Error> {
        let wire: BTreeMap<&String, Wire> = map.iter().map(|(name, &value)| (name, value.into())).collect();
        wire.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
        let wire = BTreeMap::<String, Wire>::deserialize(deserializer)?;
        wire.into_iter().map(|(name, value)| Ok((name, value.read()?))).collect()
    }
}

/// For `#[serde(with = "locus_plugin_data::number::single")]` on one number.
pub mod single {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Wire};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Wire::from(*value).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Wire::deserialize(deserializer)?.read()
    }
}

#[cfg(test)]
mod tests {
    use super::single::deserialize;

    #[test]
    fn what_diverged_is_read_again_and_another_text_is_no_number() {
        let read = |text: &str| deserialize(&mut serde_json::Deserializer::from_str(text));
        assert!(read("\"NaN\"").expect("NaN").is_nan() && read("null").expect("null").is_nan());
        assert_eq!((read("\"inf\"").ok(), read("\"-inf\"").ok()), (Some(f64::INFINITY), Some(f64::NEG_INFINITY)));
        for text in ["\"seven\"", "\"7\"", "\"\"", "[1]", "true"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
