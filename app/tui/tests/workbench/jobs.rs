//! The list of jobs: what can be ordered again, what waits, and what goes with what.

use super::support::{Bench, options, recording};
use locus_protocol::{Blame, Command, Event, JobKind, Load, ModelReady, ModelSource, Outcome, Phase, Task, TraceKind};
use locus_tui::{Effect, Input, KnownModel, WorkbenchOptions};

/// The jobs that were ordered.
fn ordered(bench: &mut Bench) -> Vec<(u64, Task)> {
    let job = |command| if let Command::Do { job, task } = command { Some((job, task)) } else { None };
    bench.commands().into_iter().filter_map(job).collect()
}

#[test]
fn nothing_is_run_again_without_an_engine() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2)).feed(Input::EngineGone).wait(7000);
    ordered(&mut bench);
    bench.press("J r");
    assert_eq!(ordered(&mut bench), []);
    assert!(bench.state().job().is_none());
    assert!(bench.screen().contains("the engine has ended; o starts a new one"), "{}", bench.screen());
    // and nothing stands in the way of the new one
    bench.press("esc o");
    assert_eq!(bench.effects, [Effect::StartEngine]);
    bench.feed(Input::EngineStarted);
    let told = ordered(&mut bench);
    assert!(matches!(&told[..], [(_, Task::Load(_))]), "{told:?}");
}

#[test]
fn an_edit_of_the_same_fact_is_not_ordered_without_an_engine() {
    for key in ["o", "r"] {
        let mut bench = Bench::ready(120, 40);
        bench.press("r").hear(recording::edit(2)).press("r").feed(Input::EngineGone).press(key);
        assert!(bench.state().job().is_none() && bench.state().jobs.waiting.is_empty());
    }
}

#[test]
fn a_first_model_that_did_not_load_is_run_again_from_the_list() {
    let mut bench = Bench::new(120, 40);
    let outcome = Outcome::Failed { error: "no memory".into(), blame: Blame::Device };
    bench.hear([Event::Finished { job: 1, outcome, seconds: 0.1 }]);
    ordered(&mut bench);
    bench.press("J r");
    assert_eq!(ordered(&mut bench), [(2, Task::Load(Load { source: ModelSource::BuiltIn }))]);
}

/// A workbench that knows a second model, `small`, which these keys open.
fn with_small() -> (Bench, &'static str) {
    let source = ModelSource::Folder("models/small".into());
    let small = KnownModel { name: "small".into(), source, about: "llama, 269.1 MB".into() };
    (Bench::ready_with(WorkbenchOptions { models: vec![small], ..options() }, 120, 40), "ctrl-o down enter")
}

#[test]
fn nothing_is_ordered_behind_a_model_that_waits() {
    let (mut bench, open) = with_small();
    bench.press("r").hear(recording::edit_start(2)).press(open);
    let waiting = |bench: &Bench| bench.state().jobs.waiting.iter().map(|order| order.kind).collect::<Vec<_>>();
    assert_eq!(waiting(&bench), [JobKind::Load]);
    for keys in ["1 j r", "S", "C r", "R"] {
        bench.press(keys);
        assert_eq!(waiting(&bench), [JobKind::Load], "{keys}");
    }
    let said = "loading small waits, and nothing is ordered behind it; J lists what waits";
    assert!(bench.screen().contains(said), "{}", bench.screen());
    // an undo would be that of an edit of the other model
    let (mut bench, open) = with_small();
    bench.press("r").hear(recording::edit(2)).press("u").press(open).press("u");
    assert_eq!(waiting(&bench), [JobKind::Load]);
    bench.press("U s");
    assert_eq!(waiting(&bench), [JobKind::Load]);
}

#[test]
fn an_edit_is_put_back_before_another_model_comes() {
    let (mut bench, open) = with_small();
    bench.press("r").hear(recording::edit(2)).press("r r");
    bench.hear([recording::undone(), Event::Finished { job: 3, outcome: Outcome::Done, seconds: 0.1 }]);
    ordered(&mut bench);
    // the edit has made its last step when a trace steps in
    bench.press("t").press(open).hear([recording::failed(4)]);
    let waiting: Vec<JobKind> = bench.state().jobs.waiting.iter().map(|order| order.kind).collect();
    assert_eq!(waiting, [JobKind::Redo, JobKind::Load]);
}

