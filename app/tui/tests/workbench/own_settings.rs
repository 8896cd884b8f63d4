//! Files of settings and keys of the user's own, at the start and read anew.

use super::support::{Bench, options};
use locus_protocol::{Command, Event, Outcome, Task};
use locus_tui::{Colors, Effect, Input, Own, Reloaded, WorkbenchOptions, actions};

/// What the files say now: a key of one's own, the settings, the methods.
fn read(own: Own) -> Reloaded {
    let mut keymap = actions::keymap().expect("the shipped key map");
    keymap.lay_over("keymap.toml", "[global]\n\"x\" = \"trace\"\n").expect("a key");
    Reloaded { keymap, own, plugins: ["memit".into(), "error-injection".into()] }
}

#[test]
fn settings_and_keys_are_read_anew_while_it_runs() {
    let mut bench = Bench::ready(120, 40);
    bench.press(":").type_text("reload").press("enter");
    assert!(bench.effects.contains(&Effect::Reload), "{:?}", bench.effects);
    bench.commands();
    let own = Own { colors: Some(Colors::Light), bell_after: Some(2.0) };
    bench.feed(Input::Reloaded(Ok(Box::new(read(own)))));
    assert!(bench.screen().contains("are reloaded"), "{}", bench.screen());
    assert_eq!(bench.state().theme().colors(), Colors::Light);
    bench.press("x");
    assert!(matches!(bench.commands().as_slice(), [Command::Do { task: Task::Trace(_), .. }]), "the new key traces");
    let job = bench.state().job().expect("a trace").id;
    bench.hear([Event::Finished { job, outcome: Outcome::Done, seconds: 3.0 }]);
    assert!(bench.effects.contains(&Effect::Ring), "three seconds are long now");
}

#[test]
fn sentences_name_the_keys_of_the_users_own_file() {
    let mut bench = Bench::ready(120, 40);
    assert!(bench.screen().contains("press t to trace the selected fact"), "{}", bench.screen());
    let mut own = read(Own { colors: None, bell_after: None });
    own.keymap.lay_over("keymap.toml", "[global]\n\"t\" = \"\"\n\"e\" = \"\"\n").expect("keys that are taken away");
    bench.feed(Input::Reloaded(Ok(Box::new(own))));
    let screen = bench.screen();
    assert!(screen.contains("press x to trace the selected fact"), "{screen}");
    assert!(screen.contains("press enter to choose method"), "{screen}");
}

#[test]
fn files_that_are_wrong_change_nothing() {
    let mut bench = Bench::ready(120, 40);
    let before = bench.state().theme().colors();
    bench.feed(Input::Reloaded(Err("workbench.toml: unknown theme `drak`".into())));
    assert!(bench.screen().contains("settings not reloaded: workbench.toml"), "{}", bench.screen());
    assert_eq!(bench.state().theme().colors(), before);
}

#[test]
fn a_theme_of_ones_own_file_goes_over_the_remembered_one_and_a_bell_can_be_off() {
    let mut last = Bench::ready(120, 40);
    last.press(":").type_text("theme dark").press("enter");
    let remembered = last.workbench.remembered();
    let own = |colors| WorkbenchOptions { own: Own { colors, bell_after: None }, ..options() };
    let theme = |colors| {
        let mut next = Bench::with(own(colors), 120, 40);
        next.workbench.recall(remembered.clone());
        next.state().theme().colors()
    };
    assert_eq!([theme(None), theme(Some(Colors::Mono))], [Colors::Dark, Colors::Mono]);
    // so much is said where a theme is chosen, if a file names another one
    let is_told = |colors, line: &str| {
        let mut bench = Bench::ready_with(own(colors), 120, 40);
        bench.press(":").type_text(line).press("enter");
        bench.screen().contains("workbench.toml names another theme, which :reload and the next start bring back")
    };
    assert!(is_told(Some(Colors::Mono), "theme dark"));
    assert!(!is_told(Some(Colors::Dark), "theme dark") && !is_told(None, "theme dark"));
    let mut bench = Bench::ready_with(own(None), 80, 24);
    bench.press("t");
    let job = bench.state().job().expect("a trace").id;
    bench.hear([Event::Finished { job, outcome: Outcome::Done, seconds: 1000.0 }]);
    assert!(!bench.effects.contains(&Effect::Ring));
}
