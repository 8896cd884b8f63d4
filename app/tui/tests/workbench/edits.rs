//! Several facts at once, the list of edits, and what the form and the table of layers say of an edit.

use super::support::{Bench, recording};
use locus_protocol::{
    BeforeAfter, Blame, Command, EditRescored, Event, JobKind, Outcome, Phase, PluginReady, PromptScore, Redo,
    Rescored, Scores, Task, Undo, WeightChange,
};

#[test]
fn marked_facts_are_edited_together() {
    let mut bench = Bench::ready(120, 40);
    bench.press("space space j space");
    let screen = bench.screen();
    assert!(screen.contains("3 marked"), "{screen}");
    // the cursor is on a fact that is not marked: the first marked one leads
    bench.press("e");
    let screen = bench.screen();
    assert!(screen.contains("Edit 3 facts together: Bhutan: Thimphu → Oslo and 2 more"), "{screen}");
    assert!(screen.contains("Run: edit 3 facts together, layer 4, with rome"), "{screen}");
    bench.press("down down down enter");
    match bench.commands().as_slice() {
        [Command::Do { task: Task::Edit(order), .. }] => {
            let subjects: Vec<&str> = order.facts().map(|fact| fact.subject.as_str()).collect();
            assert_eq!(subjects, ["Bhutan", "France", "Marie Curie"]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.state().fact().map(|fact| fact.subject.as_str()), Some("Bhutan"));
    assert!(bench.screen().contains("editing Bhutan and 2 more"), "{}", bench.screen());
    let error = "plugin `rome`: it edits one fact at a time, not 3; edit them one after the other";
    let outcome = Outcome::Failed { error: error.into(), blame: Blame::Request };
    bench.hear([Event::Finished { job: 2, outcome, seconds: 0.1 }]);
    assert!(bench.screen().contains("failed: plugin `rome`: it edits one fact"), "{}", bench.screen());
    // a second press takes a mark away, and all go at once
    bench.press("1 g g space");
    assert!(bench.screen().contains("2 marked"), "{}", bench.screen());
    bench.press("-");
    assert!(!bench.screen().contains(" marked"), "{}", bench.screen());
    bench.press("/").type_text("capital").press("enter *");
    let marked = bench.state().facts.marked();
    assert!(marked > 1 && marked < 13 && bench.screen().contains(&format!("{marked} marked")), "{}", bench.screen());
    bench.press("esc r");
    match bench.commands().as_slice() {
        [Command::Predict { .. }, Command::Do { task: Task::Edit(order), .. }]
        | [Command::Do { task: Task::Edit(order), .. }] => {
            assert!(order.facts().count() == marked && order.facts().all(|fact| fact.prompt().contains("capital")));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn any_edit_of_the_list_is_taken_back_and_the_last_one_put_on_again() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2));
    bench.hear([recording::edits(&[1, 2, 3], &[])]);
    bench.commands();
    bench.press("U");
    let screen = bench.screen();
    assert!(screen.contains("3 edits in place") && screen.contains("enter undoes edit 3"), "{screen}");
    assert!(screen.contains("2.500!") && screen.contains("by more than its own norm"), "{screen}");
    bench.press("up enter");
    assert_eq!(bench.commands(), [Command::start(3, Undo::of(2))]);
    bench.hear([recording::edits(&[1, 3], &[2])]).finish();
    bench.press("up enter");
    assert_eq!(bench.commands(), [Command::start(4, Undo::of(1))]);
    bench.hear([recording::edits(&[3], &[2, 1])]).finish();
    let screen = bench.screen();
    assert!(
        screen.contains("1 edit in place, 2 undone") && screen.contains("undone, the most recent first"),
        "{screen}"
    );
    // the older one has to wait for the newer one
    bench.press("G enter");
    assert_eq!(bench.commands(), []);
    assert!(bench.screen().contains("redo the most recently undone edit first"), "{}", bench.screen());
    bench.press("up enter");
    assert_eq!(bench.commands(), [Command::start(5, Redo::default())]);
    // one key after the other, as fast as they come
    bench.press("ctrl-r");
    assert_eq!(bench.commands(), []);
    bench.finish();
    assert_eq!(bench.commands(), [Command::start(6, Redo::default())]);
    bench.finish();
    // nothing can be taken back while a job runs
    bench.press("esc t").commands();
    bench.press("U enter");
    assert_eq!(bench.commands(), []);
    assert!(bench.screen().contains("tracing Bhutan is running"), "{}", bench.screen());
}

#[test]
fn what_an_edit_changed_is_scrolled_as_far_as_it_goes_and_back_at_once() {
    for (columns, rows) in [(80, 24), (120, 40)] {
        let mut bench = Bench::ready(columns, rows);
        bench.press("r").hear(recording::edit(2)).press("4");
        let start = bench.screen();
        assert!(start.contains("more lines below; down shows them"), "{start}");
        let end = bench.press("G").screen();
        assert!(end.contains("more lines above; up shows them"), "{end}");
        assert_eq!(bench.press("j").screen(), end, "it goes no further");
        assert_ne!(bench.press("k").screen(), end);
        assert_eq!(bench.press("j").screen(), end);
        assert_eq!(bench.press("home").screen(), start);
        // so it does in a pane that has grown
        bench.press("G").feed(locus_tui::Input::Resize(columns, rows + 4));
        let end = bench.screen();
        assert_ne!(bench.press("k").screen(), end);
    }
}

#[test]
fn an_edit_among_others_gets_the_rows_of_the_model_as_it_is() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2));
    // another edit went, so that the rows that came are not about this fact
    bench.hear([recording::edits(&[1, 2], &[])]).hear([recording::edits(&[1], &[2])]);
    assert!(bench.screen().contains("in place, but with other edits"), "{}", bench.screen());
    bench.hear([recording::prediction(1)]);
    let screen = bench.screen();
    assert!(screen.contains("in place, took: p(new)") && screen.contains("0.0412"), "{screen}");
}

