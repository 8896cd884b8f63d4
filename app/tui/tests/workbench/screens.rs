//! What the whole screen shows in each situation, at three sizes.

use super::support::{Bench, options, recording};
use locus_protocol::{Event, Intervention, JobKind, Phase, TraceKind};
use locus_tui::{Depth, WorkbenchOptions};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

fn traced(mut bench: Bench) -> Bench {
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0));
    bench
}

fn editing(columns: u16, rows: u16) -> Bench {
    let mut bench = traced(Bench::ready(columns, rows));
    bench.press("r").hear(recording::edit_start(3));
    bench
}

fn snapshot(name: &str, make: impl Fn(u16, u16) -> Bench) {
    for (columns, rows) in SIZES {
        let bench = make(columns, rows);
        insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), bench.screen());
    }
}

#[test]
fn loading() {
    snapshot("loading", |columns, rows| {
        let mut bench = Bench::new(columns, rows);
        bench.hear(recording::loading());
        bench
    });
}

#[test]
fn ready_and_nothing_done() {
    snapshot("ready", Bench::ready);
}

#[test]
fn panes_say_what_to_press() {
    let mut bench = Bench::ready(80, 24);
    for (key, name) in [("2", "ready_trace_pane"), ("3", "ready_layers_pane"), ("4", "ready_before_after_pane")] {
        bench.press(key);
        insta::assert_snapshot!(format!("{name}_80x24"), bench.screen());
    }
}

#[test]
fn trace_that_fills() {
    snapshot("mid_trace", |columns, rows| {
        let mut bench = Bench::ready(columns, rows);
        bench.press("t").hear(recording::trace_start(2, TraceKind::Hidden, 0));
        bench.hear((3..6).flat_map(|token| recording::trace_row(2, token)));
        bench
    });
}

#[test]
fn trace_that_is_previewed() {
    snapshot("previewed_trace", |columns, rows| {
        let mut bench = Bench::ready(columns, rows);
        bench.press("t").hear(recording::trace_start(2, TraceKind::Hidden, 0)).hear(recording::trace_preview(2));
        bench.hear((0..4).flat_map(|token| recording::trace_row(2, token)));
        bench
    });
}

#[test]
fn ablation_that_is_done() {
    let mut bench = Bench::ready(120, 40);
    let ablated = recording::trace(2, TraceKind::Mlp, 0).into_iter().map(|event| match event {
        Event::Trace(mut started) => {
            started.order.intervention = Intervention::AblateResample;
            started.corrupted = started.clean;
            started.donors = vec!["Nepal".into(), "Peru".into()];
            Event::Trace(started)
        }
        other => other,
    });
    bench.press("2").hear(ablated.collect::<Vec<_>>());
    insta::assert_snapshot!("ablated_120x40", bench.screen());
}

#[test]
fn trace_that_is_done() {
    snapshot("traced", |columns, rows| traced(Bench::ready(columns, rows)));
}

#[test]
fn edit_that_runs() {
    snapshot("mid_edit", |columns, rows| {
        let mut bench = editing(columns, rows);
        bench.hear((0..12).map(|number| recording::step(3, number)));
        bench
    });
}

#[test]
fn edit_that_is_frozen() {
    let mut bench = editing(80, 24);
    bench.hear((0..5).map(|number| recording::step(3, number)));
    bench.press("space").hear((5..9).map(|number| recording::step(3, number)));
    insta::assert_snapshot!("frozen_80x24", bench.screen());
}

#[test]
fn edit_that_is_done() {
    snapshot("edited", |columns, rows| {
        let mut bench = editing(columns, rows);
        bench.hear((0..20).map(|number| recording::step(3, number))).hear(recording::edit_end(3));
        bench.hear([recording::prediction(1)]);
        bench
    });
    let mut bench = editing(80, 24);
    bench.hear((0..20).map(|number| recording::step(3, number))).hear(recording::edit_end(3)).press("4");
    insta::assert_snapshot!("edited_before_after_80x24", bench.screen());
}

