//! The line after `:`, help that filters, the box after a prefix, the log, themes.

use super::support::{Bench, recording};
use locus_protocol::{Blame, Command, Event, Load, LogLevel, ModelSource, Outcome, Task, TraceKind};
use locus_tui::{Depth, Effect, KnownModel, WorkbenchOptions, actions};

fn typed(bench: &mut Bench, line: &str) {
    bench.press(":").type_text(line).press("enter");
}

#[test]
fn arguments_are_offered_and_run() {
    let mut bench = Bench::ready(80, 24);
    bench.press(":").type_text("method fin");
    insta::assert_snapshot!("command_method_80x24", bench.screen());
    bench.press("enter");
    assert!(bench.state().run_hint().contains("fine-tuning"), "{}", bench.state().run_hint());
    typed(&mut bench, "layers 3-6");
    assert_eq!(bench.state().settings().layers, "3-6");
    for line in ["layer 8", "7"] {
        typed(&mut bench, line);
        assert_eq!(bench.state().layer().to_string(), line.trim_start_matches("layer "));
    }
    typed(&mut bench, "pane trace");
    assert_eq!(bench.state().pane(), "trace");
    typed(&mut bench, "fact Japan");
    assert_eq!((bench.state().pane(), bench.state().facts.filter.value()), ("fact", "Japan"));
    typed(&mut bench, "objective error-injection");
    let listed = |bench: &Bench| bench.state().settings().listed(&bench.state().engine);
    let value = |bench: &Bench, name: &str| {
        listed(bench).into_iter().find(|(known, _)| known == name).map(|(_, value)| value).unwrap_or_default()
    };
    assert_eq!(value(&bench, "objective"), "error-injection");
    typed(&mut bench, "method rome");
    let default = value(&bench, "steps");
    typed(&mut bench, "set steps 7");
    assert_eq!(value(&bench, "steps"), "7");
    typed(&mut bench, "set steps default");
    assert_eq!(value(&bench, "steps"), default);
}

#[test]
fn a_wrong_argument_is_told_before_it_is_run_and_changes_nothing() {
    let mut bench = Bench::ready(120, 40);
    let before = bench.state().settings().clone();
    for (line, told) in [
        ("layer 99", "a layer is a number from 0 to 11, not `99`"),
        ("layer x", "a layer is a number from 0 to 11"),
        ("layers 3-99", "from 0 to 11"),
        ("method nothing-like-it", "unknown method `nothing-like-it`; known: "),
        ("set nothing-like-it 3", "unknown hyperparameter `nothing-like-it`"),
        ("set steps many", "steps"),
        ("layout nowhere", "unknown layout `nowhere`; the layouts are edit"),
        ("layout remove nowhere", "unknown layout `nowhere`"),
        ("pane nowhere", "unknown pane `nowhere`"),
        ("theme neon", "unknown theme `neon`; the themes are terminal"),
    ] {
        bench.press(":").type_text(line);
        assert!(bench.screen().contains(told), "{line}: {}", bench.screen());
        bench.press("enter").wait(0);
        assert_eq!(bench.state().settings(), &before, "{line}");
        let error = bench.state().notices.last_error().unwrap_or_default();
        assert!(error.contains(told), "{line}: {error}");
    }
}

#[test]
fn tab_completes_and_lines_come_back() {
    let mut bench = Bench::ready(80, 24);
    bench.press(":").type_text("laye").press("tab");
    assert!(bench.screen().contains(" :layer "), "{}", bench.screen());
    bench.type_text("4").press("enter");
    typed(&mut bench, "trace-pane");
    assert_eq!(bench.state().typed.lines(), ["trace-pane", "layer 4"]);
    // what was typed last stands first, and an empty line runs it
    bench.press("1 :").press("down enter");
    assert_eq!((bench.state().layer(), bench.state().pane()), (4, "fact"));
    bench.press(": ctrl-p ctrl-p");
    assert!(bench.screen().contains(" :trace-pane"), "{}", bench.screen());
    bench.press("ctrl-n");
    assert!(bench.screen().contains(" :layer 4"), "{}", bench.screen());
    bench.press("esc");
    // the next start has them
    let remembered = bench.workbench.remembered();
    let mut next = Bench::new(80, 24);
    next.workbench.recall(remembered);
    assert_eq!(next.state().typed.lines(), bench.state().typed.lines());
}

#[test]
fn an_exact_name_comes_before_what_is_like_it() {
    for action in actions::all() {
        let mut bench = Bench::ready(120, 40);
        bench.press(":").type_text(action.name());
        let screen = bench.screen();
        let rows: Vec<&str> = screen.lines().skip_while(|line| !line.contains(" :")).collect();
        assert!(rows[1].contains(action.name()), "{} is not first\n{screen}", action.name());
    }
}

