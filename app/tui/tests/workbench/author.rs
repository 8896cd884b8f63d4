//! The loop of a plugin's author: build, load, run again; and what was done as a command.

use crate::support::{Bench, recording};
use locus_protocol::{
    Command, Event, JobKind, Outcome, PluginKind, PluginReady, PluginReloaded, ReloadPlugin, Task, Undo,
};
use locus_tui::{BuildEvent, Effect, Input, Problem};
use std::path::PathBuf;

/// A workbench whose methods know what they were built from.
fn bench() -> Bench {
    let mut bench = Bench::ready(80, 24);
    for event in recording::plugins() {
        if let Event::Plugin(plugin) = event {
            let source = Some(PathBuf::from(format!("/crates/{}", plugin.id)));
            bench.hear([Event::Plugin(PluginReady { source, ..plugin })]);
        }
    }
    bench.effects.clear();
    bench
}

/// The number of the build that was ordered, and the folder.
fn ordered(bench: &mut Bench) -> (u64, PathBuf) {
    let built = bench.effects.drain(..).find_map(|effect| match effect {
        Effect::Build { number, folder } => Some((number, folder)),
        _ => None,
    });
    built.expect("a build")
}

fn tell(bench: &mut Bench, number: u64, event: BuildEvent) {
    let effects = locus_tui::update(&mut bench.workbench, Input::Build { number, event });
    bench.effects.extend(effects);
}

fn problem(level: &str, line: usize) -> Option<Problem> {
    let message = format!("{level} of line {line}");
    Some(Problem { level: level.into(), file: "/crates/rome/src/lib.rs".into(), place: (line, 5), message })
}

fn finish(bench: &mut Bench, outcome: Outcome) {
    let job = bench.state().jobs.last;
    bench.hear([Event::Finished { job, outcome, seconds: 1.0 }]);
}

#[test]
fn a_crate_that_does_not_build_is_shown_with_its_first_error_and_the_old_build_stays() {
    let mut bench = bench();
    bench.press("B");
    let (number, folder) = ordered(&mut bench);
    assert_eq!(folder, PathBuf::from("/crates/rome"));
    tell(&mut bench, number, BuildEvent::Said("   Compiling rome".into(), None));
    tell(&mut bench, number, BuildEvent::Said("warning: unused\n --> src/lib.rs:3:5".into(), problem("warning", 3)));
    tell(
        &mut bench,
        number,
        BuildEvent::Said("error[E0308]: mismatched\n --> src/lib.rs:7:5".into(), problem("error", 7)),
    );
    assert!(bench.screen().contains("building /crates/rome"), "{}", bench.screen());
    tell(&mut bench, number, BuildEvent::Ended(Err("the build failed".into())));
    assert!(bench.commands().is_empty(), "nothing is loaded");
    let screen = bench.screen();
    assert!(screen.contains("2 of 2: /crates/rome/src/lib.rs:7:5: error of line 7"), "{screen}");
    assert!(screen.contains("the build failed; the previous build stays in use"), "{screen}");
    bench.press("enter");
    let opened = Effect::OpenEditor { file: "/crates/rome/src/lib.rs".into(), line: 7 };
    assert!(bench.effects.contains(&opened), "{:?}", bench.effects);
    bench.effects.clear();
    bench.press("n").press("enter");
    let opened = Effect::OpenEditor { file: "/crates/rome/src/lib.rs".into(), line: 3 };
    assert!(bench.effects.contains(&opened), "{:?}", bench.effects);
    // and again from here
    bench.press("B");
    assert_eq!(ordered(&mut bench).0, number + 1);
    tell(&mut bench, number, BuildEvent::Ended(Ok("/old.so".into())));
    assert!(bench.commands().is_empty(), "what an older build tells is not listened to");
}

#[test]
fn a_new_build_is_loaded_and_the_last_edit_runs_again_in_place_of_the_old() {
    let mut bench = bench();
    bench.press("r");
    let order = match bench.commands().as_slice() {
        [Command::Do { task: Task::Edit(order), .. }] => order.clone(),
        other => panic!("{other:?}"),
    };
    bench.hear(recording::edit(bench.state().jobs.last));
    let number = bench.state().edits.view.as_ref().and_then(|view| view.number).expect("in place");
    bench.commands();
    bench.press("B");
    let (build, _) = ordered(&mut bench);
    tell(&mut bench, build, BuildEvent::Ended(Ok("/t/librome.so".into())));
    let job = bench.state().jobs.last;
    assert_eq!(bench.commands(), [Command::start(job, ReloadPlugin { file: "/t/librome.so".into() })]);
    assert_eq!(bench.state().job().map(|job| job.kind), Some(JobKind::Reload));
    let new = bench.state().engine.plugin(PluginKind::Method, &order.method).expect("the method").clone();
    let old = PluginReady { id: format!("{}@1", new.id), ..new.clone() };
    bench.hear([Event::Plugin(new.clone()), Event::Plugin(old.clone())]);
    let (loaded, replaced) = (vec![new], vec![old]);
    bench.hear([Event::PluginReloaded(PluginReloaded { job, file: "/t/librome.so".into(), loaded, replaced })]);
    assert_eq!(bench.commands(), [], "the undo and the edit wait for the engine");
    bench.hear([Event::Finished { job, outcome: Outcome::Done, seconds: 1.0 }]);
    let job = bench.state().jobs.last;
    assert_eq!(bench.commands(), [Command::start(job - 1, Undo::of(number))]);
    bench.finish();
    assert_eq!(bench.commands(), [Command::start(job, order.clone())]);
    let ids: Vec<&str> = bench.state().engine.of_kind(PluginKind::Method).map(|plugin| plugin.id.as_str()).collect();
    assert!(ids.contains(&format!("{}@1", order.method).as_str()), "the old build can be chosen: {ids:?}");

    // both builds stand side by side, each with what it did
    bench.hear([recording::edits(&[], &[1])]);
    let screen = bench.screen();
    assert!(screen.contains("A= rome@1") && screen.contains("B  rome ") && screen.contains("not run yet"), "{screen}");
    bench.hear(recording::edit(job));
    let screen = bench.screen();
    let rewrite = screen.lines().find(|line| line.starts_with("  rewrite")).expect("scores");
    assert_eq!(rewrite.matches("0.962").count(), 2, "{screen}");
    assert!(screen.contains("B-A") && !screen.contains("not run yet"), "{screen}");
}

