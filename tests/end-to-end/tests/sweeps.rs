//! `locus sweep`: every cell once, whoever computes it and however often it is killed.

use locus_end_to_end::{Home, PseudoTerminal, facts, plugin, send, shown_files};
use locus_protocol::SweepRow;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

/// Three layers, two objectives, four facts, three localizers: 24 cells and 12 localizations.
const GRID: &str = r#"
title = "small"
[facts]
count = 4
correct-only = true
[measures]
free-generation = 5
[[edits]]
method = "rome"
objectives = ["error-injection", "fact-erasure"]
layers = [0, 5, 11]
settings = { steps = 3, second_moment = false, contexts = 2 }
[[localizers]]
kind = "causal-trace"
samples = 2
[[localizers]]
kind = "edit-gradient"
[[localizers]]
kind = "random-layer"
"#;
const ROWS: usize = 24 + 12 + 4;

fn home() -> Home {
    let home = Home::new();
    std::fs::write(home.path("grid.toml"), GRID).expect("grid");
    home
}

/// All rows of a folder's files, those that are there twice included.
fn rows(home: &Home, folder: &str) -> Vec<SweepRow> {
    locus_sweep::read_rows(&home.path(folder)).expect("rows")
}

/// What the rows of a folder say, by key, without when and how long.
fn told(home: &Home, folder: &str) -> BTreeMap<String, Value> {
    let merged = locus_sweep::merge(&[home.path(folder)]).expect("merged");
    assert_eq!(merged.conflicts, Vec::<String>::new());
    let plain = |row: &SweepRow| {
        let mut value = serde_json::to_value(row).expect("row");
        let row_as = value.as_object_mut().expect("object");
        row_as.remove("seconds");
        row_as.remove("time");
        (row.key().to_owned(), value)
    };
    merged.rows.iter().map(plain).collect()
}

fn start(home: &Home, more: &[&str]) -> Child {
    let arguments = ["sweep", "run", "grid.toml", "--out", "swept"].iter().chain(more);
    let mut command = home.command(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program")
}

#[test]
fn a_cell_says_what_the_edit_alone_says() {
    let home = home();
    let printed = home.run(["sweep", "run", "grid.toml", "--out", "swept"]).well();
    assert!(
        printed.out.contains("rome\terror-injection") && printed.out.contains("rome\tfact-erasure"),
        "{}",
        printed.out
    );
    assert!(printed.err.contains("small: 4 facts, 36 cells"), "{}", printed.err);
    let all = rows(&home, "swept");
    assert_eq!(all.len(), ROWS, "each once");
    let cells: Vec<_> =
        all.iter().filter_map(|row| if let SweepRow::Cell(cell) = row { Some(cell) } else { None }).collect();
    let first = &facts()[0];
    for objective in ["error-injection", "fact-erasure"] {
        let set = ["--set", "steps=3", "--set", "second_moment=false", "--set", "contexts=2"];
        let flags = ["eval", "--method", "rome", "--objective", objective, "--layers", "5", "--limit", "1", "--json"];
        let alone =
            home.run(flags.iter().chain(&set).chain(&["--said-tokens", "0", "--free-generation", "5"])).well().out;
        let record = alone.lines().map(|line| serde_json::from_str::<Value>(line).expect("record"));
        let record = record.rev().find(|record| record["event"] == "evaluated").expect("evaluated");
        let cell = cells.iter().find(|cell| {
            cell.objective == objective
                && cell.layer == 5
                && cell.aim.target == record["aim"]["target"].as_str().expect("target")
                && record["fact"]["subject"] == first.subject.as_str()
        });
        let cell = cell.expect("the cell");
        for (name, value) in record["numbers"].as_object().expect("numbers") {
            let (alone, swept) = (value.as_f64().expect("number"), cell.numbers.get(name).copied().unwrap_or(f64::NAN));
            assert!((alone - swept).abs() < 1e-5, "{objective} {name}: {alone} alone, {swept} in the sweep");
        }
        assert!(cell.numbers.contains_key("after.rewrite_says") && cell.numbers.contains_key("relative_change"));
    }
    for row in &all {
        if let SweepRow::Localized(found) = row {
            assert_eq!((found.effects.len(), found.failed.as_deref()), (12, None), "{found:?}");
            assert_eq!(found.halves.len(), if found.kind == "causal-trace" { 2 } else { 0 });
        }
    }
    let answer = home.run(["analyze", "swept", "--resamples", "100"]).well();
    assert!(answer.out.contains("Regret: rewrite_score"), "{}", answer.out);
    for words in [
        "4 facts, 3 layers, 12 rows",
        "rewrite_score, causal-trace: no verdict, ",
        "To edit a fact, one has to pick a layer.",
    ] {
        assert!(answer.out.replace('\n', " ").contains(words), "no “{words}” in {}", answer.out);
    }
    for file in
        ["report.html", "report.md", "report.tex", "rows.csv", "rows.parquet", "origins.csv", "results.json", "again.R"]
    {
        assert!(home.path("swept/analysis").join(file).is_file(), "{file} is missing");
    }
    let files = std::fs::read_dir(home.path("swept/analysis")).expect("files");
    let is_figure = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "svg");
    let figures: Vec<_> = files.map(|entry| entry.expect("entry").path()).filter(is_figure).collect();
    assert!(!figures.is_empty(), "there are no figures");
    for figure in figures {
        assert!(figure.with_extension("png").is_file(), "{} is no picture as well", figure.display());
    }
    let long = std::fs::read_to_string(home.path("swept/analysis/rows.csv")).expect("rows");
    // facts × layers × objectives × localizers × scores
    assert_eq!(long.lines().count() - 1, 4 * 3 * 2 * 3 * 7, "{}", long.lines().next().unwrap_or_default());
    let unknown = home.run(["analyze", "swept", "--score", "rewrite"]).sentence(2);
    assert!(unknown.contains("available: ") && unknown.contains("rewrite_score"), "{unknown}");
    // once more computes nothing
    let again = home.run(["sweep", "run", "--out", "swept"]).well();
    assert!(again.err.contains("36 of which are done"), "{}", again.err);
    assert_eq!(again.out, printed.out);
    assert_eq!(rows(&home, "swept").len(), ROWS);
    let status = home.run(["sweep", "status", "swept"]).well().out;
    assert!(status.contains("36 of 36 done (100 %)") && status.contains("the sweep is complete"), "{status}");
}

