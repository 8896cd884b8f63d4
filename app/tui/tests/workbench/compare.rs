//! Variants side by side: what is ordered when, what is shown, and what differs.

use super::support::{Bench, options, recording};
use locus_protocol::{AimVerdict, Blame, Command, EditOrder, Event, JobId, Outcome, Task, TriedOn};
use locus_tui::{Depth, Effect, WorkbenchOptions};
use ratatui::backend::{Backend, CrosstermBackend};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

/// The one order of a trial that is on its way to the engine.
pub fn trial(bench: &mut Bench) -> (JobId, EditOrder) {
    // what is tried anew is forgotten first
    let trials: Vec<Command> =
        bench.commands().into_iter().filter(|command| !matches!(command, Command::Drop { .. })).collect();
    match trials.as_slice() {
        [Command::Do { job, task: Task::Try(attempt) }] => (*job, attempt.order.clone()),
        other => panic!("{other:?}"),
    }
}

/// Two methods, both measured, after a trace.
pub fn compared(options: WorkbenchOptions, columns: u16, rows: u16) -> Bench {
    let mut bench = Bench::ready_with(options, columns, rows);
    bench.press("t").hear(recording::trace(2, locus_protocol::TraceKind::Hidden, 0));
    bench.commands();
    bench.press("C r");
    for share in [1.0, 0.6] {
        let (job, order) = trial(&mut bench);
        bench.hear(recording::attempt(job, &order, share));
    }
    assert!(bench.commands().is_empty(), "nothing is left to run");
    bench
}

#[test]
fn variants_are_tried_one_after_the_other_and_only_those_that_are_new() {
    let mut bench = Bench::ready(120, 40);
    bench.press("C r");
    let (first, order) = trial(&mut bench);
    assert_eq!(order.method, "rome");
    assert!(bench.screen().contains("waiting"), "{}", bench.screen());
    bench.press("r");
    assert!(bench.commands().is_empty(), "what runs or waits is not ordered twice");
    bench.hear(recording::attempt(first, &order, 1.0));
    let (second, order) = trial(&mut bench);
    assert_eq!((order.method.as_str(), second), ("fine-tuning", first + 1));
    bench.hear(recording::attempt(second, &order, 0.6));
    bench.press("r");
    assert!(bench.commands().is_empty(), "both have their numbers");
    bench.press("R");
    let (third, order) = trial(&mut bench);
    assert_eq!((order.method.as_str(), third), ("rome", second + 1));
}

#[test]
fn a_variant_whose_settings_change_is_new_and_the_form_keeps_its_own() {
    let mut bench = compared(options(), 120, 40);
    bench.press("l enter");
    assert!(bench.screen().contains("Variant B"), "{}", bench.screen());
    bench.press("down down backspace").type_text("7").press("esc");
    let screen = bench.screen();
    assert!(screen.contains("layer 7") && screen.contains("not run yet"), "{screen}");
    bench.press("r");
    let (_, order) = trial(&mut bench);
    assert_eq!((order.method.as_str(), &order.layers), ("fine-tuning", &vec![7]));
    bench.press("3 e");
    assert!(!bench.screen().contains("Variant B"), "the form is about the next edit again");
    bench.press("esc");
}

#[test]
fn a_failed_variant_says_why_and_the_next_one_runs() {
    let mut bench = Bench::ready(120, 40);
    bench.press("C r");
    let (job, _) = trial(&mut bench);
    let outcome = Outcome::Failed { error: "the value became NaN".into(), blame: Blame::Plugin };
    bench.hear([Event::Finished { job, outcome, seconds: 0.2 }]);
    assert!(bench.screen().contains("failed: the value became NaN"), "{}", bench.screen());
    let (next, _) = trial(&mut bench);
    assert_eq!(next, job + 1);
}

#[test]
fn the_baseline_is_what_the_others_differ_from() {
    let mut bench = compared(options(), 120, 40);
    assert!(bench.screen().contains("B-A"), "{}", bench.screen());
    bench.press("l b");
    let screen = bench.screen();
    assert!(screen.contains("A-B") && !screen.contains("B-A"), "{screen}");
}

