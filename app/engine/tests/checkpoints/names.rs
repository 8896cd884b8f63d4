//! A parameter that has more names than one is changed once, by all changes together, whichever name each of them gives.

use crate::folder::Folder;
use crate::numbers::Numbers;
use locus_engine::edit::{EditStack, WeightEdit, weight_changes};
use locus_plugin::{Delta, Form};
use tch::Tensor;

fn delta(parameter: &str, whole: &Tensor) -> Delta {
    Delta { parameter: parameter.to_owned(), form: Form::Dense(whole.shallow_clone()) }
}

fn randoms(size: &[i64]) -> [Tensor; 2] {
    let mut random = Numbers::new(5);
    [(); 2].map(|()| random.normal(size) * 0.01)
}

#[test]
fn changes_under_the_name_with_and_without_the_prefix_add_up() {
    // stored without its prefix, as the published GPT-2 is
    let base = Folder::of("gpt2").load().expect("a model");
    let (short, whole) = ("h.1.mlp.c_proj.weight", "transformer.h.1.mlp.c_proj.weight");
    assert_eq!([short, whole].map(|name| base.name_of(name)), [Some(whole.to_owned()), Some(whole.to_owned())]);
    let before = base.parameter(whole).expect("the weight").copy();
    let [one, other] = randoms(&before.size());
    let deltas = vec![delta(short, &one), delta(whole, &other)];
    let wanted = &before + &one + &other;

    let changes = weight_changes(&base, &deltas).expect("norms");
    let norm = (&one + &other).norm().double_value(&[]);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((changes[0].parameter.as_str(), changes[0].layer), (whole, Some(1)));
    assert_eq!(changes[0].norm, norm, "of both changes together");
    let mut stack = EditStack::new(base);
    assert_eq!(stack.trial("m", &deltas).expect("a model").parameter(short), Some(wanted.shallow_clone()));
    for delta in deltas {
        stack.apply(WeightEdit { deltas: vec![delta], ..WeightEdit::default() }).expect("in place");
    }
    assert_eq!(stack.model().parameter(whole), Some(wanted));
    assert_eq!(stack.weights().expect("hashes").into_keys().collect::<Vec<_>>(), [whole]);
    assert_eq!(stack.changes().expect("norms").len(), 1);
    while stack.undo().expect("undone") {}
    assert_eq!(stack.model().parameter(whole), Some(before));
}

#[test]
fn changes_of_the_embedding_and_of_the_head_that_is_tied_to_it_add_up() {
    let folder = Folder::of("gpt2");
    folder.change(|tensors| {
        let same = tensors["wte.weight"].copy();
        tensors.insert("lm_head.weight".to_owned(), same);
    });
    let stack = EditStack::new(folder.load().expect("a model"));
    let before = stack.base().parameter("wte.weight").expect("the embedding");
    let [one, other] = randoms(&before.size());
    let deltas = [delta("lm_head.weight", &one), delta("wte.weight", &other)];
    let model = stack.trial("m", &deltas).expect("a model");
    for name in ["transformer.wte.weight", "lm_head.weight"] {
        assert_eq!(model.parameter(name), Some(&before + &one + &other), "{name}");
    }
    let changes = weight_changes(stack.base(), &deltas).expect("norms");
    let names: Vec<&str> = changes.iter().map(|change| change.parameter.as_str()).collect();
    assert_eq!(names, ["transformer.wte.weight"]);
}

#[test]
fn a_head_of_its_own_keeps_its_name_and_a_name_of_nothing_is_refused() {
    let model = Folder::of("llama").load().expect("a model");
    assert_eq!(model.name_of("lm_head.weight").as_deref(), Some("lm_head.weight"));
    assert_eq!(model.name_of("model.norm.weight").as_deref(), Some("model.norm.weight"));
    assert_eq!(model.name_of("norm.weight"), None, "stored with its prefix, it has no other name");
    let [one, _] = randoms(&[2]);
    let error = EditStack::new(model).trial("m", &[delta("h.9.mlp.weight", &one)]).expect_err("no such parameter");
    assert!(error.to_string().contains("`h.9.mlp.weight`"), "{error}");
}
