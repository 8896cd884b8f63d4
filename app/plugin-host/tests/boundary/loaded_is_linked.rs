//! A plugin behind the boundary does, bit by bit, what the same plugin does when it is linked in.

use crate::support::{Toy, library, method, objective, request};
use locus_error_injection::ErrorInjection;
use locus_plugin::object::{LinkedObjective, ObjectiveObject};
use locus_plugin::tch::{Kind, Tensor};
use locus_plugin::{Edited, Error, FactToEdit, Form, Reduction};
use locus_plugin_host::load;
use serde_json::json;
use std::collections::BTreeMap;

fn settings(value: serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    value.as_object().cloned().expect("an object")
}

fn factors(edited: &Edited) -> (&Tensor, &Tensor) {
    match &edited.deltas[0].form {
        Form::LowRank { left, right } => (left, right),
        Form::Dense(_) => panic!("the method gives factors"),
    }
}

#[test]
fn an_objective_gives_the_same_loss_and_gradient() {
    let loaded = load(&library("locus-error-injection")).expect("loads");
    let loaded = objective(&loaded, "error-injection");
    let linked = LinkedObjective::<ErrorInjection>::default();
    assert_eq!(loaded.description(), linked.description());
    for reduction in [Reduction::Mean, Reduction::Sum] {
        let of = |objective: &dyn ObjectiveObject| {
            let logits = (Tensor::arange(24, (Kind::Float, tch::Device::Cpu)) * 0.37).cos().reshape([2, 3, 4]);
            let logits = logits.set_requires_grad(true);
            let read = logits.log_softmax(-1, Kind::Float).select(-1, 1);
            let mut instance = objective.start(&settings(json!({}))).expect("starts");
            let loss = instance.loss(&read, reduction).expect("loss");
            loss.backward();
            (loss, logits.grad())
        };
        let ((loaded_loss, loaded_gradient), (linked_loss, linked_gradient)) = (of(&*loaded), of(&linked));
        assert!(loaded_loss.equal(&linked_loss), "{reduction:?}");
        assert!(loaded_gradient.equal(&linked_gradient), "{reduction:?}");
        assert!(loaded_gradient.abs().sum(Kind::Float).double_value(&[]) > 0.0);
    }
}

#[test]
fn an_objective_says_what_a_fact_lacks() {
    let loaded = load(&library("locus-error-injection")).expect("loads");
    let mut instance = objective(&loaded, "error-injection").start(&settings(json!({}))).expect("starts");
    let mut fact = FactToEdit { target_new: "Rome".to_owned(), ..FactToEdit::default() };
    assert_eq!(instance.goal(&fact, &Toy::new()).expect("goal").target, "Rome");
    fact.target_new.clear();
    let error = instance.goal(&fact, &Toy::new()).expect_err("no target");
    assert!(matches!(&error, Error::Request(text) if text.contains("`target_new`")), "{error:?}");
}

#[test]
fn a_method_edits_through_an_objective_of_another_library() {
    let nudge = load(&library("nudge")).expect("loads");
    let nudge = method(&nudge, "nudge");
    let error_injection = load(&library("locus-error-injection")).expect("loads");
    let across = Toy::with_objective(&*objective(&error_injection, "error-injection"));
    let within = Toy::with_linked::<ErrorInjection>();
    let settings = settings(json!({"steps": 25}));
    let edited_across = nudge.edit(&request(1), &settings, &across).expect("edits");
    let edited_within = nudge.edit(&request(1), &settings, &within).expect("edits");

    let (left, right) = factors(&edited_across);
    assert!(left.equal(factors(&edited_within).0) && right.equal(factors(&edited_within).1));
    assert_eq!(edited_across.deltas[0].parameter, Toy::weight_name(1));
    assert_eq!(*across.reports.borrow(), *within.reports.borrow());
    assert_eq!(across.reports.borrow().len(), 25);

    let probability =
        |changes| across.probability(["The capital of {} is", "France", "Rome"], changes).expect("a number");
    let changed = across.changed(&edited_across).expect("changes that fit");
    let (before, after) = (probability(BTreeMap::new()), probability(changed));
    assert!(after > before, "{before} {after}");
}

#[test]
fn settings_are_checked_before_the_plugin_is_called() {
    let nudge = load(&library("nudge")).expect("loads");
    let toy = Toy::new();
    let wrong = settings(json!({"steps": 0, "rat": 1.0}));
    let error = method(&nudge, "nudge").edit(&request(1), &wrong, &toy).expect_err("bad settings").to_string();
    assert!(error.contains("`steps` must be a whole number from 1 to 500, not 0"), "{error}");
    assert!(error.contains("there is no hyperparameter `rat`"), "{error}");
}

#[test]
fn a_plan_comes_back() {
    let nudge = load(&library("nudge")).expect("loads");
    let plan = method(&nudge, "nudge").plan(&request(2), &settings(json!({})), &Default::default()).expect("plan");
    assert_eq!(plan.layers, [2]);
}