#[test]
fn pages_end_where_the_numbers_do_and_lead_back_at_once() {
    let mut bench = compared(options(), 80, 24);
    let above = |bench: &Bench| {
        let screen = bench.screen();
        let told = screen.lines().find_map(|line| line.split_once(" lines above")?.0.trim().parse::<usize>().ok());
        told.unwrap_or_else(|| panic!("{screen}"))
    };
    let page = above(bench.press("page-down"));
    let end = above(bench.press("page-down page-down page-down page-down"));
    assert!(bench.screen().contains("lines above; page-up shows them"), "{}", bench.screen());
    assert_eq!(above(bench.press("page-down")), end);
    assert_eq!(above(bench.press("page-up")), end - page);
}

#[test]
fn going_to_another_fact_and_back_finds_the_numbers_again() {
    let mut bench = compared(options(), 120, 40);
    bench.press("]");
    assert_eq!(bench.screen().matches("not run yet").count(), 2, "{}", bench.screen());
    bench.press("[");
    assert_eq!(bench.screen().matches("not run yet").count(), 0, "{}", bench.screen());
}

/// The model that the one trial on its way to the engine is tried on.
fn ground_of_trial(bench: &mut Bench) -> TriedOn {
    let trials: Vec<TriedOn> = bench
        .commands()
        .iter()
        .filter_map(|it| if let Command::Do { task: Task::Try(it), .. } = it { Some(it.on) } else { None })
        .collect();
    let [on] = trials[..] else { panic!("{trials:?}") };
    on
}

#[test]
fn variants_are_measured_from_the_unedited_model_whatever_is_in_place() {
    let mut bench = compared(options(), 120, 40);
    assert!(bench.screen().contains("5 Compare · from the unedited model"), "{}", bench.screen());
    bench.hear([recording::edits(&[1], &[])]);
    let screen = bench.screen();
    assert!(screen.contains("from the unedited model, without the edit in place"), "{screen}");
    assert!(
        screen.contains("1.4 s, 1.9 KiB") && screen.contains("0.962"),
        "its numbers are still its numbers: {screen}"
    );
    bench.press("R");
    assert_eq!(ground_of_trial(&mut bench), TriedOn::Unedited);
}

#[test]
fn variants_are_measured_on_the_edits_in_place_where_that_is_asked_for_and_say_so() {
    let mut bench = compared(options(), 120, 40);
    bench.hear([recording::edits(&[1, 2], &[])]);
    bench.commands();
    bench.press("s");
    let screen = bench.screen();
    assert!(screen.contains("5 Compare · from the model with edits 1, 2 in place"), "{screen}");
    assert!(screen.contains("on top of the 2 edits in place, not from the unedited model"), "{screen}");
    assert_eq!(screen.matches("run on unedited only").count(), 2, "{screen}");
    assert!(!screen.contains("0.962") && !screen.contains("0.577"), "numbers of another model stand nowhere: {screen}");
    insta::assert_snapshot!("compared_on_edits_120x40", screen);
    bench.press("r");
    assert_eq!(ground_of_trial(&mut bench), TriedOn::AsItIs);
    bench.press("s");
    assert!(bench.screen().contains("0.962"), "the numbers of the unedited model are kept: {}", bench.screen());
}

#[test]
fn exports_of_the_comparison_say_what_it_was_measured_from() {
    let mut bench = compared(options(), 120, 40);
    bench.hear([recording::edits(&[1], &[])]).effects.clear();
    bench.press("x");
    let saved = |bench: &Bench, ending: &str| {
        bench.effects.iter().find_map(|effect| match effect {
            Effect::Save { name, contents } if name.ends_with(ending) => Some(contents.clone()),
            _ => None,
        })
    };
    let csv = saved(&bench, ".csv").expect("csv");
    assert!(csv.contains("setting,measured_from,,,,the unedited model,the unedited model,"), "{csv}");
    assert!(
        csv.contains(
            "text,verdict,,,,took: p(new) 0.962 > p(true) 0.011; 2 of 2 paraphrases and 10 of 10 neighbors hold,"
        ),
        "{csv}"
    );
    assert!(saved(&bench, ".md").expect("md").starts_with("Variants measured from the unedited model\n"));
}

