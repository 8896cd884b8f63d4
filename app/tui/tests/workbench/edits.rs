//! Several facts at once, the list of edits, and what the form and the table of layers say of an edit.

use super::support::{Bench, recording};
use locus_protocol::{Blame, Command, Event, JobKind, Outcome, Phase, PluginReady};

#[test]
fn marked_facts_are_edited_together() {
    let mut bench = Bench::ready(120, 40);
    bench.press("space space j space");
    let screen = bench.screen();
    assert!(screen.contains("3 marked"), "{screen}");
    // the cursor is on a fact that is not marked: the first marked one leads
    bench.press("e");
    let screen = bench.screen();
    assert!(screen.contains("Edit 3 facts together: Bhutan: Thimphu → Oslo and 2 more"), "{screen}");
    assert!(screen.contains("Run: edit 3 facts together, layer 4, with rome"), "{screen}");
    bench.press("down down down enter");
    match bench.commands().as_slice() {
        [Command::Edit { order, .. }] => {
            let subjects: Vec<&str> = order.facts().map(|fact| fact.subject.as_str()).collect();
            assert_eq!(subjects, ["Bhutan", "France", "Marie Curie"]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.state.fact().map(|fact| fact.subject.as_str()), Some("Bhutan"));
    assert!(bench.screen().contains("editing Bhutan and 2 more"), "{}", bench.screen());
    let error = "plugin `rome`: it edits one fact at a time, not 3; edit them one after the other";
    let outcome = Outcome::Failed { error: error.into(), blame: Blame::Request };
    bench.hear([Event::Finished { job: 2, outcome, seconds: 0.1 }]);
    assert!(bench.screen().contains("failed: plugin `rome`: it edits one fact"), "{}", bench.screen());
    // a second press takes a mark away, and all go at once
    bench.press("1 g g space");
    assert!(bench.screen().contains("2 marked"), "{}", bench.screen());
    bench.press("-");
    assert!(!bench.screen().contains(" marked"), "{}", bench.screen());
    bench.press("/").type_text("capital").press("enter *");
    let marked = bench.state.facts.marked();
    assert!(marked > 1 && marked < 13 && bench.screen().contains(&format!("{marked} marked")), "{}", bench.screen());
    bench.press("esc r");
    match bench.commands().as_slice() {
        [Command::Predict { .. }, Command::Edit { order, .. }] | [Command::Edit { order, .. }] => {
            assert!(order.facts().count() == marked && order.facts().all(|fact| fact.prompt().contains("capital")));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn any_edit_of_the_list_is_taken_back_and_the_last_one_put_on_again() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2));
    bench.hear([recording::edits(&[1, 2, 3], &[])]);
    bench.commands();
    bench.press("U");
    let screen = bench.screen();
    assert!(screen.contains("3 edits in place") && screen.contains("enter takes edit 3 back"), "{screen}");
    assert!(screen.contains("2.500!") && screen.contains("by more than its own norm"), "{screen}");
    bench.press("up enter");
    assert_eq!(bench.commands(), [Command::UndoOne { edit: 2 }]);
    bench.hear([recording::edits(&[1, 3], &[2])]);
    bench.press("up enter");
    assert_eq!(bench.commands(), [Command::UndoOne { edit: 1 }]);
    bench.hear([recording::edits(&[3], &[2, 1])]);
    let screen = bench.screen();
    assert!(
        screen.contains("1 edit in place, 2 taken back") && screen.contains("taken back, the last one first"),
        "{screen}"
    );
    // the older one has to wait for the newer one
    bench.press("G enter");
    assert_eq!(bench.commands(), []);
    assert!(bench.screen().contains("taken back last comes first"), "{}", bench.screen());
    bench.press("up enter");
    assert_eq!(bench.commands(), [Command::Redo]);
    bench.press("ctrl-r");
    assert_eq!(bench.commands(), [Command::Redo]);
    // nothing can be taken back while a job runs
    bench.press("esc t").commands();
    bench.press("U enter");
    assert_eq!(bench.commands(), []);
    assert!(bench.screen().contains("tracing Bhutan is running"), "{}", bench.screen());
}

#[test]
fn an_edit_among_others_gets_the_rows_of_the_model_as_it_is() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2));
    // another edit went, so that the rows that came are not about this fact
    bench.hear([recording::edits(&[1, 2], &[])]).hear([recording::edits(&[1], &[2])]);
    assert!(bench.screen().contains("in place, among other edits"), "{}", bench.screen());
    bench.hear([recording::prediction(1)]);
    let screen = bench.screen();
    assert!(screen.contains("in place: p(new)") && screen.contains("0.0412"), "{screen}");
}

