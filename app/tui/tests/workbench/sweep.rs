//! The Sweep pane: a table that fills, curves, and what starts and goes on with a sweep.

use super::support::{Bench, options, recording, sweeping};
use locus_protocol::{Command, Event, Fact, JobKind, Outcome, SweepOrder, Task};
use locus_sweep::{Grid, layer_table};
use locus_tui::{Depth, WorkbenchOptions};
use std::path::Path;

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

/// A sweep is half done.
fn half(options: WorkbenchOptions, columns: u16, rows: u16) -> Bench {
    let mut bench = Bench::ready_with(options, columns, rows);
    bench.press("S").hear([Event::Started { job: 2, kind: JobKind::Sweep, title: String::new() }]);
    bench.hear(sweeping::half(2));
    bench
}

fn ordered(bench: &mut Bench) -> Option<SweepOrder> {
    bench.commands().into_iter().find_map(|command| match command {
        Command::Do { task: Task::Sweep(order), .. } => Some(order),
        _ => None,
    })
}

#[test]
fn no_sweep_yet() {
    let mut bench = Bench::ready(80, 24);
    bench.press("7");
    insta::assert_snapshot!("sweep_none_80x24", bench.screen());
}

#[test]
fn table_that_fills() {
    for (columns, rows) in SIZES {
        let mut bench = half(options(), columns, rows);
        bench.press("]");
        insta::assert_snapshot!(format!("sweep_table_{columns}x{rows}"), bench.screen());
    }
}

#[test]
fn curves_with_the_effects() {
    for (columns, rows) in SIZES {
        let mut bench = half(options(), columns, rows);
        bench.press("s m j");
        insta::assert_snapshot!(format!("sweep_curves_{columns}x{rows}"), bench.screen());
    }
    let plain = WorkbenchOptions { ascii: true, colors: Depth::None, ..options() };
    let mut bench = half(plain, 80, 24);
    bench.press("s");
    insta::assert_snapshot!("sweep_curves_ascii_80x24", bench.screen());
    assert!(bench.screen().is_ascii());
}

#[test]
fn cells_that_failed() {
    let mut bench = half(options(), 120, 40);
    bench.hear((0..4).map(|fact| sweeping::failed(2, "memit", 6, fact)));
    insta::assert_snapshot!("sweep_failed_120x40", bench.screen());
}

#[test]
fn rows_told_twice_count_once() {
    let (mut once, mut twice) = (half(options(), 120, 40), half(options(), 120, 40));
    twice.hear(sweeping::half(2).into_iter().skip(4));
    // the time that passed
    once.wait(50 * (sweeping::half(2).len() as u64 - 4));
    let lines = |bench: &Bench| {
        bench.screen().lines().filter(|line| !line.contains("cells/s")).map(str::to_owned).collect::<Vec<_>>()
    };
    let at_rest = |lines: Vec<String>| lines.into_iter().filter(|line| !line.contains("so far")).collect::<Vec<_>>();
    assert_eq!(at_rest(lines(&once)), at_rest(lines(&twice)));
    assert!(
        once.screen().contains("117 of 156 cells") && twice.screen().contains("117 of 156 cells"),
        "{}",
        twice.screen()
    );
}

#[test]
fn the_numbers_are_those_of_the_folder() {
    let bench = half(options(), 120, 40);
    let rows: Vec<_> = sweeping::half(2)
        .into_iter()
        .filter_map(|event| if let Event::Swept { row, .. } = event { Some(*row) } else { None })
        .collect();
    let tables = layer_table(&rows, &["rewrite_score"]);
    let memit = tables.iter().find(|table| table.edit == "memit").expect("memit");
    let screen = bench.screen();
    for row in &memit.rows {
        let score = row.scores[0].expect("a score");
        let text = format!("{:>6} {:.3} ±{:.3}", row.layer, score.mean, score.half_width);
        let has = screen
            .lines()
            .any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ").contains(text.trim_start()));
        assert!(has, "{text}\n{screen}");
    }
}

