//! Edits that are tried: they say what an edit says, cost their changes, and leave the model alone until one is kept.

mod support;

use locus_protocol::{
    Applied, Command, EditOrder, Event, Keep, Outcome, Task, TraceAnswer, TraceKind, TraceOrder, Tried, TriedOn, Try,
    Undo,
};
use serde_json::json;
use std::time::Duration;
use support::Session;

impl Session {
    fn order(&self, case: usize, layer: usize) -> EditOrder {
        EditOrder {
            fact: self.facts[case].clone(),
            method: "fine-tuning".to_owned(),
            objective: "error-injection".to_owned(),
            layers: vec![layer],
            method_settings: json!({"steps": 6}).as_object().cloned().unwrap_or_default(),
            objective_settings: serde_json::Map::new(),
            seed: 0,
            more: Vec::new(),
            free_generation: 0,
            no_scores: false,
            corpus_tokens: None,
        }
    }

    fn attempt(&mut self, order: EditOrder, on: TriedOn) -> Tried {
        let events = self.done(Try { order, on });
        let tried = |event| if let Event::Tried(tried) = event { Some(tried) } else { None };
        events.into_iter().find_map(tried).expect("tried")
    }

    fn apply(&mut self, task: impl Into<Task>) -> Applied {
        let events = self.done(task);
        let applied = |event| if let Event::Applied(applied) = event { Some(applied) } else { None };
        events.into_iter().find_map(applied).expect("applied")
    }

    /// Number of edits in place, and whether the weights are the checkpoint's.
    fn undo(&mut self) -> (usize, bool) {
        let edits = self.done(Undo::LAST).into_iter().find_map(|event| match event {
            Event::Edits { unedited, applied, .. } => Some((applied.len(), unedited)),
            _ => None,
        });
        edits.expect("what is in place")
    }
}

/// What an edit says, without what tells one from another.
fn bare(applied: Applied) -> Applied {
    Applied { job: 0, number: 0, weights: Default::default(), ..applied }
}

#[test]
fn a_variant_is_the_edit_that_it_tries_and_can_be_put_in_place() {
    let mut session = Session::open();
    let (first, second) = (session.order(0, 3), session.order(0, 5));
    let tried = [first.clone(), second.clone()].map(|order| session.attempt(order, TriedOn::AsItIs));
    assert_eq!(tried[0].on_top_of, Vec::<u64>::new());
    // float32 down-projection of one layer, 384 by 96, with its bias
    assert_eq!(tried[0].bytes, 4 * (384 * 96 + 96));
    assert_ne!(tried[0].would.scores.after, tried[1].would.scores.after);

    let edited = session.apply(first);
    assert_eq!(bare(tried[0].would.clone()), bare(edited), "nothing of the variants was in place");
    let on_top = session.attempt(second.clone(), TriedOn::AsItIs);
    assert_eq!(on_top.on_top_of, [1]);
    assert_eq!(session.undo(), (0, true));
    let (events, outcome) = session.job(Keep { tried: on_top.would.job });
    assert!(matches!(&outcome, Outcome::Failed { error, .. } if error.contains("run it again")), "{outcome:?}");
    assert!(!events.iter().any(|event| matches!(event, Event::Applied(_))));

    let kept = session.apply(Keep { tried: tried[1].would.job });
    assert_eq!(kept.number, 2);
    assert_eq!(bare(tried[1].would.clone()), bare(kept));
    let again = session.attempt(second, TriedOn::AsItIs);
    assert_eq!(again.on_top_of, [2]);
    assert_eq!(session.undo(), (0, true));

    let job = tried[0].would.job;
    session.handles.commands.send(Command::Drop { tried: job }).expect("engine");
    let (_, outcome) = session.job(Keep { tried: job });
    assert!(matches!(outcome, Outcome::Failed { .. }), "a variant that was dropped is gone: {outcome:?}");
}

#[test]
fn a_variant_of_the_unedited_model_is_the_same_whatever_is_in_place() {
    let mut session = Session::open();
    let strong = EditOrder {
        method_settings: json!({"steps": 25, "norm_constraint": 0.05}).as_object().cloned().unwrap_or_default(),
        ..session.order(0, 3)
    };
    let alone = session.attempt(strong.clone(), TriedOn::Unedited);
    let edited = session.apply(strong.clone());
    let after = edited.scores.after.rewrite[0].new;
    assert!(after > 0.5, "the edit works, so that the two models differ: {after}");
    let beside = session.attempt(strong.clone(), TriedOn::Unedited);
    assert_eq!(bare(alone.would.clone()), bare(beside.would.clone()), "nothing in place is part of it");
    assert_eq!(beside.on_top_of, Vec::<u64>::new());
    let on_top = session.attempt(strong, TriedOn::AsItIs);
    assert_eq!(on_top.on_top_of, [edited.number]);
    assert_eq!(on_top.would.scores.before, edited.scores.after);
}

