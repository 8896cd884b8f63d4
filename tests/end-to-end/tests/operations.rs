//! The journal of operations: what is written, what a restart puts in place, and that it can be run again.

use locus_end_to_end::{Home, PseudoTerminal, Records, Session, operations, order, send};
use locus_protocol::{Deed, EditOrder, Event, LogLevel, Operation, Origin, Outcome};
use locus_protocol::{Place, Redo, Role, Start, Task, Undo};
use locus_session::SessionOptions;
use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

/// The engine as the workbench has it.
struct Workbench {
    session: Session,
    /// What was told last of the edits in place: their numbers, those taken back, the weights.
    told: (Vec<u64>, Vec<u64>, BTreeMap<String, String>),
}

impl Workbench {
    fn start(home: &Home, role: Role) -> Self {
        let (session, told) = Session::start(home, |usual| SessionOptions {
            start: Start { role, ..usual.start },
            operations: Some(home.path("state/locus")),
            ..usual
        });
        let mut workbench = Self { session, told: Default::default() };
        told.iter().for_each(|event| workbench.hear(event));
        workbench
    }

    fn new(home: &Home) -> Self {
        Self::start(home, Role::Workbench { takes_over: true })
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::Edits { applied, undone, weights, .. } => {
                let numbers = |edits: &[locus_protocol::EditInPlace]| edits.iter().map(|edit| edit.number).collect();
                self.told = (numbers(applied), numbers(undone), weights.clone());
            }
            Event::Applied(applied) => {
                self.told.0.push(applied.number);
                self.told.1.clear();
                self.told.2.clone_from(&applied.weights);
            }
            Event::Log { level, text, .. } => assert_ne!(*level, LogLevel::Error, "{text}"),
            _ => {}
        }
    }

    fn job(&mut self, task: impl Into<Task>) {
        let (outcome, told) = self.session.job(task);
        told.iter().for_each(|event| self.hear(event));
        assert_eq!(outcome, Outcome::Done);
    }

    fn edit(&mut self, line: &str) -> u64 {
        let order: EditOrder = serde_json::from_str(line).expect("an order");
        self.job(order);
        *self.told.0.last().expect("a number")
    }

    fn undo(&mut self) {
        self.job(Undo::LAST);
    }

    fn undo_one(&mut self, edit: u64) {
        self.job(Undo::of(edit));
    }

    fn redo(&mut self) {
        self.job(Redo::default());
    }

    fn end(self) {
        self.session.end();
    }
}

/// An order that is done in a moment.
fn quick(case: u64, layer: usize) -> String {
    order(case, "fine-tuning", layer, json!({"steps": 2}))
}

/// The deed and what it is about: `edit`, `undo 3`.
fn deeds(operations: &[Operation]) -> Vec<String> {
    let deed = |operation: &Operation| match &operation.deed {
        Deed::Edit(_) => "edit".to_owned(),
        Deed::Apply(_) => "apply".to_owned(),
        Deed::Undo { edit } => format!("undo {edit}"),
        Deed::Redo { edit } => format!("redo {edit}"),
    };
    operations.iter().map(deed).collect()
}