#[test]
fn layouts_are_kept_under_a_name_and_forgotten() {
    let mut bench = Bench::ready(120, 40);
    bench.press("ctrl-w v");
    let panes = bench.state().screen.tree().panes().len();
    typed(&mut bench, "layout save side by side");
    typed(&mut bench, "layout trace");
    assert_ne!(bench.state().screen.tree().panes().len(), panes);
    typed(&mut bench, "layout side by side");
    assert_eq!(bench.state().screen.windows.layout().name, "side by side");
    assert_eq!(bench.state().screen.tree().panes().len(), panes);
    let remembered = bench.workbench.remembered();
    let mut next = Bench::new(120, 40);
    next.workbench.recall(remembered);
    assert_eq!(next.state().screen.windows.layout().name, "side by side");
    typed(&mut next, "layout remove side by side");
    assert!(next.state().screen.windows.layouts.iter().all(|layout| layout.name != "side by side"));
    assert!(next.screen().contains("layout"), "{}", next.screen());
    let mut small = Bench::ready(80, 24);
    typed(&mut small, "layout save small");
    assert!(small.state().notices.last_error().unwrap_or_default().contains("110 by 30"));
}

#[test]
fn help_filters_as_one_types_and_runs_the_line() {
    let mut bench = Bench::ready(80, 24);
    bench.press("?").type_text("edit form");
    insta::assert_snapshot!("help_filtered_80x24", bench.screen());
    bench.press("esc");
    assert!(bench.screen().contains("In five keys"), "{}", bench.screen());
    bench.type_text("go to the log").press("enter");
    assert_eq!(bench.state().pane(), "log");
    bench.press("? esc");
    assert_eq!(bench.state().pane(), "log");
    bench.press("?").type_text("xyzzy");
    assert!(bench.screen().contains("nothing matches"), "{}", bench.screen());
    bench.press("enter");
    assert_eq!(bench.state().pane(), "log");
    // without a filter a line is gone to
    bench.press("1 ? down down enter");
    assert_eq!(bench.state().facts.order.name(), "subject", "the second line sorts the facts");
}

#[test]
fn what_can_follow_a_prefix_stands_in_a_box_that_fits() {
    for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
        let mut bench = Bench::ready(columns, rows);
        bench.press("ctrl-w");
        let screen = bench.screen();
        for name in ["split-right", "close-pane", "equal-panes"] {
            let action = actions::find(name).expect(name);
            let shown: String = action.help().chars().take(18).collect();
            assert!(screen.contains(&shown), "{columns}x{rows} {name}\n{screen}");
        }
        if columns == 80 {
            insta::assert_snapshot!("prefix_80x24", screen);
        }
        bench.press("esc");
        assert!(!bench.screen().contains("ctrl-w …"), "{}", bench.screen());
    }
    // where there is no room, the line of hints has to do
    let mut tiny = Bench::ready(40, 8);
    tiny.press("g");
    assert!(tiny.screen().contains("J copy-json"), "{}", tiny.screen());
}

#[test]
fn the_log_is_a_pane_with_levels_and_a_filter() {
    let mut bench = Bench::ready(120, 40);
    let lines = [
        ("stderr", LogLevel::Info, "libtorch speaks"),
        ("engine", LogLevel::Error, "it broke"),
        ("memit", LogLevel::Warning, "it stalled"),
    ];
    bench.hear(lines.map(|(source, level, text)| Event::Log {
        source: source.into(),
        level,
        text: format!("{text}{}", " and so on".repeat(20)),
    }));
    bench.press("3 L");
    insta::assert_snapshot!("log_lines_120x40", bench.screen());
    bench.press("m");
    assert!(!bench.screen().contains("libtorch speaks") && bench.screen().contains("it stalled"));
    bench.press("m");
    assert!(!bench.screen().contains("it stalled") && bench.screen().contains("engine: it broke"));
    bench.press("m /").type_text("it !broke").press("enter");
    let screen = bench.screen();
    let pane = screen.split("error: it broke").next().unwrap_or_default();
    assert!(pane.contains("it stalled") && !pane.contains("it broke"), "{screen}");
    bench.press("Y");
    let copied = bench.effects.iter().find_map(|effect| match effect {
        Effect::Copy { text, .. } => Some(text.clone()),
        _ => None,
    });
    let copied = copied.expect("the lines that show");
    assert!(copied.contains("it stalled") && !copied.contains("it broke"), "{copied}");
    bench.press("q");
    assert_eq!(bench.state().pane(), "layers", "it goes back to where it was called from");
    assert!(!bench.effects.contains(&Effect::Quit));
    let mut small = Bench::ready(80, 24);
    small.press("2 L L");
    assert_eq!(small.state().pane(), "trace");
}