#[test]
fn a_variant_that_does_not_take_says_so() {
    let mut bench = Bench::ready(120, 40);
    bench.press("C r");
    let (job, order) = trial(&mut bench);
    let missed = |event| match event {
        Event::Tried(mut tried) => {
            let why = "p(new) 0.020 < p(true) 0.610".to_owned();
            tried.would.verdict =
                Some(AimVerdict { success: false, facts: 1, missed: 1, why, ..AimVerdict::default() });
            Event::Tried(tried)
        }
        other => other,
    };
    bench.hear(recording::attempt(job, &order, 0.1).into_iter().map(missed));
    let screen = bench.screen();
    assert!(screen.contains("layer 4  did not take, 0.50 s"), "{screen}");
    assert!(screen.contains("A did not take: p(new) 0.020 < p(true) 0.610"), "{screen}");
    bench.press("J");
    assert!(bench.screen().contains("did not take trying variant A"), "{}", bench.screen());
}

#[test]
fn an_edit_that_was_made_is_known_to_the_comparison() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r");
    bench.commands();
    bench.hear(recording::edit(2)).press("5 +");
    let screen = bench.screen();
    assert!(screen.contains("in place as edit 1") && screen.contains("0.962"), "{screen}");
    bench.hear([recording::undone()]);
    assert!(bench.screen().contains("made as an edit in 2.3 s"), "{}", bench.screen());
    bench.press("p");
    assert!(bench.commands().is_empty(), "the engine has not kept its changes as a variant's");
}

#[test]
fn a_variant_is_put_in_place_as_it_was_tried() {
    let mut bench = compared(options(), 120, 40);
    bench.press("p");
    let (job, tried) = match bench.commands().as_slice() {
        [Command::Do { job, task: Task::Keep(keep) }] => (*job, keep.tried),
        other => panic!("{other:?}"),
    };
    assert!(tried < job);
    bench.hear(recording::edit_end(job));
    assert!(bench.screen().contains("in place as edit 1"), "{}", bench.screen());
    let screen = bench.press("W W W W").screen();
    assert!(screen.contains("1 edit in place") && screen.contains("in place, took: p(new)"), "{screen}");
}

#[test]
fn jobs_wait_are_dropped_paused_and_run_again() {
    let mut bench = Bench::ready(120, 40);
    bench.press("C r");
    let (first, order) = trial(&mut bench);
    bench.press("P");
    assert!(bench.effects.contains(&Effect::Pause(first, true)));
    assert!(bench.screen().contains("paused: trying variant A"), "{}", bench.screen());
    bench.press("J p");
    assert!(bench.effects.contains(&Effect::Pause(first, false)));
    insta::assert_snapshot!("jobs_120x40", bench.screen());
    bench.press("j x");
    bench.press("esc");
    assert!(bench.screen().contains("not run yet"), "what was dropped is not on its way: {}", bench.screen());
    bench.commands();
    bench.hear(recording::attempt(first, &order, 1.0));
    assert!(bench.commands().is_empty(), "what was dropped does not run");
    bench.press("J r");
    let (again, same) = trial(&mut bench);
    assert_eq!((again, same), (first + 2, order), "job {} was dropped", first + 1);
}

#[test]
fn all_sizes_show_variants_their_differences_and_plots() {
    for (columns, rows) in SIZES {
        let bench = compared(options(), columns, rows);
        insta::assert_snapshot!(format!("compared_{columns}x{rows}"), bench.screen());
    }
    let mut bench = compared(options(), 120, 40);
    bench.press("d");
    insta::assert_snapshot!("compared_settings_120x40", bench.screen());
    let mut bench = compared(options(), 80, 24);
    bench.press("page-down");
    let screen = bench.screen();
    assert!(screen.contains("says target") && screen.contains("says target exactly"), "{screen}");
    insta::assert_snapshot!("compared_paged_80x24", screen);
    bench.press("6");
    insta::assert_snapshot!("plotted_80x24", bench.screen());
    bench.press("m m m s");
    assert!(bench.screen().contains("loss by step, log scale"), "{}", bench.screen());
    insta::assert_snapshot!("plotted_loss_80x24", bench.screen());
    bench.press("m s");
    let screen = bench.screen();
    assert!(screen.contains("terms of the loss of A by step"), "{screen}");
    assert!(
        ["0 loss 0.1995", "1 decay 0.0080", "2 fit 0.1795", "3 kl"].iter().all(|term| screen.contains(term)),
        "{screen}"
    );
    let plain = WorkbenchOptions { ascii: true, colors: Depth::None, ..options() };
    let mut bench = compared(plain, 120, 40);
    bench.press("6 m m");
    let screen = bench.screen();
    assert!(screen.is_ascii(), "{screen}");
    insta::assert_snapshot!("compared_plain_120x40", screen);
}

