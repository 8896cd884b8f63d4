//! Looks at the model between two steps of a job: they come at once, change nothing, and are changed by nothing.

mod support;

use locus_protocol::{Command, EditOrder, Event, JobId, Outcome, TraceKind, TraceOrder, TriedOn, Try, Undo};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
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
    session.handles.flags.pause.store(true, Ordering::SeqCst);
    session.send(session.tracing());
    assert_eq!(outcome(&session.until_finished(TRACING)), Outcome::Done);

    session.send(session.tracing());
    // however early: it was ordered, that is enough
    session.handles.flags.cancel_look.store(true, Ordering::SeqCst);
    let look = session.until_finished(TRACING);
    assert!(matches!(outcome(&look), Outcome::Cancelled { .. }), "{look:?}");
    assert!(!session.handles.flags.cancel_look.load(Ordering::SeqCst), "it is taken back");
    assert!(session.handles.flags.pause.load(Ordering::SeqCst), "the job still pauses");

    session.handles.flags.pause.store(false, Ordering::SeqCst);
    session.until(is_step);
    session.handles.flags.cancel.store(true, Ordering::SeqCst);
    let end = outcome(&session.until_finished(TRYING));
    assert!(matches!(end, Outcome::Cancelled { .. }), "{end:?}");
}

#[test]
fn an_order_of_another_kind_is_not_overtaken_and_the_end_ends_look_and_job() {
    let session = Session::open();
    session.send(session.trying(20));
    session.send(Command::start(72, Undo::LAST));
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
    session.handles.flags.cancel.store(true, Ordering::SeqCst);
    session.handles.flags.cancel_look.store(true, Ordering::SeqCst);
    session.send(Command::Quit);
    let end = outcome(&session.until_finished(TRYING));
    assert!(matches!(end, Outcome::Cancelled { .. }), "{end:?}");
    session.handles.thread.join().expect("the engine ends");
}