#[test]
fn the_edit_form_orders_a_sweep_of_the_marked_facts() {
    let mut bench = Bench::ready(120, 40);
    bench.press("space j space S");
    let order = ordered(&mut bench).expect("a sweep");
    assert_eq!(bench.state().pane(), "sweep");
    assert_eq!(order.folder, Path::new("sweeps/20261129T180008Z-rome"), "by time and method");
    let grid = Grid::parse(Path::new("grid"), order.grid.as_deref().expect("a grid")).expect("a grid");
    assert_eq!(grid.facts.cases.len(), 2);
    let edit = &grid.edits[0];
    assert_eq!((edit.method.as_str(), edit.window, edit.layers.of(12).map(|all| all.len())), ("rome", 1, Ok(12)));
    assert_eq!(edit.objectives.len(), 1);
    let kinds: Vec<&str> = grid.localizers.iter().map(|localizer| localizer.kind.as_str()).collect();
    assert_eq!(kinds, ["causal-trace", "attribution", "random-layer"]);
}

#[test]
fn what_the_form_changes_is_in_the_grid() {
    let mut bench = Bench::ready(120, 40);
    // fine-tuning, layers 3 to 5, 40 steps
    bench
        .press("e right down down ctrl-u")
        .type_text("3-5")
        .press("down down down ctrl-u")
        .type_text("40")
        .press("esc S");
    let order = ordered(&mut bench).expect("a sweep");
    let grid = Grid::parse(Path::new("grid"), order.grid.as_deref().expect("a grid")).expect("a grid");
    assert_eq!((grid.edits[0].window, &grid.edits[0].settings["steps"]), (3, &serde_json::json!(40)));
    assert_eq!(grid.edits[0].label(), "fine-tuning-3");
    assert_eq!(grid.measures.free_generation, 10, "what the form says by default");
    assert_eq!(grid.facts.cases.len(), 1, "the selected fact");
}

#[test]
fn a_typed_fact_is_in_no_file_and_cannot_be_swept() {
    let mut bench = Bench::ready(120, 40);
    bench.press("i").type_text("The capital of {Peru} is").press("enter").type_text("Lima").press("enter");
    bench.type_text("Oslo").press("enter S");
    assert_eq!(ordered(&mut bench), None);
    assert!(bench.screen().contains("the fact on Peru is in no facts file"), "{}", bench.screen());
}

#[test]
fn facts_without_numbers_are_swept_all_together() {
    let facts: Vec<Fact> = recording::facts().into_iter().take(2).map(|fact| Fact { case_id: None, ..fact }).collect();
    let mut bench = Bench::ready(120, 40);
    bench.hear([Event::Facts { source: "flat.json".into(), facts }]).press("S");
    assert_eq!(ordered(&mut bench), None);
    assert!(bench.screen().contains("the fact on Bhutan has no case_id"), "{}", bench.screen());
    bench.press("space j space S");
    let order = ordered(&mut bench).expect("a sweep of all");
    let grid = Grid::parse(Path::new("grid"), order.grid.as_deref().expect("a grid")).expect("a grid");
    assert_eq!(grid.facts.cases, [0_u64; 0]);
}

#[test]
fn a_typed_fact_is_not_taken_for_the_only_one_of_the_file() {
    let mut bench = Bench::ready(120, 40);
    bench.hear([Event::Facts { source: "one.json".into(), facts: vec![recording::fact()] }]);
    bench.press("i").type_text("The capital of {Peru} is").press("enter").type_text("Lima").press("enter");
    bench.type_text("Oslo").press("enter S");
    assert_eq!(ordered(&mut bench), None);
    assert!(bench.screen().contains("the fact on Peru is in no facts file"), "{}", bench.screen());
}

#[test]
fn a_sweep_is_paused_and_cancelled_like_any_job_and_goes_on() {
    let mut bench = half(options(), 120, 40);
    bench.press("P");
    assert!(bench.screen().contains("paused"), "{}", bench.screen());
    bench.press("P ctrl-c").wait(2000);
    assert!(bench.screen().contains("canceling"), "{}", bench.screen());
    let outcome = Outcome::Cancelled { kept: "117 of 156 cells".into() };
    bench.hear([Event::Finished { job: 2, outcome, seconds: 9.0 }]);
    assert!(bench.screen().contains("stopped; r resumes it"), "{}", bench.screen());
    bench.commands();
    bench.press("r");
    let order = ordered(&mut bench).expect("it goes on");
    assert_eq!((order.grid, order.folder.as_path()), (None, Path::new("sweeps/20261129T120000Z-rome")));
    // its job tells all rows anew
    bench.hear(sweeping::half(3));
    assert!(bench.screen().contains("117 of 156 cells"), "{}", bench.screen());
}