/// ROME and MEMIT optimize the values of many facts in one batch; each edit is the one that is found alone, but for rounding.
#[test]
fn edits_that_are_found_together_are_those_found_alone() {
    let home = home();
    for (method, layers, set) in
        [("rome", "4", vec!["steps=4", "contexts=3"]), ("memit", "4-5", vec!["steps=4", "contexts=3"])]
    {
        let settings = set.join(", ");
        let window = if layers == "4" { 1 } else { 2 };
        let grid = format!(
            "[facts]\ncount = 3\n[[edits]]\nmethod = \"{method}\"\nobjectives = [\"error-injection\"]\nlayers = [{}]\n\
             window = {window}\nsettings = {{ {settings} }}\n",
            if window == 1 { 4 } else { 5 }
        );
        std::fs::write(home.path("grid.toml"), grid).expect("grid");
        let out = format!("swept-{method}");
        let _ = home.run(["sweep", "run", "grid.toml", "--out", &out]).well();
        let mut flags: Vec<&str> =
            vec!["eval", "--method", method, "--objective", "error-injection", "--layers", layers];
        set.iter().for_each(|pair| flags.extend(["--set", pair]));
        flags.extend(["--limit", "3", "--said-tokens", "0", "--json"]);
        let alone = home.run(flags).well().out;
        let records = alone.lines().map(|line| serde_json::from_str::<Value>(line).expect("record"));
        let alone: Vec<Value> = records.filter(|record| record["event"] == "evaluated").collect();
        let all = rows(&home, &out);
        let facts: BTreeMap<&str, &str> = all
            .iter()
            .filter_map(|row| {
                if let SweepRow::Fact(fact) = row { Some((fact.prompt.as_str(), fact.fact.as_str())) } else { None }
            })
            .collect();
        assert_eq!((alone.len(), facts.len()), (3, 3));
        for record in &alone {
            let template = record["fact"]["template"].as_str().expect("template");
            let prompt = template.replace("{}", record["fact"]["subject"].as_str().expect("subject"));
            let cell = all.iter().find_map(|row| match row {
                SweepRow::Cell(cell) if Some(&cell.fact.as_str()) == facts.get(prompt.as_str()) => Some(cell),
                _ => None,
            });
            let cell = cell.expect("the cell");
            assert_eq!(cell.failed, None);
            for (name, value) in record["numbers"].as_object().expect("numbers") {
                let (alone, swept) = (value.as_f64().expect("number"), cell.numbers[name]);
                let room = 1e-3 * alone.abs().max(1.0);
                assert!((alone - swept).abs() < room, "{method} {name}: {alone} alone, {swept} together");
            }
        }
    }
}

