//! No size, no sequence of keys and no order of events brings the workbench down.

use super::support::{Bench, go_to_panes, options, recording};
use locus_protocol::{Event, LogLevel, PluginReady, TraceKind};
use locus_tui::{Depth, Input, Key, WorkbenchOptions, is_typing};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// A state with everything in it.
fn populated(ascii: bool, colors: Depth) -> Bench {
    let mut bench = Bench::with(WorkbenchOptions { ascii, colors, ..options() }, 80, 24);
    bench.hear(recording::loading()).hear(recording::loaded()).hear([recording::gpu_memory()]);
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0));
    bench.press("r").hear(recording::edit(3));
    let with_source = |plugin: PluginReady| Event::Plugin(PluginReady { source: Some("/crates/one".into()), ..plugin });
    let plugins = bench.state().engine.plugins.clone();
    bench.hear(plugins.into_iter().map(with_source));
    bench
}

#[test]
fn every_pane_and_overlay_draws_at_every_size() {
    for (ascii, colors) in [(false, Depth::Sixteen), (true, Depth::None), (false, Depth::True)] {
        let panes = go_to_panes();
        let others =
            ["z", "?", ":", "e", "L", "M", "E", "i", "a", "/", "ctrl-c ctrl-c", "U", "1 space *", "$", "B", "J"];
        for keys in panes.iter().map(String::as_str).chain(others) {
            let mut bench = populated(ascii, colors);
            bench.press(keys);
            for columns in (0..=120).step_by(3) {
                for rows in (0..=50).step_by(2).chain([1, 3, 5]) {
                    bench.feed(Input::Resize(columns, rows));
                    bench.buffer();
                }
            }
        }
    }
}

#[test]
fn wide_models_and_long_prompts_draw_at_every_size() {
    let mut bench = populated(false, Depth::Sixteen);
    let events = recording::trace(9, TraceKind::Hidden, 0).into_iter().map(|event| match event {
        Event::Trace(mut started) => {
            started.layers = 48;
            started.tokens = (0..60).flat_map(|_| recording::tokens()).collect();
            Event::Trace(started)
        }
        Event::TraceRow { job, token, .. } => Event::TraceRow { job, token, scores: vec![0.5; 48] },
        event => event,
    });
    bench.press("2").hear(events);
    for columns in 0..=120 {
        for rows in 0..=30 {
            bench.feed(Input::Resize(columns, rows));
            bench.buffer();
        }
    }
    bench.feed(Input::Resize(80, 24));
    let screen = bench.screen();
    assert!(screen.contains("of 420; up and down show the others"), "{screen}");
}

/// Blanks of one to three bytes, marks that combine, wide characters, emoji that are joined, letters whose lower case is
/// longer, and what turns a text round.
const ODD: [&str; 14] = [
    " ",
    "\u{85}",
    "\u{a0}",
    "\u{2003}",
    "\u{2028}",
    "\u{3000}",
    "\u{301}",
    "漢",
    "\u{ff21}",
    "\u{1f469}\u{200d}\u{1f52c}",
    "\u{1f44d}\u{1f3fd}",
    "\u{1f1e7}\u{1f1f9}",
    "\u{130}",
    "\u{202e}",
];

#[test]
fn every_line_of_odd_characters_can_be_typed_wherever_a_text_is() {
    let places = [
        (":", ""),
        (":", "layer"),
        (":", "set steps"),
        (":", "source without"),
        (":", "open"),
        ("1 /", "so"),
        ("3 L /", "!"),
        ("e down down", ""),
        ("1 i", "The capital of {"),
        ("?", ""),
        ("o", ""),
    ];
    for (keys, before) in places {
        let mut bench = populated(false, Depth::Sixteen);
        for line in ODD.iter().flat_map(|first| ODD.map(|second| format!("{before}{first}{second}"))) {
            bench.press(keys);
            assert!(is_typing(&bench.workbench), "{keys}: {}", bench.screen());
            bench.press("ctrl-u").type_text(&line);
            bench.buffer();
            bench.feed(Input::Paste(line)).press("left backspace ctrl-left delete right ctrl-w");
            bench.buffer();
            bench.press("tab").buffer();
            // the first may be for the text alone
            bench.press("esc esc");
        }
    }
}

/// Everything the engine can say, in its order; the tests below shuffle it.
fn vocabulary() -> Vec<Event> {
    let mut events = recording::loading();
    events.extend(recording::loaded());
    events.extend(recording::trace(2, TraceKind::Hidden, 0));
    events.extend(recording::trace(2, TraceKind::Mlp, 1));
    events.extend(recording::edit(3));
    events.extend([recording::edits(&[1, 2, 3], &[5, 4]), recording::edits(&[], &[1])]);
    events.extend([recording::undone(), recording::failed(3), recording::failed(2), recording::gpu_memory()]);
    events.push(Event::Facts { source: "nothing".into(), facts: vec![] });
    events
        .push(Event::Log { source: "stderr".into(), level: LogLevel::Info, text: "\u{1b}[31m\u{200d}東京\n".into() });
    events.push(Event::TraceRow { job: 2, token: 99, scores: vec![f64::NAN; 3] });
    events
}

fn key() -> impl Strategy<Value = Key> {
    let names = [
        "enter",
        "esc",
        "tab",
        "shift-tab",
        "space",
        "up",
        "down",
        "left",
        "right",
        "home",
        "end",
        "page-up",
        "page-down",
        "backspace",
        "delete",
        "ctrl-c",
        "ctrl-d",
        "ctrl-l",
        "ctrl-r",
        "ctrl-u",
        "ctrl-w",
        "ctrl-z",
    ];
    let named = proptest::sample::select(names.to_vec()).prop_map(|name| name.parse::<Key>().expect(name));
    let usual = "?:/*123456789aegGhijklLmMEoqQrstuUvwxyYz{}-,.漢é".chars();
    let typed = proptest::sample::select(usual.chain(ODD.concat().chars()).collect::<Vec<_>>());
    prop_oneof![1 => named, 2 => typed.prop_map(Key::character)]
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        6 => key().prop_map(Input::Key),
        4 => proptest::sample::select(vocabulary()).prop_map(Input::engine),
        1 => (0_u16..130, 0_u16..60).prop_map(|(columns, rows)| Input::Resize(columns, rows)),
        1 => "[ -~é漢\\n]{0,12}".prop_map(Input::Paste),
        1 => proptest::collection::vec(proptest::sample::select(ODD.to_vec()), 0..6)
            .prop_map(|parts| Input::Paste(parts.concat())),
        1 => (0_u64..20_000).prop_map(|milliseconds| Input::Tick(std::time::Duration::from_millis(milliseconds))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))), ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_comes_in_brings_it_down(inputs in proptest::collection::vec(input(), 1..120), ready in any::<bool>()) {
        let mut bench = if ready { populated(false, Depth::Sixteen) } else { Bench::new(80, 24) };
        for input in inputs {
            bench.feed(input);
            bench.buffer();
        }
    }
}