#[test]
fn edit_that_was_taken_back() {
    snapshot("undone", |columns, rows| {
        let mut bench = editing(columns, rows);
        bench.hear((0..20).map(|number| recording::step(3, number))).hear(recording::edit_end(3));
        bench.press("u").hear([recording::undone(), recording::prediction(0)]).finish();
        bench
    });
}

#[test]
fn edit_that_failed() {
    snapshot("failed", |columns, rows| {
        let mut bench = editing(columns, rows);
        bench.hear((0..7).map(|number| recording::step(3, number))).hear([recording::failed(3)]);
        bench
    });
}

#[test]
fn help() {
    snapshot("help", |columns, rows| {
        let mut bench = Bench::ready(columns, rows);
        bench.press("?");
        bench
    });
}

#[test]
fn palette() {
    let mut bench = Bench::ready(80, 24);
    bench.press(":").type_text("und");
    insta::assert_snapshot!("palette_80x24", bench.screen());
}

#[test]
fn edit_form() {
    snapshot("form", |columns, rows| {
        let mut bench = traced(Bench::ready(columns, rows));
        bench.press("e tab tab tab tab tab tab").type_text("0.05x");
        bench
    });
}

#[test]
fn list_of_edits() {
    snapshot("edits", |columns, rows| {
        let mut bench = editing(columns, rows);
        bench.hear((0..20).map(|number| recording::step(3, number))).hear(recording::edit_end(3));
        bench.hear([recording::edits(&[1, 2, 4, 5], &[6, 3])]).press("U up up").wait(7000);
        bench
    });
}

#[test]
fn several_facts() {
    snapshot("several_facts", |columns, rows| {
        let mut bench = Bench::ready(columns, rows);
        bench.press("space space j space");
        bench
    });
    let mut bench = Bench::ready(80, 24);
    bench.press("space space e up space down down down down");
    insta::assert_snapshot!("several_facts_form_80x24", bench.screen());
}

#[test]
fn second_moments_come_first() {
    snapshot("second_moments", |columns, rows| {
        let mut bench = Bench::ready(columns, rows);
        bench.press("r").hear([Event::Started { job: 2, kind: JobKind::Edit, title: String::new() }]);
        bench.hear((1..=10).map(|part| Event::Progress {
            job: 2,
            phase: Phase::SecondMoments,
            done: 6000 * part,
            total: 120_000,
        }));
        bench
    });
}

#[test]
fn own_fact() {
    let mut bench = Bench::ready(80, 24);
    bench.press("i").type_text("The capital of France is").press("tab").type_text("Paris").press("tab enter");
    insta::assert_snapshot!("own_fact_80x24", bench.screen());
}

#[test]
fn filter() {
    let mut bench = Bench::ready(80, 24);
    bench.press("/").type_text("capit");
    insta::assert_snapshot!("filter_80x24", bench.screen());
}

#[test]
fn model_sheet_and_log() {
    let mut bench = Bench::ready(80, 24);
    bench.press("M");
    insta::assert_snapshot!("model_80x24", bench.screen());
    bench.press("esc L");
    insta::assert_snapshot!("log_80x24", bench.screen());
}

#[test]
fn trace_without_colors() {
    snapshot("no_color_trace", |columns, rows| {
        traced(Bench::ready_with(WorkbenchOptions { colors: Depth::None, ..options() }, columns, rows))
    });
    let ascii = WorkbenchOptions { colors: Depth::None, ascii: true, ..options() };
    insta::assert_snapshot!("ascii_trace_80x24", traced(Bench::ready_with(ascii, 80, 24)).screen());
}

#[test]
fn trace_with_256_colors_shows_numbers() {
    let bench = traced(Bench::ready_with(WorkbenchOptions { colors: Depth::Indexed, ..options() }, 80, 24));
    insta::assert_snapshot!("indexed_trace_80x24", bench.screen());
}
