//! What the built-in model must show: its facts are recalled, noise on the subject destroys them, restored states
//! bring them back at an early and a late site, and an edit works at a good layer and not at a bad one.

mod support;

use locus_protocol::{Command, EditOrder, Event, Fact, Outcome, Scores, TraceKind, TraceOrder, TraceStarted, Undo};
use std::path::PathBuf;
use support::Session;

/// Facts that are traced and edited: every so many of the file.
const EVERY: usize = 48;

impl Session {
    fn some_facts(&self) -> Vec<Fact> {
        self.facts.iter().step_by(EVERY).cloned().collect()
    }

    fn trace(&mut self, fact: Fact) -> (TraceStarted, Vec<Vec<f64>>) {
        let events = self.done(TraceOrder::new(fact, TraceKind::Hidden));
        let started = events.iter().find_map(|event| match event {
            Event::Trace(started) => Some(started.clone()),
            _ => None,
        });
        let rows = events.into_iter().filter_map(|event| match event {
            Event::TraceRow { scores, .. } => Some(scores),
            _ => None,
        });
        (started.expect("started"), rows.collect())
    }

    /// Scores before and after an edit that is taken back again.
    fn edit(&mut self, fact: Fact, method: &str, layer: usize) -> (Scores, Scores) {
        let order = EditOrder {
            fact,
            method: method.to_owned(),
            objective: "error-injection".to_owned(),
            layers: vec![layer],
            method_settings: serde_json::Map::new(),
            objective_settings: serde_json::Map::new(),
            seed: 0,
            more: Vec::new(),
            free_generation: 0,
            no_scores: false,
            corpus_tokens: None,
        };
        let events = self.done(order);
        let applied = events.into_iter().find_map(|event| match event {
            Event::Applied(applied) => Some(applied),
            _ => None,
        });
        let unedited = self.done(Undo::LAST).into_iter().find_map(|event| match event {
            Event::Edits { unedited, applied, .. } => Some(unedited && applied.is_empty()),
            _ => None,
        });
        assert_eq!(unedited, Some(true), "an undo must leave the weights bit by bit");
        let scores = applied.expect("applied").scores;
        (scores.before, scores.after)
    }

    /// Share of facts whose new target wins after an edit at `layer`.
    fn efficacy(&mut self, method: &str, layer: usize) -> f64 {
        let facts = self.some_facts();
        let count = facts.len() as f64;
        let wins = facts.into_iter().filter(|fact| {
            let (before, after) = self.edit(fact.clone(), method, layer);
            assert!(before.rewrite[0].new < before.rewrite[0].truth, "{}: not known before", fact.prompt());
            let won = after.rewrite[0].new > after.rewrite[0].truth;
            println!("{method} layer {layer}: {} {:?}", if won { "won" } else { "lost" }, after.rewrite[0]);
            won
        });
        wins.count() as f64 / count
    }
}

#[test]
fn facts_are_recalled_lost_under_noise_and_brought_back_at_two_sites() {
    let mut session = Session::open();
    assert!(session.facts.len() > 1000);
    let facts = session.some_facts();
    let count = facts.len() as f64;
    let layers = 12;
    let (mut clean, mut corrupted) = (0.0, 0.0);
    let (mut subject, mut last) = (vec![0.0; layers], vec![0.0; layers]);
    for fact in facts {
        let (started, rows) = session.trace(fact);
        clean += started.clean / count;
        corrupted += started.corrupted / count;
        let at = started.tokens.iter().rposition(|token| token.subject).expect("subject");
        for layer in 0..layers {
            subject[layer] += (rows[at][layer] - started.corrupted) / count;
            last[layer] += (rows[rows.len() - 1][layer] - started.corrupted) / count;
        }
    }
    assert!(clean > 0.9, "clean {clean}");
    assert!(corrupted < 0.5 * clean, "noise must destroy the answer: {corrupted} of {clean}");
    // the early site is a plateau that ends in the upper third, where the late site takes over
    let sum = |effects: &[f64]| effects.iter().sum::<f64>();
    assert!(sum(&subject[..layers / 2]) > 2.0 * sum(&subject[2 * layers / 3..]), "early site: {subject:?}");
    assert!(sum(&last[2 * layers / 3..]) > 2.0 * sum(&last[..layers / 2]), "late site: {last:?}");
    assert!(last[layers - 1] > 0.9 * (clean - corrupted), "the end of the last token is the whole answer: {last:?}");
    assert!(subject[..layers / 2].iter().all(|effect| *effect > 0.5 * (clean - corrupted)), "{subject:?}");
    assert!(last[..3].iter().all(|effect| *effect < 0.1), "{last:?}");
}

#[test]
fn rome_works_at_a_good_layer_and_not_at_a_bad_one() {
    let mut session = Session::open();
    let (good, bad) = (session.efficacy("rome", 0), session.efficacy("rome", 11));
    assert!(good >= 0.95, "layer 0: {good}");
    assert!(bad < 0.2, "layer 11: {bad}");
}

#[test]
fn a_running_edit_is_cancelled_within_a_step_and_leaves_the_model_as_it_was() {
    let mut session = Session::open();
    let fact = session.facts[0].clone();
    let settings = serde_json::json!({"steps": 1000, "stop_below": 0.0});
    let order = EditOrder {
        fact: fact.clone(),
        method: "rome".to_owned(),
        objective: "error-injection".to_owned(),
        layers: vec![1],
        method_settings: settings.as_object().cloned().expect("settings"),
        objective_settings: serde_json::Map::new(),
        seed: 0,
        more: Vec::new(),
        free_generation: 0,
        no_scores: false,
        corpus_tokens: None,
    };
    session.handles.commands.send(Command::start(77, order)).expect("engine");
    let (mut steps, mut after) = (0, 0);
    let outcome = loop {
        match session.handles.events.recv().expect("engine") {
            Event::Step(_) => {
                steps += 1;
                if steps == 3 {
                    session.handles.control.cancel(77);
                }
                after += u64::from(steps > 3);
            }
            Event::Finished { outcome, .. } => break outcome,
            _ => {}
        }
    };
    assert!(matches!(outcome, Outcome::Cancelled { .. }), "{outcome:?}");
    // events that were on their way when the flag was set may still arrive
    assert!(after <= 2, "{after} steps after the cancellation");
    let (before, _) = session.edit(fact, "rome", 11);
    assert!(before.rewrite[0].truth > 0.9, "the model is not as it was");
}

#[test]
fn the_files_of_the_built_in_model_stay_where_they_are() {
    let session = Session::open();
    let folder: PathBuf = session.cache.path().join("built-in-model");
    for name in ["config.json", "model.safetensors", "tokenizer.json", "facts.json"] {
        assert!(folder.join(name).is_file(), "{name}");
    }
}
