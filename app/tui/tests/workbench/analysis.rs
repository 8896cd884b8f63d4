//! The Analysis pane: what a sweep answers, computed beside the screen from the rows that there are.

use super::support::analyzing::{Swept, answer, asked, compute, rows, started, told};
use super::support::{Bench, options, text_of};
use locus_protocol::Event;
use locus_tui::{
    AnalysisEvent, Depth, Effect, Input, Key, Workbench, WorkbenchOptions, analyze, draw, picture, update,
};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

/// An analysis of eight facts.
fn analyzed(options: WorkbenchOptions, columns: u16, rows: u16) -> (Bench, Swept) {
    let mut bench = Bench::ready_with(options, columns, rows);
    let swept = told(&mut bench, 8);
    bench.press("A");
    compute(&mut bench, &swept);
    (bench, swept)
}

fn has(bench: &Bench, text: &str) {
    assert!(bench.screen().contains(text), "{text} is not on the screen\n{}", bench.screen());
}

#[test]
fn what_is_missing_is_said_with_the_key_that_gives_it() {
    let mut bench = Bench::ready(80, 24);
    bench.press("A");
    assert_eq!(asked(&mut bench), None, "there is nothing to analyze");
    insta::assert_snapshot!("analysis_no_sweep_80x24", bench.screen());
    let mut swept = Swept::new(true);
    bench.hear([started(2, "sweeps/two")]);
    has(&bench, "no row of the sweep has arrived yet; r computes");
    swept.add(&mut bench, 0..1);
    has(&bench, "r computes the analysis of the 38 rows so far");
    bench.press("r");
    has(&bench, "computing: reading the rows");
    let (number, fully) = asked(&mut bench).expect("asked for");
    assert!(!fully);
    bench.feed(Input::Analysis { number, event: AnalysisEvent::Computed { done: 3, all: 12 } });
    has(&bench, "computing: 3 of 12 tables of a localizer");
    bench.press("r");
    assert_eq!(asked(&mut bench), None, "it is computed already");
    answer(&mut bench, &swept.path(), number);
    // one fact: reasons in place of numbers, and what gives them
    has(&bench, "no verdict on causal trace: 1 fact without a gap, but 2 are needed");
    has(&bench, "more facts arrive while the sweep runs; r computes again");
}

#[test]
fn an_analysis_that_fails_says_why_and_can_be_tried_again() {
    let mut bench = Bench::ready(80, 24);
    let _swept = told(&mut bench, 1);
    bench.press("A");
    let (number, _) = asked(&mut bench).expect("asked for");
    let nowhere = tempfile::tempdir().expect("a folder");
    answer(&mut bench, nowhere.path(), number);
    has(&bench, "there is no sweep in this folder");
    has(&bench, "r tries again");
    bench.press("r");
    assert!(asked(&mut bench).is_some_and(|(next, _)| next > number));
    let empty = Swept::new(true);
    answer(&mut bench, &empty.path(), number + 1);
    has(&bench, "no cell has a score yet");
}

#[test]
fn every_section_at_two_sizes() {
    for (columns, rows) in SIZES {
        let (mut bench, _swept) = analyzed(options(), columns, rows);
        for name in ["verdict", "regret", "published", "facts", "scatter", "peaks"] {
            insta::assert_snapshot!(format!("analysis_{name}_{columns}x{rows}"), bench.screen());
            bench.press("l");
        }
        bench.press("l s");
        insta::assert_snapshot!(format!("analysis_curve_{columns}x{rows}"), bench.screen());
    }
}

#[test]
fn without_color_and_with_ascii_alone() {
    let plain = WorkbenchOptions { ascii: true, colors: Depth::None, ..options() };
    let (mut bench, _swept) = analyzed(plain, 80, 24);
    for name in ["verdict", "regret", "published", "facts", "scatter", "peaks"] {
        assert!(bench.screen().is_ascii(), "{}", bench.screen());
        assert!(!bench.screen().contains('?') || bench.screen().contains("? help"), "{}", bench.screen());
        if ["regret", "scatter"].contains(&name) {
            insta::assert_snapshot!(format!("analysis_{name}_ascii_80x24"), bench.screen());
        }
        bench.press("l");
    }
}

