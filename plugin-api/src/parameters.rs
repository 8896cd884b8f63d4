//! One declaration gives the struct, its defaults, its schema and its checks.

use locus_plugin_data::{Hyperparameter, HyperparameterKind};
use serde_json::{Map, Value};

/// Declares hyperparameters:
///
/// ```
/// locus_plugin::parameters! {
///     /// Hyperparameters of an example.
///     pub struct ExampleParameters {
///         steps: i64 = 20, integer(1..=1000), "optimization steps";
///         rate: f64 = 0.5, float(1e-4..=10.0), "step size", unit "per step";
///         average: bool = true, boolean, "average the key over contexts";
///         token: String = "last", choice("first", "last"), "token the fact hangs on";
///         contexts: Vec<String> = [], list, "texts put before the prompt";
///     }
/// }
/// let parameters = <ExampleParameters as locus_plugin::Parameters>::from_settings(&Default::default()).unwrap();
/// assert_eq!(parameters.steps, 20);
/// ```
#[macro_export]
macro_rules! parameters {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $($field:ident : $type:ty = $default:tt, $kind:ident $(($($range:tt)*))?, $help:literal $(, unit $unit:literal)?;)*
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug)]
        $visibility struct $name {
            $(#[doc = $help] pub $field: $type,)*
        }

        impl $crate::Parameters for $name {
            fn schema() -> ::std::vec::Vec<$crate::Hyperparameter> {
                ::std::vec![$(
                    $crate::schema::field(
                        ::std::stringify!($field),
                        $help,
                        $crate::schema::json!($default),
                        $crate::parameters!(@unit $($unit)?),
                        $crate::parameters!(@kind $kind $(($($range)*))?),
                    ),
                )*]
            }

            fn from_settings(
                settings: &$crate::schema::Map<::std::string::String, $crate::schema::Value>,
            ) -> ::std::result::Result<Self, ::std::vec::Vec<::std::string::String>> {
                let values = $crate::schema::complete(&Self::schema(), settings)?;
                ::std::result::Result::Ok(Self {
                    $($field: $crate::schema::read(&values, ::std::stringify!($field))?,)*
                })
            }
        }
    };
    (@unit) => { "" };
    (@unit $unit:literal) => { $unit };
    (@kind integer($($range:tt)*)) => { $crate::schema::integer($($range)*) };
    (@kind float($($range:tt)*)) => { $crate::schema::float($($range)*) };
    (@kind boolean) => { $crate::HyperparameterKind::Bool };
    (@kind text) => { $crate::HyperparameterKind::Text };
    (@kind list) => { $crate::HyperparameterKind::List };
    (@kind choice($($word:expr),* $(,)?)) => {
        $crate::HyperparameterKind::Choice { choices: ::std::vec![$($word.to_string()),*] }
    };
}

/// One entry of a schema.
#[must_use]
pub fn field(name: &str, help: &str, default: Value, unit: &str, kind: HyperparameterKind) -> Hyperparameter {
    Hyperparameter { name: name.to_owned(), help: help.to_owned(), default, unit: unit.to_owned(), kind }
}

/// A whole number within `range`.
#[must_use]
pub fn integer(range: std::ops::RangeInclusive<i64>) -> HyperparameterKind {
    HyperparameterKind::Integer { min: *range.start(), max: *range.end() }
}

/// A number within `range`.
#[must_use]
pub fn float(range: std::ops::RangeInclusive<f64>) -> HyperparameterKind {
    HyperparameterKind::Float { min: *range.start(), max: *range.end() }
}

/// All values of a schema: those given, checked, and the defaults.
///
/// # Errors
/// One sentence per unknown name and per bad value.
pub fn complete(schema: &[Hyperparameter], settings: &Map<String, Value>) -> Result<Map<String, Value>, Vec<String>> {
    let mut complaints = Vec::new();
    for name in settings.keys() {
        if !schema.iter().any(|field| field.name == *name) {
            let known: Vec<&str> = schema.iter().map(|field| field.name.as_str()).collect();
            complaints.push(format!("there is no hyperparameter `{name}`; known are {}", known.join(", ")));
        }
    }
    let mut values = Map::new();
    for field in schema {
        let value = settings.get(&field.name).unwrap_or(&field.default);
        match field.check(value) {
            Ok(()) => _ = values.insert(field.name.clone(), value.clone()),
            Err(complaint) => complaints.push(complaint),
        }
    }
    if complaints.is_empty() { Ok(values) } else { Err(complaints) }
}

/// One value out of [`complete`]'s.
///
/// # Errors
/// A declaration whose type does not fit its kind.
pub fn read<T: serde::de::DeserializeOwned>(values: &Map<String, Value>, name: &str) -> Result<T, Vec<String>> {
    let value = values.get(name).cloned().unwrap_or(Value::Null);
    serde_json::from_value(value).map_err(|error| vec![format!("`{name}`: {error}")])
}

pub use serde_json::json;

#[cfg(test)]
mod tests {
    use crate::Parameters;
    use serde_json::{Map, Value, json};

    crate::parameters! {
        struct Sample {
            steps: i64 = 20, integer(1..=1000), "optimization steps";
            rate: f64 = 0.5, float(1e-4..=10.0), "step size", unit "per step";
            average: bool = true, boolean, "average the key";
            token: String = "last", choice("first", "last"), "token the fact hangs on";
            contexts: Vec<String> = [], list, "texts put before the prompt";
        }
    }

    fn settings(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn defaults_fill_what_is_not_given() {
        let sample = Sample::from_settings(&settings(json!({"rate": 1, "contexts": ["{}"]}))).expect("valid");
        assert_eq!((sample.steps, sample.rate, sample.average), (20, 1.0, true));
        assert_eq!((sample.token.as_str(), sample.contexts.len()), ("last", 1));
        assert_eq!(Sample::schema()[1].unit, "per step");
    }

    #[test]
    fn all_complaints_come_at_once() {
        let wrong = settings(json!({"rate": 99, "token": "middle", "stesp": 3}));
        let complaints = Sample::from_settings(&wrong).expect_err("three mistakes");
        assert_eq!(complaints.len(), 3, "{complaints:?}");
        assert!(complaints[0].contains("no hyperparameter `stesp`"), "{complaints:?}");
        assert!(complaints[1].contains("`rate` must be a number from 0.0001 to 10"), "{complaints:?}");
        assert!(complaints[2].contains("one of first, last"), "{complaints:?}");
    }
}