#[test]
fn errors_and_warnings_of_the_workbench_are_in_the_log() {
    let mut bench = Bench::ready(120, 40);
    typed(&mut bench, "layer 99");
    assert!(bench.state().log.lines().any(|line| line.level == LogLevel::Error && line.text.contains("not `99`")));
}

#[test]
fn a_theme_is_chosen_kept_and_never_colors_a_terminal_without_colors() {
    let colored = |depth: Depth, theme: &str| {
        let options = WorkbenchOptions { colors: depth, ..super::support::options() };
        let mut bench = Bench::ready_with(options, 120, 40);
        bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0));
        typed(&mut bench, &format!("theme {theme}"));
        bench
    };
    let colors = |bench: &Bench| {
        let buffer = bench.buffer();
        let cells = buffer.content.iter();
        cells.flat_map(|cell| [cell.fg, cell.bg]).collect::<std::collections::HashSet<_>>().len()
    };
    let kept = colored(Depth::True, "light").workbench.remembered();
    let mut next = Bench::new(80, 24);
    next.workbench.recall(kept);
    assert_eq!(format!("{:?}", next.state().theme().colors()), "Light");
    assert!(colors(&colored(Depth::True, "dark")) > 3);
    assert_eq!(colors(&colored(Depth::True, "mono")), 1);
    for theme in ["terminal", "dark", "light", "red-green", "blue-yellow", "mono"] {
        assert_eq!(colors(&colored(Depth::None, theme)), 1, "{theme}");
    }
}

#[test]
fn a_job_that_took_long_rings_and_one_that_was_cancelled_does_not() {
    let rings = |seconds: f64, cancel: bool| {
        let mut bench = Bench::ready(80, 24);
        bench.press("t");
        let job = bench.state().job().expect("a trace").id;
        if cancel {
            bench.press("ctrl-c");
        }
        bench.hear([Event::Finished { job, outcome: Outcome::Done, seconds }]);
        bench.effects.contains(&Effect::Ring)
    };
    assert_eq!([rings(5.0, false), rings(31.0, false), rings(31.0, true)], [false, true, false]);
}

#[test]
fn the_window_has_a_title() {
    let mut bench = Bench::ready(80, 24);
    let title = |bench: &Bench| locus_tui::title(&bench.workbench);
    assert_eq!(title(&bench), "locus - built-in");
    bench.press("t").hear(recording::trace_start(2, TraceKind::Hidden, 0));
    assert!(title(&bench).starts_with("locus - built-in - tracing"), "{}", title(&bench));
    assert!(title(&bench).is_ascii());
}

#[test]
fn another_model_is_opened_from_the_list_and_commands_name_it() {
    let folder = |name: &str| locus_protocol::ModelSource::Folder(format!("models/{name}").into());
    let known = |name: &str| locus_tui::KnownModel {
        name: name.to_owned(),
        source: folder(name),
        about: "llama, 269.1 MB".to_owned(),
    };
    let options = WorkbenchOptions { models: vec![known("smol"), known("large")], ..super::support::options() };
    let mut bench = Bench::ready_with(options, 80, 24);
    bench.press("o");
    insta::assert_snapshot!("models_80x24", bench.screen());
    bench.press("down enter");
    let loads = |bench: &mut Bench| {
        bench.commands().into_iter().find_map(|command| match command {
            locus_protocol::Command::Do { task: locus_protocol::Task::Load(load), .. } => Some(load.source),
            _ => None,
        })
    };
    assert_eq!(loads(&mut bench), Some(folder("smol")));
    assert!(bench.screen().contains("loading smol"), "{}", bench.screen());
    // until it is there, the other one is
    assert!(bench.state().launch.flags.is_empty());
    bench.finish();
    assert_eq!(bench.state().launch.flags, ["--model", "models/smol"]);
    // one that fails leaves what is there
    typed(&mut bench, "open ./nowhere/at/all");
    assert_eq!(loads(&mut bench), Some(locus_protocol::ModelSource::Folder("./nowhere/at/all".into())));
    let job = bench.state().job().expect("a load").id;
    let outcome = Outcome::Failed { error: "there is no config.json".into(), blame: locus_protocol::Blame::Request };
    bench.hear([Event::Finished { job, outcome, seconds: 0.1 }]);
    assert_eq!(bench.state().launch.source, folder("smol"));
    typed(&mut bench, "open built-in");
    bench.finish();
    assert!(bench.state().launch.flags.is_empty(), "{:?}", bench.state().launch.flags);
    let remembered = bench.workbench.remembered();
    let mut next = Bench::new(80, 24);
    next.workbench.recall(remembered);
    let names: Vec<String> = next.state().known_models().into_iter().map(|known| known.name).collect();
    assert_eq!(names, ["built-in", "smol"]);
    let mut wrong = Bench::ready(80, 24);
    typed(&mut wrong, "open smol");
    assert!(wrong.state().notices.last_error().unwrap_or_default().contains("unknown model `smol`"));
}

