//! The records of `--json`, of the journal, and what is looked for in them.

use locus_protocol::{Applied, EditStarted, Event, Outcome, TraceStarted};
use serde_json::Value;

/// Records in the order in which they came.
#[derive(Clone, Debug)]
pub struct Records {
    /// As they were written.
    pub values: Vec<Value>,
    /// As the protocol reads them.
    pub events: Vec<Event>,
}

/// A trace with its heat map.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// What it started from.
    pub started: TraceStarted,
    /// Restored probability by token and layer.
    pub scores: Vec<Vec<f64>>,
}

/// An edit from its start to its end.
#[derive(Clone, Debug)]
pub struct Edit {
    /// What it started from.
    pub started: EditStarted,
    /// Total loss of each step that has one.
    pub losses: Vec<f64>,
    /// What it did, if it was put in place.
    pub applied: Option<Applied>,
}

impl Records {
    /// Reads records, one a line.
    ///
    /// # Panics
    /// A line is none, or the first one does not say which schema the others have.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let values: Vec<Value> = text.lines().map(parse).collect();
        assert_eq!(values[0]["event"], "hello", "{text}");
        assert_eq!(values[0]["schema"], locus_protocol::SCHEMA, "{text}");
        let event =
            |value: &Value| serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error}: {value}"));
        Self { events: values.iter().map(event).collect(), values }
    }

    /// All traces.
    ///
    /// # Panics
    /// Rows are missing.
    #[must_use]
    pub fn traces(&self) -> Vec<Trace> {
        let mut traces: Vec<Trace> = Vec::new();
        for event in &self.events {
            match (event, traces.last_mut()) {
                (Event::Trace(started), _) => traces.push(Trace { started: started.clone(), scores: Vec::new() }),
                (Event::TraceRow { job, token, scores }, Some(trace)) => {
                    assert_eq!((*job, *token), (trace.started.job, trace.scores.len()), "rows come in order");
                    trace.scores.push(scores.clone());
                }
                _ => {}
            }
        }
        for trace in &traces {
            assert_eq!(trace.scores.len(), trace.started.tokens.len(), "rows are missing");
        }
        traces
    }

    /// All edits.
    #[must_use]
    pub fn edits(&self) -> Vec<Edit> {
        let mut edits: Vec<Edit> = Vec::new();
        for event in &self.events {
            match (event, edits.last_mut()) {
                (Event::Edit(started), _) => {
                    edits.push(Edit { started: started.clone(), losses: Vec::new(), applied: None });
                }
                (Event::Step(step), Some(edit)) if step.job == edit.started.job => {
                    edit.losses.extend(step.losses.get("loss"));
                }
                (Event::Applied(applied), Some(edit)) if applied.job == edit.started.job => {
                    edit.applied = Some(applied.clone());
                }
                _ => {}
            }
        }
        edits
    }

    /// How the jobs ended, in the order of their ends.
    #[must_use]
    pub fn outcomes(&self) -> Vec<Outcome> {
        let outcome = |event: &Event| match event {
            Event::Finished { outcome, .. } => Some(outcome.clone()),
            _ => None,
        };
        self.events.iter().filter_map(outcome).collect()
    }

    /// Whether the weights were bit by bit the checkpoint's after each undo.
    #[must_use]
    pub fn unedited_after_undo(&self) -> Vec<bool> {
        let unedited = |event: &Event| match event {
            Event::Edits { unedited, .. } => Some(*unedited),
            _ => None,
        };
        self.events.iter().filter_map(unedited).collect()
    }

    /// Every number that had to be written as text, because JSON has no NaN and no infinity.
    #[must_use]
    pub fn numbers_that_are_none(&self) -> Vec<String> {
        fn look(path: &str, value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(map) => {
                    map.iter().for_each(|(name, value)| look(&format!("{path}.{name}"), value, found))
                }
                Value::Array(list) => list.iter().for_each(|value| look(path, value, found)),
                Value::Null => found.push(format!("{path} is null")),
                Value::String(text) if ["NaN", "inf", "-inf"].contains(&text.as_str()) => {
                    found.push(format!("{path} is {text}"));
                }
                _ => {}
            }
        }
        let mut found = Vec::new();
        self.values.iter().for_each(|value| look("", value, &mut found));
        found
    }
}
