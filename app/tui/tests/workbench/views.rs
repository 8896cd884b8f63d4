//! Several views of a pane: each shows one model or another, or the difference of two; their rows move together.

use super::copying::copied;
use super::support::{Bench, options, recording};
use locus_protocol::{Command, Event, Task, TraceKind};
use locus_tui::{Depth, Effect, Workbench, WorkbenchOptions};

/// A trace before any edit, two variants that were run, and a trace with an edit in place.
fn worked(columns: u16, rows: u16) -> Bench {
    worked_with(options(), columns, rows)
}

fn worked_with(options: WorkbenchOptions, columns: u16, rows: u16) -> Bench {
    let mut bench = Bench::ready_with(options, columns, rows);
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0));
    bench.commands();
    bench.press("C r");
    for share in [1.0, 0.6] {
        let tried = bench.commands().into_iter().find_map(|command| match command {
            Command::Do { job, task: Task::Try(attempt) } => Some((job, attempt.order)),
            _ => None,
        });
        let (job, order) = tried.expect("a variant is tried");
        bench.hear(recording::attempt(job, &order, share));
    }
    bench.press("ctrl-w e 3");
    bench
}

#[test]
fn the_layers_of_two_variants_stand_side_by_side_over_the_table_that_compares_them() {
    for (columns, rows) in [(120, 40), (200, 60)] {
        let mut bench = worked(columns, rows);
        bench.press("ctrl-w C");
        let screen = bench.screen();
        for title in ["A rome", "B fine-tuning", "C (none)", "5 Compare"] {
            assert!(screen.contains(title), "{title}: {screen}");
        }
        assert!(screen.contains("there is no variant C"), "{screen}");
        insta::assert_snapshot!(format!("compare_panes_{columns}x{rows}"), screen);
        // one layer is under the cursor of all of them
        bench.press("3 j j");
        let layer = bench.state().layer();
        assert!(bench.screen().matches(&format!(">{layer:>4}")).count() >= 2, "{}", bench.screen());
    }
}

#[test]
fn a_view_is_split_shows_another_source_and_differences_and_is_remembered() {
    let mut bench = worked(120, 40);
    bench.press("3 ctrl-w v v v");
    assert!(bench.screen().contains("A rome"), "{}", bench.screen());
    assert_eq!(
        bench.state().screen.windows.layout().tree.panes().iter().filter(|name| name.starts_with("layers")).count(),
        2
    );
    bench.press("D D D");
    let screen = bench.screen();
    assert!(screen.contains("A rome minus B fine-tuning"), "{screen}");
    insta::assert_snapshot!("layers_difference_120x40", screen);
    let remembered = bench.workbench.remembered();
    let file = serde_json::to_string(&remembered).expect("json");
    let mut next = Workbench::new(&options()).expect("keymap");
    next.recall(serde_json::from_str(&file).expect("json"));
    assert_eq!(next.state().screen.windows, bench.state().screen.windows);
    bench.press("D");
    assert!(!bench.screen().contains("minus"), "after the last one there is no difference");
    bench.press("ctrl-w q");
    let open = bench.state().screen.windows.layout().tree.panes().join(" ");
    assert!(!open.contains('#') && bench.screen().contains("3 Layers"), "{open}");
}

