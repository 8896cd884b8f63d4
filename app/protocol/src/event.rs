//! What the engine tells.

use crate::{
    Applied, AverageEffects, EditInPlace, EditStarted, Evaluated, Fact, Inspected, JobId, JobKind, LayerRow, LeftOut,
    Memory, ModelReady, Outcome, Phase, PluginChecked, PluginReady, PluginRefused, PluginReloaded, RatesMeasured,
    Rescored, Screened, SecondMomentsNeeded, SecondMomentsReport, Step, Summary, SweepRow, SweepStarted, TokenText,
    TopToken, TraceStarted, Tried,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A record: what the engine reports, `--json` prints, and journals store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first record of every stream.
    Hello {
        /// Version of the records.
        schema: u32,
        /// Version of the program.
        version: String,
        /// Whether all is computed in the reproducible mode: the same bits on every x86-64 processor.
        #[serde(default)]
        reproducible: bool,
    },
    /// A plugin was loaded.
    Plugin(PluginReady),
    /// A file in a plugin folder was refused.
    PluginRefused(PluginRefused),
    /// A plugin was checked for one thing.
    PluginChecked(PluginChecked),
    /// A new build of a plugin's file was loaded.
    PluginReloaded(PluginReloaded),
    /// A job has started; its events follow until [`Event::Finished`].
    Started {
        job: JobId,
        kind: JobKind,
        /// A few words for the status line.
        title: String,
    },
    /// How far a job is.
    Progress {
        job: JobId,
        /// What it does now.
        phase: Phase,
        /// How much of it is done.
        done: u64,
        /// How much there is; 0 when nobody knows.
        total: u64,
    },
    /// A job has ended, whatever its outcome.
    Finished {
        job: JobId,
        outcome: Outcome,
        /// How long it took.
        seconds: f64,
    },
    /// The model is ready.
    Model(ModelReady),
    /// The facts that belong to the model.
    Facts {
        /// Where they come from.
        source: String,
        facts: Vec<Fact>,
    },
    /// The most probable next tokens of a prompt.
    Prediction {
        prompt: String,
        tokens: Vec<TokenText>,
        /// The most probable first.
        top: Vec<TopToken>,
        /// Number of edits in place.
        edits: usize,
        /// Their numbers, the oldest first.
        #[serde(default)]
        in_place: Vec<u64>,
        /// Rows of the model as it is for this fact; none where a target is empty.
        #[serde(default)]
        rows: Vec<LayerRow>,
        /// The word that the model says after the prompt, where the fact has no true answer; empty where it says none.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        says: String,
    },
    /// A trace's clean and corrupted runs are done.
    Trace(TraceStarted),
    /// One row of a trace's heat map is done.
    TraceRow {
        job: JobId,
        /// Position in the prompt.
        token: usize,
        /// Restored probability by layer.
        scores: Vec<f64>,
    },
    /// First-order estimate of a whole heat map; exact rows follow and take its place.
    TracePreview {
        job: JobId,
        /// Estimated probability by token of the prompt and layer.
        scores: Vec<Vec<f64>>,
    },
    /// Effects of many facts, put together by token role: one record for each kind.
    AverageEffects(AverageEffects),
    /// A method begins: the unedited model's rows.
    Edit(EditStarted),
    /// A method made a step.
    Step(Step),
    /// A method has found its changes; what comes after in its job is measuring.
    Found {
        /// The job.
        job: JobId,
        /// How long the method took, sampling and steps with it.
        seconds: f64,
    },
    /// An edit is in place.
    Applied(Applied),
    /// An edit was tried; nothing is in place.
    Tried(Tried),
    /// What should be known of facts before their numbers are believed.
    Screened(Screened),
    /// What an edit does to one of its facts, or how the model as it is fares on one.
    Evaluated(Evaluated),
    /// Averages over many facts.
    Summary(Summary),
    /// What is in place after an undo or redo.
    Edits {
        /// The edits in place, the oldest first.
        applied: Vec<EditInPlace>,
        /// The edits that can be put on again, the next one last.
        undone: Vec<EditInPlace>,
        /// Rows of the model as it is now for the last edit's fact.
        rows: Vec<LayerRow>,
        /// Whether all weights are bit by bit those of the checkpoint; checked, not assumed.
        unedited: bool,
        /// SHA-256 of every parameter that an edit has touched, as it is now.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        weights: BTreeMap<String, String>,
    },
    /// A question that is no job was answered, or could not be.
    Answered { order: Asked, outcome: Outcome },
    /// What was looked at without a model.
    Inspected(Inspected),
    /// What a job was to write has its name.
    Saved {
        job: JobId,
        /// The file or folder.
        path: PathBuf,
    },
    /// All edits in place were scored anew.
    Rescored(Rescored),
    /// What a fact is without some of the edits in place.
    LeftOut(LeftOut),
    /// An edit needs second moments that would take long, and ends before it has begun.
    SecondMomentsNeeded(SecondMomentsNeeded),
    /// Second moments were collected, checked, imported or exported.
    SecondMoments(SecondMomentsReport),
    /// How fast the machine runs a model.
    Rates(RatesMeasured),
    /// A sweep begins: what there is to do.
    Sweep(SweepStarted),
    /// A sweep has a new row, which is in its ledger.
    Swept { job: JobId, row: Box<SweepRow> },
    /// Memory of process, machine, and GPUs, reported from time to time.
    Memory(Memory),
    /// A line for the log.
    Log {
        /// Where it comes from: `engine`, a plugin's id, `stderr`.
        source: String,
        /// `info`, `warning` or `error`.
        level: String,
        text: String,
    },
}

impl Event {
    /// Whether the event belongs into a record: not what only moves a gauge, and not the facts, which lie in a file.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        !matches!(self, Self::Memory(_) | Self::Progress { .. } | Self::Facts { .. } | Self::Inspected(_))
    }
}

/// The question that an [`Event::Answered`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// [`crate::Command::Plugins`].
    Plugins,
    /// [`crate::Command::Inspect`].
    Inspect,
    /// Something that records of before are about: an undo or redo, which are jobs now.
    #[serde(other)]
    Other,
}

#[cfg(test)]
mod tests {
    use super::{Asked, Event};
    use crate::Outcome;

    #[test]
    fn answers_of_before_undo_was_a_job_are_still_read() {
        let now = r#"{"event":"answered","order":"plugins","outcome":{"how":"done"}}"#;
        let answered = Event::Answered { order: Asked::Plugins, outcome: Outcome::Done };
        assert_eq!(serde_json::to_string(&answered).expect("text"), now);
        for then in [now, r#"{"event":"answered","order":"undo-one","edit":3,"outcome":{"how":"done"}}"#] {
            let read = serde_json::from_str::<Event>(then).expect(then);
            assert!(matches!(read, Event::Answered { outcome: Outcome::Done, .. }), "{read:?}");
        }
    }
}
