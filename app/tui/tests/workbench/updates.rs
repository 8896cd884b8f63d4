//! Keys and events in, orders and screens out: the loop that the workbench is for.

use super::support::{Bench, go_to_panes, options, recording};
use locus_protocol::{
    Blame, Command, Event, Fact, Intervention, JobKind, Load, ModelSource, Outcome, Redo, Task, TraceKind, Undo,
};
use locus_tui::{Depth, Effect, Input, WorkbenchOptions};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::style::Color;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A line that counts.
#[derive(Clone, Default)]
struct Line(Arc<Mutex<Vec<u8>>>);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("line").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_model_is_ordered_first() {
    let mut bench = Bench::new(80, 24);
    assert_eq!(bench.commands(), [Command::start(1, Load { source: ModelSource::BuiltIn })]);
}

#[test]
fn the_whole_loop_trace_edit_undo_redo() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t");
    match bench.commands().as_slice() {
        [Command::Do { job: 2, task: Task::Trace(order) }] => {
            assert_eq!((&order.fact, order.kind), (&recording::fact(), TraceKind::Hidden))
        }
        other => panic!("{other:?}"),
    }
    bench.hear(recording::trace(2, TraceKind::Hidden, 0));
    // The trace says layer 5, and that is where the edit goes.
    bench.press("r");
    match bench.commands().as_slice() {
        [Command::Do { job: 3, task: Task::Edit(order) }] => {
            assert_eq!((order.method.as_str(), &order.layers), ("rome", &vec![5]))
        }
        other => panic!("{other:?}"),
    }
    bench.hear(recording::edit(3));
    let screen = bench.screen();
    assert!(screen.contains("p(new) 2e-6 → 0.962") && screen.contains("1 edit in place"), "{screen}");
    bench.press("u");
    assert_eq!(bench.commands(), [Command::start(4, Undo::LAST)]);
    bench.hear([recording::undone()]).finish();
    let screen = bench.screen();
    assert!(screen.contains("no edits") && screen.contains("identical to checkpoint: yes"), "{screen}");
    bench.press("ctrl-r");
    assert_eq!(bench.commands(), [Command::start(5, Redo::default())]);
    bench.finish().press("q");
    assert_eq!(bench.effects, [Effect::Quit]);
}

#[test]
fn next_tokens_are_asked_for_once_the_selection_rests() {
    let mut bench = Bench::ready(120, 40);
    bench.press("j").wait(50).press("j").wait(50);
    assert_eq!(bench.commands(), []);
    bench.wait(200);
    match bench.commands().as_slice() {
        [Command::Predict { fact }] => assert_eq!(fact.subject, "Paris"),
        other => panic!("{other:?}"),
    }
    bench.wait(200);
    assert_eq!(bench.commands(), []);
}

#[test]
fn a_second_trace_is_refused_with_the_reason_and_an_edit_waits() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t");
    bench.commands();
    bench.press("t");
    assert_eq!(bench.commands(), []);
    assert!(bench.screen().contains("tracing Bhutan is running; ctrl-c cancels it"));
    bench.press("r");
    assert_eq!(bench.commands(), []);
    assert!(bench.screen().contains("waits for one job"), "{}", bench.screen());
}

#[test]
fn nothing_can_be_started_before_the_model_is_there() {
    let mut bench = Bench::new(80, 24);
    bench.commands();
    bench.press("t r u e");
    assert_eq!(bench.commands(), []);
}

#[test]
fn cancelling_and_what_was_kept() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t").hear(recording::trace_start(2, TraceKind::Hidden, 0)).hear(recording::trace_row(2, 6));
    bench.effects.clear();
    bench.press("ctrl-c");
    assert_eq!(bench.effects, [Effect::Cancel(2)]);
    assert!(bench.screen().contains("canceling: tracing Bhutan"), "{}", bench.screen());
    let outcome = Outcome::Cancelled { kept: "1 of 7 rows".into() };
    bench.hear([Event::Finished { job: 2, outcome, seconds: 0.3 }]);
    let screen = bench.screen();
    assert!(screen.contains("tracing Bhutan was canceled; kept: 1 of 7 rows"), "{screen}");
    assert!(screen.contains(" canceled; kept: 1 of 7 rows"), "{screen}");
    // And a new one can begin.
    bench.commands();
    bench.press("t");
    assert_eq!(bench.commands().len(), 1);
}

