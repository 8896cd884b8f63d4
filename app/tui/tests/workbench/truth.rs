//! Nothing is shown that is not so: numbers say which model they are of, what is undefined is painted as nothing, what
//! did not take is told so, with why, and the command for the shell stands on the same edits.

use super::support::{Bench, options, recording};
use locus_protocol::{
    AimVerdict, Command, Event, Held, JobKind, LogLevel, Outcome, Phase, SaveTarget, Task, TraceKind,
};
use locus_tui::{Depth, Effect, WorkbenchOptions};

/// A trace on top of an edit, in which noise lowers nothing any more.
fn flat_trace(bench: &mut Bench, job: u64) {
    bench.press("t");
    let flat = |event| match event {
        Event::Trace(mut started) => {
            (started.clean, started.corrupted) = (0.0021, 0.00209);
            Event::Trace(started)
        }
        Event::TraceRow { job, token, scores } => {
            Event::TraceRow { job, token, scores: scores.iter().map(|_| 0.0021).collect() }
        }
        other => other,
    };
    bench.hear(recording::trace(job, TraceKind::Hidden, 1).into_iter().map(flat));
}

#[test]
fn a_trace_whose_noise_lowers_nothing_has_no_effects_and_no_scale() {
    for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
        let mut bench = Bench::ready(columns, rows);
        bench.press("r").hear(recording::edit(2));
        flat_trace(&mut bench, 3);
        bench.press("2");
        let screen = bench.screen();
        assert!(screen.contains("no effect is defined: the noise does not lower the answer"), "{screen}");
        assert!(screen.contains("edit 1 in place"), "{screen}");
        assert!(!screen.contains("full restoration") && screen.contains("no scale"), "{screen}");
        insta::assert_snapshot!(format!("flat_trace_{columns}x{rows}"), screen);
    }
    let plain = WorkbenchOptions { colors: Depth::None, ..options() };
    let mut bench = Bench::ready_with(plain, 120, 40);
    bench.press("r").hear(recording::edit(2));
    flat_trace(&mut bench, 3);
    bench.effects.clear();
    bench.press("2 x");
    let saved = |ending: &str| {
        bench.effects.iter().find_map(|effect| match effect {
            Effect::Save { name, contents } if name.ends_with(ending) => Some(contents.clone()),
            _ => None,
        })
    };
    let csv = saved(".csv").expect("csv");
    let row = csv.lines().nth(1).expect("a row");
    assert!(row.contains(",0.0021,,the model with edit 1 in place,\"the noise does not lower the answer"), "{row}");
    assert!(saved(".md").expect("md").contains("no effect is defined"));
}

#[test]
fn an_answer_that_an_edit_has_changed_is_none_to_restore() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2)).press("t");
    let changed = |event| match event {
        Event::Trace(mut started) => {
            started.changed_answer = Some(" Oslo".into());
            Event::Trace(started)
        }
        other => other,
    };
    bench.hear(recording::trace(3, TraceKind::Hidden, 1).into_iter().map(changed)).wait(7000);
    let screen = bench.press("2 z").screen();
    assert!(screen.contains("with the edits in place, the model answers “Oslo”, not “Thimphu”"), "{screen}");
    assert!(!screen.contains("full restoration"), "{screen}");
}

#[test]
fn a_trace_says_which_model_it_is_of_and_when_that_is_another_one_now() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0));
    assert!(bench.screen().contains("2 Trace · the unedited model"), "{}", bench.screen());
    bench.hear([recording::edits(&[1], &[])]);
    assert!(bench.screen().contains("of the unedited model; t traces the model as it is now"), "{}", bench.screen());
    // as many edits, but another one
    bench.press("t").hear(recording::trace(3, TraceKind::Hidden, 1));
    assert!(!bench.screen().contains("t traces the model as it is now"), "{}", bench.screen());
    bench.hear([recording::edits(&[2], &[])]);
    let screen = bench.screen();
    assert!(screen.contains("2 Trace · the model with edit 1 in place"), "{screen}");
    assert!(screen.contains("of an older state; t traces the model as it is now"), "{screen}");
}

#[test]
fn next_tokens_of_another_model_are_not_shown() {
    let mut bench = Bench::ready(120, 40);
    bench.hear([recording::edits(&[1], &[]), recording::prediction(1)]);
    assert!(bench.screen().contains("next token (with 1 edit in place)"), "{}", bench.screen());
    // as many edits, but another one
    bench.hear([recording::edits(&[2], &[])]);
    let screen = bench.screen();
    assert!(
        !screen.contains("next token (with 1 edit in place)") && screen.contains("asking for the next"),
        "{screen}"
    );
}