#[test]
fn all_sizes_are_drawn_and_the_end_of_every_section_can_be_reached() {
    for (columns, rows) in [(200, 60), (80, 24), (60, 16), (40, 12), (20, 6), (5, 3)] {
        let (mut bench, _swept) = analyzed(options(), columns, rows);
        for _ in 0..6 {
            bench.press("G");
            assert!(!bench.screen().contains("more below"), "{}", bench.screen());
            bench.press("g g l");
        }
    }
}

#[test]
fn method_objective_score_and_localizer_are_chosen_by_keys() {
    let (mut bench, _swept) = analyzed(options(), 120, 40);
    has(&bench, "rome (1/2)  } error injection (1/2)  m rewrite score (1/2)  n causal trace (1/2)");
    bench.press("}");
    has(&bench, "} fact erasure (2/2)");
    has(&bench, "for rome and fact erasure, picking the layer by causal trace");
    bench.press("m n");
    has(&bench, "m paraphrase score (2/2)  n random layer (2/2)");
    bench.press("]");
    has(&bench, "memit, window 5 (2/2)  error injection  m paraphrase score (2/2)  n random layer (2/2)");
    bench.press("[ [ ]");
    // what the next method has not gives way, and is there again with the one before
    has(&bench, "rome (1/2)  } fact erasure (2/2)");
}

#[test]
fn rows_that_come_later_are_counted_and_a_key_takes_them_in() {
    let mut bench = Bench::ready(120, 40);
    let mut swept = told(&mut bench, 6);
    bench.press("A");
    compute(&mut bench, &swept);
    has(&bench, "of 228 rows (of 304), 2000 resamples in 0.40 s");
    has(&bench, "6 facts, 12 layers");
    has(&bench, "so far: these are 228 of the sweep's 304 rows, and what is missing may change it");
    swept.add(&mut bench, 6..8);
    has(&bench, "of 228 rows (of 304), 2000 resamples in 0.40 s; 76 more since: r computes again");
    // rows that it has already are no news, whichever job tells them
    let again = rows(0).into_iter().map(|row| Event::Swept { job: 2, row: Box::new(row) });
    bench.hear(again);
    has(&bench, "76 more since");
    bench.press("r");
    has(&bench, "computing: reading the rows");
    has(&bench, "picking the layer by causal trace");
    compute(&mut bench, &swept);
    has(&bench, "of 304 rows, 2000 resamples in 0.40 s");
    has(&bench, "8 facts, 12 layers");
    assert!(!bench.screen().contains("so far: these are"), "{}", bench.screen());
    bench.press("A");
    assert_eq!(asked(&mut bench), None, "there is nothing new");
    bench.press("R");
    assert!(asked(&mut bench).is_some_and(|(_, fully)| fully));
}

#[test]
fn an_analysis_that_was_replaced_is_not_listened_to() {
    let (mut bench, swept) = analyzed(options(), 120, 40);
    bench.hear([started(3, "sweeps/other")]);
    has(&bench, "no row of the sweep has arrived yet");
    answer(&mut bench, &swept.path(), 1);
    has(&bench, "no row of the sweep has arrived yet");
    // the same sweep gone on with by another job keeps its analysis
    let (mut bench, _swept) = analyzed(options(), 120, 40);
    bench.hear([started(3, "sweeps/two")]);
    bench.hear(rows(3).into_iter().map(|row| Event::Swept { job: 3, row: Box::new(row) }));
    has(&bench, "of 304 rows, 2000 resamples in 0.40 s");
}