#[test]
fn kills_lose_nothing_and_double_nothing() {
    let undisturbed = home();
    let _ = undisturbed.run(["sweep", "run", "grid.toml", "--out", "swept"]).well();
    let expected = told(&undisturbed, "swept");
    let disturbed = home();
    for part in 1..=6_usize {
        let mut child = start(&disturbed, &[]);
        let enough = ROWS * part / 8;
        let written = || if disturbed.path("swept").exists() { rows(&disturbed, "swept").len() } else { 0 };
        while written() < enough && child.try_wait().expect("the child").is_none() {
            thread::sleep(Duration::from_millis(3));
        }
        thread::sleep(Duration::from_millis(29 * part as u64 % 50));
        if child.try_wait().expect("the child").is_none() {
            send(Signal::KILL, child.id());
        }
        child.wait().expect("the end");
    }
    let _ = disturbed.run(["sweep", "run", "grid.toml", "--out", "swept"]).well();
    assert_eq!(told(&disturbed, "swept"), expected);
    // an engine whose front was killed lives on for a moment, and so does what it claimed
    let claims = || shown_files(&disturbed.path("swept/claims")).len();
    for _ in 0..60 {
        if claims() > 0 {
            thread::sleep(Duration::from_secs(1));
            let _ = disturbed.run(["sweep", "run", "--out", "swept"]).well();
        }
    }
    assert_eq!(claims(), 0);
    assert_eq!(told(&disturbed, "swept"), expected);
}

#[test]
fn several_programs_on_one_folder_make_the_rows_of_one() {
    let alone = home();
    let _ = alone.run(["sweep", "run", "grid.toml", "--out", "swept"]).well();
    let expected = told(&alone, "swept");
    for sharded in [false, true] {
        let shared = home();
        let parts = ["1/4", "2/4", "3/4", "4/4"];
        let flags = |part| if sharded { vec!["--shard", part] } else { Vec::new() };
        let mut children: Vec<Child> = parts.into_iter().map(|part| start(&shared, &flags(part))).collect();
        for child in &mut children {
            assert!(child.wait().expect("the end").success(), "sharded: {sharded}");
        }
        assert_eq!(told(&shared, "swept"), expected, "sharded: {sharded}");
        let cells = rows(&shared, "swept").iter().filter(|row| !matches!(row, SweepRow::Fact(_))).count();
        assert_eq!(cells, ROWS - 4, "nothing was computed twice");
        let files = std::fs::read_dir(shared.path("swept/rows")).expect("rows").count();
        assert!(files > 1, "only one has worked");
        let again = shared.run(["sweep", "run", "--out", "swept", "--shard", "1/4"]).well();
        assert!(again.err.contains("36 cells, 36 of which are done"), "{}", again.err);
    }
}

/// The Analysis pane of the workbench reads the folder and says what `locus analyze` says.
#[test]
fn the_workbench_analyzes_the_sweep_that_it_follows() {
    const SMALL: &str = "title = \"six facts\"\n[facts]\ncount = 6\n[[edits]]\nmethod = \"fine-tuning\"\n\
                         objectives = [\"error-injection\"]\nlayers = [0, 5, 11]\nsettings = { steps = 2 }\n\
                         [[localizers]]\nname = \"by chance\"\nkind = \"random-layer\"\n";
    let home = home();
    std::fs::write(home.path("grid.toml"), SMALL).expect("grid");
    let _ = home.run(["sweep", "run", "grid.toml", "--out", "swept"]).well();
    let printed = home.run(["analyze", "swept", "--json"]).well().out;
    let printed: Value = serde_json::from_str(&printed).expect("an analysis");
    let panel = &printed["panels"][0];
    let sentence = panel["localizers"][0]["verdict"]["value"]["sentence"].as_str().expect("a verdict").to_owned();
    let regret = panel["regret"]["value"]["rules"].as_array().expect("rules");
    let by_chance = regret.iter().find(|rule| rule["rule"] == "by chance").expect("the localizer");
    let mean = by_chance["regret"]["value"]["estimate"].as_f64().expect("a regret");
    let mut terminal = PseudoTerminal::start(&home, (40, 120), &["--follow", "swept"], &[]);
    terminal.until_shown("24 of 24 cells");
    terminal.press("8");
    terminal.until_shown("computes the analysis of the 24 rows");
    terminal.press("A");
    terminal.until_shown("of 24 rows, 2000 resamples");
    // the sentence is broken into lines
    let words: Vec<&str> = sentence.split(' ').collect();
    terminal.until_shown(&words[..8].join(" "));
    terminal.until_shown("6 facts, 3 layers");
    terminal.press("l");
    terminal.until_shown("any layer, at random");
    terminal.until_shown(&format!("{mean:.3} ["));
    terminal.press("l");
    terminal.until_shown("rows treated as independent, as in the paper");
    terminal.press("q");
    assert!(terminal.end(Duration::from_secs(30)).success());
    terminal.assert_given_back();
}

