//! Checks what a method or an objective says of itself.

use locus_plugin::Hyperparameter;
use locus_plugin::object::Description;
use std::collections::HashSet;

/// Checks the id, title, hyperparameters and metrics of a description.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(description: &Description) -> Result<(), String> {
    let info = &description.info;
    let fits = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    if info.id.is_empty() || info.id.len() > 64 || !info.id.chars().all(fits) {
        return Err(format!("the id `{}` must consist of at most 64 lower-case letters, digits and dashes", info.id));
    }
    let id = &info.id;
    if info.title.trim().is_empty() {
        return Err(format!("`{id}` has no title"));
    }
    let mut seen = HashSet::new();
    for hyperparameter in &description.hyperparameters {
        check_hyperparameter(hyperparameter).map_err(|complaint| format!("`{id}`: {complaint}"))?;
        if !seen.insert(hyperparameter.name.as_str()) {
            return Err(format!("`{id}` declares the hyperparameter `{}` twice", hyperparameter.name));
        }
    }
    let mut seen = HashSet::new();
    for metric in &info.metrics {
        if metric.name.trim().is_empty() || !seen.insert(metric.name.as_str()) {
            return Err(format!("`{id}` declares the metric `{}` twice or without a name", metric.name));
        }
    }
    Ok(())
}

fn check_hyperparameter(hyperparameter: &Hyperparameter) -> Result<(), String> {
    let name = &hyperparameter.name;
    let fits = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
    if name.is_empty() || !name.chars().all(fits) {
        return Err(format!("the hyperparameter name `{name}` may contain only letters, digits, `_` and `-`"));
    }
    hyperparameter
        .check(&hyperparameter.default)
        .map_err(|complaint| format!("the default of a hyperparameter does not match its declaration: {complaint}"))
}

#[cfg(test)]
mod tests {
    use super::check;
    use locus_plugin::object::Description;
    use locus_plugin::{Info, parameters};
    use serde_json::json;

    parameters! {
        struct Fine {
            steps: i64 = 20, integer(1..=1000), "steps";
            rate: f64 = 0.5, float(0.0..=1.0), "rate";
        }
    }

    fn description(id: &str) -> Description {
        Description { info: Info::new(id, "Title"), hyperparameters: <Fine as locus_plugin::Parameters>::schema() }
    }

    #[test]
    fn a_good_description_passes() {
        assert_eq!(check(&description("fine-tuning-2")), Ok(()));
    }

    #[test]
    fn ids_are_lower_case_letters_digits_and_dashes() {
        for id in ["", "No ise", "ROME", "a/b", &"x".repeat(65)] {
            assert!(check(&description(id)).expect_err(id).contains("lower-case"), "{id}");
        }
    }

    #[test]
    fn a_default_outside_its_range_is_found() {
        let mut wrong = description("x");
        wrong.hyperparameters[0].default = json!(0);
        assert_eq!(
            check(&wrong).expect_err("range"),
            "`x`: the default of a hyperparameter does not match its declaration: `steps` must be a whole number \
             from 1 to 1000, not 0"
        );
    }

    #[test]
    fn names_are_not_given_twice() {
        let mut wrong = description("x");
        wrong.hyperparameters[1].name = "steps".to_owned();
        assert!(check(&wrong).expect_err("twice").contains("`steps` twice"));
        let mut wrong = description("x");
        wrong.info = wrong.info.metric("a", "", "").metric("a", "", "");
        assert!(check(&wrong).expect_err("twice").contains("metric `a`"));
    }
}
