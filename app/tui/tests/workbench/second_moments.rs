//! An edit that needs second moments which take long asks before it begins.

use super::support::{Bench, recording};
use locus_protocol::{
    Command, Event, JobId, ModelReady, MomentsChoice, Outcome, SecondMomentsNeeded, SecondMomentsTask, Task,
};

const ASKS: JobId = 2;

fn needed() -> Event {
    let choices = vec![
        MomentsChoice::Collect { tokens: Some(60_000), seconds: Some(540.0) },
        MomentsChoice::CollectFewer { tokens: 4_000, seconds: 36.0 },
        MomentsChoice::Without { setting: "second_moment".into(), help: "whiten the key".into() },
    ];
    Event::SecondMomentsNeeded(SecondMomentsNeeded { job: ASKS, method: "rome".into(), layers: vec![4], choices })
}

/// A workbench whose edit has asked.
fn asked(columns: u16, rows: u16) -> Bench {
    let mut bench = Bench::ready(columns, rows);
    bench.press("r");
    let kept = "nothing was changed".to_owned();
    let ended = Event::Finished { job: ASKS, outcome: Outcome::Cancelled { kept }, seconds: 0.1 };
    bench.hear([needed(), ended]);
    bench.commands();
    bench
}

#[test]
fn what_second_moments_cost_is_said_before_an_edit_and_each_choice_is_carried_out() {
    for (columns, rows) in [(80, 24), (120, 40)] {
        let screen = asked(columns, rows).screen();
        for said in [
            "rome needs second moments",
            "layer 4",
            "up to 60 k tokens",
            "about 9 min",
            "about 40 s",
            "second_moment off",
        ] {
            assert!(screen.contains(said), "{said}\n{screen}");
        }
    }
    for (keys, tokens) in [("enter", None), ("down enter", Some(4000))] {
        let mut bench = asked(120, 40);
        bench.press(keys);
        let task = tokens.map_or(SecondMomentsTask::Collect, |tokens| SecondMomentsTask::CollectFewer { tokens });
        assert_eq!(bench.commands(), [Command::start(3, task)], "the edit waits for them");
        bench.finish();
        match bench.commands().as_slice() {
            [Command::Do { job: 4, task: Task::Edit(order) }] => assert_eq!(order.method, "rome"),
            other => panic!("{other:?}"),
        }
    }
    let mut bench = asked(120, 40);
    bench.press("j j enter");
    match bench.commands().as_slice() {
        [Command::Do { task: Task::Edit(order), .. }] => {
            assert_eq!(order.method_settings.get("second_moment"), Some(&false.into()));
        }
        other => panic!("{other:?}"),
    }
    let mut bench = asked(120, 40);
    bench.press("esc");
    assert_eq!(bench.commands(), [], "no edit");
}

#[test]
fn an_edit_is_not_begun_where_its_second_moments_were_cancelled() {
    let mut bench = asked(120, 40);
    bench.press("enter");
    let outcome = Outcome::Cancelled { kept: "what was collected so far is kept".into() };
    bench.hear([Event::Finished { job: 3, outcome, seconds: 1.0 }]);
    let edits =
        bench.commands().into_iter().filter(|command| matches!(command, Command::Do { task: Task::Edit(_), .. }));
    assert_eq!(edits.count(), 0);
}

/// The jobs that were ordered.
fn ordered(bench: &mut Bench) -> Vec<Command> {
    bench.commands().into_iter().filter(|command| matches!(command, Command::Do { .. })).collect()
}

/// What a job of the engine says when it asked instead of beginning.
fn asks(job: JobId) -> [Event; 2] {
    let Event::SecondMomentsNeeded(question) = needed() else { unreachable!("it asks") };
    let outcome = Outcome::Cancelled { kept: "nothing was changed".to_owned() };
    [
        Event::SecondMomentsNeeded(SecondMomentsNeeded { job, ..question }),
        Event::Finished { job, outcome, seconds: 0.1 },
    ]
}

/// Edit 1 is taken back by a job.
fn taken_back(bench: &mut Bench, job: JobId) {
    bench.hear([recording::undone(), Event::Finished { job, outcome: Outcome::Done, seconds: 0.1 }]);
}