#[test]
fn a_variant_of_the_unedited_model_goes_on_top_of_edits_and_is_measured_with_them() {
    let mut session = Session::open();
    let (first, second) = (session.order(0, 3), session.order(0, 5));
    let edited = session.apply(first);
    let tried = session.attempt(second, TriedOn::Unedited);
    let kept = session.apply(Keep { tried: tried.would.job });
    assert!(kept.found_on_unedited && kept.notes[0].contains("on top of 1 edit"), "{:?}", kept.notes);
    assert_eq!(kept.scores.before, edited.scores.after, "measured from the model as it was");
    assert_ne!(kept.scores.after, tried.would.scores.after, "not what it does to the unedited model");
    assert_eq!(kept.changes, tried.would.changes);
    assert_eq!(session.undo().0, 1);
    assert_eq!(session.undo(), (0, true));
}

#[test]
fn an_edit_that_does_not_take_says_so_and_why() {
    let mut session = Session::open();
    let weak = EditOrder {
        method_settings: json!({"steps": 1, "norm_constraint": 1e-6}).as_object().cloned().unwrap_or_default(),
        ..session.order(0, 3)
    };
    let verdict = session.apply(weak.clone()).verdict.expect("a verdict");
    assert!(!verdict.success && verdict.words().starts_with("did not take: p(new) "), "{verdict:?}");
    assert_eq!(verdict.limits, ["the norm constraint was reached at step 0: raise norm_constraint"]);
    assert_eq!(verdict.paraphrases.map(|held| held.hold), Some(0), "{verdict:?}");
    assert!(verdict.neighbors.is_some_and(|held| held.of > 0 && held.broken() == 0), "{verdict:?}");
    assert_eq!((verdict.facts, verdict.missed), (1, 1));
    session.undo();
    let more = session.facts[1..3].to_vec();
    let order = EditOrder { more, ..weak };
    let verdict = session.apply(order).verdict.expect("a verdict");
    assert_eq!((verdict.success, verdict.facts, verdict.missed), (false, 3, 3), "every fact is looked at");
}

#[test]
fn fine_tuning_says_what_held_it_and_takes_its_bound_from_the_weights() {
    let mut session = Session::open();
    let order = |session: &Session, settings: serde_json::Value| EditOrder {
        method_settings: settings.as_object().cloned().unwrap_or_default(),
        ..session.order(0, 3)
    };
    let slow = order(&session, json!({"steps": 6, "learning_rate": 1e-7, "norm_constraint": 0.0}));
    let verdict = session.attempt(slow, TriedOn::AsItIs).would.verdict.expect("a verdict");
    assert_eq!(verdict.limits, ["the loss is flat since step 0: raise learning_rate, or edit another layer"]);
    let early = order(&session, json!({"steps": 6, "stop_below": 100.0}));
    let verdict = session.attempt(early, TriedOn::AsItIs).would.verdict.expect("a verdict");
    assert_eq!(verdict.limits, ["the training ended because the loss was below stop_below: lower stop_below"]);
    // 0.053 is the root mean square of that layer, which sums 384 inputs up
    let own = session.attempt(order(&session, json!({"steps": 2, "norm_constraint": -1.0})), TriedOn::AsItIs).would;
    let bound = own.metrics["norm_constraint"];
    assert!((bound - 0.0533 / 384_f64.sqrt()).abs() < 1e-4, "{bound}");
    assert!(
        own.notes.iter().any(|note| note.contains("norm_constraint 2.7e-3, derived from the size")),
        "{:?}",
        own.notes
    );
    let given = session.attempt(order(&session, json!({"steps": 2})), TriedOn::AsItIs).would;
    assert!(!given.metrics.contains_key("norm_constraint") && given.notes.is_empty(), "the model's settings have one");
}