#[test]
fn an_edit_that_does_not_take_says_so_everywhere_and_why() {
    let mut bench = Bench::ready(120, 40);
    let missed = |event| match event {
        Event::Applied(mut applied) => {
            let why = "p(new) 0.020 < p(true) 0.610".to_owned();
            let limits = vec!["the norm constraint was reached at step 12: raise norm_constraint".to_owned()];
            applied.verdict =
                Some(AimVerdict { success: false, facts: 1, missed: 1, why, limits, ..AimVerdict::default() });
            Event::Applied(applied)
        }
        other => other,
    };
    bench.press("r").hear(recording::edit(2).into_iter().map(missed));
    let screen = bench.screen();
    assert!(
        screen.contains(
            "did not take: p(new) 0.020 < p(true) 0.610; the norm constraint was reached at step 12: raise \
             norm_constraint"
        ),
        "{screen}"
    );
    assert!(screen.contains("in place, did not take: p(new)"), "{screen}");
    assert!(screen.contains("(did not take) rome L5"), "{screen}");
    insta::assert_snapshot!("missed_edit_120x40", screen);
    bench.press("U");
    assert!(bench.screen().contains("(did not take) rome L5"), "{}", bench.screen());
    bench.press("esc J");
    assert!(bench.screen().contains("did not take editing Bhutan"), "{}", bench.screen());
    let missed = |event| match event {
        Event::Edits { mut applied, mut undone, rows, unedited, weights } => {
            applied.iter_mut().chain(&mut undone).for_each(|edit| edit.success = Some(false));
            Event::Edits { applied, undone, rows, unedited, weights }
        }
        other => other,
    };
    bench.press("esc").hear([recording::undone(), recording::edits(&[1], &[])].map(missed)).press("U");
    assert!(bench.screen().contains("(did not take) rome L5"), "after undo and redo: {}", bench.screen());
}

#[test]
fn an_edit_that_took_says_what_became_of_the_other_prompts() {
    let mut bench = Bench::ready(120, 40);
    let held = |event| match event {
        Event::Applied(mut applied) => {
            let verdict = applied.verdict.take().unwrap_or_default();
            let (paraphrases, neighbors) = (Some(Held { hold: 0, of: 2 }), Some(Held { hold: 9, of: 10 }));
            applied.verdict = Some(AimVerdict { paraphrases, neighbors, ..verdict });
            Event::Applied(applied)
        }
        other => other,
    };
    bench.press("r").hear(recording::edit(2).into_iter().map(held));
    let said = "took, but 0 of 2 paraphrases hold and 1 of 10 neighbors broke";
    let screen = bench.screen();
    assert!(screen.contains(&format!("{said}: p(new) 0.962 > p(true) 0.011 (2.3 s;")), "{screen}");
    assert!(screen.contains("in place, took, but 0 of 2 paraphrases hold and"), "{screen}");
    bench.press("U");
    let screen = bench.screen();
    assert!(screen.contains("(took, but) rome L5") && screen.contains(&format!("{said}: p(new)")), "{screen}");
    bench.press("esc J");
    let screen = bench.screen();
    assert!(screen.contains("took, but    editing Bhutan") && screen.contains(&format!("{said}: p(new)")), "{screen}");
}

/// The command that `$` puts on the clipboard.
fn command(bench: &mut Bench) -> String {
    bench.effects.clear();
    bench.press("$");
    let copied = bench.effects.iter().find_map(|effect| match effect {
        Effect::Copy { text, .. } => Some(text.clone()),
        _ => None,
    });
    bench.press("esc");
    copied.expect("a command")
}

#[test]
fn the_command_for_the_shell_stands_on_the_same_edits() {
    let flags = vec!["--threads".to_owned(), "1".to_owned()];
    let mut bench = Bench::ready_with(WorkbenchOptions { flags, ..options() }, 120, 40);
    bench.press("r").hear(recording::edit(2));
    assert!(!command(&mut bench).contains("--with-edits"), "the first edit is of the unedited model");
    bench.press("t").hear(recording::trace(3, TraceKind::Hidden, 1));
    let line = command(&mut bench);
    assert!(line.contains("locus trace") && line.ends_with("--with-edits 1 --threads 1"), "{line}");
    // taken back and forgotten, an edit still was in place then, under the number of its operation
    bench.hear([recording::edits(&[2], &[])]);
    assert_eq!(command(&mut bench), line);
    bench.press("t").hear(recording::trace(4, TraceKind::Hidden, 2));
    assert!(command(&mut bench).contains("--with-edits 1,12"), "operations and not numbers: {}", command(&mut bench));
}

#[test]
fn an_edit_that_is_in_no_journal_is_named_and_not_left_out_in_silence() {
    let mut bench = Bench::ready(120, 40);
    let unrecorded = |event| match event {
        Event::Applied(mut applied) => {
            applied.operation = None;
            Event::Applied(applied)
        }
        other => other,
    };
    bench.press("r").hear(recording::edit(2).into_iter().map(unrecorded));
    bench.press("t").hear(recording::trace(3, TraceKind::Hidden, 1)).press("$");
    let screen = bench.screen();
    assert!(screen.contains("edit 1 was in place but is not in the journal"), "{screen}");
}

