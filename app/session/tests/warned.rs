//! What is said while a model is loaded, of edits and facts that are put to it.

mod support;

use locus_engine::edit::{DeltaFile, WeightEdit};
use locus_engine::model::Model;
use locus_engine::moments::fingerprint;
use locus_plugin::{Delta, Form};
use locus_protocol::{Event, Fact, LogLevel, ModelMark, TraceKind, TraceOrder};
use support::Session;
use tch::{Device, Kind};

/// All warnings among some events.
fn warnings(events: &[Event]) -> Vec<&str> {
    let mut texts = Vec::new();
    for event in events {
        if let Event::Log { level, text, .. } = event
            && *level == LogLevel::Warning
        {
            texts.push(text.as_str());
        }
    }
    texts
}

#[test]
fn a_change_of_the_tied_embedding_is_told_and_moves_the_logits() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in locus_demo::assets() {
        std::fs::write(folder.path().join(name), bytes).expect("written");
    }
    let model = Model::load(folder.path(), Device::Cpu, Kind::Float).expect("the built-in model");
    let mark = ModelMark { name: "built-in".to_owned(), fingerprint: fingerprint(&model).expect("a fingerprint") };
    let file = folder.path().join("edits");
    let told = |parameter: &str| {
        let change = model.parameter(parameter).expect("a parameter") * 0.01;
        let deltas = vec![Delta { parameter: parameter.to_owned(), form: Form::Dense(change) }];
        let edit = WeightEdit { title: "larger".to_owned(), deltas, ..WeightEdit::default() };
        std::fs::write(&file, DeltaFile::bytes(&model, &mark, &[&edit]).expect("bytes")).expect("written");
        let (_, events) = Session::open_with(|options| options.start.apply = vec![file.clone()]);
        warnings(&events).into_iter().any(|text| {
            text.contains(&format!("{parameter} is also the unembedding")) && text.contains("logits of all prompts")
        })
    };
    let embedding = format!("{}.weight", model.architecture.token_embedding);
    assert!(model.is_tied(&embedding) && told(&embedding));
    assert!(!told(&format!("{}.weight", model.architecture.blocks[0].down().expect("one MLP"))));
}

#[test]
fn a_first_fact_that_is_too_long_is_left_out_and_the_others_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("facts.json");
    let fact = |template: &str| Fact {
        template: template.to_owned(),
        subject: "Anna".to_owned(),
        target_true: "harp".to_owned(),
        target_new: "drum".to_owned(),
        ..Fact::default()
    };
    let record = |fact: Fact| {
        serde_json::json!({"requested_rewrite": {"prompt": fact.template, "subject": fact.subject,
            "target_true": {"str": fact.target_true}, "target_new": {"str": fact.target_new}}})
    };
    let long = format!("{} {{}} plays the", "far ".repeat(5000).trim_end());
    let records = [record(fact(&long)), record(fact("{} plays the"))];
    std::fs::write(&file, serde_json::to_string(&records).expect("JSON")).expect("written");
    let (mut session, events) = Session::open_with(|options| options.start.facts = Some(file));
    let told = warnings(&events);
    assert!(told.iter().any(|text| text.contains("fact 0") && text.contains("it is skipped")), "{told:?}");
    assert_eq!(session.facts, [fact("{} plays the")]);
    let order = TraceOrder::new(session.facts[0].clone(), TraceKind::Hidden);
    session.done(order);
}
