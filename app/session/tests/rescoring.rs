//! All edits in place, scored together.

mod support;

use locus_protocol::{EditOrder, Event, Outcome, Rescore, Rescored};
use support::Session;

impl Session {
    fn put_in_place(&mut self, fact: usize, layer: usize, steps: u64) -> (u64, f64) {
        let order = EditOrder {
            fact: self.facts[fact].clone(),
            method: "fine-tuning".to_owned(),
            objective: "error-injection".to_owned(),
            layers: vec![layer],
            method_settings: [("steps".to_owned(), steps.into())].into_iter().collect(),
            ..EditOrder::default()
        };
        let events = self.done(order);
        let applied = events.into_iter().find_map(|event| match event {
            Event::Applied(applied) => Some(applied),
            _ => None,
        });
        let applied = applied.expect("applied");
        (applied.number, applied.scores.after.rewrite[0].new)
    }

    fn rescore(&mut self) -> Rescored {
        let events = self.done(Rescore::default());
        let rescored = events.into_iter().find_map(|event| match event {
            Event::Rescored(rescored) => Some(rescored),
            _ => None,
        });
        rescored.expect("scores")
    }
}

#[test]
fn edits_are_scored_among_each_other_and_what_they_do_to_the_rest_is_told() {
    let mut session = Session::open();
    let (_, outcome) = session.job(Rescore::default());
    assert!(matches!(&outcome, Outcome::Failed { error, .. } if error.contains("no edit to score")), "{outcome:?}");

    let (first, alone) = session.put_in_place(0, 2, 5);
    let one = session.rescore();
    let [fare] = &one.edits[..] else { panic!("{one:?}") };
    assert_eq!((fare.number, fare.scores.after.rewrite[0].new), (first, alone), "alone it is what it was");
    assert!(fare.scores.before.rewrite[0].new < alone, "{fare:?}");
    assert!(one.text_facts > 20 && one.perplexity_before >= 1.0, "{one:?}");

    // another one on top
    let (second, _) = session.put_in_place(500, 2, 60);
    let two = session.rescore();
    assert_eq!(two.edits.iter().map(|fare| fare.number).collect::<Vec<_>>(), [first, second]);
    assert_ne!(two.edits[0].scores.after, one.edits[0].scores.after);
    assert_eq!(two.edits[0].scores.before, one.edits[0].scores.before);
    let largest = |rescored: &Rescored| rescored.largest_change().expect("a change").relative;
    assert!(largest(&two) > largest(&one) && largest(&one) > 0.0, "{two:?}");
    // the text is measured on both models
    assert!(two.perplexity_now != two.perplexity_before && two.perplexity_now >= 1.0, "{two:?}");
    let rise = two.perplexity_rise().expect("a text");
    assert!((two.perplexity_before * (1.0 + rise) - two.perplexity_now).abs() < 1e-9, "{two:?}");
}