#[test]
fn a_cancelled_edit_shows_the_model_as_it_is() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit_start(2)).hear((0..9).map(|number| recording::step(2, number)));
    assert!(!bench.screen().contains("0.973  +0.000"));
    let outcome = Outcome::Cancelled { kept: String::new() };
    bench.press("ctrl-c").hear([Event::Finished { job: 2, outcome, seconds: 0.3 }]);
    let screen = bench.screen();
    assert!(screen.contains("canceled: the weights are unchanged"), "{screen}");
    assert!(screen.contains("0.973  +0.000"), "{screen}");
}

#[test]
fn interrupting_twice_asks_whether_to_leave() {
    let mut bench = Bench::ready(120, 40);
    bench.press("ctrl-c").wait(1000).press("ctrl-c");
    assert!(bench.screen().contains("Leave?"));
    bench.press("n").wait(100).press("ctrl-c").wait(3000).press("ctrl-c");
    assert!(!bench.screen().contains("Leave?"), "three seconds are too long");
    // While a job runs: the first cancels, the second asks.
    bench.press("t");
    bench.effects.clear();
    bench.press("ctrl-c ctrl-c");
    assert_eq!(bench.effects, [Effect::Cancel(2)]);
    bench.press("y");
    assert_eq!(bench.effects, [Effect::Cancel(2), Effect::Cancel(2), Effect::Quit]);
}

#[test]
fn leaving_asks_only_while_a_job_runs() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t");
    bench.effects.clear();
    bench.press("q");
    assert_eq!(bench.effects, []);
    assert!(bench.screen().contains("tracing Bhutan is running and would be canceled"));
    bench.press("esc");
    assert!(!bench.screen().contains("Leave?"));
}

#[test]
fn a_frozen_view_holds_steps_back_and_the_run_goes_on() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit_start(2)).hear((0..5).map(|number| recording::step(2, number)));
    bench.press("space").hear((5..12).map(|number| recording::step(2, number)));
    let screen = bench.screen();
    assert!(screen.contains("frozen at step 5: 7 steps held back"), "{screen}");
    bench.press("space");
    assert!(bench.screen().contains("step 12 of 20"));
}

