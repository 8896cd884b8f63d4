//! What a plugin does wrong stays its own affair: the host goes on, the edit fails, the error says what happened.

use crate::c::compile;
use crate::support::{Toy, library, method, objective, request};
use locus_plugin::object::MethodObject;
use locus_plugin::tch::{self, Tensor};
use locus_plugin::{EditRequest, Edited, Error, Form, HyperparameterKind, Result};
use locus_plugin_host::{load, take_remarks};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

fn hostile(id: &str) -> Arc<dyn MethodObject> {
    method(&load(&library("locus-hostile")).expect("loads"), id)
}

fn edit(id: &str, toy: &Toy) -> Result<Edited> {
    hostile(id).edit(&request(1), &Default::default(), toy)
}

/// After whatever happened an honest method still works.
fn assert_well(toy: &Toy) {
    toy.cancel_after.set(usize::MAX);
    toy.panics.set(false);
    let edited = edit("obeys", toy).expect("an honest method works");
    assert_eq!(edited.deltas[0].parameter, Toy::weight_name(1));
}

fn dense(edited: &Edited) -> &Tensor {
    match &edited.deltas[0].form {
        Form::Dense(difference) => difference,
        Form::LowRank { .. } => panic!("a dense change"),
    }
}

#[test]
fn a_panic_comes_back_with_its_place() {
    let toy = Toy::new();
    let error = edit("panics", &toy).expect_err("panics");
    let Error::Panic(text) = error else { panic!("{error:?}") };
    assert!(text.starts_with("the plugin tripped (at "), "{text}");
    assert!(text.contains("crashes.rs:"), "{text}");
    assert_well(&toy);
}

#[test]
fn a_panic_whose_payload_panics_again() {
    let toy = Toy::new();
    let error = edit("panics-with-a-bomb", &toy).expect_err("panics");
    assert!(matches!(&error, Error::Panic(text) if text.starts_with("without a message (at ")), "{error:?}");
    assert_well(&toy);
}

#[test]
fn an_exception_of_libtorch_is_one_line() {
    let toy = Toy::new();
    for (id, panics) in [("raises-libtorch-exception", false), ("panics-in-libtorch", true)] {
        let error = edit(id, &toy).expect_err(id);
        assert_eq!(matches!(error, Error::Panic(_)), panics, "{error:?}");
        let text = error.to_string();
        assert!(text.contains("inconsistent tensor size"), "{text}");
        assert!(!text.contains("Exception raised from") && text.len() < 400, "{text}");
    }
    assert_well(&toy);
}

#[test]
fn numbers_that_json_does_not_have_arrive() {
    let toy = Toy::new();
    let edited = edit("returns-nan", &toy).expect("the engine, not the boundary, looks at the numbers");
    assert!(dense(&edited).isnan().all().int64_value(&[]) == 1);
    assert!(toy.reports.borrow()[0].losses["loss"].is_nan());
}

#[test]
fn shapes_and_names_arrive_as_they_are() {
    let toy = Toy::new();
    let edited = edit("wrong-shape", &toy).expect("the engine looks at shapes");
    assert_eq!(dense(&edited).size(), [33, 128]);
    let edited = edit("unknown-parameter", &toy).expect("the engine looks at names");
    assert_eq!(edited.deltas[0].parameter, "no.such.weight");
}

#[test]
fn a_tensor_that_is_none_is_refused() {
    let toy = Toy::new();
    let error = edit("returns-no-tensor", &toy).expect_err("no tensor");
    assert_eq!(error.to_string(), "unusable answer: a tensor is missing");
    assert_well(&toy);
}

#[test]
fn a_report_of_a_wrong_layer_fails_the_edit_even_when_the_plugin_does_not_care() {
    for id in ["reports-wrong-layer", "swallows-errors"] {
        let toy = Toy::new();
        let error = edit(id, &toy).expect_err(id);
        let complaint = "its report was refused: there is no layer 999; the model has layers 0 to 3";
        assert!(matches!(&error, Error::Failed(text) if text == complaint), "{id}: {error:?}");
        assert!(toy.reports.borrow().is_empty());
        assert_well(&toy);
    }
}

