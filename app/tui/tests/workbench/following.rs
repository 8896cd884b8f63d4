//! The workbench on another process' run: it shows it and orders nothing.

use crate::support::recording;
use crate::support::text_of;
use locus_protocol::{Event, TraceKind};
use locus_tui::{Effect, Input, Key, Workbench, WorkbenchOptions, draw, update};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::time::Duration;

fn following() -> Workbench {
    let options = WorkbenchOptions { follows: Some("run.jsonl".to_owned()), ..crate::support::options() };
    let mut state = Workbench::new(&options).expect("the shipped keymap");
    update(&mut state, Input::Resize(120, 40));
    state
}

fn hear(state: &mut Workbench, events: impl IntoIterator<Item = Event>) {
    for event in events {
        assert_eq!(update(state, Input::engine(event)), [], "nothing is ordered");
        let now = state.state().now + Duration::from_millis(50);
        assert_eq!(update(state, Input::Tick(now)), [], "nothing is asked");
    }
}

fn screen(state: &Workbench) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, state.size().0, state.size().1));
    draw(state, &mut buffer);
    text_of(&buffer)
}

fn press(state: &mut Workbench, keys: &str) -> Vec<Effect> {
    keys.split(' ').flat_map(|name| update(state, Input::Key(name.parse::<Key>().expect(name)))).collect()
}

fn whole_run() -> Workbench {
    let mut state = following();
    hear(&mut state, recording::loading());
    hear(&mut state, recording::loaded());
    hear(&mut state, recording::trace(1, TraceKind::Hidden, 0));
    hear(&mut state, recording::edit(2));
    state
}

#[test]
fn a_run_is_shown_as_the_one_that_was_ordered_here() {
    let state = whole_run();
    let shown = screen(&state);
    assert!(shown.contains("read-only: run.jsonl") && shown.contains("1 edit in place"), "{shown}");
    assert!(state.state().is_idle() || state.state().notices.shown().is_some(), "nothing is waited for");
}

#[test]
fn every_key_that_would_order_something_says_that_this_is_read_only() {
    for keys in ["t", "r", "u", "S", "e down down down enter", "U enter", "U s"] {
        let mut state = whole_run();
        let effects = press(&mut state, keys);
        let orders = |effect: &&Effect| matches!(effect, Effect::Send(_) | Effect::Cancel(_) | Effect::Pause(..));
        assert_eq!(effects.iter().find(orders), None, "{keys}");
        let said = state.state().notices.shown().map(|notice| notice.text.clone()).unwrap_or_default();
        assert!(said.starts_with("read-only"), "{keys}: {said}");
        assert!(state.state().job().is_none() && state.state().jobs.waiting.is_empty(), "{keys}: a job was begun");
    }
    // while a job runs there, nothing waits for it here
    let mut state = following();
    hear(&mut state, recording::loading());
    hear(&mut state, recording::loaded());
    let edit = recording::edit(2);
    hear(&mut state, edit.into_iter().take_while(|event| !matches!(event, Event::Applied(_))));
    assert!(state.state().job().is_some());
    for keys in ["t", "r", "ctrl-c", "P"] {
        assert_eq!(press(&mut state, keys), [], "{keys}");
        let said = state.state().notices.shown().map(|notice| notice.text.clone()).unwrap_or_default();
        assert!(said.starts_with("read-only"), "{keys}: {said}");
        assert!(state.state().jobs.waiting.is_empty(), "{keys}");
    }
    assert_eq!(press(&mut state, "q"), [Effect::Quit], "leaving is not asked about");
}

#[test]
fn another_session_in_the_journal_begins_anew() {
    let mut state = whole_run();
    hear(&mut state, [Event::Hello { schema: 1, version: "0.1.0".into(), reproducible: false }]);
    let shown = screen(&state);
    assert!(shown.contains("no edits") && shown.contains("no model"), "{shown}");
    assert!(state.state().edits.applied.is_empty() && state.state().engine.model.is_none());
}
