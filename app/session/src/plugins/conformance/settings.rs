//! Settings that have to be refused, and those at the ends of what is allowed.

use super::Finding;
use locus_protocol::{Hyperparameter, HyperparameterKind};
use serde_json::{Map, Value, json};

/// Has settings refused that are not allowed: `accepts` says whether a plugin takes some.
pub fn refusals(parameters: &[Hyperparameter], accepts: impl Fn(&Map<String, Value>) -> bool) -> Finding {
    let mut tried = 0;
    let wrong = parameters.iter().flat_map(|parameter| {
        outside(&parameter.kind).into_iter().map(|value| (parameter.name.clone(), value)).collect::<Vec<_>>()
    });
    for (name, value) in wrong.chain([("no-such-hyperparameter".to_owned(), json!(1))]) {
        if accepts(&Map::from_iter([(name.clone(), value.clone())])) {
            return Err(format!(
                "it accepts `{name}` = {value}, which it does not declare; refuse what is not declared"
            ));
        }
        tried += 1;
    }
    Ok(format!("refused every value out of range, of another type or with an unknown name ({tried} tried)"))
}

/// Values that a hyperparameter must not take.
fn outside(kind: &HyperparameterKind) -> Vec<Value> {
    let beyond = |value: f64, by: f64| json!(value + by * value.abs().max(1.0));
    match kind {
        HyperparameterKind::Integer { min, max } => {
            let outside = [min.checked_sub(1), max.checked_add(1)].into_iter().flatten();
            outside.map(Value::from).chain([json!("many"), json!(0.5), Value::Null]).collect()
        }
        HyperparameterKind::Float { min, max } => {
            vec![beyond(*min, -0.5), beyond(*max, 0.5), json!("much"), json!([1.0])]
        }
        HyperparameterKind::Bool => vec![json!("perhaps"), json!(2)],
        HyperparameterKind::Text => vec![json!(1)],
        HyperparameterKind::Choice { .. } => vec![json!("none of the words"), json!(1)],
        HyperparameterKind::List => vec![json!("text"), json!([1])],
        HyperparameterKind::Unknown => Vec::new(),
    }
}

/// Values at the ends of what a hyperparameter may take.
pub fn extremes(kind: &HyperparameterKind) -> Vec<Value> {
    match kind {
        HyperparameterKind::Integer { min, max } => vec![json!(min), json!(max)],
        HyperparameterKind::Float { min, max } => {
            let most = f64::from(f32::MAX);
            vec![json!(min.max(-most)), json!(max.min(most))]
        }
        HyperparameterKind::Bool => vec![json!(true), json!(false)],
        HyperparameterKind::Text => vec![json!(""), json!("x".repeat(2000))],
        HyperparameterKind::Choice { choices } => choices.iter().map(|choice| json!(choice)).collect(),
        HyperparameterKind::List => vec![json!([]), json!([""]), json!(["without a place", "{} and {}"])],
        HyperparameterKind::Unknown => Vec::new(),
    }
}

/// A value as it is told.
pub fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 40 { text } else { format!("{}…", text.chars().take(40).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use super::{extremes, outside, refusals};
    use locus_protocol::{Hyperparameter, HyperparameterKind};

    fn all() -> Vec<Hyperparameter> {
        let kinds = [
            HyperparameterKind::Integer { min: i64::MIN, max: 3 },
            HyperparameterKind::Float { min: 0.0, max: 1e9 },
            HyperparameterKind::Bool,
            HyperparameterKind::Text,
            HyperparameterKind::Choice { choices: vec!["a".into(), "b".into()] },
            HyperparameterKind::List,
        ];
        let of = |(number, kind)| Hyperparameter {
            name: format!("x{number}"),
            help: "h".into(),
            default: serde_json::Value::Null,
            unit: String::new(),
            kind,
        };
        kinds.into_iter().enumerate().map(of).collect()
    }

    #[test]
    fn what_is_tried_is_outside_and_extremes_are_inside() {
        for parameter in all() {
            for value in outside(&parameter.kind) {
                assert!(parameter.check(&value).is_err(), "{parameter:?} {value}");
            }
            assert!(!extremes(&parameter.kind).is_empty());
            for value in extremes(&parameter.kind) {
                assert_eq!(parameter.check(&value), Ok(()), "{parameter:?}");
            }
        }
    }

    #[test]
    fn a_plugin_that_takes_anything_is_found_out() {
        assert!(refusals(&all(), |_| false).is_ok());
        let complaint = refusals(&all(), |settings| settings.contains_key("x4")).expect_err("a choice");
        assert!(complaint.contains("`x4` = \"none of the words\""), "{complaint}");
        assert!(refusals(&[], |_| true).expect_err("a name").contains("no-such-hyperparameter"));
    }
}
