//! Traces in all their kinds on the built-in model: previews against exact maps, ablations, severed traces, averages.

mod support;

use locus_protocol::{
    AverageEffects, AverageOrder, Correctness, Event, Fact, Intervention, Outcome, TokenRole, TraceKind, TraceOrder,
    TraceStarted,
};
use support::Session;

const KINDS: [TraceKind; 3] = [TraceKind::Hidden, TraceKind::Mlp, TraceKind::Attention];

/// What one trace told.
struct Traced {
    started: TraceStarted,
    preview: Vec<Vec<f64>>,
    scores: Vec<Vec<f64>>,
}

impl Session {
    fn trace(&mut self, order: TraceOrder) -> Traced {
        let events = self.done(order);
        let mut traced = None;
        for event in events {
            match (event, &mut traced) {
                (Event::Trace(started), none) => {
                    *none = Some(Traced { started, preview: Vec::new(), scores: Vec::new() })
                }
                (Event::TracePreview { scores, .. }, Some(traced)) => {
                    assert!(traced.scores.is_empty(), "the preview comes first");
                    traced.preview = scores;
                }
                (Event::TraceRow { scores, token, .. }, Some(traced)) => {
                    assert_eq!(token, traced.scores.len());
                    traced.scores.push(scores);
                }
                _ => {}
            }
        }
        traced.expect("started")
    }

    fn refused(&mut self, order: TraceOrder) -> String {
        match self.job(order).1 {
            Outcome::Failed { error, .. } => error,
            other => panic!("{other:?}"),
        }
    }

    fn average(&mut self, order: AverageOrder) -> (Vec<Event>, Vec<AverageEffects>) {
        let events = self.done(order);
        let effects = events.iter().filter_map(|event| match event {
            Event::AverageEffects(effects) => Some(effects.clone()),
            _ => None,
        });
        let effects = effects.collect();
        (events, effects)
    }
}

fn correlation(one: &[Vec<f64>], other: &[Vec<f64>]) -> f64 {
    let pairs: Vec<(f64, f64)> = one.iter().flatten().copied().zip(other.iter().flatten().copied()).collect();
    let count = pairs.len() as f64;
    let (sum_a, sum_b) = pairs.iter().fold((0.0, 0.0), |(a, b), pair| (a + pair.0, b + pair.1));
    let (mean_a, mean_b) = (sum_a / count, sum_b / count);
    let sums = pairs.iter().fold((0.0, 0.0, 0.0), |(ab, aa, bb), (a, b)| {
        let (a, b) = (a - mean_a, b - mean_b);
        (ab + a * b, aa + a * a, bb + b * b)
    });
    sums.0 / (sums.1 * sums.2).sqrt()
}

#[test]
fn previews_follow_the_exact_maps() {
    let mut session = Session::open();
    let facts: Vec<Fact> = session.facts.iter().step_by(170).cloned().collect();
    for kind in KINDS {
        let mut correlations = Vec::new();
        for fact in &facts {
            let traced = session.trace(TraceOrder::new(fact.clone(), kind));
            assert_eq!(traced.preview.len(), traced.scores.len());
            assert!(traced.preview.iter().flatten().all(|score| (0.0..=1.0).contains(score)));
            correlations.push(correlation(&traced.preview, &traced.scores));
        }
        let mean = correlations.iter().sum::<f64>() / correlations.len() as f64;
        println!("{kind:?}: mean correlation {mean:.3} of {correlations:.2?}");
        assert!(mean > 0.8, "{kind:?}: {correlations:?}");
        assert!(correlations.iter().all(|correlation| *correlation > 0.5), "{kind:?}: {correlations:?}");
    }
}

#[test]
fn an_order_for_the_estimate_only_ends_with_it() {
    let mut session = Session::open();
    let order = TraceOrder { preview_only: true, ..TraceOrder::new(session.facts[0].clone(), TraceKind::Mlp) };
    let traced = session.trace(order);
    assert!(traced.scores.is_empty() && !traced.preview.is_empty());
}