#[test]
fn a_cell_that_fails_is_a_row_with_its_reason() {
    let home = home();
    let hostile = plugin("locus-hostile");
    let grid = "[facts]\ncount = 2\n[[edits]]\nmethod = \"returns-nan\"\nobjectives = [\"error-injection\"]\nlayers = [0, 5]\n\
                [[edits]]\nmethod = \"fine-tuning\"\nobjectives = [\"error-injection\"]\nlayers = [5]\nsettings = { steps = 1 }\n";
    std::fs::write(home.path("grid.toml"), grid).expect("grid");
    let sweep = |more: &[&str]| {
        let plugin = ["--plugin", hostile.to_str().expect("path")];
        home.run(["sweep", "run", "grid.toml", "--out", "swept"].iter().chain(&plugin).chain(more)).well()
    };
    let first = sweep(&[]);
    assert!(first.err.contains("4 cells failed"), "{}", first.err);
    assert!(first.out.contains("fine-tuning\terror-injection"), "the others go on: {}", first.out);
    let failed = |home: &Home| rows(home, "swept").iter().filter(|row| row.failed().is_some()).count();
    assert_eq!(failed(&home), 4);
    let status = home.run(["sweep", "status", "swept"]).well().out;
    assert!(status.contains("--retry-failed") && status.contains("returns-nan"), "{status}");
    let _ = sweep(&[]);
    assert_eq!(failed(&home), 4, "what has failed is not tried again");
    let _ = sweep(&["--retry-failed"]);
    assert_eq!(failed(&home), 8, "each is tried once more");
}

#[test]
fn edits_that_overlap_and_localizers_of_two_names_each_have_their_rows() {
    const OVERLAPPING: &str = r#"
[facts]
count = 2
[[edits]]
name = "early"
method = "fine-tuning"
objectives = ["error-injection"]
layers = [0, 5]
settings = { steps = 1 }
[[edits]]
name = "all"
method = "fine-tuning"
objectives = ["error-injection"]
layers = [0, 5, 11]
settings = { steps = 1 }
[[localizers]]
name = "chance"
kind = "random-layer"
[[localizers]]
name = "luck"
kind = "random-layer"
"#;
    let home = home();
    std::fs::write(home.path("grid.toml"), OVERLAPPING).expect("grid");
    let _ = home.run(["sweep", "run", "grid.toml", "--out", "swept"]).well();
    let (mut edits, mut localizers) = (BTreeMap::new(), BTreeMap::new());
    for row in rows(&home, "swept") {
        match row {
            SweepRow::Fact(_) => {}
            SweepRow::Cell(cell) => *edits.entry((cell.edit, cell.layer)).or_insert(0) += 1,
            SweepRow::Localized(found) => *localizers.entry(found.localizer).or_insert(0) += 1,
        }
    }
    let cells = [("all", 0), ("all", 5), ("all", 11), ("early", 0), ("early", 5)];
    assert_eq!(edits, BTreeMap::from(cells.map(|(name, layer)| ((name.to_owned(), layer), 2))));
    assert_eq!(localizers, BTreeMap::from(["chance", "luck"].map(|name| (name.to_owned(), 2))));
    let status = home.run(["sweep", "status", "swept"]).well().out;
    assert!(status.contains("14 of 14 done (100 %)") && status.contains("the sweep is complete"), "{status}");
}

