//! What the program starts with: which settings there are, which file each comes from, and what is wrong with a file. What
//! `doctor` says of the machine.

use locus_end_to_end::{Home, PseudoTerminal};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const FAILED: i32 = 1;
const USAGE: i32 = 2;

/// A home with files of settings.
fn home(files: &[(&str, &str)]) -> Home {
    let home = Home::new();
    std::fs::create_dir_all(home.path("config/locus")).expect("a folder");
    for (name, text) in files {
        std::fs::write(home.path(name), text).expect("written");
    }
    home
}

/// Values and origins by the names of settings.
fn shown(home: &Home, arguments: &[&str]) -> BTreeMap<String, (String, String)> {
    let text = home.run([&["config", "show", "--origin"], arguments].concat()).well().out;
    assert!(text.starts_with("setting\tvalue\torigin\n"), "{text}");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, value, origin] = cells[..] else { panic!("not three cells: {line}") };
        (name.to_owned(), (value.to_owned(), origin.to_owned()))
    };
    text.lines().skip(1).map(row).collect()
}

#[test]
fn every_setting_is_shown_with_the_file_that_it_comes_from() {
    let own = home(&[
        ("config/locus/workbench.toml", "method = \"memit\"\nkeep = true\n"),
        ("config/locus/keymap.toml", "[global]\n\"x\" = \"trace\"\n"),
        ("over.toml", "keep = false\n"),
    ]);
    let settings = shown(&own, &["--config", "over.toml"]);
    let of = |name: &str| (settings[name].0.as_str(), settings[name].1.as_str());
    let file = |name: &str| own.path(name).display().to_string();
    assert_eq!(of("method"), ("memit", file("config/locus/workbench.toml").as_str()));
    assert_eq!(of("keep"), ("false", "over.toml"));
    assert_eq!(of("objective"), ("error-injection", "configs/workbench.toml"));
    assert_eq!(of("layers.rome"), ("1", "configs/models/built-in.toml"));
    assert_eq!(of("settings.rome.clamp"), ("10.0", "configs/models/built-in.toml"));
    assert_eq!(of("pair.rome.fact-erasure.learning_rate"), ("0.5", "configs/models/built-in.toml"));
    assert_eq!(of("keys.global.t"), ("trace", "configs/keymap.toml"));
    assert_eq!(of("keys.global.x"), ("trace", file("config/locus/keymap.toml").as_str()));

    let keys = own.run(["config", "show", "keys.global"]).well().out;
    assert!(
        keys.lines().skip(1).all(|line| line.starts_with("keys.global.") && line.split('\t').count() == 2),
        "{keys}"
    );
    let json = own.run(["config", "show", "method", "--json"]).well().out;
    let json: Value = serde_json::from_str(json.trim()).expect(&json);
    assert_eq!((&json["setting"], &json["value"]), (&"method".into(), &"memit".into()));
    assert!(own.run(["config", "show", "color"]).sentence(USAGE).contains("no setting begins with `color`"));
    // without a word it shows them as well
    assert!(own.run(["config"]).well().out.starts_with("setting\tvalue\nmethod\tmemit\n"));

    let paths = own.run(["config", "path"]).well().out;
    assert!(paths.contains(&format!("settings\t{}\texists", file("config/locus/workbench.toml"))), "{paths}");
    assert!(paths.contains("\nsweeps\t") && paths.contains("not created yet"), "{paths}");
}

#[test]
fn a_file_that_is_named_goes_over_the_user_s_own_for_one_command() {
    let home = home(&[
        ("config/locus/workbench.toml", "method = \"memit\"\n"),
        ("over.toml", "method = \"fine-tuning\"\nobjective = \"fact-forcing\"\n"),
    ]);
    let edit = ["edit", "The capital of {France} is", "Rome", "--json"];
    let order = |more: &[&str]| {
        let records = home.run([&edit[..], more].concat()).well().records();
        let order = records.edits()[0].started.order.clone();
        (order.method, order.objective)
    };
    assert_eq!(order(&[]), ("memit".to_owned(), "error-injection".to_owned()));
    assert_eq!(order(&["--config", "over.toml"]), ("fine-tuning".to_owned(), "fact-forcing".to_owned()));
}