#[test]
fn the_folder_of_a_model_can_be_below_the_users_own() {
    let mut bench = Bench::ready(120, 40);
    let home = std::env::home_dir().expect("a folder of the user's own");
    let folder = Some(ModelSource::Folder(home.join("models/x")));
    let loaded = |bench: &mut Bench| {
        bench.commands().into_iter().find_map(|command| match command {
            Command::Do { task: Task::Load(load), .. } => Some(load.source),
            _ => None,
        })
    };
    typed(&mut bench, "open ~/models/x");
    assert_eq!(loaded(&mut bench), folder);
    bench.finish();
    bench.press("o").type_text("~/models/x").press("enter");
    assert_eq!(loaded(&mut bench), folder);
}

#[test]
fn an_edit_that_is_ordered_during_another_waits_its_turn() {
    let mut bench = Bench::ready(120, 40);
    bench.press("r").hear(recording::edit_start(2));
    let edits = |bench: &mut Bench| {
        let commands = bench.commands().into_iter();
        let is_edit = |command: &locus_protocol::Command| {
            matches!(command, locus_protocol::Command::Do { task: locus_protocol::Task::Edit(_), .. })
        };
        commands.filter(is_edit).count()
    };
    assert_eq!(edits(&mut bench), 1);
    bench.press("1 j r");
    assert!(bench.screen().contains("waits for one job; J lists them"), "{}", bench.screen());
    assert_eq!(edits(&mut bench), 0, "it waits");
    // the table shows the one that runs
    bench.hear([recording::step(2, 0)]);
    assert_eq!(bench.state().edits.view.as_ref().and_then(|view| view.step), Some(0));
    bench.hear(recording::edit_end(2));
    assert_eq!(edits(&mut bench), 1, "now it runs");
    let subject = bench.state().edits.view.as_ref().map(|view| view.order.fact.subject.clone());
    assert_eq!(subject.as_deref(), Some("France"));
}

#[test]
fn layers_are_sorted_by_a_column_that_says_what_it_means() {
    let mut bench = Bench::ready(120, 40);
    bench.press("t").hear(recording::trace(2, TraceKind::Hidden, 0)).press("r").hear(recording::edit(3));
    bench.press("3 z > >");
    insta::assert_snapshot!("layers_column_120x40", bench.screen());
    bench.press("s");
    let first = |bench: &Bench| {
        let screen = bench.screen();
        let row = screen
            .lines()
            .skip_while(|line| !(line.contains("layer") && line.contains("p(true)")))
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        row.split_whitespace().find_map(|word| word.trim_start_matches('>').parse::<usize>().ok())
    };
    let effects = |layer: usize| {
        let state = bench.state();
        let trace = state.traces.last().expect("a trace");
        trace.effect(trace.last_subject_token().expect("a subject"), layer).expect("an effect")
    };
    let best = (0..12).max_by(|one, other| effects(*one).total_cmp(&effects(*other)));
    assert!(bench.screen().contains("subject▼"), "{}", bench.screen());
    assert_eq!(first(&bench), best);
    bench.press("home");
    assert_eq!(Some(bench.state().layer()), best, "the cursor goes through the rows as they stand");
    bench.press("-");
    assert!(bench.screen().contains("3 columns are hidden, + shows them"), "{}", bench.screen());
    assert!(!bench.screen().contains("subject▼"));
    let mut next = Bench::new(120, 40);
    next.workbench.recall(bench.workbench.remembered());
    next.hear(recording::loading()).hear(recording::loaded()).wait(7000);
    assert!(next.press("3 z").screen().contains("3 columns are hidden"), "{}", next.screen());
    bench.press("+");
    assert_eq!(first(&bench), Some(0));
}