#[test]
fn edits_come_back_with_what_was_taken_back_on_the_next_start() {
    let home = Home::new();
    let mut session = Workbench::new(&home);
    assert_eq!(session.told.0, Vec::<u64>::new());
    let first = session.edit(&order(0, "rome", 3, json!({"steps": 3})));
    session.edit(&quick(100, 3));
    let third = session.edit(&quick(200, 2));
    session.undo_one(2);
    session.undo();
    assert_eq!((first, third), (1, 3));
    let left = session.told.clone();
    assert_eq!((&left.0[..], &left.1[..]), (&[1][..], &[2, 3][..]));
    session.end();

    let mut session = Workbench::new(&home);
    assert_eq!((&session.told.0, &session.told.1), (&left.0, &left.1));
    // the weights that are touched now have the bits that they had
    assert!(!session.told.2.is_empty() && session.told.2.iter().all(|(name, hash)| left.2[name] == *hash));
    session.redo();
    assert_eq!((&session.told.0[..], &session.told.1[..]), (&[1, 3][..], &[2][..]));
    session.redo();
    session.undo_one(1);
    let left = session.told.clone();
    session.end();
    let done = operations(&home);
    assert_eq!(deeds(&done), ["edit", "edit", "edit", "undo 2", "undo 3", "redo 3", "redo 2", "undo 1"]);
    assert_eq!(done.iter().map(|operation| operation.number).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());

    // a command has a model of its own, starts from none of it, and changes nothing of it
    let records = home.run(["edit", "--method", "fine-tuning", "--set", "steps=1", "--json"]).well().records();
    assert_eq!(records.edits()[0].applied.as_ref().expect("applied").number, 1);
    let command = operations(&home).pop().expect("an operation");
    assert_eq!((command.number, command.origin, &command.in_place[..]), (9, Origin::Command, &[9][..]));
    let session = Workbench::new(&home);
    assert_eq!((&session.told.0[..], &session.told.1[..]), (&[2, 3][..], &[1][..]));
    assert!(session.told.2.iter().all(|(name, hash)| left.2[name] == *hash));
    session.end();
    // and a fresh start has none, until the next one
    let session = Workbench::start(&home, Role::Workbench { takes_over: false });
    assert_eq!(session.told.0, Vec::<u64>::new());
    session.end();
    assert_eq!(Workbench::new(&home).told.0, [2, 3]);
}

#[test]
fn an_operation_holds_all_that_is_needed_to_do_it_again() {
    let home = Home::new();
    let edit = ["edit", "--method", "rome", "--layers", "4", "--set", "steps=3", "--seed", "5", "--json"];
    let records = home.run(edit).well().records();
    let applied = records.edits()[0].applied.clone().expect("applied");
    let [done] = &operations(&home)[..] else { panic!("not one operation") };
    let made = done.edit().expect("an edit");
    assert_eq!((&made.title, made.scores.as_ref()), (&applied.title, Some(&applied.scores)));
    assert_eq!((&made.numbers, &made.changes), (&applied.numbers, &applied.changes));
    assert_eq!((&done.weights, done.number), (&applied.weights, 1));
    assert_eq!(made.order, records.edits()[0].started.order, "with all settings filled in");
    assert_eq!((made.order.seed, made.method.id.as_str(), made.method.sha256.len()), (5, "rome", 64));
    let delta = home.path("state/locus").join(&made.delta.file);
    let sha256 = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(sha256(&std::fs::read(delta).expect("the change")), made.delta.sha256);

    // the log, one operation, and both as records
    let log = home.run(["log"]).well().out;
    assert!(log.contains(&applied.title) && log.contains("own run") && log.contains("built-in"), "{log}");
    let show = home.run(["show", "1"]).well().out;
    for part in ["seed", "steps=3", &made.delta.sha256, "rewrite", &made.order.fact.marked()] {
        assert!(show.contains(part), "no {part} in {show}");
    }
    assert_eq!(done.facts.as_ref().map(|facts| facts.source.as_str()), Some("built-in facts"));
    for (row, value) in [
        ("program", env!("CARGO_PKG_VERSION")),
        ("--reproducible", "no"),
        ("found on", "the unedited model"),
        ("facts", "built-in facts ("),
    ] {
        let is_shown = show
            .lines()
            .any(|line| line.trim().strip_prefix(row).is_some_and(|rest| rest.trim_start().starts_with(value)));
        assert!(is_shown, "no {row} {value} in {show}");
    }
    let shown: Operation = serde_json::from_str(&home.run(["show", "1", "--json"]).well().out).expect("a record");
    assert_eq!(shown, *done);
    let sentence = home.run(["show", "7"]).sentence(1);
    assert!(sentence.contains("there is no operation 7; `locus log` lists 1 to 1"), "{sentence}");
    assert!(Home::new().run(["log"]).well().out.contains("no operations yet"));
}

