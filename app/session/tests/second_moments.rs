//! Second moments of fewer tokens: an edit that uses them says so, and comes out the same wherever its order is carried out.

mod support;

use locus_protocol::{Applied, EditOrder, EditStarted, Event, MomentsChoice, Outcome, SecondMomentsTask};
use serde_json::json;
use support::Session;

/// More tokens than can be summed up without asking.
const MANY: usize = 100_000_000;
const FEW: usize = 3000;

fn order(session: &Session) -> EditOrder {
    EditOrder {
        fact: session.facts[0].clone(),
        method: "rome".to_owned(),
        objective: "error-injection".to_owned(),
        layers: vec![4],
        method_settings: json!({"steps": 2, "contexts": 1}).as_object().cloned().unwrap_or_default(),
        ..EditOrder::default()
    }
}

/// What an edit started from, and what it did.
fn edit(session: &mut Session, order: EditOrder) -> (EditStarted, Applied) {
    let (mut started, mut applied) = (None, None);
    for event in session.done(order) {
        match event {
            Event::Edit(event) => started = Some(event),
            Event::Applied(event) => applied = Some(event),
            _ => {}
        }
    }
    (started.expect("an edit"), applied.expect("an end"))
}

#[test]
fn an_edit_with_second_moments_of_fewer_tokens_says_so_and_is_made_again_from_its_order() {
    let (mut session, _) = Session::open_with(|options| {
        options.start.corpus_tokens = Some(MANY);
        options.start.moments.ask = true;
    });
    let asked = order(&session);
    let (events, outcome) = session.job(asked.clone());
    assert!(matches!(outcome, Outcome::Cancelled { .. }), "{outcome:?}");
    let needed = events.into_iter().find_map(|event| match event {
        Event::SecondMomentsNeeded(needed) => Some(needed),
        _ => None,
    });
    let choices = needed.expect("a question").choices;
    assert!(choices.iter().any(|choice| matches!(choice, MomentsChoice::CollectFewer { .. })), "{choices:?}");
    session.done(SecondMomentsTask::CollectFewer { tokens: FEW });
    // chosen for the session: nothing asks again
    let (started, applied) = edit(&mut session, asked.clone());
    assert_eq!(started.order.corpus_tokens, Some(FEW));

    let (mut other, _) = Session::open_with(|_| {});
    let (again, same) = edit(&mut other, started.order.clone());
    assert_eq!(again.order, started.order);
    assert_eq!(same.changes, applied.changes);
    // it said so of itself only: another edit there takes what the session takes
    let (plain, different) = edit(&mut other, asked);
    assert_eq!(plain.order.corpus_tokens, None);
    assert_ne!(different.changes, applied.changes);
}
