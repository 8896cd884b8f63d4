//! Views of the model without one of the edits in place: what is asked of the engine for them, and what they show.

use super::support::{Bench, recording};
use locus_protocol::{
    BeforeAfter, Command, Event, Fact, LayerRow, LeftOut, Outcome, PromptScore, Scores, Task, TraceKind, TraceOrder,
};
use locus_tui::Effect;

/// With two edits in place, and nothing ordered that a test has not asked for.
fn two_edits(columns: u16, rows: u16) -> Bench {
    let mut bench = Bench::ready(columns, rows);
    bench.press("r").hear(recording::edit(2));
    bench.hear([recording::edits(&[1, 2], &[]), recording::prediction(2)]).wait(7000);
    bench.commands();
    bench
}

/// The jobs that were ordered.
fn jobs(bench: &mut Bench) -> Vec<(u64, Task)> {
    let job = |command| if let Command::Do { job, task } = command { Some((job, task)) } else { None };
    bench.commands().into_iter().filter_map(job).collect()
}

/// What the engine tells of a fact without edits.
fn seen(job: u64, fact: Fact, in_place: &[u64], with: &[u64]) -> Vec<Event> {
    let row = |layer: usize| LayerRow {
        layer,
        probability_new: 0.02 * layer as f64,
        probability_true: 0.05 * layer as f64,
        weight_change: (layer == 5 && !with.is_empty()).then_some(0.0412),
        ..LayerRow::default()
    };
    let score =
        |new, truth| Scores { rewrite: vec![PromptScore { prompt: fact.prompt(), new, truth }], ..Scores::default() };
    let scores = BeforeAfter { before: score(0.961, 0.012), after: score(0.22, 0.55) };
    let seen = LeftOut {
        job,
        in_place: in_place.to_vec(),
        with: with.to_vec(),
        rows: (0..12).map(row).collect(),
        scores,
        fact,
    };
    vec![Event::LeftOut(seen), Event::Finished { job, outcome: Outcome::Done, seconds: 0.1 }]
}

#[test]
fn a_view_without_an_edit_is_asked_for_once_and_shows_what_the_engine_says() {
    let mut bench = two_edits(120, 40);
    bench.press("3 v v");
    assert!(bench.screen().contains("edit 2 left out"), "{}", bench.screen());
    assert!(bench.screen().contains("the model without edit 2 is measured"), "{}", bench.screen());
    bench.wait(500);
    let ordered = jobs(&mut bench);
    let [(job, Task::LeaveOut(look))] = &ordered[..] else { panic!("{ordered:?}") };
    assert_eq!((&look.edits[..], &look.fact), (&[2][..], &recording::fact()));
    bench.wait(500);
    assert_eq!(jobs(&mut bench), [], "it was ordered already");
    bench.hear(seen(*job, recording::fact(), &[1, 2], &[1]));
    bench.wait(7000);
    let screen = bench.screen();
    assert!(screen.contains("numbers of the model with edit 1 in place"), "{screen}");
    assert!(screen.contains("0.220") && screen.contains("0.550") && screen.contains("0.0412"), "{screen}");
    // Before/After has the same look, from which nothing is asked again
    bench.press("4 v v");
    let screen = bench.screen();
    assert!(screen.contains("without edit 2: memit L3,4,5"), "{screen}");
    assert!(screen.contains("0.961 → 0.220") && screen.contains("0.012 → 0.550"), "{screen}");
    bench.wait(500);
    assert_eq!(jobs(&mut bench), []);
    insta::assert_snapshot!("edit_taken_out_120x40", bench.screen());
    // the model as it is less the one without it: what the edit alone does
    bench.press("3 v v D D");
    assert!(bench.screen().contains("as it is minus edit 2 left out"), "{}", bench.screen());
}

