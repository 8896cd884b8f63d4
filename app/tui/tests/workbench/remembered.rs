//! What is there again at the next start, of the model that it belongs to and no other.

use super::compare::{compared, trial};
use super::support::{Bench, options, recording};
use locus_protocol::{Event, ModelReady};

/// What was traced, edited and tried is there again at the next start, of the model that it belongs to and no other.
#[test]
fn what_was_found_comes_back_with_its_model() {
    let mut bench = compared(options(), 120, 40);
    let traced = bench.state().fact().is_some_and(|fact| bench.state().traces.any_of(fact));
    assert!(traced);
    let attempts = bench.state().compare.finished().count();
    assert!(attempts > 0);
    // a step of another kind has other terms
    let (job, order) = {
        bench.press("5 R");
        trial(&mut bench)
    };
    let mut told = recording::attempt(job, &order, 1.0);
    let odd = told.iter().rposition(|event| matches!(event, Event::Step(_))).expect("a step");
    if let Event::Step(step) = &mut told[odd] {
        step.losses = [("loss".to_owned(), 0.5), ("spread".to_owned(), 0.25)].into();
    }
    bench.hear(told);
    let (job, order) = trial(&mut bench);
    bench.hear(recording::attempt(job, &order, 0.6));
    assert_eq!(bench.state().compare.finished().count(), attempts);
    assert!(bench.state().compare.views().any(|view| view.terms.values().flatten().any(|value| value.is_nan())));
    bench.press("1");
    let file = serde_json::to_string(&bench.workbench.remembered()).expect("json");
    let start = |model: fn(ModelReady) -> ModelReady| {
        let mut next = Bench::new(120, 40);
        next.workbench.recall(serde_json::from_str(&file).expect("json"));
        let loaded = recording::loaded().into_iter().map(|event| match event {
            Event::Model(ready) => Event::Model(model(ready)),
            other => other,
        });
        next.hear(recording::loading()).hear(loaded.collect::<Vec<_>>()).wait(7000);
        next
    };
    let mut same = start(|model| model);
    assert_eq!(same.state().compare.finished().count(), attempts);
    same.press("ctrl-w 0 2");
    let screen = same.screen();
    assert!(screen.contains("greatest"), "the heat map is there\n{screen}");
    assert_eq!(same.state().compare.variants.list.len(), bench.state().compare.variants.list.len());
    same.press("5");
    let (ours, theirs) = (same.screen(), bench.press("5").screen());
    let numbers =
        |screen: &str| screen.lines().filter(|line| line.contains("┃ p(new)")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(numbers(&ours), numbers(&theirs));

    let other = start(|model| ModelReady { fingerprint: "another".into(), name: "another".into(), ..model });
    assert_eq!(other.state().compare.finished().count(), 0);
    assert!(other.state().compare.variants.list.is_empty());
    assert!(other.state().traces.last().is_none());
    // and it is still there for its own
    let kept = serde_json::to_string(&other.workbench.remembered()).expect("json");
    let mut third = Bench::new(120, 40);
    third.workbench.recall(serde_json::from_str(&kept).expect("json"));
    third.hear(recording::loading()).hear(recording::loaded()).wait(7000);
    assert_eq!(third.state().compare.finished().count(), attempts);
}

/// A model that takes the place of another brings its own, and the first has its own again.
#[test]
fn settings_and_variants_go_with_their_model() {
    let mut bench = Bench::ready(120, 40);
    bench.press(":").type_text("set steps 7").press("enter C");
    let (settings, variants) = (bench.state().settings().clone(), bench.state().compare.variants.list.len());
    let another = |name: &'static str| {
        recording::loaded().into_iter().map(move |event| match event {
            Event::Model(model) if name != "first" => {
                Event::Model(ModelReady { fingerprint: name.into(), name: name.into(), ..model })
            }
            other => other,
        })
    };
    bench.hear(another("second"));
    assert_ne!(bench.state().settings(), &settings);
    assert!(bench.state().compare.variants.list.is_empty());
    bench.hear(another("first"));
    assert_eq!(bench.state().settings(), &settings);
    assert_eq!(bench.state().compare.variants.list.len(), variants);
}
