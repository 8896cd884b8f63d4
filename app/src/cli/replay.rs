//! `locus replay`: runs operations of the journal again and compares.

use crate::cli::arguments::Common;
use crate::cli::client::Client;
use crate::cli::edit::{Edited, edit};
use crate::cli::settings::file_hash;
use crate::cli::{Failure, engine, log, output};
use locus_protocol::Role;
use locus_protocol::shown::{message, shown};
use locus_protocol::{Deed, EditDeed, FactsMark, Operation, Place, PluginKind, PluginMark, Redo, Undo, counted};
use locus_records::operations::{Read, facts_mark};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Differences of one operation that are listed; `--json` has them all.
const MOST_LISTED: usize = 12;

/// A number or text that has changed.
#[derive(Debug, Serialize)]
struct Difference {
    /// Which, by its place in the operation.
    what: String,
    /// As it was recorded.
    then: Value,
    /// As it came out now.
    now: Value,
}

/// What came of one operation.
#[derive(Debug, Serialize)]
struct Outcome {
    operation: u64,
    same: bool,
    differences: Vec<Difference>,
    /// What is otherwise now: plugins that are other files, another mode of computing, other facts.
    notes: Vec<String>,
}

/// Runs operations again, all of the model without numbers.
///
/// # Errors
/// An operation cannot be run again, or comes out differently.
pub fn run(common: &Common, numbers: &[u64]) -> Result<(), Failure> {
    for (flag, is_given) in [("--apply", !common.apply.is_empty()), ("--with-edits", !common.with_edits.is_empty())] {
        if is_given {
            let message = "a replay applies the edits that each operation had in place; leave the flag out";
            return Err(Failure::usage(format!("{flag}: {message}")));
        }
    }
    engine::refuse_elsewhere(common, "replay")?;
    let (_, read) = log::read_to_go_on()?;
    for &number in numbers {
        log::find(&read, number)?;
    }
    // what the engine tells is compared here, not printed; and the journal is left as it is
    let engine = Common { json: false, ..common.clone() };
    let client = Client::with_model_and(&engine, |start| start.role = Role::Reader)?;
    let model = client.known.model.clone();
    let model = model.ok_or_else(|| Failure::failed("the engine sent no model; please report it"))?;
    let is_of_it = |operation: &Operation| operation.model.fingerprint == model.fingerprint;
    if let Some(other) = numbers.iter().filter_map(|&number| read.find(number)).find(|other| !is_of_it(other)) {
        return Err(Failure::failed(format!(
            "operation {} was done on the model `{}`, but this is `{}`, or the same in another dtype; name that model \
             with --model",
            other.number, other.model.name, model.name
        )));
    }
    let wanted = |operation: &&Operation| numbers.is_empty() || numbers.contains(&operation.number);
    let operations: Vec<&Operation> = read.operations.iter().filter(|it| is_of_it(it)).filter(wanted).collect();
    if operations.is_empty() {
        return Err(Failure::failed(format!(
            "no operations on the model `{}` yet; `locus log` lists those on others",
            model.name
        )));
    }
    let facts = facts_mark(&client.known.facts_source, &client.known.facts)?;
    let mut replay = Replay { client, facts, stack: BTreeMap::new(), in_place: Vec::new(), next: None };
    let mut differing = Vec::new();
    for operation in &operations {
        let outcome = replay.step(operation).map_err(|failure| match failure.code {
            130 => failure,
            code => {
                let message = format!("operation {} cannot be run again: {}", operation.number, failure.message);
                Failure { message, code }
            }
        })?;
        tell(common, &read, operation, &outcome)?;
        if !outcome.same {
            differing.push(operation.number.to_string());
        }
    }
    match (&differing[..], operations.len()) {
        ([], count) if !common.json => {
            let (what, were) = (counted(count, "operation"), if count == 1 { "was" } else { "were" });
            Ok(output::print(&format!("{what} {were} run again and came out the same, number for number"))?)
        }
        ([], _) => Ok(()),
        (differing, count) => Err(Failure::failed(format!(
            "{} of {} came out differently: {}",
            differing.len(),
            counted(count, "operation"),
            differing.join(", ")
        ))),
    }
}

/// A model on which operations are run again.
struct Replay {
    client: Client,
    /// The facts that numbers draw on here.
    facts: FactsMark,
    /// Numbers that edits have here, by their operations.
    stack: BTreeMap<u64, u64>,
    /// Operations whose edits are in place.
    in_place: Vec<u64>,
    /// The operation whose edit was undone last and can be redone.
    next: Option<u64>,
}

