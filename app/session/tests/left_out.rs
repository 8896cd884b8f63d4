//! A look at the model without one of the edits in place gives the numbers that it has when that edit is taken back, and
//! takes none back.

mod support;

use locus_protocol::{
    EditOrder, Event, LayerRow, LeaveOut, LeftOut, Outcome, TraceKind, TraceOrder, TraceStarted, Undo,
};
use support::Session;

impl Session {
    fn put_in_place(&mut self, fact: usize, layer: usize) -> u64 {
        let order = EditOrder {
            fact: self.facts[fact].clone(),
            method: "fine-tuning".to_owned(),
            objective: "error-injection".to_owned(),
            layers: vec![layer],
            method_settings: [("steps".to_owned(), 8.into())].into_iter().collect(),
            ..EditOrder::default()
        };
        let number = |event| if let Event::Applied(applied) = event { Some(applied.number) } else { None };
        self.done(order).into_iter().find_map(number).expect("an edit")
    }

    fn left_out(&mut self, fact: usize, edit: u64) -> LeftOut {
        let order = LeaveOut { fact: self.facts[fact].clone(), edits: vec![edit] };
        let seen = |event| if let Event::LeftOut(seen) = event { Some(seen) } else { None };
        self.done(order).into_iter().find_map(seen).expect("a look")
    }

    /// What a trace starts from, and its heat map.
    fn traced(&mut self, fact: usize, without: Vec<u64>) -> (TraceStarted, Vec<Vec<f64>>) {
        let order = TraceOrder { without, ..TraceOrder::new(self.facts[fact].clone(), TraceKind::Hidden) };
        let (mut started, mut rows) = (None, Vec::new());
        for event in self.done(order) {
            match event {
                Event::Trace(trace) => started = Some(trace),
                Event::TraceRow { token, scores, .. } => rows.push((token, scores)),
                _ => {}
            }
        }
        rows.sort_by_key(|(token, _)| *token);
        (started.expect("a trace"), rows.into_iter().map(|(_, scores)| scores).collect())
    }
}

/// Probabilities and ranks of rows.
fn read_off(rows: &[LayerRow]) -> Vec<(f64, f64, Option<u64>, Option<u64>)> {
    rows.iter().map(|row| (row.probability_new, row.probability_true, row.rank_new, row.rank_true)).collect()
}

#[test]
fn what_is_seen_without_an_edit_is_what_is_there_when_it_is_taken_back() {
    let mut session = Session::open();
    let (first, second) = (session.put_in_place(0, 2), session.put_in_place(500, 2));
    let (as_it_is, map) = session.traced(500, Vec::new());
    assert_eq!(as_it_is.in_place, [first, second]);

    let seen = session.left_out(500, first);
    assert_eq!((&seen.in_place[..], &seen.with[..]), (&[first, second][..], &[second][..]));
    let (without, map_without) = session.traced(500, vec![first]);
    assert_eq!(without.in_place, [second]);
    assert_ne!(map_without, map);
    assert_eq!(session.traced(500, Vec::new()).1, map, "nothing was taken back");

    // the first is the one in the middle of the list: it goes, the second stays as it was found
    session.done(Undo::of(first));
    let (undone, map_undone) = session.traced(500, Vec::new());
    assert_eq!((undone.clean, undone.corrupted), (without.clean, without.corrupted));
    assert_eq!(map_undone, map_without);
    let order = LeaveOut { fact: session.facts[500].clone(), edits: Vec::new() };
    let (events, _) = session.job(order);
    let now = events.into_iter().find_map(|event| if let Event::LeftOut(seen) = event { Some(seen) } else { None });
    let now = now.expect("a look");
    assert_eq!(read_off(&now.rows), read_off(&seen.rows));
    assert_eq!(now.scores.before, seen.scores.after);
    let moved: Vec<usize> =
        seen.rows.iter().filter(|row| row.weight_change.is_some_and(|it| it > 0.0)).map(|row| row.layer).collect();
    assert_eq!(moved, [2], "the weights that the second edit alone moved");
    assert_eq!(seen.rows[2].weight_change, now.rows[2].weight_change);
}

#[test]
fn what_is_not_in_place_cannot_be_left_out() {
    let mut session = Session::open();
    let edit = session.put_in_place(0, 2);
    let (_, outcome) = session.job(LeaveOut { fact: session.facts[0].clone(), edits: vec![edit, 99] });
    let is_refused = |outcome: &Outcome| matches!(outcome, Outcome::Failed { error, .. } if error == "edit 99 is not in place, so it cannot be left out");
    assert!(is_refused(&outcome), "{outcome:?}");
    let order = TraceOrder { without: vec![99], ..TraceOrder::new(session.facts[0].clone(), TraceKind::Hidden) };
    assert!(is_refused(&session.job(order).1));
    // without all of them it is the unedited model, whose state none is no reason to refuse
    let (events, outcome) = session.job(LeaveOut { fact: session.facts[0].clone(), edits: vec![edit] });
    assert_eq!(outcome, Outcome::Done);
    let seen = events.into_iter().find_map(|event| if let Event::LeftOut(seen) = event { Some(seen) } else { None });
    assert!(seen.is_some_and(|seen| seen.with.is_empty() && seen.rows.iter().all(|row| row.weight_change.is_none())));
}