/// Scores compare an edit with other facts about its subject: with another file they are others, and that is said.
#[test]
fn a_replay_with_other_facts_says_so() {
    let home = Home::new();
    let own = home.cache().join("built-in-model/facts.json");
    std::fs::copy(&own, home.path("facts.json")).expect("copied");
    let edit = ["edit", "--method", "fine-tuning", "--set", "steps=1", "--case", "0", "--facts", "facts.json"];
    let _ = home.run(edit).well();
    let _ = home.run(["replay", "--facts", "facts.json"]).well();
    let facts: Vec<Value> = serde_json::from_slice(&std::fs::read(&own).expect("facts")).expect("a list");
    std::fs::write(home.path("few.json"), json!(facts[..1]).to_string()).expect("written");
    let ended = home.run(["replay", "--facts", "few.json"]);
    assert!(
        ended.out.contains("depended on the facts of `facts.json` then, and depend on those of `few.json` now"),
        "{ended:?}"
    );
    std::fs::copy(home.path("few.json"), home.path("facts.json")).expect("copied");
    let ended = home.run(["replay", "--facts", "facts.json"]);
    assert!(ended.out.contains("the facts of `facts.json`, which have changed"), "{ended:?}");
    for flags in [["--with-edits", "1"], ["--apply", "facts.json"]] {
        let sentence = home.run(["replay"].iter().chain(&flags)).sentence(2);
        assert!(sentence.contains(flags[0]) && sentence.contains("leave the flag out"), "{sentence}");
    }
}

#[test]
fn edits_are_taken_back_and_put_on_without_the_workbench() {
    let home = Home::new();
    let sentence = home.run(["undo"]).sentence(1);
    assert!(sentence.contains("the workbench has left no edit in place"), "{sentence}");
    let mut session = Workbench::new(&home);
    [(0, 1), (100, 2), (200, 3)].into_iter().for_each(|(case, layer)| _ = session.edit(&quick(case, layer)));
    session.end();
    assert!(home.run(["undo", "2"]).well().out.contains("undid 2"));
    assert!(home.run(["undo"]).well().out.contains("applies 1 edit"));
    let session = Workbench::new(&home);
    assert_eq!((&session.told.0[..], &session.told.1[..]), (&[1][..], &[2, 3][..]));
    session.end();
    assert!(home.run(["redo"]).well().out.contains("redid 3"));
    // one that a command made
    let _ = home.run(["edit", "--method", "fine-tuning", "--set", "steps=1", "--layers", "0"]).well();
    let command = operations(&home).last().expect("an operation").number;
    let _ = home.run(["redo", &command.to_string()]).well();
    let session = Workbench::new(&home);
    assert_eq!(session.told.0, [1, 3, command]);
    session.end();
    for (arguments, said) in [
        (["undo", "2"], "operation 2 is not in place"),
        (["redo", "1"], "operation 1 is already in place"),
        (["redo", "4"], "operation 4 is not an edit"),
        (["undo", "99"], "there is no operation 99"),
    ] {
        let sentence = home.run(arguments).sentence(1);
        assert!(sentence.contains(said), "{arguments:?}: {sentence}");
    }
}

#[test]
fn what_was_damaged_is_said_and_the_rest_goes_on() {
    let home = Home::new();
    let mut session = Workbench::new(&home);
    session.edit(&quick(0, 1));
    session.edit(&quick(100, 2));
    session.end();
    let done = operations(&home);
    let delta = home.path("state/locus").join(&done[1].edit().expect("an edit").delta.file);
    std::fs::write(&delta, b"nothing").expect("written");
    let file = home.path("state/locus/operations.jsonl");
    let mut journal = std::fs::File::options().append(true).open(&file).expect("the journal");
    journal.write_all(br#"{"number":3,"ti"#).expect("a torn line");
    let session = Workbench::new(&home);
    assert_eq!(session.told.0, [1], "the other one is in place");
    session.end();
    let ended = home.run(["log"]).well();
    assert!(ended.err.contains("line 3: not a complete operation"), "{}", ended.err);
    let _ = home.run(["undo", "1"]).well();
    let numbers = |text: String| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str::<Value>(line).expect(line)["number"].clone()).collect()
    };
    assert_eq!(numbers(home.run(["log", "--json"]).well().out), [json!(1), json!(2), json!(3)]);
}