#[test]
fn a_difference_stands_by_layer_whatever_the_table_is_sorted_by() {
    let mut bench = worked(120, 40);
    bench.press("3 ctrl-w v v v > > > > > > s home");
    assert_eq!(bench.state().layer(), 11, "sorted by p(new)");
    bench.press("D D D home j V j j");
    assert!(bench.screen().contains("A rome minus B fine-tuning"), "{}", bench.screen());
    assert_eq!(bench.state().layer(), 3);
    // how the number of a layer looks
    let style = |layer: usize| {
        let screen = bench.screen();
        let starts = format!("{layer} ");
        let is_its = |line: &str| {
            let row = line.split('┃').nth(1).map(|row| row.trim_start_matches('>').trim_start());
            row.is_some_and(|row| row.starts_with(&starts))
        };
        let row = screen.lines().position(is_its).expect("a row");
        let column = screen.lines().nth(row).and_then(|line| line.chars().position(|symbol| symbol == '┃'));
        bench.buffer()[(column.expect("a frame") as u16 + 6, row as u16)].style()
    };
    let [before, first, second, cursor, after] = [0, 1, 2, 3, 4].map(style);
    assert_eq!([first, second], [cursor; 2]);
    assert!(before != cursor && after != cursor);
    let (what, text) = copied(bench.press("y"));
    let layers: Vec<_> = text.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!((what.as_str(), layers), ("3 rows", vec!["1", "2", "3"]));
    // the number is the one that shows
    let (what, text) = copied(bench.press("G k k k g y"));
    assert_eq!(what, "difference of p(new) of layer 8");
    let number: f64 = text.parse().expect("a number");
    assert!((number - 0.25 * 0.962 * 0.4).abs() < 1e-9, "{number}");
    bench.effects.clear();
    bench.press("< < g y");
    assert!(!bench.effects.iter().any(|effect| matches!(effect, Effect::Copy { .. })), "{:?}", bench.effects);
    assert!(bench.screen().contains("nothing is under the cursor here"), "{}", bench.screen());
}

#[test]
fn traces_before_and_after_an_edit_stand_side_by_side_with_their_difference() {
    for (columns, rows) in [(80, 24), (120, 40)] {
        let mut bench = Bench::ready(columns, rows);
        bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0));
        bench.press("r").hear(recording::edit(3));
        bench.press("2 t").hear(recording::trace(4, TraceKind::Hidden, 1));
        bench.press(if columns == 80 { "ctrl-w s v" } else { "ctrl-w v v" });
        let screen = bench.screen();
        assert!(screen.contains("unedited") && screen.contains("with edit 1 in"), "{screen}");
        insta::assert_snapshot!(format!("traces_side_by_side_{columns}x{rows}"), screen);
        bench.press("v D");
        let screen = bench.screen();
        assert!(screen.contains("minus"), "{screen}");
        insta::assert_snapshot!(format!("trace_difference_{columns}x{rows}"), screen);
        bench.press("ctrl-w q");
        assert!(!bench.screen().contains("effects minus"), "{}", bench.screen());
    }
}

#[test]
fn what_has_no_effects_has_no_differences() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0));
    bench.press("r").hear(recording::edit(3));
    let flat = |event| match event {
        Event::Trace(mut started) => {
            (started.clean, started.corrupted) = (0.0021, 0.00209);
            Event::Trace(started)
        }
        other => other,
    };
    bench.press("2 t").hear(recording::trace(4, TraceKind::Hidden, 1).into_iter().map(flat));
    bench.press("z D");
    let screen = bench.screen();
    assert!(screen.contains("no difference: no effect is defined on the model as it is"), "{screen}");
    assert!(!screen.contains("effects minus") && !screen.contains("layer  "), "{screen}");
    bench.press("D v");
    assert!(bench.screen().contains("greatest: "), "a view of the unedited model is no old one: {}", bench.screen());
}

#[test]
fn a_small_screen_is_split_in_two_and_no_further() {
    let mut bench = worked(80, 24);
    bench.press("3 ctrl-w v v v");
    let screen = bench.screen();
    assert!(screen.contains("A rome") && screen.lines().any(|line| line.matches("3 Layers").count() == 2), "{screen}");
    insta::assert_snapshot!("layers_side_by_side_80x24", screen);
    bench.press("ctrl-w v");
    assert!(bench.screen().contains("this window has room for two panes"), "{}", bench.screen());
    // another pane takes the place of the one with the keys
    bench.press("2");
    assert!(bench.screen().contains("2 Trace") && bench.screen().contains("3 Layers"), "{}", bench.screen());
    bench.press("ctrl-w h ctrl-w q");
    assert!(bench.state().screen.small.is_none(), "one is left");
}