#[test]
fn defaults_follow_the_model_and_the_objective() {
    let mut bench = Bench::ready(120, 40);
    for event in recording::plugins() {
        let Event::Plugin(mut plugin) = event else { panic!("{event:?}") };
        if plugin.id == "fine-tuning" {
            plugin.layers = vec![1, 2, 3];
            let steps = serde_json::json!({"steps": 50}).as_object().cloned().expect("an object");
            plugin.with_objective.insert("fact-forcing".into(), steps);
        }
        if plugin.id == "error-injection" {
            let other = PluginReady { id: "fact-forcing".into(), title: "fact forcing".into(), ..plugin.clone() };
            bench.hear([Event::Plugin(other)]);
        }
        bench.hear([Event::Plugin(plugin)]);
    }
    bench.press("e right");
    let screen = bench.screen();
    // the window that suits the model is the method's choice as long as the user made none
    assert!(screen.contains("layers                   method: 1-3"), "{screen}");
    assert!(screen.contains("steps                    25 "), "{screen}");
    bench.press("down right");
    let screen = bench.screen();
    assert!(screen.contains("fact forcing") && screen.contains("steps                    50 "), "{screen}");
    // what is typed is sent where it differs from what the pair would have
    bench.press("down down down").type_text("25").press("up enter");
    match bench.commands().as_slice() {
        [Command::Edit { order, .. }] => {
            assert_eq!((order.objective.as_str(), order.layers.len()), ("fact-forcing", 0));
            assert_eq!(serde_json::Value::from(order.method_settings.clone()), serde_json::json!({"steps": 25}));
        }
        other => panic!("{other:?}"),
    }
    // layers that were typed stay when the method changes
    bench.hear([recording::failed(2)]).press("e down down").type_text("2").press("up up left right");
    assert!(bench.screen().contains("layers                   2 "), "{}", bench.screen());
}

#[test]
fn the_form_says_what_follows_the_published_code() {
    let mut bench = Bench::ready(120, 40);
    bench.press("e");
    assert!(!bench.screen().contains("parity:"), "{}", bench.screen());
    bench.press("up left");
    let screen = bench.screen();
    assert!(screen.contains("parity: hase2023: no early stop, whatever is set above"), "{screen}");
    bench.press("down down down down");
    assert!(bench.screen().contains("> [ Run:"), "{}", bench.screen());
    bench.press("enter");
    match bench.commands().as_slice() {
        [Command::Edit { order, .. }] => {
            assert_eq!(
                serde_json::Value::from(order.method_settings.clone()),
                serde_json::json!({"parity": "hase2023"})
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn second_moments_are_a_phase_with_its_end_in_sight() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear([Event::Started { job: 2, kind: JobKind::Edit, title: String::new() }]);
    bench.hear((1..=10).map(|part| Event::Progress {
        job: 2,
        phase: Phase::SecondMoments,
        done: 6000 * part,
        total: 120_000,
    }));
    let screen = bench.screen();
    assert!(screen.contains("second moments 60 k of 120 k tokens (50 %)"), "{screen}");
    assert!(screen.contains("0 s left") && screen.contains("once for this model"), "{screen}");
}