#[test]
fn a_journal_of_thirty_operations_is_run_again_with_the_same_numbers() {
    let home = Home::new();
    // over two starts of the workbench, with undo, redo and undo of one, and with two commands among them
    let mut session = Workbench::new(&home);
    session.edit(&order(0, "rome", 3, json!({"steps": 3})));
    session.edit(&order(50, "memit", 2, json!({"steps": 3, "contexts": 2})));
    for case in [100, 150, 200] {
        session.edit(&quick(case, 3));
    }
    session.undo();
    session.undo_one(2);
    session.redo();
    session.redo();
    session.undo_one(3);
    session.edit(&quick(250, 2));
    session.end();
    let _ = home.run_with(&(quick(300, 1) + &quick(350, 1)), ["edit", "--orders", "-"]).well();
    let mut session = Workbench::new(&home);
    for case in [400, 450, 500] {
        session.edit(&quick(case, (case / 50 % 4) as usize));
        session.undo();
        session.redo();
    }
    session.undo_one(1);
    session.undo();
    session.redo();
    session.redo();
    session.edit(&order(550, "rome", 4, json!({"steps": 2})));
    session.end();
    let _ = home.run_with(&(quick(600, 0) + &quick(650, 0)), ["edit", "--orders", "-", "--sequence"]).well();
    let done = operations(&home);
    assert_eq!(done.len(), 30, "{:?}", deeds(&done));
    let count = |what: &str| deeds(&done).iter().filter(|deed| deed.starts_with(what)).count();
    assert!(count("undo") >= 8 && count("redo") >= 6, "{:?}", deeds(&done));

    let ended = home.run(["replay"]).well();
    assert!(ended.out.contains("30 operations were run again and came out the same, number for number"), "{ended:?}");
    assert_eq!(operations(&home), done, "a replay is no operation");
    // single ones, from the changes of what was in place then
    let few = home.run(["replay", "11", "22", "--json"]).well().out;
    let few: Vec<Value> = few.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(few.len(), 2);
    assert!(few.iter().all(|outcome| outcome["same"] == json!(true)), "{few:?}");

    // a number that was another one then is listed with both values
    let file = home.path("state/locus/operations.jsonl");
    let text = std::fs::read_to_string(&file).expect("the journal");
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    lines[2]["scores"]["after"]["rewrite"][0]["new"] = json!(0.125);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&file, text).expect("written");
    let ended = home.run(["replay", "3", "4"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.out.contains("scores.after.rewrite[0].new: 0.125 then, "), "{ended:?}");
    assert!(ended.err.contains("1 of 2 operations came out differently: 3"), "{ended:?}");
}

#[test]
fn the_workbench_says_what_it_took_over_and_takes_it_back_across_restarts() {
    let home = Home::new();
    let mut session = Workbench::new(&home);
    session.edit(&quick(0, 1));
    session.edit(&quick(100, 2));
    session.end();
    let ready = |arguments: &[&str]| PseudoTerminal::start(&home, (24, 100), arguments, &[]);
    let leave = |mut terminal: PseudoTerminal| {
        terminal.press("q");
        assert!(terminal.end(Duration::from_secs(10)).success());
    };
    let mut terminal = ready(&["demo"]);
    terminal.until_shown("with 2 edits of earlier sessions in place");
    terminal.press("u");
    terminal.until_shown("undid fine-tuning L2");
    leave(terminal);
    let mut terminal = ready(&["demo"]);
    terminal.until_shown("with one edit of an earlier session in place");
    terminal.press("\x12");
    terminal.until_shown("redid fine-tuning L2");
    leave(terminal);
    let mut terminal = ready(&["demo", "--fresh"]);
    terminal.until_shown("built-in is ready");
    terminal.until_shown("no edits");
    leave(terminal);
    assert_eq!(deeds(&operations(&home)), ["edit", "edit", "undo 2", "redo 2"]);
}