#[test]
fn the_form_sends_only_what_differs_from_the_defaults() {
    let mut bench = Bench::ready(120, 40);
    // Fine-tuning, layers 3 to 5, 40 steps.
    bench
        .press("e right down down ctrl-u")
        .type_text("3-5")
        .press("down down down ctrl-u")
        .type_text("40")
        .press("up up enter");
    match bench.commands().as_slice() {
        [Command::Do { task: Task::Edit(order), .. }] => {
            assert_eq!((order.method.as_str(), &order.layers), ("fine-tuning", &vec![3, 4, 5]));
            assert_eq!(serde_json::Value::from(order.method_settings.clone()), serde_json::json!({"steps": 40}));
            assert!(order.objective_settings.is_empty());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_form_refuses_what_a_hyperparameter_does_not_allow() {
    let mut bench = Bench::ready(120, 40);
    bench.press("e down down down down down").type_text("5000").press("up up enter");
    assert_eq!(bench.commands(), []);
    let screen = bench.screen();
    assert!(screen.contains("`steps` must be a whole number from 1 to 1000, not 5000"), "{screen}");
    bench.press("ctrl-u up up up").type_text("x").press("down enter");
    assert_eq!(bench.commands(), []);
    assert!(bench.screen().contains("each from 0 to 11"));
}

#[test]
fn a_typed_fact_goes_in_front_and_is_used() {
    let mut bench = Bench::ready(120, 40);
    bench
        .press("i")
        .type_text("The capital of {Norway} is")
        .press("enter")
        .type_text("Oslo")
        .press("enter")
        .type_text("Lima");
    bench.press("enter t");
    match bench.commands().as_slice() {
        [Command::Do { task: Task::Trace(order), .. }] => {
            assert_eq!((order.fact.subject.as_str(), order.fact.target_new.as_str()), ("Norway", "Lima"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn amending_keeps_the_record_as_long_as_only_the_new_target_changes() {
    let mut bench = Bench::ready(120, 40);
    bench.press("a ctrl-u").type_text("Lima").press("enter r");
    match bench.commands().as_slice() {
        [Command::Do { task: Task::Edit(order), .. }] => {
            assert_eq!(order.fact.target_new, "Lima");
            assert_eq!(order.fact.paraphrases, recording::fact().paraphrases);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn layers_show_the_model_as_it_is_until_the_fact_is_edited() {
    // Layer 11: the new and the true target's probability in the exported table.
    let last_row = |bench: &mut Bench| {
        bench.press("3 Y");
        let copied = bench.effects.drain(..).find_map(|effect| match effect {
            Effect::Copy { text, .. } => Some(text),
            _ => None,
        });
        let copied = copied.expect("a copied table");
        let row = copied.lines().find(|line| line.starts_with("11\t")).expect("layer 11");
        let cells: Vec<&str> = row.split('\t').collect();
        (cells[5].to_owned(), cells[6].to_owned())
    };
    let mut bench = Bench::ready(120, 40);
    assert!(bench.screen().contains("p(new), p(true): the unedited model"), "{}", bench.screen());
    assert_eq!(last_row(&mut bench), ("2e-6".into(), "0.9731".into()));
    // Another fact has no rows until its answer comes.
    bench.press("1 down");
    assert_eq!(last_row(&mut bench), (String::new(), String::new()));
    bench.press("1 up");
    bench.hear([recording::prediction(1)]);
    assert!(!bench.screen().contains("the model as it is, with 1 edit"), "no edit is in place: {}", bench.screen());
    bench.hear([recording::edits(&[1], &[]), recording::prediction(1)]);
    assert!(bench.screen().contains("the model as it is, with 1 edit in place"), "{}", bench.screen());
    // From the first event of its own edit on, the edit's rows are shown, whatever was predicted.
    bench.press("r").hear(recording::edit(2)).hear([recording::prediction(0)]);
    let (new, truth) = last_row(&mut bench);
    assert!(new.starts_with("0.962") && truth == "0.0001", "{new} {truth}");
    // A typed fact with the same prompt has other targets: the answer for the old ones is not its answer.
    let mut bench = Bench::ready(120, 40);
    bench.press("a ctrl-u").type_text("Lima").press("enter");
    assert_eq!(bench.state().fact().map(|fact| fact.target_new.as_str()), Some("Lima"));
    assert_eq!(last_row(&mut bench), (String::new(), String::new()));
}

#[test]
fn the_next_kind_of_trace_is_made_or_shown() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0));
    bench.commands();
    bench.press("m");
    match bench.commands().as_slice() {
        [Command::Do { task: Task::Trace(order), .. }] => assert_eq!((order.kind, order.window), (TraceKind::Mlp, 3)),
        other => panic!("{other:?}"),
    }
    bench.hear(recording::trace(3, TraceKind::Mlp, 0)).press("m").hear(recording::trace(4, TraceKind::Attention, 0));
    bench.commands();
    bench.press("m m");
    assert_eq!(bench.commands(), [], "all three are there");
    assert!(bench.screen().contains("MLP, window 3"));
}

#[test]
fn interventions_are_chosen_one_after_the_other() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t").hear(recording::trace(2, TraceKind::Mlp, 0));
    bench.commands();
    let mut seen = Vec::new();
    for job in 3..9 {
        bench.press("n");
        match bench.commands().as_slice() {
            [Command::Do { task: Task::Trace(order), .. }] => {
                seen.push((order.kind, order.intervention));
                let made = recording::trace(job, order.kind, 0).into_iter().map(|event| match event {
                    Event::Trace(mut started) => {
                        started.order.intervention = order.intervention;
                        Event::Trace(started)
                    }
                    other => other,
                });
                bench.hear(made.collect::<Vec<_>>());
            }
            other => panic!("{other:?}"),
        }
    }
    let (hidden, all) = (TraceKind::Hidden, Intervention::ALL);
    let expected = [all[1], all[2], all[3], all[4], all[5], all[0]].map(|intervention| (hidden, intervention));
    assert_eq!(seen, expected, "severed traces are of hidden states, and those after them stay so");
    bench.press("n");
    assert_eq!(bench.commands(), [], "this one is there");
    assert!(bench.screen().contains("MLP severed"));
    // a kind that cannot be severed
    bench.press("m");
    assert_eq!(bench.commands(), [], "the first trace was of MLP outputs, restored");
    assert!(!bench.screen().contains("severed"));
}

#[test]
fn exact_rows_take_the_place_of_the_preview() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t").hear(recording::trace_start(2, TraceKind::Hidden, 0)).hear(recording::trace_preview(2));
    assert!(bench.screen().contains("preview (first order)") && bench.screen().contains('~'));
    let rows = bench.screen().matches('~').count();
    bench.hear(recording::trace_row(2, 5));
    assert!(bench.screen().matches('~').count() < rows);
    bench.hear([0, 1, 2, 3, 4, 6].into_iter().flat_map(|token| recording::trace_row(2, token)));
    assert!(!bench.screen().contains("preview (first order)") && !bench.screen().contains('~'));
}

#[test]
fn a_trace_of_the_model_before_an_edit_says_so() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0)).press("r").hear(recording::edit(3)).press("2");
    assert!(bench.screen().contains("of the unedited model; t traces the model as it is now"), "{}", bench.screen());
}

#[test]
fn loading_can_be_cancelled_and_tried_again() {
    let mut bench = Bench::new(80, 24);
    bench.hear(recording::loading()).press("ctrl-c");
    let outcome = Outcome::Cancelled { kept: String::new() };
    bench.hear([Event::Finished { job: 1, outcome, seconds: 0.2 }]).wait(7000);
    let screen = bench.screen();
    assert!(screen.contains("loading the model was canceled (o tries again)"), "{screen}");
    bench.commands();
    bench.press("o");
    assert_eq!(bench.commands(), [Command::start(2, Load { source: ModelSource::BuiltIn })]);
}

#[test]
fn messages_fade_and_the_last_error_stays() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit_start(2)).hear([recording::failed(2)]);
    assert!(bench.screen().contains("error: editing Bhutan with rome failed"));
    bench.wait(6500);
    assert!(!bench.screen().contains("error: editing"));
    assert!(bench.state().is_idle() || bench.state().next_tick().is_some());
    bench.press("E");
    assert!(bench.screen().contains("Try a smaller learning_rate"));
}

#[test]
fn an_idle_workbench_waits_for_nothing() {
    let mut bench = Bench::ready(120, 40);
    bench.wait(10_000);
    bench.wait(10_000);
    assert!(bench.state().is_idle());
    let before = bench.screen();
    bench.wait(60_000);
    assert_eq!(bench.screen(), before, "nothing moves while nothing happens");
}

#[test]
fn the_screen_of_a_running_job_changes_four_times_a_second_at_most() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t");
    let mut screens: Vec<String> = Vec::new();
    for _ in 0..100 {
        bench.wait(10);
        screens.push(bench.screen());
    }
    let changes = screens.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!((1..=5).contains(&changes), "{changes} changes in a second");
}