#[test]
fn after_cancelling_no_service_is_given_any_more() {
    let toy = Toy::new();
    toy.cancel_after.set(1);
    let start = Instant::now();
    let error = edit("ignores-cancellation", &toy).expect_err("cancelled");
    assert!(matches!(error, Error::Cancelled), "{error:?}");
    assert!(start.elapsed().as_secs() >= 2, "it was to ignore the cancellation for two seconds");
    assert_eq!(toy.reports.borrow().len(), 1, "the second report came after the cancellation");
    assert_well(&toy);
}

#[test]
fn an_edit_that_swallows_its_cancellation_is_cancelled_all_the_same() {
    let toy = Toy::new();
    toy.cancel_after.set(0);
    let error = edit("swallows-errors", &toy).expect_err("cancelled");
    assert!(matches!(error, Error::Cancelled), "{error:?}");
    assert_well(&toy);
}

/// Signals' handlers and threads are those of the whole process: what one test changes another must not find.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What plugins have left behind so far.
fn remarks() -> Vec<String> {
    take_remarks().iter().map(ToString::to_string).collect()
}

#[test]
fn what_an_objective_leaves_is_its_own_fault_and_said_once() {
    let _alone = alone();
    let loaded = load(&library("locus-hostile")).expect("loads");
    let toy = Toy::with_objective(&*objective(&loaded, "leaves-threads"));
    let threads = tch::get_num_threads();
    let nudge = method(&load(&library("nudge")).expect("loads"), "nudge");
    nudge.edit(&request(1), &Default::default(), &toy).expect("it edits");
    let remarks = take_remarks();
    let [remark] = &remarks[..] else { panic!("{remarks:?}") };
    assert_eq!(remark.plugin, "leaves-threads");
    assert_eq!(remark.left, format!("left {} threads instead of {threads}; restored", threads + 1));
    assert_eq!(remark.times, toy.reports.borrow().len() as u64, "{remark}");
    assert!(toy.log.borrow().is_empty());
}

#[test]
fn gradient_mode_and_threads_are_put_back_and_told() {
    let _alone = alone();
    let toy = Toy::new();
    let threads = tch::get_num_threads();
    edit("leaves-gradient-mode-off", &toy).expect("it edits");
    assert_eq!(tch::get_num_threads(), threads);
    assert!(Tensor::ones([1], tch::kind::FLOAT_CPU).set_requires_grad(true).square().requires_grad());
    let told = format!(
        "the plugin `leaves-gradient-mode-off` left gradients off and {} threads instead of {threads}; restored",
        threads + 1
    );
    assert_eq!(remarks(), [told]);
}

#[test]
fn a_prepared_run_is_released_when_it_is_dropped() {
    let nudge = method(&load(&library("nudge")).expect("loads"), "nudge");
    let toy = Toy::with_linked::<locus_error_injection::ErrorInjection>();
    nudge.edit(&request(1), &Default::default(), &toy).expect("it edits");
    assert_eq!(toy.prepared(), 0);
}

#[test]
fn what_is_left_behind_is_said_and_the_hosts_next_number_is_its_own() {
    let _alone = alone();
    let third = || (Tensor::from(1.0_f64) / 3.0).double_value(&[]).to_bits();
    let before = third();
    let misbehaves = hostile("misbehaves");
    let HyperparameterKind::Choice { choices } = &misbehaves.description().hyperparameters[0].kind else {
        panic!("it has choices")
    };
    let leaves: Vec<&String> = choices.iter().filter(|how| how.starts_with("leaves-")).collect();
    assert!(leaves.len() >= 13, "{leaves:?}");
    tch::set_num_threads(1);
    for how in leaves {
        let toy = Toy::new();
        let settings = serde_json::Map::from_iter([("how".to_owned(), how.as_str().into())]);
        misbehaves.edit(&request(1), &settings, &toy).expect(how);
        let told = remarks().join("; ");
        assert!(told.starts_with("the plugin `misbehaves` left ") && told.ends_with("; restored"), "{how}: {told}");
        assert_eq!(third(), before, "{how}");
        edit("obeys", &Toy::new()).expect("an honest method works");
        assert_eq!(remarks(), Vec::<String>::new(), "{how}");
    }
}