#[test]
fn keys_that_nobody_knows_are_named_with_the_file_and_the_one_that_was_meant() {
    let typo = "metod = \"rome\"\n";
    let named = home(&[("over.toml", typo)]);
    let sentence = named.run(["config", "show", "--config", "over.toml"]).sentence(USAGE);
    let what = "there is no setting `metod` (did you mean `method`?); it may contain method, objective, reproducible, keep, theme, bell and bell_after";
    assert!(sentence.starts_with("--config over.toml: ") && sentence.contains(what), "{sentence}");
    let sentence = named.run(["config", "show", "--config", "none.toml"]).sentence(USAGE);
    assert!(sentence.contains("none.toml: cannot be read"), "{sentence}");

    let own = home(&[("config/locus/workbench.toml", typo)]);
    for arguments in [&["config", "show"][..], &["edit", "The capital of {France} is", "Rome"]] {
        let sentence = own.run(arguments).sentence(FAILED);
        assert!(sentence.contains("config/locus/workbench.toml: ") && sentence.contains(what), "{sentence}");
    }
    for (text, what) in [
        ("[globl]\n\"x\" = \"trace\"\n", "unknown section [globl] (did you mean `global`?)"),
        ("[global]\n\"x\" = \"trase\"\n", "unknown action `trase` (did you mean `trace`?)"),
    ] {
        let keys = home(&[("config/locus/keymap.toml", text)]);
        let sentence = keys.run(["config", "show"]).sentence(FAILED);
        assert!(sentence.contains("config/locus/keymap.toml: ") && sentence.contains(what), "{sentence}");
    }
    let home = Home::new();
    let sentence = home.run(["edit", "--method", "romee"]).sentence(3);
    assert!(sentence.contains("there is no method `romee` (did you mean `rome`?)"), "{sentence}");
    let sentence = home.run(["edit", "--method", "rome", "--set", "stepz=3"]).sentence(USAGE);
    assert!(sentence.contains("no hyperparameter `stepz` (did you mean `steps`?)"), "{sentence}");
}

#[test]
fn the_doctor_fits_into_a_report_and_says_what_the_terminal_is() {
    let home = Home::new();
    let _ = home.run(["edit", "--method", "rome"]).well();
    let mut command = home.command(["doctor", "--json"]);
    command.env("COLORTERM", "truecolor").env("TMUX", "/tmp/none,1,0");
    let output = command.output().expect("it runs");
    let record: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |name: &str| record[name].as_str().unwrap_or_else(|| panic!("{name}: {record}"));
    assert_eq!((text("TERM"), text("COLORTERM"), text("colors")), ("xterm-256color", "truecolor", "16 million"));
    assert_eq!((text("NO_COLOR"), text("locale"), text("glyphs")), ("not set", "C.UTF-8 (LANG)", "Unicode"));
    assert_eq!((text("terminal"), text("size")), ("false", "unknown"));
    assert!(text("TMUX").ends_with("(/tmp/none,1,0)"), "{record}");
    assert!(
        text("settings").starts_with("method = rome, objective = error-injection, reproducible = false"),
        "{record}"
    );
    // no GPU is shown to the program, and it says why none is taken
    assert!(text("device").starts_with("cpu") || text("device").contains('('), "{record}");
    for name in ["GPU driver", "processor", "cache's disk", "state's disk", "second moments", "edits", "journals"] {
        assert!(!text(name).is_empty(), "{name}: {record}");
    }
    assert!(text("cache's disk").ends_with(" free") && text("second moments").contains(" in "), "{record}");
    assert!(text("edits").contains(" kB in "), "{record}");
    assert!(text("plugins").contains("rome 2.0"), "{record}");

    let said = home.run(["doctor"]).well().out;
    assert!(said.lines().count() < 60, "{said}");
    // the engine is started so that its threads do, unless the user has chosen
    assert!(said.contains("waiting threads sleep (OMP_WAIT_POLICY=PASSIVE)"), "{said}");
    let chosen = home.command(["doctor"]).env("OMP_WAIT_POLICY", "ACTIVE").output().expect("it runs");
    let chosen = String::from_utf8_lossy(&chosen.stdout).into_owned();
    assert!(chosen.contains("how threads wait is set by OMP_WAIT_POLICY=ACTIVE"), "{chosen}");
    let mut terminal = PseudoTerminal::start(&home, (59, 100), &["doctor"], &[("NO_COLOR", "1")]);
    let _ = terminal.end(Duration::from_secs(60));
    let screen = terminal.screen();
    let line =
        |name: &str| screen.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_default().to_owned();
    assert!(line("size").contains("100x59") && line("colors").contains("none"), "{screen}");
}