#[test]
fn an_error_of_the_engine_is_seen_before_what_follows_it() {
    let mut bench = Bench::ready(120, 40);
    let text = "the edit is in place but was not recorded";
    let error = Event::Log { source: "engine".into(), level: LogLevel::Error, text: text.into() };
    let mut events = recording::edit(2);
    let last = events.len() - 1;
    events.insert(last, error);
    bench.press("r").hear(events);
    assert!(bench.screen().contains(&format!("error: {text}")), "{}", bench.screen());
    bench.wait(7000);
    assert!(bench.screen().contains("hold (2.3 s; u undoes it)"), "{}", bench.screen());
}

#[test]
fn what_takes_long_is_never_about_to_end() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit_start(2));
    bench.hear((0..20).map(|number| recording::step(2, number)));
    // a method that spreads over layers tells so once a layer, and then nothing is told for a minute
    let spreading =
        |done| Event::Progress { job: 2, phase: Phase::Method("spreading over layers".into()), done, total: 2 };
    let measuring = Event::Progress { job: 2, phase: Phase::Evaluation, done: 0, total: 1 };
    for (event, seconds) in [(spreading(0), 60), (spreading(1), 130), (measuring, 60)] {
        bench.hear([event]);
        for second in 0..seconds {
            bench.wait(1000);
            let screen = bench.screen();
            assert!(!screen.contains(" 0 s left"), "{second} s: {screen}");
            let is_known = screen.contains("<1 s left");
            assert!(!is_known || second < 4, "{second} s: {screen}");
        }
        assert!(bench.screen().contains("time left unknown"), "{}", bench.screen());
    }
    bench.hear(recording::edit_end(2));
    // the second time it is known as a whole
    bench.press("r o").hear([Event::Started { job: 3, kind: JobKind::Edit, title: String::new() }]);
    bench.hear([Event::Progress { job: 3, phase: Phase::Evaluation, done: 0, total: 2 }]);
    let screen = bench.screen();
    assert!(screen.contains("min") && screen.contains(" left") && !screen.contains("of this phase"), "{screen}");
}

#[test]
fn a_small_screen_says_as_well_which_model_numbers_are_of() {
    let mut bench = Bench::ready(80, 24);
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0)).press("2");
    let screen = bench.screen();
    assert!(screen.contains(" the unedited model: The capital of [Bhutan] is"), "{screen}");
    bench.hear([recording::edits(&[1, 2], &[])]);
    bench.press("t").hear(recording::trace(3, TraceKind::Hidden, 2));
    let screen = bench.screen();
    assert!(screen.contains(" the model with edits 1, 2 in place: The capital"), "{screen}");
}

#[test]
fn what_was_written_is_told_under_the_name_that_it_got() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2)).press("w");
    let commands = bench.commands();
    let wanted = SaveTarget::NewDeltas("exports/locus-edits.safetensors".into());
    assert!(
        matches!(&commands[..], [.., Command::Do { job: 3, task: Task::Save(target) }] if *target == wanted),
        "a name that says nothing of the process: {commands:?}"
    );
    let path = "exports/locus-edits-2.safetensors".into();
    bench.hear([Event::Saved { job: 3, path }, Event::Finished { job: 3, outcome: Outcome::Done, seconds: 0.1 }]);
    let screen = bench.screen();
    assert!(screen.contains("writing the edits to exports/locus-edits-2.safetensors: done in 0.10 s"), "{screen}");
}

/// An edit that was measured without free generation, and one under noise: what is not computed says why, and what turns it on.
#[test]
fn what_the_model_says_is_shown_as_not_computed_where_it_is_not() {
    for (tokens, noise, words) in
        [(0, 0.0, "free generation is off; e sets it"), (10, 0.1, "the objective noises the subject")]
    {
        let mut bench = Bench::ready(120, 40);
        let events = recording::edit(2).into_iter().map(|event| match event {
            Event::Edit(mut started) => {
                started.order.free_generation = tokens;
                Event::Edit(started)
            }
            Event::Applied(mut applied) => {
                applied.numbers.retain(|name, _| !name.contains("says") && name != "neighborhood_kept");
                applied.aim.noise_level = noise;
                Event::Applied(applied)
            }
            event => event,
        });
        bench.press("r").hear(events.collect::<Vec<_>>());
        bench.press("4 z");
        let screen = bench.screen();
        assert!(screen.contains(&format!("says target: not computed; {words}")), "{screen}");
    }
}

#[test]
fn the_edit_form_switches_free_generation_off_and_the_next_start_knows() {
    let mut bench = Bench::ready(80, 24);
    bench.press("e down down down down").type_text("x");
    assert!(bench.screen().contains("wrong: tokens 0"), "{}", bench.screen());
    bench.press("backspace").type_text("0");
    bench.press("esc");
    assert_eq!(bench.state().edit_order().map(|order| order.free_generation), Ok(0));
    let remembered = bench.workbench.remembered();
    let again = Bench::ready(80, 24);
    assert_eq!(again.state().edit_order().map(|order| order.free_generation), Ok(10));
    let mut again = Bench::new(80, 24);
    again.workbench.recall(remembered);
    again.hear(recording::loading()).hear(recording::loaded()).wait(7000);
    assert_eq!(again.state().edit_order().map(|order| order.free_generation), Ok(0));
}
