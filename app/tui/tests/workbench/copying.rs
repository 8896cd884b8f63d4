//! What is selected and copied, and texts that a pager reads.

use super::compare::compared;
use super::support::{Bench, options, recording};
use locus_protocol::{Event, LogLevel, ModelReady, TraceKind};
use locus_tui::{Effect, Input};

/// What was copied last, and what it is called.
pub fn copied(bench: &mut Bench) -> (String, String) {
    let copied = bench.effects.drain(..).rev().find_map(|effect| match effect {
        Effect::Copy { what, text } => Some((what, text)),
        _ => None,
    });
    copied.expect("something was copied")
}

#[test]
fn rows_are_selected_and_copied_in_three_ways_and_cells_alone() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2));
    bench.press("3 home j V j j");
    bench.effects.clear();
    let (what, text) = copied(bench.press("y"));
    assert_eq!(what, "3 rows");
    let layers =
        |text: &str| text.lines().map(|line| line.split('\t').next().unwrap_or("").to_owned()).collect::<Vec<_>>();
    assert_eq!(layers(&text), ["1", "2", "3"]);
    assert_eq!(layers(&copied(bench.press("y")).1), ["3"], "nothing is selected after a copy");
    bench.press("V k");
    let (what, text) = copied(bench.press("g J"));
    let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((what.as_str(), &read[0]["layer"], &read[1]["layer"]), ("2 rows", &2.into(), &3.into()));
    let (what, text) = copied(bench.press("g M"));
    assert_eq!((what.as_str(), text.lines().filter(|line| line.starts_with("| ")).count()), ("the table", 14));
    bench.press("V j esc");
    assert_eq!(layers(&copied(bench.press("y")).1).len(), 1, "Esc lets them go");
    // the number in the chosen column
    let row = bench.state().edits.view.as_ref().and_then(|view| view.row(3)).cloned().expect("a row");
    bench.press("> > > > > >");
    let (what, text) = copied(bench.press("g y"));
    assert_eq!((what.as_str(), text.parse()), ("p(new) of layer 3", Ok(row.probability_new)));
    // facts, by vim's key, and by the one that lists have
    bench.press("1 home v j j");
    let (what, text) = copied(bench.press("y"));
    assert_eq!((what.as_str(), text.lines().count()), ("3 rows", 3));
    assert_eq!(copied(bench.press("g y")).0, "the prompt");
    // the rows of Compare, of the number that shows
    bench.press("C 5 3 home 5 v j");
    let (what, text) = copied(bench.press("y"));
    assert_eq!((what.as_str(), text.lines().count()), ("2 rows", 2));
    assert!(text.lines().all(|line| line.starts_with("layer\tprobability_new\t")), "{text}");
}

#[test]
fn a_value_that_is_missing_leaves_the_clipboard_as_it_is() {
    let nothing = |bench: &mut Bench| {
        bench.effects.clear();
        bench.press("g y");
        assert!(!bench.effects.iter().any(|effect| matches!(effect, Effect::Copy { .. })), "{:?}", bench.effects);
        let said = bench.state().notices.shown().map(|notice| notice.text.as_str());
        assert_eq!(said, Some("nothing is under the cursor here; y copies the row"));
    };
    // Layers without a trace
    let mut bench = Bench::ready(120, 40);
    bench.press("3 > >");
    nothing(&mut bench);
    // a trace whose first row is still computed
    bench.press("t").hear(recording::trace_start(2, TraceKind::Hidden, 0)).press("2 home");
    bench.hear(recording::trace_row(2, 5));
    nothing(&mut bench);
    bench.press("G k");
    assert!(copied(bench.press("g y")).0.starts_with("the effect of `an` at layer"));
    // the change of weights that a variant makes where it makes none
    let mut bench = compared(options(), 120, 40);
    bench.press("home m m m");
    nothing(&mut bench);
}

#[test]
fn rows_that_are_others_now_are_not_selected() {
    let is_selected = |bench: &Bench| bench.state().seen().view().anchor.is_some();
    for (select, change) in [("1 v j j", "/ c"), ("1 v j j", "s"), ("3 V k", "s"), ("3 V k", "+"), ("L V k", "m")] {
        let mut bench = Bench::ready(120, 40);
        bench.press("r").hear(recording::edit(2)).press(select);
        assert!(is_selected(&bench), "{select}");
        bench.press(change);
        assert!(!is_selected(&bench), "{select}, then {change}");
    }
    // a fact that was typed comes in front
    let mut bench = Bench::ready(120, 40);
    bench.press("1 v j a ctrl-u").type_text("Lima").press("enter");
    assert!(!is_selected(&bench));
    // and a smaller model has fewer layers
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2)).press("3 V k");
    let smaller = recording::loaded().into_iter().filter_map(|event| match event {
        Event::Model(model) => Some(Event::Model(ModelReady { layers: 3, fingerprint: "small".into(), ..model })),
        _ => None,
    });
    bench.hear(smaller);
    assert!(!is_selected(&bench));
}

#[test]
fn the_list_of_edits_is_copied_by_lines_and_as_a_whole() {
    let mut bench = Bench::ready(120, 40);
    bench.hear([recording::edits(&[1, 2, 3], &[])]).press("U v k");
    let (what, text) = copied(bench.press("y"));
    assert_eq!((what.as_str(), text.lines().count()), ("2 edits", 2));
    assert!(text.starts_with("2\ttrue\t12\t30.4\t2.5\tmemit L3,4,5"), "{text}");
    assert_eq!(copied(bench.press("y")).0, "1 edit");
    let (_, text) = copied(bench.press("Y"));
    assert_eq!(
        (text.lines().count(), text.lines().next()),
        (4, Some("edit\tin_place\tfacts\tnorm\trelative_weight_change\ttitle\tverdict"))
    );
}

#[test]
fn long_texts_are_read_in_a_pager_or_here() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit(2));
    let paged = |bench: &mut Bench| {
        let page = bench.effects.drain(..).rev().find_map(|effect| match effect {
            Effect::Page { title, text } => Some((title, text)),
            _ => None,
        });
        page.expect("a page")
    };
    let (title, text) = paged(bench.press("4 g p"));
    assert_eq!(title, "Before/After");
    assert!(
        text.contains("before:  Thimphu. The river runs") && text.contains("after:   Oslo. The river runs"),
        "{text}"
    );
    let (title, text) = paged(bench.press("3 g p"));
    assert!(title == "Layers" && text.lines().count() == 13 && text.starts_with("layer  "), "{text}");
    let long = "a reason that goes on ".repeat(20);
    bench.hear([Event::Log { source: "engine".into(), level: LogLevel::Error, text: long.clone() }]);
    assert!(paged(bench.press("L g p")).1.contains(long.trim_end()));
    let (title, text) = paged(bench.press("E p"));
    assert!(title == "Last error" && text.lines().any(|line| line.contains(long.trim_end())), "{text}");
    // where there is no pager
    bench.press("esc");
    bench.feed(Input::NoPager { title, text });
    assert!(
        bench.screen().contains("Last error") && bench.screen().contains("a reason that goes on"),
        "{}",
        bench.screen()
    );
}