#[test]
fn a_build_that_cannot_be_loaded_repeats_nothing() {
    let mut bench = bench();
    bench.press("B");
    let (build, _) = ordered(&mut bench);
    tell(&mut bench, build, BuildEvent::Ended(Ok("/t/librome.so".into())));
    bench.commands();
    let error = "/t/librome.so has an invalid declaration".to_owned();
    finish(&mut bench, Outcome::Failed { error, blame: locus_protocol::Blame::Plugin });
    assert!(bench.commands().is_empty());
    assert!(bench.state().notices.last_error().expect("an error").contains("has an invalid declaration"));
}

#[test]
fn cargo_can_be_stopped_and_what_says_nothing_of_its_crate_is_not_built() {
    let mut bench = bench();
    bench.press("B");
    let (build, _) = ordered(&mut bench);
    bench.press("ctrl-c");
    assert!(bench.effects.contains(&Effect::StopBuild), "{:?}", bench.effects);
    tell(&mut bench, build, BuildEvent::Ended(Err("the build failed".into())));
    assert!(bench.screen().contains("the build was stopped"), "{}", bench.screen());
    let mut bench = Bench::ready(80, 24);
    bench.press("B");
    assert!(bench.screen().contains("does not name the crate that it was built from"), "{}", bench.screen());
}

#[test]
fn the_last_edit_or_trace_is_shown_and_copied_as_a_command() {
    let mut bench = bench();
    bench.press("$");
    assert!(bench.screen().contains("nothing has been traced or edited yet"), "{}", bench.screen());
    bench.press("r");
    bench.hear(recording::edit(bench.state().jobs.last));
    bench.effects.clear();
    bench.press("$");
    let copied = |bench: &mut Bench| {
        let copied = bench.effects.drain(..).find_map(|effect| match effect {
            Effect::Copy { text, .. } => Some(text),
            _ => None,
        });
        copied.expect("copied")
    };
    let line = copied(&mut bench);
    assert!(line.starts_with("locus edit --method rome --objective ") && line.contains(" --seed 0"), "{line}");
    assert!(bench.screen().contains("locus edit --method rome"), "{}", bench.screen());
    bench.press("esc");
    bench.press("t");
    bench.hear(recording::trace(bench.state().jobs.last, locus_protocol::TraceKind::Hidden, 1));
    bench.effects.clear();
    bench.press("$");
    assert!(copied(&mut bench).starts_with("locus trace "));
}

#[test]
fn a_recording_of_a_new_build_orders_nothing() {
    let mut bench = bench();
    bench.press("r");
    bench.hear(recording::edit(bench.state().jobs.last));
    bench.commands();
    let new = bench.state().engine.of_kind(PluginKind::Method).next().expect("a method").clone();
    let replaced = vec![PluginReady { id: format!("{}@1", new.id), ..new.clone() }];
    let loaded = vec![new];
    let reloaded = PluginReloaded { job: 9, file: "/t/lib.so".into(), loaded, replaced };
    locus_tui::replay(&mut bench.workbench, Event::PluginReloaded(reloaded));
    assert!(bench.state().job().is_none() && bench.state().jobs.waiting.is_empty());
}

#[test]
fn in_the_comparison_the_selected_variant_is_shown_as_a_command() {
    let mut bench = bench();
    bench.press("C r");
    for share in [1.0, 0.6] {
        let trial = bench.commands().into_iter().find_map(|command| match command {
            Command::Do { job, task: Task::Try(attempt) } => Some((job, attempt.order)),
            _ => None,
        });
        let (job, order) = trial.expect("a trial");
        bench.hear(recording::attempt(job, &order, share));
    }
    for (keys, begins) in [("h $", "locus edit --method rome "), ("esc l $", "locus edit --method fine-tuning ")] {
        bench.effects.clear();
        bench.press(keys);
        let copied = bench.effects.iter().find_map(|effect| match effect {
            Effect::Copy { text, .. } => Some(text.clone()),
            _ => None,
        });
        assert!(copied.as_deref().is_some_and(|line| line.starts_with(begins)), "{copied:?}");
    }
}
