//! JSON has no NaN and no infinity, and editing methods diverge: such numbers travel as text.

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

impl From<Wire> for f64 {
    fn from(wire: Wire) -> Self {
        match wire {
            Wire::Finite(value) => value,
            Wire::Other(text) => text.parse().unwrap_or(f64::NAN),
            Wire::Missing(()) => f64::NAN,
        }
    }
}

/// For maps of numbers.
pub mod map {
    use super::{BTreeMap, Deserialize, Deserializer, Serialize, Serializer, Wire};

    pub fn serialize<S: Serializer>(map: &BTreeMap<String, f64>, serializer: S) -> Result<S::Ok, S::Error> {
        let wire: BTreeMap<&String, Wire> = map.iter().map(|(name, &value)| (name, value.into())).collect();
        wire.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
        let wire = BTreeMap::<String, Wire>::deserialize(deserializer)?;
        Ok(wire.into_iter().map(|(name, value)| (name, value.into())).collect())
    }
}

/// For `#[serde(with = "crate::number::single")]` on one number.
pub mod single {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Wire};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Wire::from(*value).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Wire::deserialize(deserializer)?.into())
    }
}