#[test]
fn a_look_that_failed_is_not_ordered_again_and_one_of_other_edits_is() {
    let mut bench = two_edits(120, 40);
    bench.press("3 v v").wait(500);
    let ordered = jobs(&mut bench);
    let [(job, Task::LeaveOut(_))] = &ordered[..] else { panic!("{ordered:?}") };
    bench.hear([recording::failed(*job)]).wait(2000);
    assert_eq!(jobs(&mut bench), []);
    bench.press("3 v").wait(500);
    let ordered = jobs(&mut bench);
    let [(job, Task::LeaveOut(look))] = &ordered[..] else { panic!("{ordered:?}") };
    assert_eq!(look.edits, [1]);
    bench.hear(seen(*job, recording::fact(), &[1, 2], &[2]));
    // what is not in place any more cannot be taken out
    bench.hear([recording::edits(&[2], &[1]), recording::prediction(1)]).wait(2000);
    assert!(bench.screen().contains("edit 1 is not in place"), "{}", bench.screen());
    assert_eq!(jobs(&mut bench), []);
}

#[test]
fn a_look_that_nobody_ordered_takes_no_key_from_the_job_that_goes_on() {
    let mut bench = two_edits(120, 40);
    bench.press("3 v v 1 j r").wait(500);
    let ordered = jobs(&mut bench);
    let [(edit, Task::Edit(_)), (look, Task::LeaveOut(_))] = &ordered[..] else { panic!("{ordered:?}") };
    let fact = bench.state().fact().cloned().expect("a fact");
    bench.hear(seen(*look, fact, &[1, 2], &[1]));
    bench.effects.clear();
    bench.press("ctrl-c");
    assert_eq!(bench.effects, [Effect::Cancel(*edit)]);
    assert!(!bench.screen().contains("the trace has ended"), "{}", bench.screen());
}

#[test]
fn a_trace_of_a_view_without_an_edit_leaves_the_edits_where_they_are() {
    let mut bench = two_edits(120, 40);
    bench.press("2 t");
    let ordered = jobs(&mut bench);
    let [(job, Task::Trace(order))] = &ordered[..] else { panic!("{ordered:?}") };
    assert!(order.without.is_empty());
    bench.hear(recording::trace(*job, TraceKind::Hidden, 2));
    bench.press("v v t");
    let ordered = jobs(&mut bench);
    let [(job, Task::Trace(order))] = &ordered[..] else { panic!("{ordered:?}") };
    assert_eq!(order.without, [2]);
    let order: TraceOrder = order.clone();
    let told = recording::trace(*job, TraceKind::Hidden, 1).into_iter().map(|event| match event {
        Event::Trace(mut started) => {
            started.order.without = order.without.clone();
            Event::Trace(started)
        }
        other => other,
    });
    bench.hear(told);
    let screen = bench.screen();
    assert!(screen.contains("edit 2 left out") && screen.contains("the model with edit 1 in pla"), "{screen}");
    // the view of the model as it is has its own
    bench.press("v v");
    assert!(bench.screen().contains("the model with edits 1, 2 in place"), "{}", bench.screen());
    // and the unedited model is traced without taking anything back
    bench.press("v t");
    let ordered = jobs(&mut bench);
    assert!(matches!(&ordered[..], [(_, Task::Trace(order))] if order.without == [1, 2]), "{ordered:?}");
}

#[test]
fn a_source_is_named_after_the_colon_and_remembered_by_its_operation() {
    let mut bench = two_edits(120, 40);
    bench.press("3 :").type_text("source without 1").press("enter");
    assert!(bench.screen().contains("edit 1 left out"), "{}", bench.screen());
    bench.press(":").type_text("source without 9").press("enter");
    assert!(bench.screen().contains("edit 9 is not in place"), "{}", bench.screen());
    let remembered = serde_json::to_string(&bench.workbench.remembered()).expect("text");
    assert!(remembered.contains(r#"{"without":11}"#), "{remembered}");
    bench.press(":").type_text("source as-it-is").press("enter");
    assert!(!serde_json::to_string(&bench.workbench.remembered()).expect("text").contains(r#"{"without":"#));
}