#[test]
fn one_that_is_computed_elsewhere_on_the_screen_says_so() {
    let mut bench = Bench::ready(120, 40);
    let swept = told(&mut bench, 8);
    bench.press("A 1");
    compute(&mut bench, &swept);
    has(&bench, "the analysis of the sweep is computed; 8 shows it");
}

#[test]
fn a_sweep_without_localizers_compares_fixed_and_random_layers() {
    let mut bench = Bench::ready(80, 24);
    let mut swept = Swept::new(false);
    bench.hear([started(2, "sweeps/two")]);
    swept.add(&mut bench, 0..8);
    bench.press("A");
    compute(&mut bench, &swept);
    insta::assert_snapshot!("analysis_no_localizer_80x24", bench.screen());
    for _ in 0..5 {
        bench.press("l G");
        has(&bench, "this sweep has no localizer");
        if bench.screen().contains("layer picked by") {
            has(&bench, "any layer, at random");
        }
    }
}

#[test]
fn the_layer_of_the_scatter_plot_is_that_of_all_panes() {
    let (mut bench, _swept) = analyzed(options(), 120, 40);
    bench.press("l l l l");
    let layer = bench.state().layer();
    has(&bench, &format!("layer {layer}, {} of 12: 8 facts", layer + 1));
    bench.press("j j");
    assert_eq!(bench.state().layer(), layer + 2);
    has(&bench, &format!("layer {}, {} of 12: 8 facts, r ", layer + 2, layer + 3));
}

#[test]
fn every_section_is_exported_as_a_table() {
    let (mut bench, _swept) = analyzed(options(), 120, 40);
    let columns = [
        "localizer,verdict,loss,low,high,facts",
        "rule,regret,low,high,facts,loss,loss_low,loss_high",
        "localizer,facts,r2_layer,r2_effect,r2_both,difference,f,df1,df2,p,p_holm",
        "statistic,value",
        "layer,effect,score",
        "layer,largest_effect_here,best_edit_here,mean_effect,mean_score",
    ];
    for columns in columns {
        bench.effects.clear();
        bench.press("x");
        let saved = bench.effects.iter().find_map(|effect| match effect {
            Effect::Save { name, contents } if name.ends_with("csv") => Some((name.clone(), contents.clone())),
            _ => None,
        });
        let (name, text) = saved.expect("a file");
        assert!(name.starts_with("locus-analysis-") && text.starts_with(columns), "{name}: {text}");
        assert!(text.lines().count() > 2, "{text}");
        bench.press("l");
    }
}

#[test]
fn who_looks_on_can_analyze_as_well() {
    let options = WorkbenchOptions { follows: Some("sweeps/two".to_owned()), ..options() };
    let mut workbench = Workbench::new(&options).expect("the shipped keymap");
    update(&mut workbench, Input::Resize(80, 24));
    update(&mut workbench, Input::engine(started(1, "sweeps/two")));
    let pressed = update(&mut workbench, Input::Key(Key::character('A')));
    assert!(matches!(pressed.as_slice(), [Effect::Analyze { number: 1, .. }]), "{pressed:?}");
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    draw(&workbench, &mut buffer);
    assert!(text_of(&buffer).contains("computing: reading the rows") && !picture(&buffer).is_empty());
}

#[test]
fn names_from_elsewhere_are_written_out() {
    let (mut bench, _swept) = analyzed(options(), 120, 40);
    if let Event::Sweep(started) = started(2, "sweeps/two") {
        let title = "two \u{1b}[31mred".to_owned();
        bench.hear([Event::Sweep(locus_protocol::SweepStarted { title, ..started })]);
    }
    has(&bench, "two \\u{1b}[31mred");
}

#[test]
fn an_analysis_can_be_stopped() {
    let mut bench = Bench::ready(80, 24);
    let swept = told(&mut bench, 6);
    let mut asked = 0;
    let stopped = analyze(&swept.path(), false, &mut |done, _| {
        asked += 1;
        done < 2
    });
    assert_eq!((stopped.map(|analyzed| analyzed.is_some()), asked), (Ok(false), 2));
}