/// Kills a process that edits, and looks at what is left: the journal reads, and the edits in place have the bits that
/// the journal says. More moments are the campaign `kills` of `locus-torture`.
#[test]
fn a_kill_at_any_moment_leaves_a_journal_that_reads_and_makes_the_same_bits() {
    let home = Home::new();
    let lines: String = (0..40).map(|edit| quick(25 * edit, (edit % 4) as usize)).collect();
    let (mut done, mut cut) = (0, 0);
    // milliseconds after the first edit began, or was told as done
    for (record, moment) in [("edit", 0), ("edit", 60), ("applied", 0), ("applied", 250), ("applied", 700)] {
        let mut child = home.command(["edit", "--orders", "-", "--sequence", "--json"]).spawn().expect("it starts");
        let _ = child.stdin.take().expect("input").write_all(lines.as_bytes());
        let mut output = BufReader::new(child.stdout.take().expect("output")).lines().map_while(Result::ok);
        let begins = format!(r#"{{"event":"{record}""#);
        output.find(|line| line.starts_with(&begins)).expect("an edit");
        // who is not listened to waits
        std::thread::spawn(move || output.for_each(drop));
        std::thread::sleep(Duration::from_millis(moment));
        if child.try_wait().expect("the child").is_none() {
            send(Signal::KILL, child.id());
            cut += 1;
        }
        let _ = child.wait();
        let read = locus_records::operations::Journal::new(&home.path("state/locus")).read().expect("a journal");
        assert!(read.complaints.len() <= 1, "{moment}: {:?}", read.complaints);
        let numbers: Vec<u64> = read.operations.iter().map(|operation| operation.number).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "{moment}");
        assert!(numbers.len() >= done, "{moment}: something is gone");
        done = numbers.len();
        let Some(last) = read.operations.last() else { continue };
        let mut session = Workbench::start(&home, Role::Reader);
        let in_place = last.in_place.clone();
        session.job(Place { in_place, taken_back: Vec::new() });
        assert_eq!(session.told.0, last.in_place, "{moment}");
        assert_eq!(session.told.2, last.weights, "{moment}: other bits");
        session.end();
    }
    assert!(done > 0 && cut > 0, "{done} operations, {cut} kills");
}

#[test]
fn another_process_is_followed_live_and_read_only() {
    let home = Home::new();
    let edit = |case: &str| {
        let edit = ["edit", "--method", "fine-tuning", "--set", "steps=2", "--journal", "run.jsonl", "--case", case];
        let _ = home.run(edit).well();
        Records::read(&std::fs::read_to_string(home.path("run.jsonl")).expect("the journal"))
    };
    let first = edit("0");
    let mut terminal = PseudoTerminal::start(&home, (40, 120), &["--follow", "run.jsonl"], &[]);
    terminal.until_shown("read-only: run.jsonl");
    terminal.until_shown("1 edit in place");
    let fact = |records: &Records| records.edits().last().expect("an edit").started.order.fact.clone();
    terminal.until_shown(&fact(&first).subject);
    // what is added is shown, with nothing pressed
    let second = edit("400");
    assert_ne!(fact(&first).subject, fact(&second).subject);
    let shown = fact(&second);
    terminal.until_shown(&format!("[{}]", shown.subject));
    // the last of what is told, which takes the place of any sentence before it
    terminal.until_shown(&format!("{}: {} → {}, in place", shown.subject, shown.target_true, shown.target_new));
    terminal.press("r");
    terminal.until_shown("read-only: this shows the run of another process");
    terminal.press("q");
    assert!(terminal.end(Duration::from_secs(30)).success());
    terminal.assert_given_back();
    let ended = home.run(["--follow", "run.jsonl"]);
    assert!(ended.sentence(2).contains("--follow needs a terminal"), "{ended:?}");
    assert!(home.run(["log", "--follow", "x"]).code == Some(2));
}

#[test]
fn the_sweep_of_another_process_is_followed_read_only() {
    const GRID: &str = "title = \"small\"\n[facts]\ncases = [2]\n[[edits]]\nmethod = \"fine-tuning\"\n\
                        objectives = [\"error-injection\"]\nlayers = \"0-1\"\nsettings = { steps = 2 }\n\
                        [[localizers]]\nkind = \"random-layer\"\n";
    let home = Home::new();
    std::fs::write(home.path("grid.toml"), GRID).expect("a grid");
    let _ = home.run(["sweep", "run", "grid.toml", "--out", "out"]).well();
    let mut terminal = PseudoTerminal::start(&home, (24, 80), &["--follow", "out"], &[]);
    terminal.until_shown("3 of 3 cells");
    terminal.until_shown("read-only: out");
    terminal.press("S");
    terminal.until_shown("read-only: this shows the run of another process");
    terminal.press("q");
    assert!(terminal.end(Duration::from_secs(30)).success());
    terminal.assert_given_back();
    std::fs::write(home.path("other.toml"), GRID.replace("[2]", "[2, 99999999]")).expect("a grid");
    let ended = home.run(["sweep", "run", "other.toml", "--out", "other"]);
    assert!(ended.sentence(1).contains("case_id 99999999"), "{ended:?}");
}