#[test]
fn ranks_and_log_probabilities_are_columns_that_are_shown_hidden_and_sorted_by() {
    let mut bench = Bench::ready(200, 60);
    bench.press("r").hear(recording::edit(3));
    bench.press("3 z");
    let screen = bench.screen();
    assert!(screen.contains("rank(new)") && screen.contains("rank(true)"), "{screen}");
    assert!(!screen.contains("ln p(new)"), "{screen}");
    insta::assert_snapshot!("layers_ranks_200x60", screen);
    bench.press("+");
    assert!(bench.screen().contains("ln p(new)") && bench.screen().contains("ln p(true)"), "{}", bench.screen());
    // from the ninth column, which ranks the new target
    bench.press("> > > > > > > > > s");
    let rows = |bench: &mut Bench| {
        bench.effects.clear();
        bench.press("Y");
        let copied = bench.effects.drain(..).find_map(|effect| match effect {
            Effect::Copy { text, .. } => Some(text),
            _ => None,
        });
        let copied = copied.expect("a table");
        let mut lines = copied.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
        let names = lines.next().expect("names");
        let place = |name: &str| names.iter().position(|known| known == name).expect("a column");
        let (rank, new, log) = (place("rank_new"), place("probability_new"), place("log_probability_new"));
        lines.map(|cells| (cells[rank].clone(), cells[new].clone(), cells[log].clone())).collect::<Vec<_>>()
    };
    let sorted = rows(&mut bench);
    let ranks: Vec<u64> = sorted.iter().map(|(rank, ..)| rank.parse().expect("a rank")).collect();
    assert!(ranks.is_sorted_by(|one, other| one >= other) && ranks[0] > 1, "{ranks:?}");
    for (_, new, log) in &sorted {
        let (new, log): (f64, f64) = (new.parse().expect("a number"), log.parse().expect("a number"));
        assert!((new.ln() - log).abs() < 1e-12, "{new} {log}");
    }
    bench.press("-");
    assert!(!bench.screen().contains("rank(new)"), "{}", bench.screen());
    // records of before have no ranks, and no such column
    let mut old = Bench::ready(200, 60);
    let without = |event| match event {
        Event::Applied(mut applied) => {
            applied.rows.iter_mut().for_each(|row| (row.rank_new, row.rank_true) = (None, None));
            Event::Applied(applied)
        }
        other => other,
    };
    old.press("r").hear(recording::edit(3).into_iter().map(without));
    assert!(!old.press("3 z").screen().contains("rank("), "{}", old.screen());
}

#[test]
fn where_no_model_is_named_the_list_shows_first_and_nothing_is_loaded() {
    let small = ModelSource::Folder("models/small".into());
    let about = "llama, 269.1 MB".to_owned();
    let known = KnownModel { name: "small".into(), source: small.clone(), about };
    let named = WorkbenchOptions { models: vec![known], ..super::support::options() };
    let mut bench = Bench::with(WorkbenchOptions { chooses: true, ..named }, 80, 24);
    assert_eq!(bench.commands(), [], "nothing is loaded before one was chosen");
    let screen = bench.screen();
    for said in ["Open a model", "built-in", "small", "llama, 269.1 MB", "no model is loaded yet"] {
        assert!(screen.contains(said), "{said}\n{screen}");
    }
    assert!(!screen.contains(" * "), "none is marked as loaded\n{screen}");
    bench.press("esc");
    let screen = bench.screen();
    assert!(!screen.contains("Open a model") && screen.contains("no model is loaded; o opens one"), "{screen}");
    bench.press("o down enter");
    assert_eq!(bench.commands(), [Command::start(1, Load { source: small })]);
}

#[test]
fn a_chosen_model_that_did_not_load_is_tried_again_and_no_other() {
    let small = ModelSource::Folder("models/small".into());
    let known = KnownModel { name: "small".into(), source: small.clone(), about: "llama, 269.1 MB".to_owned() };
    let chosen = WorkbenchOptions { chooses: true, models: vec![known], ..super::support::options() };
    let failed = Outcome::Failed { error: "there is no config.json".into(), blame: Blame::Request };
    for outcome in [Outcome::Cancelled { kept: String::new() }, failed] {
        let mut bench = Bench::with(chosen.clone(), 80, 24);
        assert_eq!(bench.state().ready_for_a_job(), Err("no model is loaded; o opens one".to_owned()));
        bench.press("down enter");
        assert_eq!(bench.commands(), [Command::start(1, Load { source: small.clone() })]);
        bench.hear([Event::Finished { job: 1, outcome, seconds: 0.2 }]).wait(7000);
        assert_eq!(bench.state().ready_for_a_job(), Err("the model is not loaded; o loads it".to_owned()));
        bench.commands();
        bench.press("o");
        assert_eq!(bench.commands(), [Command::start(2, Load { source: small.clone() })]);
    }
}