impl Replay {
    fn step(&mut self, operation: &Operation) -> Result<Outcome, Failure> {
        let number = operation.number;
        self.prepare(operation)?;
        let mut made = None;
        match &operation.deed {
            Deed::Edit(recorded) => {
                let edited = edit(&mut self.client, recorded.order.clone(), recorded.found_on_unedited)?;
                let (again, weights, place) = again(recorded, edited)
                    .ok_or_else(|| Failure::failed(format!("operation {number}: the engine sent no edit")))?;
                self.stack.insert(number, place);
                self.in_place.push(number);
                self.next = None;
                made = Some((recorded, comparable(&again, &weights)?));
            }
            Deed::Apply(_) => self.place(&operation.in_place, &[])?,
            Deed::Undo { edit } => {
                let absent = || Failure::failed(format!("it undoes operation {edit}, which is not in place"));
                let place = self.stack.get(edit).copied().ok_or_else(absent)?;
                self.client.history(Undo::of(place))?;
                self.in_place.retain(|number| number != edit);
                self.next = Some(*edit);
            }
            Deed::Redo { edit } => {
                self.client.history(Redo::default())?;
                self.in_place.push(*edit);
                self.in_place.sort_unstable();
                self.next = None;
            }
        }
        // of an undo, a redo or an applied file, only the weights are compared
        let (then, now, mut notes) = match made {
            Some((recorded, again)) => (comparable(recorded, &operation.weights)?, again, self.notes(recorded)),
            None => (weights_of(operation), serde_json::json!({ "weights": self.client.known.weights }), Vec::new()),
        };
        notes.extend(self.other_mode(operation));
        notes.extend(operation.facts.as_ref().and_then(|then| other_facts(then, &self.facts)));
        let mut differences = Vec::new();
        compare("", &then, &now, &mut differences);
        Ok(Outcome { operation: number, same: differences.is_empty(), differences, notes })
    }

    /// Has in place what was in place right before an operation. Mostly it is, as the one before left it.
    fn prepare(&mut self, operation: &Operation) -> Result<(), Failure> {
        let mut before = operation.in_place.clone();
        match operation.deed {
            // all of them are applied again
            Deed::Apply(_) => return Ok(()),
            Deed::Edit(_) => before.retain(|&number| number != operation.number),
            Deed::Redo { edit } => before.retain(|&number| number != edit),
            Deed::Undo { edit } => {
                if let Err(place) = before.binary_search(&edit) {
                    before.insert(place, edit);
                }
            }
        }
        match operation.deed {
            Deed::Redo { edit } if self.in_place != before || self.next != Some(edit) => self.place(&before, &[edit]),
            _ if self.in_place != before => self.place(&before, &[]),
            _ => Ok(()),
        }
    }

    /// Applies edits from their recorded changes.
    fn place(&mut self, in_place: &[u64], taken_back: &[u64]) -> Result<(), Failure> {
        let (applied, undone) = (in_place.to_vec(), taken_back.to_vec());
        self.client.job(Place { in_place: applied, taken_back: undone }, &mut |_| {})?;
        self.stack = in_place.iter().chain(taken_back).map(|&number| (number, number)).collect();
        self.in_place = in_place.to_vec();
        self.next = taken_back.last().copied();
        Ok(())
    }

    /// That an operation was computed in another mode than now.
    fn other_mode(&self, operation: &Operation) -> Option<String> {
        let now = self.client.known.model.as_ref().is_some_and(|model| model.reproducible);
        let computed = !operation.weights.is_empty();
        (computed && operation.reproducible != now).then(|| match now {
            true => "computed without --reproducible then, with it now".to_owned(),
            false => "computed with --reproducible then, without it now; give the flag".to_owned(),
        })
    }

    /// Plugins of an edit that are other files now than then.
    fn notes(&self, edit: &EditDeed) -> Vec<String> {
        let changed = |kind, mark: &PluginMark| {
            let loaded = self.client.known.plugins.iter().find(|it| it.kind == kind && it.id == mark.id)?;
            let sha256 = file_hash(loaded)?;
            let (then, now) = (&mark.version, &loaded.version);
            (sha256 != mark.sha256)
                .then(|| format!("`{}` is a different file now (version {then} then, {now} now)", mark.id))
        };
        let marks = [(PluginKind::Method, &edit.method), (PluginKind::Objective, &edit.objective)];
        marks.into_iter().filter_map(|(kind, mark)| changed(kind, mark)).collect()
    }
}

