//! Splits, layouts, and what the next start takes over.

use super::support::{Bench, go_to_panes, options};
use locus_tui::{PANES, Workbench, screen};

/// Number and title of the panes on the screen.
fn titles(bench: &Bench) -> Vec<String> {
    let screen = bench.screen();
    let all = PANES.iter().enumerate().map(|(index, pane)| format!("{} {}", index + 1, pane.title));
    all.filter(|title| screen.contains(&format!(" {title} "))).collect()
}

#[test]
fn every_pane_has_a_key_that_goes_to_it_and_a_place_in_the_manual() {
    let manual = include_str!("../../../../docs/workbench.md");
    for (columns, rows) in [(80, 24), (120, 40)] {
        let mut bench = Bench::ready(columns, rows);
        for (keys, pane) in go_to_panes().iter().zip(PANES) {
            bench.press(keys);
            assert_eq!(bench.state().pane(), pane.name, "{keys}");
            assert!(bench.screen().contains(pane.title), "{}", bench.screen());
            assert!(
                manual.contains(&format!("**{}**", pane.title)),
                "docs/workbench.md says nothing of {}",
                pane.title
            );
        }
    }
    for layout in &Bench::ready(80, 24).state().screen.windows.layouts {
        assert!(manual.contains(&format!("`{}`", layout.name)), "docs/workbench.md says nothing of {}", layout.name);
    }
}

#[test]
fn the_pane_that_shows_is_named_at_every_width() {
    for columns in 30..=109 {
        let mut bench = Bench::ready(columns, 24);
        for (index, pane) in PANES.iter().enumerate() {
            bench.press(&go_to_panes()[index]);
            let screen = bench.screen();
            let tabs = screen.lines().next().unwrap_or_default();
            assert!(tabs.contains(&format!(" {} {} ", index + 1, pane.title)), "{columns}: {tabs}");
            assert!(tabs.contains("(tab: next)"), "{columns}: {tabs}");
        }
    }
    let names = |columns| {
        let screen = Bench::ready(columns, 24).screen();
        PANES.iter().filter(|pane| screen.lines().next().is_some_and(|tabs| tabs.contains(pane.title))).count()
    };
    let all = PANES.iter().map(|pane| pane.title.chars().count() + 5).sum::<usize>() + "(tab: next)".len();
    let all = u16::try_from(all).expect("a width");
    assert_eq!((names(40), names(all)), (1, PANES.len()), "see `tabs` in view/chrome.rs");
    assert!((2..PANES.len()).contains(&names(all - 8)), "names go one by one");
}

#[test]
fn panes_are_split_swapped_resized_and_closed() {
    let mut bench = Bench::ready(120, 40);
    assert_eq!(titles(&bench), ["1 Fact", "2 Trace", "3 Layers", "4 Before/After"]);
    bench.press("3 ctrl-w v");
    let layers = |bench: &Bench| bench.screen().matches(" 3 Layers ").count();
    assert_eq!((titles(&bench).len(), layers(&bench)), (4, 2), "another view of the same pane");
    bench.press("ctrl-w q ctrl-w s");
    insta::assert_snapshot!("split_120x40", bench.screen());
    bench.press("ctrl-w > ctrl-w > ctrl-w + ctrl-w x");
    insta::assert_snapshot!("resized_120x40", bench.screen());
    bench.press("ctrl-w =");
    for _ in 0..9 {
        bench.press("ctrl-w q");
    }
    assert_eq!(titles(&bench).len(), 1, "the last pane stays");
    bench.press("ctrl-w 0");
    assert_eq!(titles(&bench), ["1 Fact", "2 Trace", "3 Layers", "4 Before/After"]);
}

#[test]
fn window_keys_go_to_the_neighbors() {
    let mut bench = Bench::ready(120, 40);
    for (keys, pane) in [
        ("ctrl-w l", "trace"),
        ("ctrl-w j", "before-after"),
        ("ctrl-w h", "layers"),
        ("ctrl-w k", "fact"),
        ("ctrl-w k", "fact"),
        ("ctrl-w w", "trace"),
    ] {
        bench.press(keys);
        assert_eq!(bench.state().pane(), pane, "{keys}");
    }
    let mut bench = Bench::ready(80, 24);
    bench.press("ctrl-w l");
    assert_eq!(bench.state().pane(), "trace", "one pane shows at a time, the next one comes");
}

#[test]
fn a_number_brings_a_hidden_pane_with_its_layout() {
    let mut bench = Bench::ready(120, 40);
    bench.press("5");
    assert_eq!(titles(&bench), ["1 Fact", "5 Compare", "6 Plots"]);
    bench.press("W");
    assert_eq!(titles(&bench), ["1 Fact", "2 Trace", "7 Sweep"]);
    bench.press("W");
    assert_eq!(titles(&bench), ["8 Analysis"]);
    bench.press("W");
    assert_eq!(titles(&bench), ["9 Log"]);
    bench.press("W");
    assert_eq!(titles(&bench), ["3 Layers", "5 Compare"]);
    bench.press("W");
    assert_eq!(titles(&bench), ["1 Fact", "2 Trace", "3 Layers", "4 Before/After"]);
    bench.press("ctrl-w T");
    assert_eq!(titles(&bench).len(), 1);
    insta::assert_snapshot!("own_layout_120x40", bench.screen());
}

#[test]
fn the_next_start_takes_over_what_was_there() {
    let mut bench = Bench::ready(120, 40);
    bench.press("/").type_text("capital").press("enter s j");
    bench.press("3 j j C - + 6 m ctrl-w q W W");
    bench.press("e down down down down down").type_text("7").press("esc");
    let remembered = bench.workbench.remembered();
    let file = serde_json::to_string(&remembered).expect("json");

    let mut workbench = Workbench::new(&options()).expect("keymap");
    workbench.recall(serde_json::from_str(&file).expect("json"));
    let mut next = Bench { workbench, effects: Vec::new() };
    next.feed(locus_tui::Input::Resize(120, 40));
    let load = next.workbench.load();
    next.effects.extend(load);
    next.hear(super::support::recording::loading()).hear(super::support::recording::loaded()).wait(7000);
    assert_eq!(next.workbench.remembered(), remembered);
    assert_eq!(next.state().fact(), bench.state().fact());
    assert_eq!(titles(&next), titles(&bench));
}

#[test]
fn a_file_that_holds_something_else_is_not_taken_over() {
    let mut remembered = serde_json::to_value(Bench::ready(120, 40).workbench.remembered()).expect("json");
    remembered["windows"]["layouts"][0]["tree"] = serde_json::json!({"pane": "nowhere"});
    let shipped = Workbench::new(&options()).expect("keymap");
    let mut workbench = shipped.clone();
    workbench.recall(serde_json::from_value(remembered).expect("json"));
    locus_tui::update(&mut workbench, locus_tui::Input::Resize(120, 40));
    assert!(screen(&workbench).content.len() == 120 * 40, "it is drawn all the same");
    assert_eq!(workbench.state().screen.windows, shipped.state().screen.windows);
}