#[test]
fn the_comparison_is_exported_in_four_ways() {
    let mut bench = compared(options(), 80, 24);
    bench.effects.clear();
    bench.press("5 x");
    let file = |ending: &str| {
        bench.effects.iter().find_map(|effect| match effect {
            Effect::Save { name, contents } if name.ends_with(ending) => Some(contents.clone()),
            _ => None,
        })
    };
    let csv = file(".csv").expect("csv");
    assert!(csv.starts_with("part,name,layer,effect_last_subject_token,before,A,B,B_minus_A\r\n"), "{csv}");
    assert!(csv.contains("setting,method,,,,rome,fine-tuning,\r\n"), "{csv}");
    let last = csv.lines().find(|line| line.starts_with("layer,probability_new,11,")).expect("the last layer");
    let cells: Vec<f64> = last.split(',').skip(4).map(|cell| cell.trim().parse().expect(last)).collect();
    assert!((cells[3] - (cells[2] - cells[1])).abs() < 1e-12 && cells[1] > 0.9, "{last}");
    assert!(file(".md").expect("markdown").contains("| setting | method |"));
    assert!(file(".svg").expect("picture").starts_with("<svg"));
    let json: serde_json::Value = serde_json::from_str(&file(".json").expect("json")).expect("json");
    assert!(json.as_array().is_some_and(|rows| rows.len() > 4 * 12));
}

#[test]
fn a_running_comparison_stays_within_its_share_of_the_line() {
    let mut bench = Bench::ready(120, 40);
    bench.press("C r");
    let (job, order) = trial(&mut bench);
    let mut shown = bench.buffer();
    let mut sent = Vec::new();
    // twenty frames are what a second has at most
    for event in recording::attempt(job, &order, 1.0).into_iter().take(22) {
        bench.hear([event]);
        let next = bench.buffer();
        let mut backend = CrosstermBackend::new(&mut sent);
        backend.draw(shown.diff(&next).into_iter()).expect("it takes everything");
        shown = next;
    }
    println!("{} bytes for 22 frames", sent.len());
    assert!((1..20_000).contains(&sent.len()), "{} bytes for twenty frames", sent.len());
}

#[test]
fn a_recording_of_trials_shows_them_again() {
    let mut bench = Bench::ready(120, 40);
    let order = recording::order(vec![5]);
    for event in recording::attempt(8, &order, 0.7) {
        locus_tui::replay(&mut bench.workbench, event);
    }
    bench.press("5");
    let screen = bench.screen();
    assert!(screen.contains("A= rome") && screen.contains("1.1 s"), "{screen}");
}

#[test]
fn the_cursor_of_a_plot_reads_the_values_of_all_curves() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2));
    bench.press("6 z");
    let layer = bench.state().layer();
    let row = |bench: &Bench, layer: usize| bench.state().edits.view.as_ref().and_then(|view| view.row(layer)).cloned();
    assert!(bench.screen().contains(&format!("p(new) by layer, at layer {layer}")), "{}", bench.screen());
    bench.press("G");
    let last = row(&bench, 11).expect("a row").probability_new;
    assert!(
        bench.screen().contains("at layer 11") && bench.screen().contains(&format!("{last:.4}")),
        "{}",
        bench.screen()
    );
    bench.press("h h");
    let ninth = row(&bench, 9).expect("a row").probability_new;
    assert!(bench.screen().contains(&format!("{ninth:.4}")), "{}", bench.screen());
    assert!(bench.screen().contains("^9"), "{}", bench.screen());
    // by step: it goes with the last one until it is moved
    while !bench.screen().contains("loss by step") {
        bench.press("m");
    }
    let losses = bench.state().edits.view.as_ref().expect("an edit").history().to_vec();
    let shows = |bench: &Bench, step: usize| {
        let screen = bench.screen();
        screen.contains(&format!("at step {step}")) && screen.contains(&format!("{:.4}", losses[step])[..6])
    };
    assert!(shows(&bench, losses.len() - 1), "{}", bench.screen());
    bench.press("h h h");
    assert!(shows(&bench, losses.len() - 4), "{}", bench.screen());
    bench.press("home");
    assert!(bench.screen().contains("at step 0"), "{}", bench.screen());
    bench.press("end l");
    assert!(shows(&bench, losses.len() - 1), "{}", bench.screen());
}