#[test]
fn rows_about_other_targets_are_not_those_of_an_edit_of_the_same_prompt() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2));
    bench.hear([recording::edits(&[1, 2], &[]), recording::edits(&[1], &[2])]);
    let is_stale = |bench: &Bench| bench.state().edits.view.as_ref().is_some_and(|view| view.stale);
    bench.press("a ctrl-u").type_text("Lima").press("enter").wait(500).hear([recording::prediction(1)]);
    assert!(is_stale(&bench), "the answer is about another new target");
    assert!(bench.state().prediction().is_some());
    // the edited fact comes after the one that was typed
    bench.press("1 j");
    assert_eq!(bench.state().fact(), Some(&recording::fact()));
    assert!(bench.state().prediction().is_none());
    assert!(bench.screen().contains("in place, but with other edits"), "{}", bench.screen());
    bench.wait(500).hear([recording::prediction(1)]);
    assert!(!is_stale(&bench) && bench.state().prediction().is_some());
}

#[test]
fn defaults_follow_the_model_and_the_objective() {
    let mut bench = Bench::ready(120, 40);
    for event in recording::plugins() {
        let Event::Plugin(mut plugin) = event else { panic!("{event:?}") };
        if plugin.id == "fine-tuning" {
            plugin.layers = vec![1, 2, 3];
            let steps = serde_json::json!({"steps": 50}).as_object().cloned().expect("an object");
            plugin.with_objective.insert("fact-forcing".into(), steps);
        }
        if plugin.id == "error-injection" {
            let other = PluginReady { id: "fact-forcing".into(), title: "fact forcing".into(), ..plugin.clone() };
            bench.hear([Event::Plugin(other)]);
        }
        bench.hear([Event::Plugin(plugin)]);
    }
    bench.press("e right");
    let screen = bench.screen();
    // the window that suits the model is the method's choice as long as the user made none
    assert!(screen.contains("layers                   method: 1-3"), "{screen}");
    assert!(screen.contains("steps                    25 "), "{screen}");
    bench.press("down right");
    let screen = bench.screen();
    assert!(screen.contains("fact forcing") && screen.contains("steps                    50 "), "{screen}");
    // what is typed is sent where it differs from what the pair would have
    bench.press("down down down down").type_text("25").press("up up enter");
    match bench.commands().as_slice() {
        [Command::Do { task: Task::Edit(order), .. }] => {
            assert_eq!((order.objective.as_str(), order.layers.len()), ("fact-forcing", 0));
            assert_eq!(serde_json::Value::from(order.method_settings.clone()), serde_json::json!({"steps": 25}));
        }
        other => panic!("{other:?}"),
    }
    // layers that were typed stay when the method changes
    bench.hear([recording::failed(2)]).press("e down down").type_text("2").press("up up left right");
    assert!(bench.screen().contains("layers                   2 "), "{}", bench.screen());
}