/// That an edit's numbers drew on other facts than now.
fn other_facts(then: &FactsMark, now: &FactsMark) -> Option<String> {
    (then.sha256 != now.sha256).then(|| match then.source == now.source {
        true => format!("its numbers depend on the facts of `{}`, which have changed", then.source),
        false => format!(
            "its numbers depended on the facts of `{}` then, and depend on those of `{}` now; give the same --facts \
             as then",
            then.source, now.source
        ),
    })
}

/// The edit as it came out now, the weights' hashes, and its number.
fn again(recorded: &EditDeed, edited: Edited) -> Option<(EditDeed, BTreeMap<String, String>, u64)> {
    let (started, applied) = (edited.started?, edited.applied?);
    let (method, objective) = (recorded.method.clone(), recorded.objective.clone());
    let again = EditDeed {
        delta: recorded.delta.clone(),
        artifacts: recorded.artifacts.clone(),
        source: recorded.source.clone(),
        ..EditDeed::of(started.order, method, objective, &applied)
    };
    Some((again, applied.weights, applied.number))
}

/// What is compared of an edit.
fn comparable(edit: &EditDeed, weights: &BTreeMap<String, String>) -> Result<Value, Failure> {
    let mut value = serde_json::to_value(edit).map_err(std::io::Error::from)?;
    value["weights"] = serde_json::json!(weights);
    Ok(value)
}

/// The weights that an operation left, where it knew them.
fn weights_of(operation: &Operation) -> Value {
    match operation.weights.is_empty() {
        true => Value::Null,
        false => serde_json::json!({ "weights": operation.weights }),
    }
}

/// Lists what differs between two values, place by place. What only one of the runs touched is not compared: a weight
/// that was changed and restored before has its hash in only one of them.
fn compare(place: &str, then: &Value, now: &Value, differences: &mut Vec<Difference>) {
    let inside = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            for (name, then) in then {
                let missing = if place == "weights" { then } else { &Value::Null };
                compare(&inside(name), then, now.get(name).unwrap_or(missing), differences);
            }
        }
        (Value::Array(then), Value::Array(now)) if then.len() == now.len() => {
            for (index, (then, now)) in then.iter().zip(now).enumerate() {
                compare(&format!("{place}[{index}]"), then, now, differences);
            }
        }
        (Value::Null, _) if place.is_empty() => {}
        _ if then == now => {}
        _ => differences.push(Difference { what: place.to_owned(), then: then.clone(), now: now.clone() }),
    }
}

fn tell(common: &Common, read: &Read, operation: &Operation, outcome: &Outcome) -> Result<(), Failure> {
    if common.json {
        return Ok(output::json(outcome)?);
    }
    let differences = &outcome.differences;
    let verdict = match differences.len() {
        0 => "the same".to_owned(),
        1 => "1 value differs".to_owned(),
        count => format!("{count} values differ"),
    };
    output::print(&format!("{:>6}  {verdict}  {}", outcome.operation, shown(&message(&log::what(read, operation)))))?;
    for note in &outcome.notes {
        output::print(&format!("        {}", shown(note)))?;
    }
    for Difference { what, then, now } in differences.iter().take(MOST_LISTED) {
        output::print(&shown(&message(&format!("        {what}: {then} then, {now} now"))))?;
    }
    if differences.len() > MOST_LISTED {
        output::print(&format!("        and {} more; --json lists all", differences.len() - MOST_LISTED))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::compare;
    use serde_json::json;

    #[test]
    fn values_that_differ_are_listed_by_their_places() {
        let then = json!({"scores": {"after": [{"new": 0.5, "true": 0.25}]}, "weights": {"a": "1", "b": "2"}});
        let now = json!({"scores": {"after": [{"new": 0.5, "true": 0.2500000001}]}, "weights": {"a": "3"}});
        let mut differences = Vec::new();
        compare("", &then, &then, &mut differences);
        assert!(differences.is_empty(), "{differences:?}");
        compare("", &then, &now, &mut differences);
        let listed: Vec<_> = differences.iter().map(|it| (it.what.as_str(), &it.then, &it.now)).collect();
        let (wanted, got, one, three) = (json!(0.25), json!(0.2500000001), json!("1"), json!("3"));
        assert_eq!(listed, [("scores.after[0].true", &wanted, &got), ("weights.a", &one, &three)]);
    }
}
