//! Screens as pictures, and sessions out of their records.

use super::support::{Bench, options, recording};
use locus_protocol::{Event, TraceKind};
use locus_tui::{Depth, Input, Workbench, WorkbenchOptions, picture, replay, screen, update};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

#[test]
fn a_small_screen_as_a_picture() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 16, 5));
    let plain = Style::new();
    buffer.set_string(0, 0, "┏━ a & b ━┓", plain.fg(Color::Cyan));
    buffer.set_string(0, 1, "┃", plain.fg(Color::Cyan));
    buffer.set_string(2, 1, "<東京> two  three", plain);
    buffer.set_string(0, 2, "cursor", plain.add_modifier(Modifier::REVERSED));
    buffer.set_string(8, 2, "subject", plain.fg(Color::Red).add_modifier(Modifier::BOLD | Modifier::UNDERLINED));
    buffer.set_string(0, 3, "░▒▓█▁▄", plain.fg(Color::LightBlue));
    buffer.set_string(8, 3, "dim", plain.add_modifier(Modifier::DIM));
    buffer.set_string(0, 4, " 71", plain.fg(Color::Indexed(16)).bg(Color::Rgb(195, 179, 105)));
    buffer.set_string(4, 4, "│─┼ \u{3b1}", plain);
    insta::assert_snapshot!("small_picture", picture(&buffer));
}

/// Everything that a workbench draws becomes well-formed XML without characters that it cannot hold.
#[test]
fn pictures_hold_only_what_xml_can_hold() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
    for (cell, symbol) in buffer.content.iter_mut().zip(["\u{1b}", "<", "&", "]]>", "\u{ffff}", "\u{0}"]) {
        cell.set_symbol(symbol);
    }
    let svg = picture(&buffer);
    assert!(svg.chars().all(|character| character == '\n' || !character.is_control()), "{svg}");
    assert!(svg.contains("&lt;") && svg.contains("&amp;") && !svg.contains("]]>"), "{svg}");
    assert!(picture(&Buffer::empty(Rect::ZERO)).ends_with("</svg>\n"));
}

/// What the engine tells in a session in which the third fact is traced and edited at another layer than the peak.
fn session() -> Vec<Event> {
    let mut events = recording::loading();
    events.extend(recording::loaded());
    events.extend(recording::trace(2, TraceKind::Hidden, 0));
    events.extend(recording::edit(3));
    let fact = recording::facts().swap_remove(2);
    for event in &mut events {
        match event {
            Event::Trace(started) => started.order.fact = fact.clone(),
            Event::Edit(started) => (started.order.fact, started.layers) = (fact.clone(), vec![7]),
            _ => {}
        }
    }
    events
}

#[test]
fn records_lead_to_the_screen_that_the_session_had() {
    // As somebody saw it who pressed the keys.
    let mut bench = Bench::new(120, 40);
    bench.hear(recording::loading()).hear(recording::loaded()).press("down down t");
    let mut events = session();
    let rest = events.split_off(recording::loading().len() + recording::loaded().len());
    for event in rest {
        if matches!(event, Event::Edit(_)) {
            bench.press("3 down down 1");
        }
        bench.feed(Input::engine(event));
    }
    // As the records tell it.
    let mut state = Workbench::new(&options()).expect("the shipped keymap");
    update(&mut state, Input::Resize(120, 40));
    for event in session() {
        if event.is_recorded() || matches!(event, Event::Facts { .. }) {
            let line = serde_json::to_string(&event).expect("a record");
            replay(&mut state, serde_json::from_str(&line).expect("the same record"));
        }
    }
    let rows = |screen: &str| screen.lines().take(38).map(str::to_owned).collect::<Vec<_>>();
    let replayed = super::support::text_of(&screen(&state));
    assert!(replayed.contains(">   7"), "{replayed}");
    // The message may say another layer's name, and memory is not recorded: the panes must be the same.
    assert_eq!(rows(&bench.screen()).get(..37), rows(&replayed).get(..37));
}

#[test]
fn pictures_of_all_depths_differ_only_in_colors_and_letters() {
    for colors in [Depth::None, Depth::Sixteen, Depth::Indexed, Depth::True] {
        let mut bench = Bench::with(WorkbenchOptions { colors, ..options() }, 80, 24);
        bench.hear(session());
        let svg = picture(&bench.buffer());
        assert!(svg.contains("Before/After") && svg.contains("width=\"740\" height=\"452\""), "{svg}");
    }
}
