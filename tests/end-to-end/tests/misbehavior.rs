//! Everything that the hostile plugin can do without ending the process, one by one: the program stays up, one sentence
//! says what happened and whose fault it was, and weights and journal are bit by bit what they were.

use locus_end_to_end::{Home, Session, order_of, plugin};
use locus_hostile::behaviors::{LEFT_BEHIND, METHOD, OBJECTIVE, UNDONE};
use locus_protocol::{Applied, Blame, EditOrder, Event, LogLevel, Outcome, SaveTarget, Task, TriedOn};
use locus_protocol::{Role, Start, Try};
use locus_session::SessionOptions;
use serde_json::json;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Exit code for the fault of a plugin.
const PLUGIN: i32 = 3;

/// An engine with the hostile plugin, which writes a journal.
struct Bench {
    home: Home,
    session: Session,
    /// Settings of libtorch are those of the process: two sessions in it would put back each other's.
    _alone: MutexGuard<'static, ()>,
}

/// Held by the session that runs.
static ALONE: Mutex<()> = Mutex::new(());

impl Bench {
    fn start() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let home = Home::new();
        let operations = Some(home.path("state"));
        let (session, _) = Session::start(&home, |usual| SessionOptions {
            start: Start { plugins: vec![plugin("locus-hostile")], role: Role::Command, ..usual.start },
            operations,
            ..usual
        });
        Self { home, session, _alone: alone }
    }

    /// Runs a job; its outcome and everything that was told.
    fn job(&mut self, task: impl Into<Task>) -> (Outcome, Vec<Event>) {
        self.session.job(task)
    }

    /// The sentence with which an edit fails by the fault of a plugin.
    fn fault(&mut self, order: EditOrder, what: &str) -> String {
        let (outcome, told) = self.job(order);
        assert!(!told.iter().any(|event| matches!(event, Event::Applied(_))), "{what} was put in place");
        match outcome {
            Outcome::Failed { error, blame: Blame::Plugin } => error,
            other => panic!("{what}: {other:?}"),
        }
    }

    /// What an edit would do, and the warnings that were given meanwhile.
    fn tried(&mut self, order: EditOrder, what: &str) -> (Applied, Vec<String>) {
        let (outcome, told) = self.job(Try { order, on: TriedOn::AsItIs });
        assert_eq!(outcome, Outcome::Done, "{what}");
        let (mut would, mut warnings) = (None, Vec::new());
        for event in told {
            match event {
                Event::Tried(tried) => would = Some(tried.would),
                Event::Log { level: LogLevel::Warning, text, .. } => warnings.push(text),
                _ => {}
            }
        }
        (Applied { job: 0, title: String::new(), ..would.expect("tried") }, warnings)
    }

    /// All weights of the model as it is, and the journal: an empty file is made before anything is recorded.
    fn everything(&mut self) -> (Vec<u8>, String) {
        let folder = self.home.path("model");
        let target = SaveTarget::Model(folder.clone());
        assert_eq!(self.job(target).0, Outcome::Done);
        let weights = std::fs::read(folder.join("model.safetensors")).expect("weights");
        std::fs::remove_dir_all(folder).expect("removed");
        (weights, std::fs::read_to_string(self.home.path("state/operations.jsonl")).unwrap_or_default())
    }
}

fn misbehaves(how: &str) -> EditOrder {
    order_of(0, "misbehaves", 3, json!({ "how": how }))
}

fn misaims(how: &str) -> EditOrder {
    let settings = json!({ "how": how });
    EditOrder {
        objective: "misaims".to_owned(),
        objective_settings: settings.as_object().cloned().expect("settings"),
        ..order_of(0, "rome", 4, json!({ "steps": 2, "contexts": 4 }))
    }
}

fn is_one_sentence(text: &str) -> bool {
    !text.is_empty() && text.len() < 600 && !text.contains(['\n', '\u{1b}']) && !text.contains("please report")
}

#[test]
fn every_misdeed_is_told_in_a_sentence_and_changes_no_bit() {
    let faults = METHOD.into_iter().flatten().map(|it| (it.name, it.said, misbehaves(it.name)));
    let faults = faults.chain(OBJECTIVE.iter().map(|it| (it.name, it.said, misaims(it.name))));
    let faults: Vec<_> = faults.collect();
    assert!(faults.len() >= 60, "{}", faults.len());
    let mut session = Bench::start();
    let before = session.everything();
    for (name, said, order) in faults {
        let error = session.fault(order, name);
        let whose = ["plugin `misbehaves`: ", "plugin `misaims`: ", "plugin `rome`: "];
        assert!(whose.iter().any(|whose| error.starts_with(whose)) && is_one_sentence(&error), "{name}: {error}");
        assert!(error.contains(said), "{name}: {error}");
        let (weights, journal) = session.everything();
        assert!(weights == before.0, "{name} changed a weight");
        assert_eq!(journal, before.1, "{name} changed the journal");
    }
}