#[test]
fn a_view_has_a_cursor_of_its_own_once_it_is_unlinked_and_stays_on_a_pinned_fact() {
    let mut bench = worked(120, 40);
    bench.press("3 ctrl-w v ctrl-w L");
    let shared = bench.state().layer();
    bench.press("j j j");
    assert_eq!(bench.state().layer(), shared, "the others stay");
    assert_eq!(bench.state().seen().layer(), shared + 3);
    assert!(bench.screen().contains("own cursor"), "{}", bench.screen());
    bench.press("ctrl-w L ctrl-w f");
    let subject = bench.state().fact().expect("a fact").subject.clone();
    assert!(bench.screen().contains(&format!("of {subject}")), "{}", bench.screen());
    bench.press("1 j");
    assert_ne!(bench.state().fact().expect("a fact").subject, subject);
    assert!(bench.screen().contains(&format!("of {subject}")), "{}", bench.screen());
}

#[test]
fn differences_are_told_apart_without_colors() {
    for colors in [Depth::None, Depth::Sixteen] {
        let mut bench = worked_with(WorkbenchOptions { colors, ascii: true, ..options() }, 120, 40);
        bench.press("3 ctrl-w v v v D D D");
        let screen = bench.screen();
        assert!(screen.contains('+') && screen.contains("minus"), "{screen}");
        assert!(screen.is_ascii(), "{screen}");
    }
}

#[test]
fn motions_go_to_the_edited_and_to_the_most_effective_layer() {
    let mut bench = Bench::ready(120, 40);
    bench.press("g e");
    assert!(bench.screen().contains("no edit of this fact is shown"), "{}", bench.screen());
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0));
    bench.press("3 G");
    assert_eq!(bench.state().layer(), 11);
    bench.press("g m");
    assert_eq!(bench.state().layer(), 5, "the greatest effect at the subject's last token");
    bench.press("r").hear(recording::edit(3));
    bench.press("G g e");
    assert_eq!(bench.state().layer(), 5, "the edited layer");
}

#[test]
fn probabilities_that_look_alike_are_told_by_their_logarithms() {
    let mut bench = Bench::ready(120, 40);
    let small = |event| match event {
        Event::Applied(mut applied) => {
            applied.rows.iter_mut().take(8).for_each(|row| row.probability_new = 1e-12);
            Event::Applied(applied)
        }
        other => other,
    };
    bench.press("r").hear(recording::edit(2).into_iter().map(small)).press("3");
    let screen = bench.screen();
    assert!(screen.contains("ln p(new)") && screen.contains("-27.6") && !screen.contains("<1e-9"), "{screen}");
    assert!(!screen.contains("ln p(true)"), "{screen}");
}

#[test]
fn two_heat_maps_move_together_until_one_is_unlinked() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0));
    bench.press("r").hear(recording::edit(3));
    bench.press("2 t").hear(recording::trace(4, TraceKind::Hidden, 1));
    bench.press("2 ctrl-w v v");
    // the token under the cursor of each map
    let tokens = |bench: &Bench| -> Vec<usize> {
        let screen = bench.screen();
        let told = screen.lines().flat_map(|line| line.split(", token ").skip(1).collect::<Vec<_>>());
        told.filter_map(|rest| rest.split_whitespace().next()?.parse().ok()).collect()
    };
    let layers = |bench: &Bench| (bench.state().seen_by("trace").layer(), bench.state().seen_by("trace#2").layer());
    assert_eq!(tokens(&bench), [5, 5], "{}", bench.screen());
    bench.press("k k h");
    assert_eq!(tokens(&bench), [3, 3], "{}", bench.screen());
    assert_eq!(layers(&bench).0, layers(&bench).1);
    bench.press("ctrl-w L");
    assert_eq!(tokens(&bench), [3, 3], "it stays where it was");
    let (other, own) = layers(&bench);
    bench.press("j l l");
    assert_eq!(tokens(&bench), [3, 4], "{}", bench.screen());
    assert_eq!(layers(&bench), (other, own + 2));
    bench.press("ctrl-w h k");
    assert_eq!(tokens(&bench), [2, 4], "the others have theirs");
    bench.press("ctrl-w l ctrl-w L");
    assert_eq!(tokens(&bench), [2, 2], "linked again");
}