/// A workbench whose edit has asked that was ordered in the place of edit 1; jobs 3 and 4.
fn asked_in_the_place_of_another() -> Bench {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2));
    bench.press("r r");
    taken_back(&mut bench, 3);
    ordered(&mut bench);
    bench.hear(asks(4));
    let put_back = ordered(&mut bench);
    assert!(matches!(put_back.as_slice(), [Command::Do { job: 5, task: Task::Redo(_) }]), "{put_back:?}");
    bench.hear([recording::edits(&[1], &[]), Event::Finished { job: 5, outcome: Outcome::Done, seconds: 0.1 }]);
    ordered(&mut bench);
    bench
}

#[test]
fn an_edit_that_was_to_be_replaced_is_put_back_where_the_other_asks() {
    let mut bench = asked_in_the_place_of_another();
    bench.press("esc");
    assert_eq!(ordered(&mut bench), []);

    let mut bench = asked_in_the_place_of_another();
    bench.press("enter");
    assert_eq!(ordered(&mut bench), [Command::start(6, SecondMomentsTask::Collect)]);
    bench.finish();
    let undo = ordered(&mut bench);
    assert!(matches!(undo.as_slice(), [Command::Do { job: 7, task: Task::Undo(_) }]), "{undo:?}");
    taken_back(&mut bench, 7);
    let edit = ordered(&mut bench);
    assert!(matches!(edit.as_slice(), [Command::Do { job: 8, task: Task::Edit(_) }]), "{edit:?}");

    // without them neither is the edit taken back nor another begun
    let mut bench = asked_in_the_place_of_another();
    bench.press("enter");
    let outcome = Outcome::Cancelled { kept: "what was collected so far is kept".into() };
    ordered(&mut bench);
    bench.hear([Event::Finished { job: 6, outcome, seconds: 1.0 }]).wait(7000);
    assert_eq!(ordered(&mut bench), []);
}

#[test]
fn an_edit_that_was_to_be_replaced_is_put_back_where_the_other_fails() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2));
    bench.press("r r");
    taken_back(&mut bench, 3);
    ordered(&mut bench);
    bench.hear([recording::failed(4)]);
    let put_back = ordered(&mut bench);
    assert!(matches!(put_back.as_slice(), [Command::Do { task: Task::Redo(_), .. }]), "{put_back:?}");
}

#[test]
fn one_answer_is_for_all_that_asked() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r r");
    bench.hear(asks(2)).hear(asks(3));
    assert!(bench.screen().contains("1 other edit waits for the same answer"), "{}", bench.screen());
    ordered(&mut bench);
    bench.press("enter");
    let mut edits = 0;
    for _ in 0..3 {
        edits += ordered(&mut bench)
            .iter()
            .filter(|command| matches!(command, Command::Do { task: Task::Edit(_), .. }))
            .count();
        bench.finish();
    }
    assert_eq!(edits, 2);
}

#[test]
fn a_question_is_not_answered_for_another_model() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r ctrl-o enter").hear(asks(2));
    let load = ordered(&mut bench);
    assert!(matches!(load.as_slice(), [.., Command::Do { job: 3, task: Task::Load(_) }]), "{load:?}");
    bench.press("enter");
    assert_eq!((ordered(&mut bench), bench.state().jobs.waiting.len()), (Vec::new(), 0));
    let another = recording::loaded().into_iter().filter_map(|event| match event {
        Event::Model(model) => Some(Event::Model(ModelReady { fingerprint: "another".into(), ..model })),
        _ => None,
    });
    bench.hear(another);
    assert!(!bench.screen().contains("needs second moments of the keys"), "{}", bench.screen());
}

#[test]
fn a_question_does_not_take_the_keys_from_a_filter() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r /").type_text("ber");
    bench.hear([needed()]);
    let screen = bench.screen();
    assert!(!screen.contains("rome needs second moments of the keys"), "{screen}");
}

#[test]
fn a_question_does_not_take_the_keys_from_what_is_typed() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r :").type_text("lay");
    bench.hear([needed()]);
    let screen = bench.screen();
    assert!(!screen.contains("rome needs second moments of the keys"), "{screen}");
    bench.press("esc");
    assert!(bench.screen().contains("run it again to choose"), "{}", bench.screen());
}