/// Each estimate computes the first cells that are left of each kind.
#[test]
fn a_sweep_that_was_begun_is_estimated_from_what_is_left_of_it() {
    let home = home();
    let mut done = Vec::new();
    for _ in 0..3 {
        let told = home.run(["sweep", "run", "grid.toml", "--out", "swept", "--estimate", "--json"]).well().out;
        let records = told.lines().map(|line| serde_json::from_str::<Value>(line).expect("record"));
        let last = records.rev().find(|record| record["event"] == "sweep").expect("a sweep");
        let seconds = last["seconds"].as_f64().expect("an estimate");
        assert!(seconds > 0.0, "{last}");
        done.push(last["done"].as_u64().expect("a number"));
    }
    // four facts with two objectives at one layer more each time, and three localizers of one fact
    assert_eq!(done, [11, 22, 33]);
}

/// A record of a facts file.
fn record(fact: &locus_protocol::Fact) -> Value {
    serde_json::json!({"case_id": fact.case_id, "requested_rewrite": {"prompt": fact.template, "subject": fact.subject,
        "target_true": {"str": fact.target_true}, "target_new": {"str": fact.target_new}}})
}

/// Facts are looked at in parts of sixteen: the last two of these come after the first part.
#[test]
fn as_many_facts_are_swept_as_are_asked_for_although_one_is_there_twice() {
    let home = home();
    let mut records: Vec<Value> = facts()[..16].iter().map(record).collect();
    records.extend([record(&facts()[0]), record(&facts()[16])]);
    std::fs::write(home.path("facts.json"), Value::Array(records).to_string()).expect("facts");
    let grid = "[facts]\nfile = \"facts.json\"\ncount = 17\n[[localizers]]\nkind = \"random-layer\"\n";
    std::fs::write(home.path("grid.toml"), grid).expect("grid");
    let swept = home.run(["sweep", "run", "grid.toml", "--out", "swept"]).well();
    assert!(
        swept.err.contains("17 facts, 17 cells") && swept.err.contains("1 fact left out: duplicate"),
        "{}",
        swept.err
    );
    assert_eq!(rows(&home, "swept").len(), 17 + 17);
}

/// A grid is checked on a fact that it sweeps.
#[test]
fn a_fact_that_is_not_swept_does_not_keep_the_others_from_it() {
    let home = home();
    let unasked =
        serde_json::json!({"known_id": 7, "subject": "Anna", "prompt": "Anna plays the", "attribute": "harp"});
    let records = Value::Array(vec![unasked, record(&facts()[0])]);
    std::fs::write(home.path("facts.json"), records.to_string()).expect("facts");
    let grid = |case: u64| {
        let edit =
            "method = \"fine-tuning\"\nobjectives = [\"error-injection\"]\nlayers = [0]\nsettings = { steps = 1 }";
        format!("[facts]\nfile = \"facts.json\"\ncases = [{case}]\n[[edits]]\n{edit}\n")
    };
    std::fs::write(home.path("grid.toml"), grid(7)).expect("grid");
    let said = home.run(["sweep", "run", "grid.toml", "--out", "swept"]).sentence(1);
    assert!(said.contains("the fact has no new target"), "{said}");
    std::fs::write(home.path("grid.toml"), grid(facts()[0].case_id.expect("a number"))).expect("grid");
    let swept = home.run(["sweep", "run", "grid.toml", "--out", "swept"]).well();
    assert!(swept.err.contains("1 fact, 1 cell"), "{}", swept.err);
    std::fs::write(home.path("grid.toml"), grid(123_456)).expect("grid");
    let said = home.run(["sweep", "run", "grid.toml", "--out", "nowhere"]).sentence(1);
    assert!(said.contains("no screened fact has the case_id 123456"), "{said}");
    assert!(!home.path("nowhere").exists());
}

#[test]
fn a_plugin_that_was_built_again_does_not_go_on_with_a_sweep() {
    let home = home();
    let library = home.path("libhostile.so");
    let mut bytes = std::fs::read(plugin("locus-hostile")).expect("a plugin");
    std::fs::write(&library, &bytes).expect("a copy");
    let grid =
        "[facts]\ncount = 1\n[[edits]]\nmethod = \"returns-nan\"\nobjectives = [\"error-injection\"]\nlayers = [0]\n";
    std::fs::write(home.path("grid.toml"), grid).expect("grid");
    let named = ["--plugin", library.to_str().expect("path")];
    let _ = home.run(["sweep", "run", "grid.toml", "--out", "swept"].iter().chain(&named)).well();
    let before = rows(&home, "swept");
    // what follows the end of a library is none of it, and yet another file
    bytes.push(0);
    std::fs::remove_file(&library).expect("removed");
    std::fs::write(&library, &bytes).expect("another build");
    for grid in [vec![], vec!["grid.toml"]] {
        let run = ["sweep", "run"].iter().chain(&grid).chain(&["--out", "swept"]).chain(&named);
        let (_, said) = home.run(run).warnings_and_sentence(1);
        assert!(said.contains("the build of the plugin `returns-nan` differs"), "{said}");
        assert!(said.contains("name another folder, or put the earlier build back"), "{said}");
    }
    assert_eq!(rows(&home, "swept"), before);
}

