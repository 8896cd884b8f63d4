//! The engine's process ends, comes back, goes on without the workbench, or is taken over by another one.

use super::support::{Bench, options, recording};
use locus_link::{Death, How, Welcome};
use locus_protocol::{Command, Event, Load, ModelSource, Outcome, Task, TraceKind};
use locus_tui::{Effect, Input, WorkbenchOptions};

fn death() -> Input {
    let last_words = vec!["a last word".to_owned()];
    Input::EngineDied(Box::new(Death { how: How::Signal(11), plugin: None, opening: None, running: None, last_words }))
}

fn welcome(controls: bool, keep: bool) -> Input {
    let socket = Some("/run/locus/7.sock".into());
    Input::Welcome(Box::new(Welcome { process: 7, socket, controls, keep, next_job: 5, ..Welcome::default() }))
}

/// What a new engine tells of the model, without the end of the job that loads it.
fn model_again() -> impl Iterator<Item = Event> {
    recording::loaded().into_iter().filter(|event| matches!(event, Event::Model(_) | Event::Facts { .. }))
}

/// The workbench in the edit that is job 3, after a trace.
fn editing() -> Bench {
    let mut bench = Bench::ready(120, 40);
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0)).press("r").hear(recording::edit_start(3));
    bench.effects.clear();
    bench
}

#[test]
fn an_engine_that_ends_comes_back_and_the_job_runs_again() {
    let mut bench = editing();
    bench.feed(death());
    assert_eq!(bench.effects, [Effect::StartEngine]);
    let screen = bench.screen();
    assert!(screen.contains("The engine has ended") && screen.contains("(a memory fault)"), "{screen}");
    assert!(screen.contains("enter run again: editing Bhutan with rome"), "{screen}");
    assert!(bench.state().job().is_none());
    bench.effects.clear();

    bench.feed(Input::EngineStarted);
    let job = bench.state().jobs.last;
    assert_eq!(bench.commands(), [Command::start(job, Load { source: ModelSource::BuiltIn })]);
    bench.press("enter");
    assert_eq!(bench.commands(), [], "the model is not there yet");
    bench.hear(model_again());
    assert!(bench.state().traces.any_of(&recording::fact()), "what was measured of the same model holds");
    bench.finish();
    assert!(matches!(bench.commands()[..], [Command::Do { task: Task::Edit(_), .. }]), "{:?}", bench.effects);
}

#[test]
fn what_was_selected_and_typed_stays_when_the_engine_comes_back() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0));
    bench.press("a ctrl-u").type_text("Lima").press("enter down 2 up");
    let map = |bench: &Bench| {
        let right = |line: &str| line.chars().skip(60).collect::<String>();
        bench.screen().lines().take(17).map(right).collect::<Vec<_>>()
    };
    let (map_before, fact, layer) = (map(&bench), bench.state().fact().cloned(), bench.state().layer());
    assert!(map_before.iter().any(|line| line.contains(">*t")) && fact == Some(recording::fact()), "{map_before:?}");
    bench.feed(death()).press("esc").feed(Input::EngineStarted).hear(model_again()).finish();
    assert_eq!((map(&bench), bench.state().layer()), (map_before, layer));
    assert_eq!((bench.state().fact().cloned(), bench.state().facts.typed().len()), (fact, 1));
}

#[test]
fn another_model_in_a_new_engine_has_nothing_of_the_old_one() {
    let mut bench = editing();
    bench.feed(death()).press("esc").feed(Input::EngineStarted);
    bench.hear(model_again().map(|event| match event {
        Event::Model(mut model) => {
            model.fingerprint = "another".into();
            Event::Model(model)
        }
        other => other,
    }));
    assert!(!bench.state().traces.any_of(&recording::fact()));
}

#[test]
fn a_new_engine_loads_no_model_where_none_was_chosen() {
    let mut bench = Bench::with(WorkbenchOptions { chooses: true, ..options() }, 120, 40);
    bench.feed(death());
    assert_eq!(bench.effects, [Effect::StartEngine]);
    bench.press("esc").feed(Input::EngineStarted);
    assert_eq!(bench.commands(), []);
    bench.press("o");
    assert!(bench.screen().contains("Open a model"), "{}", bench.screen());
}