#[test]
fn cells_that_are_retried_are_not_done() {
    let mut bench = half(options(), 120, 40);
    // the rest of the cells, of which three failed; rows are told again to each job
    let rest = |job: u64| {
        let failed = (3..6).map(move |fact| sweeping::failed(job, "memit", 5, fact));
        failed.chain(sweeping::cells(job, "memit", 6..sweeping::LAYERS))
    };
    let ended = |job: u64| [Event::Finished { job, outcome: Outcome::Done, seconds: 9.0 }];
    bench.hear(rest(2)).hear(ended(2));
    assert!(bench.screen().contains("156 of 156 cells · done"), "{}", bench.screen());
    bench.commands();
    bench.press("r");
    assert!(ordered(&mut bench).expect("a retry").retry_failed);
    bench.hear([Event::Started { job: 3, kind: JobKind::Sweep, title: String::new() }]);
    bench.hear(sweeping::half(3).into_iter().chain(rest(3)).map(|event| match event {
        Event::Sweep(started) => Event::Sweep(locus_protocol::SweepStarted { done: 156, ..started }),
        event => event,
    }));
    assert!(bench.screen().contains("156 of 156 cells · retrying failed cells"), "{}", bench.screen());
    bench.press("P");
    assert!(bench.screen().contains("156 of 156 cells · paused"), "{}", bench.screen());
    bench.hear(ended(3));
    assert!(bench.screen().contains("156 of 156 cells · done"), "{}", bench.screen());
}

#[test]
fn facts_are_browsed_and_traced_while_a_sweep_runs() {
    let mut bench = half(options(), 120, 40);
    bench.commands();
    bench.press("1 j t");
    let is_trace = |command: &Command| matches!(command, Command::Do { task: Task::Trace(_), .. });
    assert!(bench.commands().iter().any(is_trace));
    assert!(bench.screen().contains("stands by"), "{}", bench.screen());
}

#[test]
fn the_table_is_exported() {
    let mut bench = half(options(), 120, 40);
    bench.press("x");
    let saved = bench.effects.iter().find_map(|effect| match effect {
        locus_tui::Effect::Save { name, contents } if name.ends_with("csv") => Some((name.clone(), contents.clone())),
        _ => None,
    });
    let (name, text) = saved.expect("a file");
    assert_eq!(name, "locus-sweep-1.csv");
    assert!(
        text.starts_with(
            "edit,objective,layer,score,mean,half_width,n,failed\r\nmemit,error-injection,0,rewrite_score,0.6"
        ),
        "{text}"
    );
    assert!(text.contains("causal trace,,4,effect,"), "{text}");
}

#[test]
fn one_fact_has_no_interval_in_the_export() {
    let mut bench = half(options(), 120, 40);
    bench.hear([sweeping::cell(2, "memit", 6, 0)]).press("x");
    let saved = bench.effects.iter().find_map(|effect| match effect {
        locus_tui::Effect::Save { name, contents } if name.ends_with("csv") => Some(contents.clone()),
        _ => None,
    });
    let text = saved.expect("a file");
    let line = text.lines().find(|line| line.starts_with("memit,error-injection,6,rewrite_score,0.6")).expect("a row");
    assert!(line.ends_with(",,1,0"), "{line}");
}

#[test]
fn many_rows_cost_no_more_to_draw_than_their_numbers() {
    let mut bench = Bench::ready(120, 40);
    bench.press("7");
    let mut frame = |facts: std::ops::Range<usize>| {
        for (fact, layer) in facts.flat_map(|fact| (0..12).map(move |layer| (fact, layer))) {
            bench.feed(locus_tui::Input::engine(sweeping::cell(2, "rome", layer, fact)));
        }
        let once = |_| {
            let start = std::time::Instant::now();
            drop(bench.screen());
            start.elapsed()
        };
        (0..9).map(once).min().unwrap_or_default()
    };
    let (few, many) = (frame(0..20), frame(20..2000));
    println!("a frame with 240 rows takes {few:?}, with 24,000 {many:?}");
    assert!(many < 10 * few, "{few:?}, {many:?}");
}