/// The subject's last token carries the fact early, so that replacing it by other subjects' states takes the answer
/// away there and not at the top.
#[test]
fn resampling_the_subject_deletes_the_answer_early_and_not_late() {
    let mut session = Session::open();
    let mut fact = session.facts[0].clone();
    let order = |fact: &Fact, seed| TraceOrder {
        intervention: Intervention::AblateResample,
        seed,
        ..TraceOrder::new(fact.clone(), TraceKind::Hidden)
    };
    let traced = session.trace(order(&fact, 1));
    let token = traced.started.tokens.iter().rposition(|token| token.subject).expect("a subject");
    let deleted: Vec<f64> = traced.scores[token].iter().map(|score| traced.started.effect(*score)).collect();
    assert!(deleted[0] > 0.5 && deleted[deleted.len() - 1].abs() < 1e-3, "{deleted:?}");
    assert_eq!(traced.started.donors.len(), 10);
    assert!(!traced.started.donors.contains(&fact.subject));
    assert_eq!(traced.started.clean, traced.started.corrupted, "nothing is noised");
    // the seed decides who gives
    assert_eq!(session.trace(order(&fact, 1)).started.donors, traced.started.donors);
    assert_ne!(session.trace(order(&fact, 2)).started.donors, traced.started.donors);
    // a fact without others of its relation takes any
    fact.relation = String::new();
    assert_eq!(session.trace(order(&fact, 1)).started.donors.len(), 10);
}

#[test]
fn zero_and_mean_ablations_say_what_they_are_made_of() {
    let mut session = Session::open();
    let fact = session.facts[0].clone();
    for (intervention, donors) in [(Intervention::AblateZero, 0), (Intervention::AblateMean, 64)] {
        for kind in KINDS {
            let traced = session.trace(TraceOrder { intervention, ..TraceOrder::new(fact.clone(), kind) });
            assert_eq!(traced.started.donors.len(), donors);
            assert_eq!(traced.scores.len(), traced.started.tokens.len());
            let effects: Vec<f64> = traced.scores.iter().flatten().map(|score| traced.started.effect(*score)).collect();
            assert!(effects.iter().all(|effect| *effect <= 1.0), "no more than all of it goes");
            // the mean of a module says what most facts need of it; a zero or another stream does not
            let least = if kind == TraceKind::Hidden || donors == 0 { 0.3 } else { 1e-4 };
            assert!(effects.iter().any(|effect| *effect > least), "{intervention:?} {kind:?}: {effects:?}");
        }
    }
}

/// Severing the MLP of the subject's last token takes early effects away; with the same noise the last layer is that
/// of the ordinary map.
#[test]
fn severed_traces_with_the_same_noise_meet_the_ordinary_one_at_the_top() {
    let mut session = Session::open();
    let fact = session.facts[0].clone();
    let ordinary = session.trace(TraceOrder::new(fact.clone(), TraceKind::Hidden));
    for intervention in [Intervention::SeverMlp, Intervention::SeverAttention] {
        let order = TraceOrder { intervention, ..TraceOrder::new(fact.clone(), TraceKind::Hidden) };
        let same = session.trace(TraceOrder { same_noise: true, ..order.clone() });
        let published = session.trace(order);
        assert_eq!(same.started.corrupted, ordinary.started.corrupted);
        assert!(same.preview.is_empty());
        for (one, other) in same.scores.iter().zip(&ordinary.scores) {
            assert!((one[one.len() - 1] - other[other.len() - 1]).abs() < 5e-6);
        }
        let far = |one: &Traced, other: &Traced| {
            let pairs = one.scores.iter().flatten().zip(other.scores.iter().flatten());
            pairs.map(|(one, other)| (one - other).abs()).fold(0.0, f64::max)
        };
        assert!(far(&same, &ordinary) > 1e-3, "severing changes something");
        assert!(far(&same, &published) > 1e-3, "the published second draw is another");
    }
}

