//! Plugins that do what they should not, within the process: told and named, and nothing that comes later has other
//! numbers.

use crate::homes::{edits_of, operations, words};
use crate::judging::{Ending, Ran, first_lines};
use crate::{Share, Tally, pool};
use anyhow::{Context, Result, ensure};
use locus_end_to_end::{Home, order, plugin};
use locus_protocol::{Event, PluginKind};
use serde_json::{Value, json};

/// What does nothing wrong, or nothing that a single edit shows: nothing is said of it. All else that succeeds is told.
const SILENT: [&str; 10] = [
    "obeys",
    "draws-random-numbers",
    "changes-another-layer",
    "never-reports",
    "skips-steps",
    "ignores-cancellation",
    "differs-every-time",
    "leaks",
    "forgets-direction",
    "cuts-gradient",
];

/// What a method or objective of the hostile plugin does, in one situation.
struct Attempt {
    kind: PluginKind,
    id: String,
    /// The misdeed, where its setting `how` chooses one of many.
    how: Option<String>,
    situation: Situation,
}

impl Attempt {
    fn settings(&self) -> Value {
        self.how.as_ref().map_or_else(|| json!({}), |how| json!({ "how": how }))
    }
}

#[derive(Clone, Copy, Debug)]
enum Situation {
    /// Between two good edits of one process.
    BetweenEdits,
    /// In an evaluation.
    Evaluation,
    /// In an export.
    Export,
}

/// Runs the campaign.
///
/// # Errors
/// The plugin cannot be listed; a good edit fails.
pub fn run(share: Share) -> Result<Tally> {
    let mut tally = Tally::new("hostile plugins");
    let home = Home::new();
    let file = plugin("locus-hostile").display().to_string();
    let listed = Ran::program(&home, &[words("plugin list --json --plugin"), vec![file.clone()]].concat(), "");
    let mut attempts = Vec::new();
    for line in listed.out.lines() {
        let Ok(Event::Plugin(plugin)) = serde_json::from_str(line) else { continue };
        if plugin.file.display().to_string() != file {
            continue;
        }
        let record: Value = serde_json::from_str(line)?;
        let choices = record["hyperparameters"].as_array().into_iter().flatten().find(|it| it["name"] == "how");
        let hows = choices.and_then(choices_of).map_or_else(|| vec![None], |all| all.into_iter().map(Some).collect());
        for how in hows {
            for situation in [Situation::BetweenEdits, Situation::Evaluation, Situation::Export] {
                attempts.push(Attempt { kind: plugin.kind, id: plugin.id.clone(), how: how.clone(), situation });
            }
        }
    }
    ensure!(attempts.len() >= 60, "the hostile plugin lists {} misdeeds only: {listed:?}", attempts.len());
    let good = good_edit(&home, &file, "")?;
    for (name, ended) in pool::each(share.spread(attempts), |attempt| {
        let how = attempt.how.as_deref().unwrap_or_default();
        let name = format!("`{}` {how}, {:?}", attempt.id, attempt.situation);
        (name, judged(&attempt, &file, &good))
    }) {
        tally.count(&name, ended);
    }
    Ok(tally)
}

/// What a hyperparameter lets choose from.
fn choices_of(hyperparameter: &Value) -> Option<Vec<String>> {
    match hyperparameter {
        Value::Object(fields) => match fields.get("choices") {
            Some(choices) => serde_json::from_value(choices.clone()).ok(),
            None => fields.values().find_map(choices_of),
        },
        _ => None,
    }
}

/// What a good edit comes to, in one process after orders that may fail.
fn good_edit(home: &Home, file: &str, orders: &str) -> Result<Value> {
    let orders = orders.to_owned() + &order(0, "rome", 4, json!({"steps": 3}));
    let arguments = [words("edit --orders - --json --plugin"), vec![file.to_owned()]].concat();
    let ran = Ran::program(home, &arguments, &orders);
    ensure!(ran.code == Some(0), "a good edit fails: {ran:?}");
    applied(&ran.out).pop().context("no edit was told")
}

/// What came of each edit, without what differs from run to run.
fn applied(out: &str) -> Vec<Value> {
    let edit = |line: &str| {
        let mut record: Value = serde_json::from_str(line).ok()?;
        if record["event"] != "applied" {
            return None;
        }
        // parameters that another edit has touched before are listed as well
        for varies in ["job", "number", "operation", "weights"] {
            record.as_object_mut()?.remove(varies);
        }
        Some(record)
    };
    out.lines().filter_map(edit).collect()
}

/// Whether each undo gave the bits of the checkpoint.
fn unedited(out: &str) -> Vec<bool> {
    let undo = |line: &str| match serde_json::from_str(line) {
        Ok(Event::Edits { unedited, .. }) => Some(unedited),
        _ => None,
    };
    out.lines().filter_map(undo).collect()
}

