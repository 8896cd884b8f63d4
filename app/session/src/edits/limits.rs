//! What kept a method from going further, where it says nothing itself: how its loss went.

use locus_plugin::Course;
use locus_plugin_host::Registry;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The setting that bounds a method's steps, by the name that methods give it.
const STEPS: &str = "steps";

/// The losses of a method's steps.
#[derive(Default)]
pub struct Losses(RefCell<Vec<f64>>);

impl Losses {
    /// The losses of a step; one that counts from 0 again begins another optimization.
    pub fn take(&self, step: u64, losses: &BTreeMap<String, f64>) {
        let mut kept = self.0.borrow_mut();
        if step == 0 {
            kept.clear();
        }
        kept.push(losses.get("loss").copied().unwrap_or(f64::NAN));
    }

    /// How the loss of the last optimization went, in words.
    pub fn limits(&self, registry: &Registry, method: &str) -> Vec<String> {
        let has_steps = registry
            .method(method)
            .is_ok_and(|method| method.description().hyperparameters.iter().any(|parameter| parameter.name == STEPS));
        let steps = if has_steps { format!("raise {STEPS}") } else { "it needs more of them".to_owned() };
        let course = Course::of(&self.0.borrow());
        course.map(|course| course.limit(&steps, "edit another layer")).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Losses;
    use std::collections::BTreeMap;

    #[test]
    fn the_last_optimization_counts() {
        let losses = Losses::default();
        let take = |step, loss: f64| losses.take(step, &BTreeMap::from([("loss".to_owned(), loss)]));
        (0..6).for_each(|step| take(step, 1.0));
        (0..6_u32).for_each(|step| take(u64::from(step), 6.0 - f64::from(step)));
        let registry = locus_plugin_host::Registry::default();
        let said = losses.limits(&registry, "unknown");
        assert_eq!(said, ["the steps ran out while the loss still fell: it needs more of them"]);
        (0..6).for_each(|step| take(step, 1.0));
        assert_eq!(losses.limits(&registry, "unknown"), ["the loss is flat since step 0: edit another layer"]);
        take(0, 1.0);
        assert!(losses.limits(&registry, "unknown").is_empty());
    }
}
