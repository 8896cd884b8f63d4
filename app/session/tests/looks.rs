//! Looks at the model between two steps of a job: they come at once, change nothing, and are changed by nothing.

mod support;

use locus_protocol::{Command, EditOrder, Event, JobId, Outcome, TraceKind, TraceOrder, TriedOn, Try, Undo};
use serde_json::json;
use std::collections::BTreeMap;
use support::Session;

const TRYING: JobId = 70;
const TRACING: JobId = 71;

impl Session {
    fn trying(&self, steps: usize) -> Command {
        let order = EditOrder {
            fact: self.facts[0].clone(),
            method: "fine-tuning".to_owned(),
            objective: "error-injection".to_owned(),
            layers: vec![3],
            method_settings: json!({"steps": steps, "stop_below": 0.0}).as_object().cloned().unwrap_or_default(),
            objective_settings: serde_json::Map::new(),
            seed: 0,
            more: Vec::new(),
            free_generation: 0,
            no_scores: false,
            corpus_tokens: None,
        };
        Command::start(TRYING, Try { order, on: TriedOn::AsItIs })
    }

    fn tracing(&self) -> Command {
        Command::start(TRACING, TraceOrder::new(self.facts[7].clone(), TraceKind::Hidden))
    }

    fn send(&self, command: Command) {
        self.handles.commands.send(command).expect("engine");
    }

    /// What is told until something wanted is, that included.
    fn until(&self, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.handles.events.recv().expect("engine");
            assert!(!matches!(event, Event::Finished { outcome: Outcome::Failed { .. }, .. }), "{event:?}");
            events.push(event);
            if events.last().is_some_and(&wanted) {
                return events;
            }
        }
    }

    fn until_finished(&self, wanted: JobId) -> Vec<Event> {
        self.until(|event| matches!(event, Event::Finished { job, .. } if *job == wanted))
    }
}

fn outcome(events: &[Event]) -> Outcome {
    match events.last() {
        Some(Event::Finished { outcome, .. }) => outcome.clone(),
        other => panic!("{other:?}"),
    }
}

fn is_step(event: &Event) -> bool {
    matches!(event, Event::Step(_))
}

/// Losses of all steps, and all rows of heat maps.
fn numbers(events: &[Event]) -> (Vec<BTreeMap<String, f64>>, Vec<Vec<f64>>) {
    let losses = events.iter().filter_map(|event| match event {
        Event::Step(step) => Some(step.losses.clone()),
        _ => None,
    });
    let rows = events.iter().filter_map(|event| match event {
        Event::TraceRow { scores, .. } => Some(scores.clone()),
        _ => None,
    });
    (losses.collect(), rows.collect())
}

#[test]
fn a_trace_and_a_prediction_step_in_and_change_no_number() {
    let session = Session::open();
    session.send(session.trying(40));
    let (losses, _) = numbers(&session.until_finished(TRYING));
    session.send(session.tracing());
    let (_, rows) = numbers(&session.until_finished(TRACING));
    assert!(losses.len() == 40 && rows.len() > 3, "{} {}", losses.len(), rows.len());

    session.send(session.trying(40));
    let mut events = session.until(is_step);
    // as the workbench forgets what it has tried anew
    session.send(Command::Drop { tried: 5 });
    session.send(Command::Predict { fact: session.facts[3].clone() });
    session.send(session.tracing());
    let look = session.until_finished(TRACING);
    assert_eq!(outcome(&look), Outcome::Done);
    assert!(look.iter().any(|event| matches!(event, Event::Prediction { .. })));
    events.extend(look);
    let rest = session.until_finished(TRYING);
    assert_eq!(outcome(&rest), Outcome::Done);
    assert!(rest.iter().any(is_step), "the look did not wait for the end");
    events.extend(rest);
    assert_eq!(numbers(&events), (losses, rows));
}

#[test]
fn a_job_that_pauses_lets_looks_in_and_a_cancelled_look_cancels_nothing_else() {
    let session = Session::open();
    session.send(session.trying(400));
    session.until(is_step);
    session.handles.control.pause(TRYING, true);
    session.send(session.tracing());
    assert_eq!(outcome(&session.until_finished(TRACING)), Outcome::Done);

    session.send(session.tracing());
    // however early: it was ordered, that is enough
    session.handles.control.cancel(TRACING);
    let look = session.until_finished(TRACING);
    assert!(matches!(outcome(&look), Outcome::Cancelled { .. }), "{look:?}");
    assert!(!session.handles.control.is_cancelled(TRACING), "it is forgotten");
    assert!(session.handles.control.is_paused(TRYING), "the job still pauses");

    session.handles.control.pause(TRYING, false);
    session.until(is_step);
    session.handles.control.cancel(TRYING);
    let end = outcome(&session.until_finished(TRYING));
    assert!(matches!(end, Outcome::Cancelled { .. }), "{end:?}");
}

#[test]
fn an_order_of_another_kind_is_not_overtaken_and_the_end_ends_look_and_job() {
    let session = Session::open();
    session.send(session.trying(20));
    session.send(Command::Plugins);
    session.send(session.tracing());
    let events = session.until_finished(TRACING);
    let finished = |wanted| {
        events.iter().position(|event| matches!(event, Event::Finished { job, .. } if *job == wanted)).expect("ended")
    };
    assert!(finished(TRYING) < finished(TRACING));

    session.send(session.trying(1000));
    session.until(is_step);
    session.send(session.tracing());
    session.until(|event| matches!(event, Event::TraceRow { .. }));
    session.handles.control.cancel(TRYING);
    session.handles.control.cancel(TRACING);
    session.send(Command::Quit);
    let end = outcome(&session.until_finished(TRYING));
    assert!(matches!(end, Outcome::Cancelled { .. }), "{end:?}");
    session.handles.thread.join().expect("the engine ends");
}

/// Every way in which a cancellation may cross the job that it is for: none is lost, and none hits another job.
#[test]
fn a_cancellation_is_for_its_job_whether_that_runs_waits_or_has_ended() {
    let session = Session::open();
    let numbered = |job| Command::start(job, TraceOrder::new(session.facts[7].clone(), TraceKind::Hidden));
    let is_cancelled = |outcome| matches!(outcome, Outcome::Cancelled { .. });
    // one that waits behind a long one, and one that is asked for before it is ordered
    session.send(session.trying(1000));
    session.send(Command::start(80, Undo::LAST));
    session.send(numbered(81));
    session.handles.control.cancel(80);
    session.handles.control.cancel(82);
    session.send(numbered(82));
    session.handles.control.cancel(TRYING);
    assert!(is_cancelled(outcome(&session.until_finished(TRYING))), "two at once both hold");
    assert!(is_cancelled(outcome(&session.until_finished(80))), "it waited");
    assert_eq!(outcome(&session.until_finished(81)), Outcome::Done, "nobody cancelled it");
    assert!(is_cancelled(outcome(&session.until_finished(82))));
    // too late by a hair, over and over: the next job is another one
    for job in 90..110 {
        session.send(numbered(job));
        session.until(|event| matches!(event, Event::TraceRow { job: of, .. } if *of == job));
        session.handles.control.cancel(job - 1);
        assert_eq!(outcome(&session.until_finished(job)), Outcome::Done, "{job}");
    }
}