#[test]
fn what_cannot_be_swept_is_said_in_one_sentence() {
    let home = home();
    let refused = |grid: &str, code: i32| {
        std::fs::write(home.path("bad.toml"), grid).expect("grid");
        let said = home.run(["sweep", "run", "bad.toml", "--out", "bad"]).sentence(code);
        assert!(!home.path("bad").exists(), "nothing is left behind: {said}");
        said
    };
    for (grid, code, says) in [
        (GRID.replace("\"rome\"", "\"rmoe\""), 1, "rmoe"),
        (GRID.replace("\"fact-erasure\"", "\"erasure\""), 1, "erasure"),
        (GRID.replace("[0, 5, 11]", "[0, 12]"), 1, "there is no layer 12; the model has layers 0 to 11"),
        (
            GRID.replace("[0, 5, 11]", "[5, 6]\nwindow = 13"),
            1,
            "a window of 13 layers is wider than the model, which has 12",
        ),
        (GRID.replace("steps = 3", "stops = 3"), 1, "stops"),
        (GRID.replace("causal-trace", "causal-trade"), 1, "no localizer `causal-trade`"),
        (GRID.replace("samples = 2", "sample = 2"), 1, "no setting `sample`"),
        (GRID.replace("[[edits]]", "[[edit]]"), 2, "edit"),
        (String::new(), 2, "neither [[edits]] nor [[localizers]]"),
    ] {
        let said = refused(&grid, code);
        assert!(said.contains(says), "{said}");
    }
    std::fs::write(home.path("none.json"), "[]").expect("facts");
    let said = home.run(["sweep", "run", "grid.toml", "--out", "none", "--facts", "none.json"]);
    assert!(said.code != Some(0) && said.err.contains("give at least one"), "{}", said.err);
    let said = home.run(["sweep", "run", "grid.toml", "--out", "none", "--shard", "4/3"]);
    assert!(said.code == Some(2) && said.err.contains("2/8"), "{}", said.err);
    let said = home.run(["sweep", "run", "--out", "nowhere"]).sentence(2);
    assert!(said.contains("there is no sweep in this folder"), "{said}");
    assert!(home.run(["sweep", "status", "nowhere"]).sentence(1).contains("there is no sweep"));
    // a folder of another sweep, and one of something else
    let small =
        GRID.replace("objectives = [\"error-injection\", \"fact-erasure\"]", "objectives = [\"error-injection\"]");
    std::fs::write(home.path("small.toml"), small.replace("[0, 5, 11]", "[0]").replace("count = 4", "count = 1"))
        .expect("grid");
    let _ = home.run(["sweep", "run", "small.toml", "--out", "swept"]).well();
    let said = home.run(["sweep", "run", "grid.toml", "--out", "swept"]).sentence(1);
    assert!(said.contains("its grid (sweep.toml) differs"), "{said}");
    std::fs::create_dir(home.path("mine")).expect("folder");
    std::fs::write(home.path("mine/notes.txt"), "mine").expect("file");
    let said = home.run(["sweep", "run", "small.toml", "--out", "mine"]).sentence(1);
    assert!(said.contains("something other than a sweep"), "{said}");
    // a torn last line, as a kill leaves it, and a line that is none
    let file = std::fs::read_dir(home.path("swept/rows")).expect("rows").next().expect("a file").expect("entry").path();
    let text = std::fs::read_to_string(&file).expect("rows");
    std::fs::write(&file, &text[..text.len() - 30]).expect("torn");
    let _ = home.run(["sweep", "run", "small.toml", "--out", "swept"]).well();
    let status = home.run(["sweep", "status", "swept"]).well().out;
    assert!(status.contains("(100 %)"), "{status}");
    std::fs::write(&file, format!("nonsense\n{text}")).expect("damaged");
    let merged = home.run(["sweep", "merge", "swept", "--out", "merged.jsonl"]).well();
    assert!(merged.err.contains("line 1 is not a row") && merged.err.contains("is left out"), "{}", merged.err);
}