/// Uniform and replacing noise reach the run; the corrupted probability of replacing noise is that of added noise.
#[test]
fn noise_rules_reach_the_run() {
    use locus_protocol::NoiseDraws;
    let mut session = Session::open();
    let order = TraceOrder { noise_level: Some(0.3), ..TraceOrder::new(session.facts[0].clone(), TraceKind::Hidden) };
    let normal = session.trace(order.clone());
    let uniform = session.trace(TraceOrder { noise_draws: NoiseDraws::Uniform, ..order.clone() });
    let replaced = session.trace(TraceOrder { replace: true, ..order });
    assert!((normal.started.corrupted - uniform.started.corrupted).abs() > 1e-4);
    assert_eq!(normal.started.corrupted, replaced.started.corrupted);
    assert_ne!(normal.scores, replaced.scores);
}

#[test]
fn averages_are_those_of_the_single_maps() {
    let mut session = Session::open();
    let mut facts: Vec<Fact> = session.facts.iter().step_by(300).cloned().collect();
    // nobody knows this one
    facts.push(Fact { target_true: "Atlantis".to_owned(), ..facts[0].clone() });
    let order = AverageOrder {
        facts: facts.clone(),
        kinds: vec![TraceKind::Hidden, TraceKind::Attention],
        settings: TraceOrder::new(facts[0].clone(), TraceKind::Mlp),
        correctness: Correctness::NextToken,
        unknown_too: false,
        least_probability: 0.0,
        exclusive: false,
    };
    let (_, effects) = session.average(order.clone());
    assert_eq!(effects.iter().map(|effects| effects.kind).collect::<Vec<_>>(), order.kinds);
    let mut known = Vec::new();
    for fact in &facts {
        let traced = session.trace(TraceOrder::new(fact.clone(), TraceKind::Hidden));
        if traced.started.correct {
            known.push(traced);
        }
    }
    let hidden = &effects[0];
    assert_eq!((hidden.facts, hidden.left_out), (known.len(), facts.len() - known.len()));
    assert!(hidden.left_out >= 1 && !known.is_empty());
    let count = known.len() as f64;
    let low = known.iter().map(|traced| traced.started.corrupted).sum::<f64>() / count;
    assert!((hidden.corrupted - low).abs() < 1e-9);
    let last = hidden.roles.iter().find(|role| role.role == TokenRole::Last).expect("a last token");
    for (layer, effect) in last.effects.iter().enumerate() {
        let mean = known.iter().map(|traced| traced.scores[traced.scores.len() - 1][layer]).sum::<f64>() / count;
        assert!((effect - (mean - low)).abs() < 1e-9, "layer {layer}");
    }
    // the other rule of knowing, and facts that nobody knows as well
    let (_, continued) = session.average(AverageOrder { correctness: Correctness::Continuation, ..order.clone() });
    assert!(continued[0].facts >= hidden.facts);
    let (events, all) = session.average(AverageOrder { unknown_too: true, ..order.clone() });
    assert_eq!((all[0].facts, all[0].left_out), (facts.len(), 0));
    let correct = events.iter().filter(|event| matches!(event, Event::Trace(started) if started.correct)).count();
    assert_eq!(correct, 2 * known.len(), "one record for each fact and kind");
    let (_, probable) = session.average(AverageOrder { least_probability: 0.02, unknown_too: true, ..order });
    assert_eq!(probable[0].left_out, 1, "Atlantis is improbable");
}

#[test]
fn orders_that_make_no_sense_are_refused_in_a_sentence() {
    let mut session = Session::open();
    let plain = TraceOrder::new(session.facts[0].clone(), TraceKind::Mlp);
    let severed = TraceOrder { intervention: Intervention::SeverMlp, ..plain.clone() };
    assert!(session.refused(severed.clone()).contains("only hidden states are restored"));
    let hidden = TraceOrder { kind: TraceKind::Hidden, ..severed };
    let file = TraceOrder { noise_file: Some("noise.safetensors".into()), ..hidden.clone() };
    assert!(session.refused(file).contains("--same-noise"));
    assert!(session.refused(TraceOrder { preview_only: true, ..hidden }).contains("--preview"));
    let ablated = TraceOrder { intervention: Intervention::AblateZero, replace: true, ..plain.clone() };
    assert!(session.refused(ablated).contains("--replace"));
    assert!(session.refused(TraceOrder { window: 0, ..plain }).contains("window"));
}
