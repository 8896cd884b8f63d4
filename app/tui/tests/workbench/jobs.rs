//! The list of jobs: what can be ordered again, what waits, and what goes with what.

use super::support::{Bench, recording};
use locus_protocol::{Blame, Command, Event, Load, ModelSource, Outcome, Task};
use locus_tui::{Effect, Input};

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