#[test]
fn a_trace_of_an_answer_that_an_edit_has_changed_has_no_effects() {
    let mut session = Session::open();
    let order = TraceOrder::new(session.facts[0].clone(), TraceKind::Hidden);
    let trace = |session: &mut Session| {
        let events = session.done(order.clone());
        let started = |event| if let Event::Trace(started) = event { Some(started) } else { None };
        events.into_iter().find_map(started).expect("a trace")
    };
    let before = trace(&mut session);
    assert_eq!((before.undefined(), before.in_place.len()), (None, 0));
    let strong = EditOrder {
        method_settings: json!({"steps": 25, "norm_constraint": 0.05}).as_object().cloned().unwrap_or_default(),
        ..session.order(0, 3)
    };
    let new = strong.fact.target_new.clone();
    let number = session.apply(strong).number;
    let after = trace(&mut session);
    assert_eq!(after.in_place, [number]);
    let why = after.undefined().expect("its answer is another one");
    assert!(why.contains(&format!("the model answers “{new}”")), "{why}");
}

#[test]
fn a_trace_follows_the_answer_that_it_is_asked_for() {
    let mut session = Session::open();
    let strong = EditOrder {
        method_settings: json!({"steps": 25, "norm_constraint": 0.05}).as_object().cloned().unwrap_or_default(),
        ..session.order(0, 3)
    };
    let fact = strong.fact.clone();
    let trace = |session: &mut Session, answer: TraceAnswer| {
        let events = session.done(TraceOrder { answer, ..TraceOrder::new(fact.clone(), TraceKind::Hidden) });
        let started = |event| if let Event::Trace(started) = event { Some(started) } else { None };
        events.into_iter().find_map(started).expect("a trace")
    };
    let same = |one: f64, other: f64| (one - other).abs() < 1e-6 * other.max(1e-3);
    let before = trace(&mut session, TraceAnswer::New);
    let scores = session.apply(strong).scores;
    let (unedited, edited) = (&scores.before.rewrite[0], &scores.after.rewrite[0]);
    assert!(same(before.clean, unedited.new), "{} {}", before.clean, unedited.new);
    let after = trace(&mut session, TraceAnswer::New);
    assert!(same(after.clean, edited.new), "{} {}", after.clean, edited.new);
    assert_eq!(after.answer.trim(), fact.target_new.trim());
    assert_eq!(after.answer_in_words(), format!("new “{}”", fact.target_new.trim()));
    // typed, it is the same answer
    let typed = trace(&mut session, TraceAnswer::Text(fact.target_new.clone()));
    assert_eq!((typed.clean, typed.corrupted), (after.clean, after.corrupted));
    // the edit made it what the model says
    let said = trace(&mut session, TraceAnswer::Model);
    assert!(same(said.clean, scores.after.top[0].probability) && said.changed_answer.is_none(), "{said:?}");
    assert_eq!(said.answer, scores.after.top[0].text);
    let events = session
        .job(TraceOrder { answer: TraceAnswer::Text(" ".into()), ..TraceOrder::new(fact.clone(), TraceKind::Hidden) });
    assert!(matches!(events.1, Outcome::Failed { .. }), "{:?}", events.1);
}

#[test]
fn a_job_that_pauses_makes_no_step_until_it_goes_on() {
    let session = Session::open();
    let order = EditOrder {
        method_settings: json!({"steps": 400, "stop_below": 0.0}).as_object().cloned().unwrap_or_default(),
        ..session.order(0, 3)
    };
    session.handles.commands.send(Command::start(77, Try { order, on: TriedOn::AsItIs })).expect("engine");
    let wait_for_step = |session: &Session| loop {
        match session.handles.events.recv().expect("engine") {
            Event::Step(step) => return step.step,
            Event::Finished { outcome, .. } => panic!("{outcome:?}"),
            _ => {}
        }
    };
    wait_for_step(&session);
    session.handles.control.pause(77, true);
    // what was on its way still comes; then nothing does
    let quiet = Duration::from_millis(600);
    let mut last = None;
    while let Ok(event) = session.handles.events.recv_timeout(quiet) {
        if let Event::Step(step) = event {
            last = Some(step.step);
            assert!(step.step < 399, "it did not pause");
        }
    }
    session.handles.control.pause(77, false);
    let next = wait_for_step(&session);
    if let Some(last) = last {
        assert_eq!(next, last + 1);
    }
    session.handles.control.cancel(77);
    loop {
        if let Event::Finished { job: 77, outcome, .. } = session.handles.events.recv().expect("engine") {
            assert!(matches!(outcome, Outcome::Cancelled { .. }), "{outcome:?}");
            return;
        }
    }
}