#[test]
fn gradients_are_on_inside_and_as_before_outside() {
    let _alone = alone();
    let nudge = method(&load(&library("nudge")).expect("loads"), "nudge");
    let toy = Toy::with_linked::<locus_error_injection::ErrorInjection>();
    let outer = tch::no_grad_guard();
    let edited = nudge.edit(&request(1), &Default::default(), &toy);
    let requires = Tensor::ones([1], tch::kind::FLOAT_CPU).set_requires_grad(true).square().requires_grad();
    drop(outer);
    edited.expect("gradients are on inside");
    assert!(!requires);
    assert_eq!(remarks(), Vec::<String>::new());
}

#[test]
fn a_panic_of_an_objective_travels_through_the_method() {
    let loaded = load(&library("locus-hostile")).expect("loads");
    let toy = Toy::with_objective(&*objective(&loaded, "panics-in-objective"));
    let nudge = method(&load(&library("nudge")).expect("loads"), "nudge");
    let error = nudge.edit(&request(1), &Default::default(), &toy).expect_err("panics");
    let text = error.to_string();
    assert!(text.starts_with("panicked: in the objective `panics-in-objective`: the objective tripped (at "), "{text}");
    assert_well(&toy);
}

#[test]
fn a_panic_of_the_host_is_told_and_does_not_cross() {
    let toy = Toy::new();
    toy.panics.set(true);
    for id in ["obeys", "swallows-errors"] {
        let error = edit(id, &toy).expect_err(id);
        let text = "the host failed in its service `report`: panicked: the host tripped";
        assert!(matches!(&error, Error::Failed(told) if told == text), "{id}: {error:?}");
    }
    assert_well(&toy);
}

/// The C plugin calls the service `template` with the JSON `target`; the subject says how.
fn asking(service: &str, json: &str, subject: &str) -> EditRequest {
    let mut request = request(1);
    request.edits[0].template = service.to_owned();
    request.edits[0].target = json.to_owned();
    request.edits[0].subject = subject.to_owned();
    request
}

#[test]
fn nonsense_through_the_bare_interface_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let broken = method(&load(&compile("broken.c", &[], folder.path())).expect("loads"), "broken");
    let toy = Toy::new();
    let refusal = |service: &str, json: &str| {
        broken.edit(&asking(service, json, ""), &Default::default(), &toy).expect_err(service)
    };
    let error = refusal("teleport", "{}");
    assert!(matches!(&error, Error::Unsupported(text) if text == "the service `teleport`"), "{error:?}");
    for (service, json, complaint) in [
        ("tokenize", "{", "unreadable arguments: EOF"),
        ("tokenize", "{}", "unreadable arguments: missing field `text`"),
        ("parameter", r#"{"name": "x"}"#, "the model has no parameter `x`"),
        ("solve-second-moment", r#"{"layer": 0}"#, "0 tensors instead of 1"),
        ("objective-loss", r#"{"reduction": "mean"}"#, "0 tensors instead of 1"),
        ("run-suffix", r#"{"suffix": 0, "added": 2}"#, "2 tensors should be added, but there are 0"),
        ("sample", r#"{"prompt": 3}"#, "unreadable arguments: invalid type"),
    ] {
        let error = refusal(service, json);
        assert!(matches!(&error, Error::Request(text) if text.contains(complaint)), "{service}: {error:?}");
    }
    let plan = broken.plan(&request(1), &Default::default(), &Default::default()).expect_err("no services");
    assert!(plan.to_string().contains("host services while a plugin describes"), "{plan}");
    assert_well(&toy);
}

#[test]
fn a_context_that_is_kept_too_long_or_lent_to_another_thread_is_found_out() {
    let folder = tempfile::tempdir().expect("folder");
    let broken = method(&load(&compile("broken.c", &[], folder.path())).expect("loads"), "broken");
    let toy = Toy::new();
    broken.edit(&asking("model", "{}", "keep"), &Default::default(), &toy).expect("an edit without changes");
    for how in ["reuse", "thread"] {
        let error = broken.edit(&asking("model", "{}", how), &Default::default(), &toy).expect_err(how);
        assert_eq!(
            error.to_string(),
            "the context belongs to a call that has returned or runs on another thread",
            "{how}"
        );
    }
    assert_well(&toy);
}