#[test]
fn the_third_end_in_a_row_waits_for_a_key() {
    let mut bench = editing();
    for _ in 0..2 {
        bench.feed(death());
        assert_eq!(bench.effects, [Effect::StartEngine]);
        bench.press("esc").feed(Input::EngineStarted).hear(model_again()).finish();
        bench.effects.clear();
    }
    bench.feed(death());
    assert_eq!(bench.effects, []);
    assert!(bench.screen().contains("o start an engine"), "{}", bench.screen());
    bench.press("esc");
    assert_eq!(bench.state().ready_for_a_job(), Err("the engine has ended; o starts a new one".to_owned()));
    bench.press("o");
    assert_eq!(bench.effects, [Effect::StartEngine]);
    // a job that is done between counts them anew
    bench.effects.clear();
    bench.feed(Input::EngineStarted).hear(model_again()).finish().press("t");
    bench.hear(recording::trace(bench.state().jobs.last, TraceKind::Hidden, 0));
    bench.effects.clear();
    bench.feed(death());
    assert_eq!(bench.effects, [Effect::StartEngine]);
}

#[test]
fn an_engine_that_others_may_join_can_be_left_running() {
    let mut bench = editing();
    bench.press("ctrl-w d");
    assert!(bench.screen().contains("no other front can join this engine"), "{}", bench.screen());
    bench.feed(welcome(true, false)).press("q");
    insta::assert_snapshot!("quit_120x40", bench.screen());
    bench.press("k");
    assert_eq!(bench.effects, [Effect::Keep(true), Effect::Quit]);
    bench.effects.clear();
    bench.press("ctrl-w d");
    assert_eq!(bench.effects, [Effect::Keep(true), Effect::Quit]);
}

#[test]
fn an_engine_that_goes_on_is_ended_only_where_that_is_asked_for() {
    let mut bench = Bench::ready(120, 40);
    bench.feed(welcome(true, true)).press("q");
    assert_eq!(bench.effects, []);
    assert!(bench.screen().contains("y leave and end the engine"), "{}", bench.screen());
    bench.press("y");
    assert_eq!(bench.effects, [Effect::Keep(false), Effect::Quit]);
}

#[test]
fn another_workbench_takes_the_engine_over_and_gives_it_back() {
    let mut bench = Bench::ready(120, 40);
    bench.feed(welcome(true, true)).feed(Input::Control { yours: false, next_job: 9 });
    assert!(bench.screen().contains("read-only: engine 7, controlled by another workbench"), "{}", bench.screen());
    bench.press("t");
    assert_eq!(bench.effects, []);
    bench.hear(recording::trace(9, TraceKind::Hidden, 0));
    assert!(bench.state().traces.any_of(&recording::fact()));
    bench.feed(Input::Control { yours: true, next_job: 12 }).press("t");
    assert!(matches!(bench.commands()[..], [Command::Do { job: 12, task: Task::Trace(_) }]), "{:?}", bench.effects);
}

#[test]
fn a_workbench_that_joins_orders_once_it_has_heard_what_happened() {
    let mut bench = Bench::ready(120, 40);
    bench.feed(welcome(false, true)).press("t");
    assert_eq!(bench.effects, []);
    bench.feed(Input::CaughtUp { controls: false }).press("t");
    assert_eq!(bench.effects, [], "it only looks on");
    bench.feed(Input::CaughtUp { controls: true }).wait(500);
    assert!(matches!(bench.commands()[..], [Command::Predict { .. }]), "what is selected is asked for");
    bench.press("t");
    assert!(matches!(bench.commands()[..], [Command::Do { job: 5, task: Task::Trace(_) }]), "{:?}", bench.effects);
    bench.hear([Event::Finished { job: 5, outcome: Outcome::Done, seconds: 0.1 }]);
}
