//! How a number or its reason stands in JSON: `{"value": …}` or `{"unavailable": "…"}`.

use crate::unavailable::Computed;
use serde::{Serialize, Serializer};

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Shown<'a, T> {
    Value(&'a T),
    Unavailable(String),
}

/// For `#[serde(with = "crate::computed")]`.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize<T: Serialize, S: Serializer>(computed: &Computed<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match computed {
        Ok(value) => Shown::Value(value).serialize(serializer),
        Err(reason) => Shown::<T>::Unavailable(reason.to_string()).serialize(serializer),
    }
}
