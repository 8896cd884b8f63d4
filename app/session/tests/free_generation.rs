//! What the model says of its own accord: the same for an edit, an attempt at it, one that is put on top, and an evaluation.

mod support;

use locus_protocol::{
    Applied, EditOrder, EvaluateOrder, Evaluated, Event, FreeText, Keep, Screen, Screened, TriedOn, Try, Undo,
};
use std::collections::BTreeMap;
use support::Session;

/// Numbers of what is said, and the texts.
type Said = (BTreeMap<String, f64>, Vec<FreeText>);

fn said(numbers: &BTreeMap<String, f64>, texts: &[FreeText]) -> Said {
    let is_of_texts = |name: &str| name.contains("_says") || name == "neighborhood_kept";
    let numbers = numbers.iter().filter(|(name, _)| is_of_texts(name)).map(|(name, value)| (name.clone(), *value));
    (numbers.collect(), texts.to_vec())
}

fn found<T>(events: Vec<Event>, which: fn(Event) -> Option<T>) -> T {
    events.into_iter().find_map(which).expect("what was asked for")
}

fn applied(event: Event) -> Option<Applied> {
    if let Event::Applied(applied) = event { Some(applied) } else { None }
}

fn evaluated(event: Event) -> Option<Evaluated> {
    if let Event::Evaluated(evaluated) = event { Some(evaluated) } else { None }
}

#[test]
fn an_edit_an_attempt_and_an_evaluation_say_the_same() {
    let mut session = Session::open();
    let order = EditOrder {
        fact: session.facts[0].clone(),
        method: "fine-tuning".to_owned(),
        objective: "error-injection".to_owned(),
        layers: vec![3],
        free_generation: 8,
        ..EditOrder::default()
    };
    let one = found(session.done(order.clone()), applied);
    let (numbers, texts) = said(&one.numbers, &one.free_texts);
    assert_eq!(
        numbers.len(),
        13,
        "three groups, said and said exactly, before and after, and what is kept: {numbers:?}"
    );
    assert_eq!(texts.len(), 1 + order.fact.paraphrases.len() + order.fact.neighborhood.len());
    // the shares are those of the texts
    let says = |text: &str| text.contains(order.fact.target_new.as_str());
    assert_eq!((numbers["before.rewrite_says"], says(&texts[0].before)), (0.0, false), "{texts:?}");
    let after = texts[0].after.as_deref().expect("a text after");
    assert_eq!(numbers["after.rewrite_says"], f64::from(u8::from(says(after))), "{texts:?}");
    let neighbors: Vec<&FreeText> = texts.iter().filter(|text| text.group == "neighborhood").collect();
    let kept = neighbors.iter().filter(|text| text.after.as_deref() == Some(text.before.as_str())).count();
    assert_eq!(numbers["neighborhood_kept"], kept as f64 / neighbors.len() as f64);
    session.done(Undo::LAST);

    let attempt = Try { order: order.clone(), on: TriedOn::Unedited };
    let tried = found(session.done(attempt), |event| if let Event::Tried(tried) = event { Some(tried) } else { None });
    assert_eq!(said(&tried.would.numbers, &tried.would.free_texts), (numbers.clone(), texts.clone()));
    let kept = found(session.done(Keep { tried: tried.would.job }), applied);
    assert_eq!(said(&kept.numbers, &kept.free_texts), (numbers.clone(), texts.clone()));
    session.done(Undo::LAST);

    // the order asks for it itself
    let evaluation = EvaluateOrder { edit: Some(order.clone()), ..EvaluateOrder::default() };
    let measured = found(session.done(evaluation), evaluated);
    assert_eq!(said(&measured.numbers, &measured.free_texts), (numbers, texts));

    let silent = found(session.done(EditOrder { free_generation: 0, ..order.clone() }), applied);
    assert_eq!(said(&silent.numbers, &silent.free_texts), Said::default());
    // under noise the model is asked something else
    let noised = EditOrder { objective: "fact-forcing".to_owned(), ..order };
    let noised = found(session.done(noised), applied);
    assert!(noised.aim.noise_level > 0.0);
    assert_eq!(said(&noised.numbers, &noised.free_texts), Said::default());
}

#[test]
fn odd_facts_are_counted_by_kind_once_each() {
    let mut session = Session::open();
    let good = session.facts[0].clone();
    let mut copied = good.clone();
    (copied.target_new, copied.target_true) = (good.subject.clone(), good.subject.clone());
    let mut mentions = good.clone();
    mentions.neighborhood = vec![format!("{} is", good.subject), format!("{} was", good.subject)];
    let mut unreadable = good.clone();
    unreadable.template = "{}".to_owned();
    unreadable.subject = String::new();
    let facts = vec![good, copied, mentions, unreadable];
    let screened: Screened = found(session.done(Screen { facts }), |event| match event {
        Event::Screened(screened) => Some(screened),
        _ => None,
    });
    let copying = "an answer contains the subject or is part of it";
    let counts = [
        (copying, 1),
        ("the new answer is the true one", 1),
        ("a neighborhood prompt mentions the subject or is repeated", 1),
    ];
    assert_eq!((screened.facts, screened.remarked), (4, counts.map(|(what, count)| (what.to_owned(), count)).into()));
}