fn judged(attempt: &Attempt, file: &str, good: &Value) -> Result<&'static str, String> {
    let home = Home::new();
    let (method, objective) = match attempt.kind {
        PluginKind::Method => (attempt.id.as_str(), "error-injection"),
        PluginKind::Objective => ("rome", attempt.id.as_str()),
    };
    let (settings_of, flag) = match attempt.kind {
        PluginKind::Method => ("method_settings", "--set"),
        PluginKind::Objective => ("objective_settings", "--set-objective"),
    };
    let set: Vec<String> = attempt.how.iter().flat_map(|how| [flag.to_owned(), format!("how={how}")]).collect();
    let arguments = |line: &str| [words(line), vec!["--plugin".to_owned(), file.to_owned()]].concat();
    let with_settings = |line: &str| [arguments(line), set.clone()].concat();
    match attempt.situation {
        Situation::BetweenEdits => {
            let mut hostile: Value =
                serde_json::from_str(&order(1, method, 3, json!({}))).map_err(|error| error.to_string())?;
            hostile["objective"] = json!(objective);
            hostile[settings_of] = attempt.settings();
            let good_order = order(0, "rome", 4, json!({"steps": 3}));
            // the program stops at the first edit that fails: what is after it runs in a second process
            let ran = Ran::program(
                &home,
                &arguments("edit --orders - --json"),
                &format!("{good_order}{hostile}\n{good_order}"),
            );
            let ending = ran.ending()?;
            let edits = applied(&ran.out);
            if edits.first() != Some(good) {
                return Err("the edit before it has other numbers".to_owned());
            }
            let expected = if ending == Ending::Done { 3 } else { 1 };
            if edits.len() != expected {
                return Err(format!("{} edits are told, not {expected}: {}", edits.len(), first_lines(&ran.err)));
            }
            if ending == Ending::Done && edits.last() != Some(good) {
                return Err(format!("the edit after it has other numbers: {}", first_lines(&ran.err)));
            }
            let undone: Vec<bool> = unedited(&ran.out);
            if undone.len() != expected.min(2) || undone.contains(&false) {
                return Err(format!("the undos between do not give the checkpoint's bits: {undone:?}"));
            }
            if ran.has_no_numbers() && ending == Ending::Done {
                return Err("numbers that are none are recorded as an edit".to_owned());
            }
            if edits_of(&operations(&home)?) != edits.len() {
                return Err("what was told and what is recorded differ".to_owned());
            }
            after(&home, file, good)?;
            said(attempt, &ran, &ending)
        }
        Situation::Evaluation => {
            let line =
                format!("eval --limit 2 --said-tokens 0 --method {method} --objective {objective} --layers 3 --json");
            let ran = Ran::program(&home, &with_settings(&line), "");
            let ending = ran.ending()?;
            if !operations(&home)?.is_empty() {
                return Err("an evaluation recorded an edit".to_owned());
            }
            after(&home, file, good)?;
            said(attempt, &ran, &ending)
        }
        Situation::Export => {
            let line = format!("export --case 0 --method {method} --objective {objective} --layers 3 --folder out");
            let ran = Ran::program(&home, &with_settings(&line), "");
            let ending = ran.ending()?;
            match (home.path("out").exists(), &ending) {
                (true, Ending::Refused(_)) => Err("an export is left of an edit that failed".to_owned()),
                (false, Ending::Done) => Err("an export is told and not there".to_owned()),
                _ => said(attempt, &ran, &ending),
            }
        }
    }
}

/// The next process is as if nothing had been.
fn after(home: &Home, file: &str, good: &Value) -> Result<(), String> {
    match good_edit(home, file, "") {
        Ok(edit) if edit == *good => Ok(()),
        Ok(_) => Err("the next process has other numbers".to_owned()),
        Err(error) => Err(format!("{error:#}")),
    }
}

/// What is refused is refused as the plugin's fault, by name; what succeeds is told, or is known to show nothing.
fn said(attempt: &Attempt, ran: &Ran, ending: &Ending) -> Result<&'static str, String> {
    match ending {
        Ending::Refused(sentence) if ran.code == Some(3) && sentence.contains(&attempt.id) => Ok("refused, named"),
        Ending::Refused(sentence) => Err(format!("refused with {:?} and without its name: {sentence}", ran.code)),
        Ending::Done if !ran.err.is_empty() => Ok("done, with a word"),
        Ending::Done if SILENT.contains(&attempt.how.as_deref().unwrap_or(&attempt.id)) => {
            Ok("done, and nothing after it has other numbers")
        }
        Ending::Done => Err("it succeeds, and nothing is said of it".to_owned()),
    }
}