#[test]
fn what_is_left_behind_is_said_and_changes_no_number() {
    let mut session = Bench::start();
    let before = session.everything();
    let (alone, warnings) = session.tried(order_of(0, "obeys", 3, json!({})), "obeys");
    assert!(warnings.is_empty(), "{warnings:?}");
    let rome = order_of(0, "rome", 4, json!({ "steps": 3 }));
    let (rome_alone, _) = session.tried(rome.clone(), "rome");
    for behavior in LEFT_BEHIND.iter().chain(UNDONE) {
        let (would, warnings) = session.tried(misbehaves(behavior.name), behavior.name);
        match (&warnings[..], behavior.said) {
            ([], "") => {}
            ([warning], said) => {
                assert!(warning.contains(said) && warning.ends_with("; restored"), "{warning}");
                assert!(warning.starts_with("the plugin `misbehaves` left "), "{warning}");
            }
            _ => panic!("{}: {warnings:?}", behavior.name),
        }
        assert_eq!((&would.rows, &would.scores), (&alone.rows, &alone.scores), "{}", behavior.name);
        let (rome_after, warnings) = session.tried(rome.clone(), "rome");
        assert_eq!((rome_after, warnings), (rome_alone.clone(), Vec::new()), "after {}", behavior.name);
    }
    assert!(session.everything() == before);
}

#[test]
fn what_an_objective_leaves_behind_is_said_once_and_of_the_objective() {
    let mut session = Bench::start();
    let leaves =
        |settings| EditOrder { objective: "leaves-threads".to_owned(), ..order_of(0, "fine-tuning", 2, settings) };
    let (_, warnings) = session.tried(leaves(json!({ "steps": 3, "stop_below": 0.0 })), "leaves-threads");
    assert_eq!(
        warnings,
        ["the plugin `leaves-threads` left 2 threads instead of 1; restored (3 times)"],
        "{warnings:?}"
    );
}

#[test]
fn the_program_ends_with_the_code_for_plugins() {
    let home = Home::new();
    let hostile = plugin("locus-hostile").display().to_string();
    for (how, said) in [("writes-into-the-embedding", "`transformer.wte.weight`"), ("asks-for-all-samples", "samples")]
    {
        let set = format!("how={how}");
        let edit = ["edit", "--plugin", &hostile, "--method", "misbehaves", "--layers", "3", "--set", &set];
        let sentence = home.run(edit).sentence(PLUGIN);
        assert!(sentence.starts_with("plugin `misbehaves`: ") && sentence.contains(said), "{sentence}");
    }
    // whoever tries them all finds them here
    let shown = home.run(["plugin", "show", "misbehaves", "--json", "--plugin", &hostile]).well().out;
    assert!(METHOD.into_iter().flatten().all(|behavior| shown.contains(behavior.name)), "{shown}");
}

#[test]
fn goal_and_loss_are_asked_of_one_objective_and_what_it_logs_is_told() {
    let home = Home::new();
    let hostile = plugin("locus-hostile").display().to_string();
    let objective = ["--plugin", &hostile, "--objective", "remembers-its-goal", "--set", "steps=3"];
    let edit = home.run([&["edit", "--method", "rome"][..], &objective].concat()).well();
    assert!(edit.err.contains("it aims at "), "{}", edit.err);
}

#[test]
fn artifacts_are_kept_beside_the_change_and_shown() {
    let home = Home::new();
    let _ = home.run(["edit", "--method", "rome", "--set", "steps=2"]).well();
    let shown = home.run(["show", "1"]).well().out;
    let line = shown.lines().find(|line| line.contains("artifacts")).unwrap_or_else(|| panic!("{shown}"));
    let file = line.split_whitespace().find(|word| word.ends_with(".safetensors")).expect("a file");
    let bytes = std::fs::read(file).expect(file);
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("tensors");
    assert!(tensors.names().contains(&"k_mean") && tensors.len() > 5, "{:?}", tensors.names());
}

/// A folder with a plugin, as the user's own folder for them.
fn planted(home: &Home) -> PathBuf {
    let folder = home.path("data/locus/plugins");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::copy(plugin("locus-rome"), folder.join("libmine.so")).expect("a plugin");
    folder
}

#[test]
fn a_folder_that_others_may_write_to_is_refused_in_a_sentence() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let folder = planted(&home);
    let open_to = |mode| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).expect("a mode");
    open_to(0o755);
    assert!(!home.run(["plugin", "list"]).well().err.contains("refused"));
    open_to(0o777);
    // beside the table, which a pipe gets alone
    assert!(home.run(["plugin", "list"]).well().err.contains("because everyone can write to it"));
    let edit = home.run(["edit", "--method", "nudge"]);
    assert_eq!(edit.code, Some(PLUGIN), "{edit:?}");
    assert!(
        edit.err.contains("because everyone can write to it") && edit.err.contains("no method `nudge`"),
        "{edit:?}"
    );
    let file = folder.join("libmine.so").display().to_string();
    let edit = home.run(["edit", "--method", "rome", "--plugin", &file]);
    assert!(edit.code == Some(PLUGIN) && edit.err.contains("chmod go-w"), "{edit:?}");
    open_to(0o755);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).expect("a mode");
    let check = home.run(["plugin", "check", &file]);
    assert!(check.code == Some(PLUGIN) && check.err.contains("libmine.so is not used for plugins"), "{check:?}");
}

#[test]
fn a_command_that_needs_no_plugin_opens_none() {
    let home = Home::new();
    let _ = planted(&home);
    // a plugin that is opened is told in a record
    for command in [&["trace"][..], &["facts"], &["model", "info"], &["stats"]] {
        let told = home.run([command, &["--json"]].concat()).well().out;
        assert!(!told.contains("\"plugin"), "{command:?}: {told}");
    }
    let listed = home.run(["plugin", "list", "--json"]).well().out;
    assert!(listed.contains("\"plugin\""), "{listed}");
}
