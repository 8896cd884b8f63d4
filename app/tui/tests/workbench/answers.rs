//! Which answer a trace follows: the title says it, a key changes it, and after an edit it is what the model says.

use super::support::{Bench, options, recording};
use locus_protocol::{Command, Event, Outcome, Task, TraceAnswer, TraceKind};
use locus_tui::{Depth, WorkbenchOptions};

/// The answers of the traces that were ordered.
fn ordered(bench: &mut Bench) -> Vec<TraceAnswer> {
    let answer = |command| match command {
        Command::Do { task: Task::Trace(order), .. } => Some(order.answer),
        _ => None,
    };
    bench.commands().into_iter().filter_map(answer).collect()
}

/// A trace as it is told, of another answer: its effects are those of the true one times `share`.
fn trace(job: u64, edits: usize, answer: &TraceAnswer, text: &str, share: f64) -> Vec<Event> {
    let told = |event| match event {
        Event::Trace(mut started) => {
            (started.order.answer, started.answer) = (answer.clone(), format!(" {text}"));
            Event::Trace(started)
        }
        Event::TraceRow { job, token, scores } => {
            let scores = scores.iter().map(|score| 0.186 + share * (score - 0.186)).collect();
            Event::TraceRow { job, token, scores }
        }
        Event::TracePreview { job, .. } => Event::TracePreview { job, scores: Vec::new() },
        other => other,
    };
    recording::trace(job, TraceKind::Hidden, edits).into_iter().map(told).collect()
}

#[test]
fn a_key_goes_through_the_answers_and_the_title_says_which() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t");
    assert_eq!(ordered(&mut bench), [TraceAnswer::True]);
    bench.hear(recording::trace(2, TraceKind::Hidden, 0)).press("2");
    assert!(bench.screen().contains("true “Thimphu” · clean 0.973 · corrupted 0.186"), "{}", bench.screen());
    bench.press("p");
    assert_eq!(ordered(&mut bench), [TraceAnswer::New], "a fact that was traced is traced anew");
    bench.hear(trace(3, 0, &TraceAnswer::New, "Oslo", 0.5));
    insta::assert_snapshot!("traced_new_answer_120x40", bench.screen());
    assert!(bench.screen().contains("new “Oslo”"), "{}", bench.screen());
    bench.press("p");
    assert_eq!(ordered(&mut bench), [TraceAnswer::Model]);
    bench.hear(trace(4, 0, &TraceAnswer::Model, "Thimphu", 1.0));
    assert!(bench.screen().contains("model's “Thimphu”"), "{}", bench.screen());
    bench.press("p").type_text("Paro");
    assert!(bench.screen().contains("Trace which answer?") && bench.screen().contains("> Paro"), "{}", bench.screen());
    bench.press("enter");
    let typed = TraceAnswer::Text("Paro".into());
    assert_eq!(ordered(&mut bench), std::slice::from_ref(&typed));
    bench.hear(trace(5, 0, &typed, "Paro", 0.2));
    assert!(bench.screen().contains("typed “Paro”"), "{}", bench.screen());
    bench.press("$");
    assert!(bench.screen().contains("--answer Paro"), "{}", bench.screen());
    // what was traced before is there still
    bench.press("esc p");
    assert!(bench.screen().contains("true “Thimphu”") && ordered(&mut bench).is_empty(), "{}", bench.screen());
    bench.press("p");
    assert!(bench.screen().contains("new “Oslo”") && ordered(&mut bench).is_empty(), "{}", bench.screen());
}

#[test]
fn after_an_edit_the_answer_is_what_the_model_says_and_the_trace_before_it_stays() {
    let mut bench = Bench::ready(200, 60);
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0));
    bench.press("r").hear(recording::edit(3));
    ordered(&mut bench);
    bench.press("t");
    assert_eq!(ordered(&mut bench), [TraceAnswer::Model]);
    bench.hear(trace(4, 1, &TraceAnswer::Model, "Oslo", 0.9)).press("2");
    assert!(bench.screen().contains("model's “Oslo”"), "{}", bench.screen());
    bench.press("ctrl-w v v");
    let screen = bench.screen();
    assert!(screen.contains("model's “Oslo”") && screen.contains("true “Thimphu”"), "{screen}");
    bench.press("u").hear([recording::undone(), Event::Finished { job: 5, outcome: Outcome::Done, seconds: 0.1 }]);
    ordered(&mut bench);
    bench.press("t");
    assert_eq!(ordered(&mut bench), [TraceAnswer::True], "the edit is gone");
}

#[test]
fn effects_below_zero_have_their_own_look_and_the_greatest_is_the_greatest() {
    for (colors, name) in [(Depth::Sixteen, "sixteen"), (Depth::None, "plain")] {
        let mut bench = Bench::ready_with(WorkbenchOptions { colors, ..options() }, 120, 40);
        bench.press("t").hear(trace(2, 0, &TraceAnswer::True, "Thimphu", -0.5)).press("2 z");
        let screen = bench.screen();
        assert!(screen.contains("greatest: ") && !screen.contains("layer 0 restores"), "{screen}");
        assert!(screen.contains("effect -"), "the scale goes below zero: {screen}");
        insta::assert_snapshot!(format!("below_zero_{name}_120x40"), screen);
    }
}
