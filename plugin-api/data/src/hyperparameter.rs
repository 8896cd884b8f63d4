//! Hyperparameters as plugins declare them: forms, flags, files and help all come from this.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A hyperparameter as a plugin declares it: name, help, default, type, and range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hyperparameter {
    /// As in `--set name=value`.
    pub name: String,
    /// One line for forms, `locus plugin show`, and manuals.
    pub help: String,
    /// Value used if none is set; its JSON type fits `kind`.
    pub default: Value,
    /// Unit of the value for display, such as `nats`; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    #[serde(flatten)]
    pub kind: HyperparameterKind,
}

/// Type and range of a hyperparameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum HyperparameterKind {
    /// An integer from `min` to `max`, both included.
    Integer { min: i64, max: i64 },
    /// A number from `min` to `max`, both included.
    Float { min: f64, max: f64 },
    /// `true` or `false`.
    Bool,
    /// Any text.
    Text,
    /// One of `choices`, spelled exactly.
    Choice { choices: Vec<String> },
    /// A list of texts; `--set name=@FILE` reads one per line.
    List,
    /// A type that this host does not know (the plugin is newer); values are passed through as raw JSON.
    #[serde(other)]
    Unknown,
}

impl Hyperparameter {
    /// Reads a value as a user types it.
    ///
    /// # Errors
    /// One sentence with the name, the text and what is allowed.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        let wrong = |allowed: &str| format!("`{}` must be {allowed}, not `{text}`", self.name);
        let value = match &self.kind {
            HyperparameterKind::Integer { .. } => {
                Value::from(text.parse::<i64>().map_err(|_| wrong("a whole number"))?)
            }
            HyperparameterKind::Float { .. } => {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
                Value::from(number.ok_or_else(|| wrong("a number"))?)
            }
            HyperparameterKind::Bool => match text {
                "true" | "yes" | "on" | "1" => Value::Bool(true),
                "false" | "no" | "off" | "0" => Value::Bool(false),
                _ => return Err(wrong("yes or no")),
            },
            HyperparameterKind::Text | HyperparameterKind::Choice { .. } => Value::from(text),
            HyperparameterKind::List if text.starts_with('[') => {
                serde_json::from_str(text).map_err(|_| wrong("a JSON list of texts"))?
            }
            HyperparameterKind::List => {
                Value::from(text.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>())
            }
            HyperparameterKind::Unknown => serde_json::from_str(text).map_err(|_| wrong("JSON"))?,
        };
        self.check(&value)?;
        Ok(value)
    }

    /// Checks a value against type and range.
    ///
    /// # Errors
    /// One sentence with the name, the value and what is allowed.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let allowed = match &self.kind {
            HyperparameterKind::Integer { min, max } => {
                if value.as_i64().is_some_and(|number| (*min..=*max).contains(&number)) {
                    return Ok(());
                }
                format!("a whole number from {min} to {max}")
            }
            HyperparameterKind::Float { min, max } => {
                let number = value.as_f64();
                if number.is_some_and(|number| (*min..=*max).contains(&number) && (number as f32).is_finite()) {
                    return Ok(());
                }
                // methods compute with float32
                let most = f64::from(f32::MAX);
                format!("a number from {} to {}", min.max(-most), max.min(most))
            }
            HyperparameterKind::Bool if value.is_boolean() => return Ok(()),
            HyperparameterKind::Bool => "true or false".to_owned(),
            HyperparameterKind::Text if value.is_string() => return Ok(()),
            HyperparameterKind::Text => "a text".to_owned(),
            HyperparameterKind::Choice { choices } => {
                if value.as_str().is_some_and(|text| choices.iter().any(|choice| choice == text)) {
                    return Ok(());
                }
                format!("one of {}", choices.join(", "))
            }
            HyperparameterKind::List => {
                if value.as_array().is_some_and(|list| list.iter().all(Value::is_string)) {
                    return Ok(());
                }
                "a list of texts".to_owned()
            }
            HyperparameterKind::Unknown => return Ok(()),
        };
        Err(format!("`{}` must be {allowed}, not {value}", self.name))
    }

    /// Type and range in a few words, for help.
    #[must_use]
    pub fn range(&self) -> String {
        match &self.kind {
            HyperparameterKind::Integer { min, max } => format!("{min} to {max}"),
            HyperparameterKind::Float { min, max } => format!("{min} to {max}"),
            HyperparameterKind::Bool => "yes or no".to_owned(),
            HyperparameterKind::Text => "text".to_owned(),
            HyperparameterKind::Choice { choices } => choices.join(", "),
            HyperparameterKind::List => "list of texts".to_owned(),
            HyperparameterKind::Unknown => "JSON".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Hyperparameter, HyperparameterKind};
    use serde_json::json;

    fn of(kind: HyperparameterKind) -> Hyperparameter {
        Hyperparameter { name: "x".into(), help: "h".into(), default: json!(null), unit: String::new(), kind }
    }

    #[test]
    fn typed_values_are_checked() {
        let number = of(HyperparameterKind::Float { min: 0.0, max: 2.0 });
        assert_eq!(number.parse(" 0.5 "), Ok(json!(0.5)));
        assert!(number.parse("3").expect_err("range").contains("from 0 to 2"));
        assert!(number.parse("nan").is_err());
        let wide = of(HyperparameterKind::Float { min: 0.0, max: 1e300 });
        assert!(wide.parse("1e38").is_ok() && wide.parse("1e39").expect_err("no float32").contains("from 0 to 34028"));
        let choice = of(HyperparameterKind::Choice { choices: vec!["a".into(), "b".into()] });
        assert!(choice.parse("c").expect_err("choice").contains("one of a, b"));
        let list = of(HyperparameterKind::List);
        assert_eq!(list.parse("{}\n\nWell. {}\n"), Ok(json!(["{}", "Well. {}"])));
        assert_eq!(list.parse(r#"["{}"]"#), Ok(json!(["{}"])));
    }

    #[test]
    fn a_type_of_a_newer_plugin_is_unknown_and_not_an_error() {
        let text = r#"{"name":"n","help":"h","default":[1],"type":"matrix","rows":2}"#;
        let field: Hyperparameter = serde_json::from_str(text).expect("field");
        assert_eq!(field.kind, HyperparameterKind::Unknown);
        assert_eq!(field.parse("[2]"), Ok(json!([2])));
    }
}