#[test]
fn without_colors_no_cell_has_one() {
    let mut bench = Bench::with(WorkbenchOptions { colors: Depth::None, ..options() }, 120, 40);
    bench.hear(recording::loading()).hear(recording::loaded());
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0)).press("r").hear(recording::edit(3));
    let overlays = ["1 space", "U", "esc", "?", "esc", "e", "esc", ":", "esc", "M", "esc", "J", "esc", "L"];
    for keys in go_to_panes().iter().map(String::as_str).chain(overlays) {
        bench.press(keys);
        let colors =
            bench.buffer().content.into_iter().filter(|cell| (cell.fg, cell.bg) != (Color::Reset, Color::Reset));
        assert_eq!(colors.count(), 0, "after {keys}");
    }
}

#[test]
fn ascii_screens_hold_nothing_else() {
    let mut bench = Bench::with(WorkbenchOptions { ascii: true, ..options() }, 120, 40);
    bench.hear(recording::loading()).hear(recording::loaded());
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0)).press("r").hear(recording::edit(3));
    let overlays = ["1 space", "U", "esc", "?", "esc", "e", "esc", "M", "esc", "J", "esc", "L"];
    for keys in go_to_panes().iter().map(String::as_str).chain(overlays) {
        bench.press(keys);
        assert!(bench.screen().is_ascii(), "after {keys}:\n{}", bench.screen());
    }
}

