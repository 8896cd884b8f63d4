//! Writes into a model's weights are seen whatever the tensor and the way, and the checkpoint's bits come back. Changes
//! that are taken over are the host's own.

mod support;

use locus_engine::edit::{EditStack, Seal, put_back, take_over};
use locus_engine::model::Model;
use locus_plugin::{Delta, Form};
use std::path::PathBuf;
use support::{cases, golden};
use tch::{Device, Kind, Tensor};

fn folder() -> PathBuf {
    cases(&golden().join("arch")).first().expect("a model").join("model")
}

fn load(kind: Kind) -> Model {
    Model::load(&folder(), Device::Cpu, kind).expect("a model")
}

#[test]
fn a_write_into_any_parameter_is_seen_and_taken_back() {
    let model = load(Kind::Float);
    let before: Vec<(String, Tensor)> =
        model.parameters().into_iter().map(|(name, value)| (name, value.copy())).collect();
    let ways: [fn(&mut Tensor); 3] = [
        |tensor| _ = tensor.f_add_scalar_(0.5).expect("added"),
        |tensor| _ = tensor.detach().zero_(),
        |tensor| _ = tensor.view([-1]).narrow(0, 0, 1).fill_(7.0),
    ];
    let _guard = tch::no_grad_guard();
    for (index, (name, _)) in before.iter().enumerate() {
        let seal = Seal::of([&model, &model]);
        assert!(seal.broken().is_empty(), "{name}");
        ways[index % ways.len()](&mut model.parameter(name).expect("there"));
        assert_eq!(&seal.broken()[..], std::slice::from_ref(name));
    }
    let names: Vec<String> = before.iter().map(|(name, _)| name.clone()).collect();
    put_back(&model, &folder(), &names).expect("put back");
    for (name, value) in &before {
        assert!(model.parameter(name).expect("there").equal(value), "{name}");
    }
}

fn change(model: &Model, make: impl Fn(Tensor) -> Tensor) -> Vec<Delta> {
    let (parameter, value) = model.parameters().into_iter().find(|(_, value)| value.dim() == 2).expect("a matrix");
    let ones = Tensor::ones(value.size(), (Kind::Double, Device::Cpu));
    vec![Delta { parameter, form: Form::Dense(make(ones)) }]
}

#[test]
fn a_change_is_finite_in_the_numbers_in_which_it_is_kept() {
    let model = load(Kind::Float);
    for number in [1e39, -1e300, f64::INFINITY, f64::NAN] {
        let said = take_over(&model, "it", change(&model, |ones| ones * number)).expect_err("refused").to_string();
        assert!(said.starts_with("plugin `it`: its change of `") && said.contains("not finite"), "{number}: {said}");
    }
    // not finite in the number format of the weights
    let half = load(Kind::Half);
    let said = take_over(&half, "it", change(&half, |ones| ones * 1e6)).expect_err("refused").to_string();
    assert!(said.contains("not finite"), "{said}");
    // finite itself, but not what two of it make of a weight of half precision
    let taken = take_over(&half, "it", change(&half, |ones| ones * 6e4)).expect("float16 holds it");
    let name = taken[0].parameter.clone();
    let twice: Vec<Delta> =
        taken.into_iter().chain(take_over(&half, "it", change(&half, |ones| ones * 6e4)).expect("again")).collect();
    let stack = EditStack::new(half);
    for tried in [stack.trial("it", &twice), stack.trial_on_unedited("it", &twice)] {
        let said = tried.expect_err("refused").to_string();
        assert!(
            said.starts_with(&format!("plugin `it`: with its change, `{name}` is not finite in float16")),
            "{said}"
        );
    }
}

#[test]
fn what_a_plugin_does_with_its_change_later_changes_nothing() {
    let model = load(Kind::Float);
    let given = change(&model, |ones| ones.to_kind(Kind::Float));
    let Form::Dense(theirs) = &given[0].form else { panic!("dense") };
    let mut theirs = theirs.shallow_clone();
    let taken = take_over(&model, "it", given).expect("taken over");
    let _ = theirs.zero_();
    let Form::Dense(ours) = &taken[0].form else { panic!("dense") };
    assert_eq!(ours.min().double_value(&[]), 1.0);
}
