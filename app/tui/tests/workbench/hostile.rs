//! Texts of facts, models and plugins that a terminal would obey: no cell of any screen holds one, and no file either.

use super::support::{Bench, go_to_panes, recording};
use locus_protocol::shown::is_unseen;
use locus_protocol::{Event, LogLevel, TraceKind};
use locus_tui::{Effect, picture};
use serde_json::Value;

const HOSTILE: &str = "\u{1b}]0;PWN\u{7}\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{2066}\u{200b}\r\n<b>|`&";
/// Fields that hold text of a fact, a model, a plugin or a message.
const TEXTS: [&str; 15] = [
    "text",
    "title",
    "prompt",
    "subject",
    "template",
    "target_true",
    "target_new",
    "family",
    "version",
    "help",
    "reason",
    "answer",
    "cite",
    "before",
    "after",
];

fn spoil(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if TEXTS.contains(&name.as_str()) => text.push_str(HOSTILE),
                    field => spoil(field),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(spoil),
        _ => {}
    }
}

fn hostile(event: Event) -> Event {
    let mut value = serde_json::to_value(event).expect("a record");
    spoil(&mut value);
    serde_json::from_value(value).expect("a record still")
}

#[test]
fn no_cell_holds_what_a_terminal_obeys() {
    let mut bench = Bench::new(160, 50);
    let log = Event::Log { source: "plugin".to_owned(), level: LogLevel::Warning, text: HOSTILE.to_owned() };
    let events = recording::loading()
        .into_iter()
        .chain(recording::loaded())
        .chain(recording::trace(2, TraceKind::Hidden, 0))
        .chain(recording::edit(3))
        .chain([recording::failed(4), log]);
    bench.hear(events.map(hostile));
    for key in go_to_panes() {
        bench.press(&key);
        let screen = bench.buffer();
        for cell in &screen.content {
            assert!(!cell.symbol().chars().any(is_unseen), "{key}: {:?}", cell.symbol());
        }
        let svg = picture(&screen);
        assert!(
            !svg.contains("<b>") && !svg.chars().any(|character| is_unseen(character) && character != '\n'),
            "{key}"
        );
    }
    bench.press("1");
    assert!(bench.screen().contains("\\u{1b}"), "it is shown: {}", bench.screen());
    for effect in &bench.effects {
        if let Effect::Copy { text, .. } = effect {
            assert!(!text.chars().any(|character| is_unseen(character) && !matches!(character, '\n' | '\t')));
        }
    }
}