#[test]
fn an_undo_and_the_edit_that_it_is_for_leave_the_queue_together() {
    for keys in ["J j x", "J j j x", "J X"] {
        let mut bench = Bench::ready(120, 40);
        bench.press("r").hear(recording::edit(2)).press("t").press("r r");
        let waiting: Vec<JobKind> = bench.state().jobs.waiting.iter().map(|order| order.kind).collect();
        assert_eq!(waiting, [JobKind::Undo, JobKind::Edit]);
        ordered(&mut bench);
        bench.press(keys);
        assert!(bench.state().jobs.waiting.is_empty(), "{keys}");
        bench.hear(recording::trace(3, TraceKind::Hidden, 1));
        assert_eq!(ordered(&mut bench), [], "{keys}");
    }
}

#[test]
fn an_edit_that_is_undone_for_one_that_leaves_the_queue_is_put_back() {
    for keys in ["J j x", "J X"] {
        let mut bench = Bench::ready(120, 40);
        bench.press("r").hear(recording::edit(2)).press("r r");
        ordered(&mut bench);
        bench.press(keys);
        bench.hear([recording::undone(), Event::Finished { job: 3, outcome: Outcome::Done, seconds: 0.1 }]);
        let told = ordered(&mut bench);
        assert!(matches!(&told[..], [(5, Task::Redo(_))]), "{keys}: {told:?}");
    }
    // where the undo fails, the edit is still in place
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2)).press("r r J j x");
    ordered(&mut bench);
    bench.hear([recording::failed(3)]);
    assert_eq!(ordered(&mut bench), []);
    assert!(bench.state().jobs.waiting.is_empty());
}

/// Another model is there.
fn change_model(bench: &mut Bench, fingerprint: &str) {
    bench.hear(recording::loaded().into_iter().map(|event| match event {
        Event::Model(model) => Event::Model(ModelReady { fingerprint: fingerprint.into(), ..model }),
        other => other,
    }));
}

#[test]
fn a_job_of_another_model_is_run_again_on_its_own_alone() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2)).press("t").hear(recording::trace(3, TraceKind::Hidden, 1));
    change_model(&mut bench, "another");
    ordered(&mut bench);
    bench.press("J");
    assert!(bench.screen().contains(" it was of another model"), "{}", bench.screen());
    bench.press("j r");
    assert_eq!(ordered(&mut bench), []);
    assert!(bench.screen().contains("that job was of another model; ctrl-o lists models"), "{}", bench.screen());
    // with its model it can be run again
    change_model(&mut bench, "");
    bench.press("k");
    assert!(bench.screen().contains(" r runs it again"), "{}", bench.screen());
    bench.press("j r");
    let told = ordered(&mut bench);
    assert!(matches!(&told[..], [(4, Task::Edit(_))]), "{told:?}");
    // a model can always be loaded again
    let mut bench = Bench::ready(120, 40);
    change_model(&mut bench, "another");
    ordered(&mut bench);
    bench.press("J r");
    let told = ordered(&mut bench);
    assert!(matches!(&told[..], [(2, Task::Load(_))]), "{told:?}");
}

#[test]
fn what_jobs_took_on_one_model_is_not_expected_of_another() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2));
    let measures = |job: u64| [Event::Progress { job, phase: Phase::Evaluation, done: 0, total: 2 }];
    bench.press("r o").hear(measures(3));
    assert!(bench.state().all_left().is_some(), "the one before says how long it takes");
    bench.hear([Event::Finished { job: 3, outcome: Outcome::Cancelled { kept: String::new() }, seconds: 0.1 }]);
    change_model(&mut bench, "another");
    bench.press("r").hear(measures(4));
    assert!(bench.state().job().is_some());
    assert_eq!(bench.state().all_left(), None);
}

#[test]
fn a_model_that_made_room_is_not_shown_as_loaded() {
    let (mut bench, open) = with_small();
    bench.press("r").hear(recording::edit(2));
    ordered(&mut bench);
    bench.press(open);
    let told = ordered(&mut bench);
    let [(job, Task::Load(_))] = told[..] else { panic!("{told:?}") };
    let outcome = Outcome::Cancelled { kept: "no model is loaded now".into() };
    bench.hear([Event::Unloaded, Event::Finished { job, outcome, seconds: 1.0 }]);
    assert!(bench.state().engine.model.is_none() && bench.state().edits.applied.is_empty());
    let screen = bench.screen();
    assert!(!screen.contains("in place"), "{screen}");
    bench.press("r");
    assert_eq!(ordered(&mut bench), []);
    // what was found out about it is there once it is
    let before = bench.state().engine.model.clone();
    bench.hear(recording::loaded());
    assert!(before.is_none() && bench.state().engine.model.is_some());
}