#[test]
fn tables_are_copied_and_exported() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0)).press("3");
    bench.effects.clear();
    bench.press("y x");
    match bench.effects.as_slice() {
        [Effect::Copy { text: row, .. }, Effect::Save { name, contents }, rest @ ..] => {
            assert!(row.starts_with("5\t0.71"), "{row}");
            assert_eq!(name, "locus-layers-1.csv");
            assert_eq!(contents.lines().count(), 13);
            let others: Vec<&str> = rest
                .iter()
                .map(|effect| if let Effect::Save { name, .. } = effect { name.as_str() } else { "" })
                .collect();
            assert_eq!(others, ["locus-layers-1.json", "locus-layers-1.md", "locus-layers-1.svg"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_engine_may_end_unexpectedly() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t").feed(Input::EngineGone);
    bench.commands();
    assert!(bench.screen().contains("the engine ended unexpectedly"));
    bench.press("t r");
    assert_eq!(bench.commands(), []);
    bench.press("q");
    assert_eq!(bench.effects, [Effect::Quit]);
}

#[test]
fn all_gpus_have_their_gauge() {
    let mut bench = Bench::new(200, 60);
    bench.hear(recording::loaded()).hear([recording::gpu_memory()]);
    let screen = bench.screen();
    assert!(screen.contains("GPU 0 65 % 31.0 GiB of 80.0 GiB (ours 13.0 GiB)") && screen.contains("GPU 1"), "{screen}");
}

#[test]
fn coming_back_says_how_long_it_took_and_draws_anew() {
    let mut bench = Bench::ready(120, 40);
    bench.press("ctrl-z");
    assert_eq!(bench.effects, [Effect::Suspend]);
    bench.effects.clear();
    bench.feed(Input::Continued { away: Duration::from_secs(75) });
    assert_eq!(bench.effects, [Effect::Redraw]);
    assert!(bench.screen().contains("back after 1 min 15 s"));
}

#[test]
fn pasting_goes_into_texts_as_one_line() {
    let mut bench = Bench::ready(120, 40);
    bench.press("/").feed(Input::Paste("capital\nof Fr".into()));
    assert!(bench.screen().contains("/capital of Fr"), "{}", bench.screen());
    bench.press("esc").feed(Input::Paste("x".into()));
    assert!(bench.screen().contains("nothing here takes text"));
}

#[test]
fn a_recording_of_somebody_elses_jobs_can_be_shown() {
    let mut bench = Bench::new(80, 24);
    bench.hear(recording::loading()).hear(recording::loaded());
    bench.hear([Event::Started { job: 40, kind: JobKind::Trace, title: "tracing elsewhere".into() }]);
    bench.wait(7000);
    assert!(bench.screen().contains("tracing elsewhere"));
    bench.hear(recording::trace(40, TraceKind::Hidden, 0)).press("2");
    assert!(bench.screen().contains("hidden states"));
}

#[test]
fn a_trace_that_fails_at_once_says_so_where_it_would_be() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t");
    let outcome = Outcome::Failed { error: "the subject is not in the prompt".into(), blame: Blame::Request };
    bench.hear([Event::Finished { job: 2, outcome, seconds: 0.0 }]).wait(7000);
    let screen = bench.screen();
    assert!(
        screen.contains("failed: the subject is not in the prompt") && screen.contains("press t to try again"),
        "{screen}"
    );
}

#[test]
fn a_running_edit_stays_within_its_share_of_the_line() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0)).press("r").hear(recording::edit_start(3));
    let mut shown = bench.buffer();
    let line = Line::default();
    let mut backend = CrosstermBackend::new(line.clone());
    // Twenty frames are what a second has at most.
    for number in 0..20 {
        bench.hear([recording::step(3, number)]);
        let next = bench.buffer();
        backend.draw(shown.diff(&next).into_iter()).expect("it takes everything");
        shown = next;
    }
    let sent = line.0.lock().expect("line").len();
    assert!((1..20_000).contains(&sent), "{sent} bytes for twenty frames");
}

#[test]
fn a_hundred_thousand_facts_cost_no_more_to_draw_than_a_thousand() {
    let mut bench = Bench::ready(120, 40);
    let fact = |number: usize| Fact {
        case_id: Some(number as u64),
        subject: format!("Subject {number}"),
        ..recording::fact()
    };
    let mut frame = |count: usize| {
        bench.hear([Event::Facts { source: "many".into(), facts: (0..count).map(fact).collect() }]);
        let once = |_| {
            let start = Instant::now();
            bench.press("G").screen();
            start.elapsed()
        };
        (0..9).map(once).min().unwrap_or(Duration::MAX)
    };
    let (few, many) = (frame(1_000), frame(100_000));
    println!("a frame with 1,000 facts takes {few:?}, with 100,000 {many:?}");
    assert!(many < 4 * few, "{few:?}, {many:?}");
    bench.press("/").type_text("subject 99999");
    assert!(bench.screen().contains(" of 100000 facts"), "{}", bench.screen());
}
