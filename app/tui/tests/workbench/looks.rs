//! Traces and predictions while a long job runs: they step in between two of its steps.

use super::support::{Bench, recording};
use locus_protocol::{Command, Event, Outcome, Task, TraceKind};
use locus_tui::Effect;

/// The workbench five steps into the edit that is job 2.
fn editing() -> Bench {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit_start(2)).hear((0..5).map(|number| recording::step(2, number)));
    assert!(matches!(bench.commands()[..], [Command::Do { job: 2, task: Task::Edit(_) }]));
    bench.effects.clear();
    bench
}

fn finished(job: u64, outcome: Outcome) -> [Event; 1] {
    [Event::Finished { job, outcome, seconds: 1.0 }]
}

#[test]
fn a_trace_steps_in_and_the_edit_goes_on_after_it() {
    let mut bench = editing();
    bench.press("t");
    assert!(matches!(bench.commands()[..], [Command::Do { job: 3, task: Task::Trace(_) }]), "{:?}", bench.effects);
    bench.hear(recording::trace_start(3, TraceKind::Hidden, 0)).hear(recording::trace_row(3, 0));
    let screen = bench.screen();
    assert!(screen.contains("tracing Bhutan") && screen.contains("editing Bhutan with rome stands by"), "{screen}");
    bench.press("J");
    insta::assert_snapshot!("looks_jobs_120x40", bench.screen());
    bench.press("esc t");
    assert_eq!(bench.commands(), [], "one look at a time");
    assert!(bench.screen().contains("tracing Bhutan is running; ctrl-c cancels it"), "{}", bench.screen());

    bench.hear(finished(3, Outcome::Done)).hear([recording::step(2, 5)]);
    assert_eq!(bench.state().job().map(|job| job.id), Some(2));
    assert!(bench.state().standing_by().is_none());
    bench.hear(recording::edit_end(2));
    assert!(bench.screen().contains("1 edit in place") && bench.state().job().is_none(), "{}", bench.screen());
    let ended: Vec<u64> = bench.state().jobs.ended.iter().map(|ended| ended.order.job).collect();
    assert_eq!(ended[ended.len() - 2..], [3, 2]);
}

#[test]
fn other_facts_are_looked_at_while_an_edit_runs() {
    let mut bench = editing();
    bench.press("1 j").wait(1000);
    assert!(matches!(bench.commands()[..], [Command::Predict { .. }]), "{:?}", bench.effects);
    assert!(bench.screen().contains("asking for the next tokens"), "{}", bench.screen());
    // a trace lets nothing in
    let mut bench = Bench::ready(120, 40);
    bench.press("t");
    bench.commands();
    bench.press("1 j").wait(1000);
    assert_eq!(bench.commands(), []);
    assert!(bench.screen().contains("next tokens appear when the job is done"), "{}", bench.screen());
}

#[test]
fn a_job_that_stands_by_is_cancelled_and_paused_by_itself() {
    let mut bench = editing();
    bench.press("t P");
    assert!(bench.effects.contains(&Effect::Pause(2, true)), "{:?}", bench.effects);
    assert!(bench.state().standing_by().is_some_and(|job| job.paused));
    bench.effects.clear();
    bench.press("J j x");
    assert_eq!(bench.effects, [Effect::Cancel(2)]);
    assert!(bench.screen().contains("canceling") && bench.screen().contains("running"), "{}", bench.screen());

    // ctrl-c cancels the look alone
    let mut bench = editing();
    bench.press("t ctrl-c");
    assert!(bench.effects.contains(&Effect::Cancel(3)) && !bench.effects.contains(&Effect::Cancel(2)));
    bench.effects.clear();
    bench.hear(finished(3, Outcome::Cancelled { kept: String::new() }));
    assert_eq!(bench.effects, []);
    assert!(bench.state().job().is_some_and(|job| job.id == 2 && !job.cancelling));
    // a second one that was meant for the look, too, spares the edit; a third one does not, and nothing is let in any more
    bench.press("ctrl-c");
    assert_eq!(bench.effects, []);
    assert!(bench.screen().contains("resumes; the same key again cancels it"), "{}", bench.screen());
    bench.press("ctrl-c t");
    assert_eq!(bench.effects, [Effect::Cancel(2)]);
}

#[test]
fn a_job_that_ends_before_it_hears_of_the_look_has_ended() {
    let mut bench = editing();
    bench.press("t P");
    assert!(bench.effects.contains(&Effect::Pause(2, true)), "the trace is not to pause: {:?}", bench.effects);
    bench.hear(recording::edit_end(2));
    assert!(bench.screen().contains("1 edit in place"), "{}", bench.screen());
    assert!(bench.state().standing_by().is_none());
    bench.hear(recording::trace(3, TraceKind::Hidden, 1));
    assert!(bench.state().job().is_none());
}

/// The time until all is done holds the job that stands by, and its own time stands still meanwhile.
#[test]
fn a_job_that_stands_by_counts_in_the_time_until_all_is_done() {
    let mut bench = Bench::ready(120, 40);
    // what both take is known
    bench.press("r").hear(recording::edit(2)).press("t").hear(recording::trace(3, TraceKind::Hidden, 1));
    bench.press("r o").hear(recording::edit_start(4)).hear((0..5).map(|number| recording::step(4, number)));
    let seconds = |bench: &Bench| bench.state().all_left().expect("all of it is known").as_secs_f64();
    let alone = seconds(&bench);
    bench.press("t").hear(recording::trace_start(5, TraceKind::Hidden, 1));
    assert!(bench.state().standing_by().is_some_and(|job| job.id == 4));
    let with_a_look = seconds(&bench);
    assert!(with_a_look > alone, "{with_a_look} s with a trace, {alone} s without");
    let standing = |bench: &Bench| bench.state().standing_by().and_then(|job| job.left(bench.state().now));
    let left = standing(&bench);
    bench.wait(20_000);
    assert!(left.is_some() && standing(&bench) == left, "its time stands still");
}