#[test]
fn the_form_says_what_follows_the_published_code() {
    let mut bench = Bench::ready(120, 40);
    bench.press("e");
    assert!(!bench.screen().contains("parity:"), "{}", bench.screen());
    bench.press("up left");
    let screen = bench.screen();
    assert!(screen.contains("parity: hase2023: no early stop, whatever is set above"), "{screen}");
    bench.press("down down down down");
    assert!(bench.screen().contains("> [ Run:"), "{}", bench.screen());
    bench.press("enter");
    match bench.commands().as_slice() {
        [Command::Do { task: Task::Edit(order), .. }] => {
            assert_eq!(
                serde_json::Value::from(order.method_settings.clone()),
                serde_json::json!({"parity": "hase2023"})
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn second_moments_are_a_phase_with_its_end_in_sight() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear([Event::Started { job: 2, kind: JobKind::Edit, title: String::new() }]);
    bench.hear((1..=10).map(|part| Event::Progress {
        job: 2,
        phase: Phase::SecondMoments,
        done: 6000 * part,
        total: 120_000,
    }));
    let screen = bench.screen();
    assert!(screen.contains("second moments 60 k of 120 k tokens (50 %)"), "{screen}");
    assert!(screen.contains("<1 s left") && screen.contains("once for this model"), "{screen}");
}

#[test]
fn all_edits_in_place_are_scored_together_and_drift_is_a_warning() {
    let mut bench = Bench::ready(120, 40);
    bench.press("U s");
    assert!(bench.screen().contains("no edit is in place, so there is nothing to score"), "{}", bench.screen());
    bench.press("esc r").hear(recording::edit(2));
    bench.hear([recording::edits(&[1, 2], &[])]).wait(7000);
    bench.commands();
    bench.press("U");
    assert!(bench.screen().contains("s scores all of them together"), "{}", bench.screen());
    bench.press("s");
    let commands = bench.commands();
    let [Command::Do { job, task: Task::Rescore(_) }] = commands.as_slice() else { panic!("{commands:?}") };
    assert!(bench.screen().contains("scoring all of them together"), "{}", bench.screen());
    let score = |new, truth| vec![PromptScore { prompt: "p".into(), new, truth }];
    let scores = |new, truth| Scores { rewrite: score(new, truth), ..Scores::default() };
    let fare = |number, now| EditRescored {
        number,
        scores: BeforeAfter { before: scores(0.02, 0.9), after: scores(now, 0.1) },
    };
    let change = |relative| WeightChange { parameter: "h.5.w".into(), layer: Some(5), norm: 1.0, relative };
    let rescored = |perplexity_now, relative| {
        Event::Rescored(Rescored {
            job: *job,
            edits: vec![fare(1, 0.75), fare(2, 0.5)],
            changes: vec![change(relative)],
            text_facts: 32,
            perplexity_before: 1.25,
            perplexity_now,
        })
    };
    bench.hear([rescored(1.3, 0.5), Event::Finished { job: *job, outcome: Outcome::Done, seconds: 0.2 }]);
    let screen = bench.screen();
    assert!(screen.contains("edit 2: p(new) 0.020 → 0.500, p(true) 0.900 → 0.100"), "{screen}");
    assert!(screen.contains("perplexity of 32 unedited facts: 1.250 → 1.300 (+4.0 %)"), "{screen}");
    assert!(screen.contains("all together: a weight changed by 0.5000 of its norm (h.5.w)"), "{screen}");
    let warned = |bench: &Bench, text: &str| {
        let (screen, buffer) = (bench.screen(), bench.buffer());
        let row = screen.lines().position(|line| line.contains(text)).expect(text);
        let column = screen.lines().nth(row).and_then(|line| line.find(text)).expect(text);
        // the frame's sides are longer than a byte
        let place = screen.lines().nth(row).map_or(0, |line| line[..column].chars().count());
        buffer[(u16::try_from(place).expect("a column"), u16::try_from(row).expect("a row"))].fg
    };
    let calm = warned(&bench, "perplexity of 32");
    assert_eq!(warned(&bench, "all together"), calm);
    bench.press("up");
    assert!(bench.screen().contains("edit 1: p(new) 0.020 → 0.750"), "{}", bench.screen());
    bench.hear([rescored(2.5, 1.5)]);
    assert!(bench.screen().contains("(+100.0 %)"), "{}", bench.screen());
    assert_ne!(warned(&bench, "perplexity of 32"), calm, "a text that became unlikely is a warning");
    assert_ne!(warned(&bench, "all together"), calm, "so is a weight that moved by more than its norm");
    // scores of others than those in place are not shown
    bench.hear([recording::edits(&[1], &[2])]);
    assert!(!bench.screen().contains("perplexity of 32"), "{}", bench.screen());
}

/// Jobs that were ordered: undone edits by their number, edits by their subject.
fn ordered(bench: &mut Bench) -> Vec<(u64, String)> {
    let told = |command| match command {
        Command::Do { job, task: Task::Undo(undo) } => Some((job, format!("undo {:?}", undo.edit))),
        Command::Do { job, task: Task::Edit(order) } => Some((job, format!("edit {}", order.fact.subject))),
        _ => None,
    };
    bench.commands().into_iter().filter_map(told).collect()
}

#[test]
fn a_fact_that_is_edited_already_is_edited_on_top_or_anew() {
    let mut bench = Bench::ready(80, 24);
    bench.press("r").hear(recording::edit(2));
    ordered(&mut bench);
    bench.press("r");
    let screen = bench.screen();
    assert!(screen.contains("This fact is already edited") && screen.contains("edit 1: rome L5"), "{screen}");
    assert!(screen.contains("replace it: edit 1 is undone first"), "{screen}");
    insta::assert_snapshot!("edit_again_80x24", screen);
    bench.press("n");
    assert!(!bench.screen().contains("already edited") && ordered(&mut bench).is_empty());
    bench.press("r o");
    assert_eq!(ordered(&mut bench), [(3, "edit Bhutan".to_owned())]);
    bench.hear([Event::Finished { job: 3, outcome: Outcome::Cancelled { kept: String::new() }, seconds: 0.1 }]);
    // replaced: the edit waits for the undo
    bench.press("r r");
    assert_eq!(ordered(&mut bench), [(4, "undo Some(1)".to_owned())]);
    bench.hear([
        Event::Started { job: 4, kind: JobKind::Undo, title: "undo".into() },
        recording::undone(),
        Event::Finished { job: 4, outcome: Outcome::Done, seconds: 0.1 },
    ]);
    assert_eq!(ordered(&mut bench), [(5, "edit Bhutan".to_owned())]);
    bench.hear(recording::edit(5)).press("r");
    assert!(bench.screen().contains("This fact is already edited"), "{}", bench.screen());
    // another fact is not asked about
    bench.press("n 1 j");
    ordered(&mut bench);
    bench.press("r");
    assert_eq!(ordered(&mut bench).len(), 1);
}

#[test]
fn an_edit_that_cannot_be_taken_back_is_not_replaced() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2));
    ordered(&mut bench);
    bench.press("r r");
    assert_eq!(ordered(&mut bench), [(3, "undo Some(1)".to_owned())]);
    let outcome = Outcome::Failed { error: "the journal is full".into(), blame: Blame::Device };
    bench.hear([Event::Finished { job: 3, outcome, seconds: 0.1 }]);
    assert!(ordered(&mut bench).is_empty(), "it would be on top of the other");
    let screen = bench.screen();
    assert!(screen.contains("the journal is full; editing Bhutan with rome did not start"), "{screen}");
}
