//! Events that the engine reports.

use crate::{
    Applied, AverageEffects, EditInPlace, EditStarted, Evaluated, Fact, Inspected, JobId, JobKind, LayerRow, LeftOut,
    LogLevel, Memory, ModelReady, Outcome, Phase, PluginChecked, PluginReady, PluginRefused, PluginReloaded,
    RatesMeasured, Rescored, Screened, SecondMomentsNeeded, SecondMomentsReport, Step, Summary, SweepRow, SweepStarted,
    TokenText, TopToken, TraceStarted, Tried,
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
        /// Whether everything is computed in reproducible mode: the same bits on every x86-64 processor.
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
    /// Progress of a job.
    Progress {
        job: JobId,
        /// Phase that the job is in.
        phase: Phase,
        /// Amount that is done, in the unit of the phase.
        done: u64,
        /// Total amount; 0 if unknown.
        total: u64,
    },
    /// A job has ended, whatever its outcome.
    Finished {
        job: JobId,
        outcome: Outcome,
        /// Wall time of the job, in seconds.
        seconds: f64,
    },
    /// The model is ready.
    Model(ModelReady),
    /// The model had to make room for another one: none is loaded until [`Event::Model`].
    Unloaded,
    /// The facts that belong to the model.
    Facts {
        /// Where they come from: a file, or a few words.
        source: String,
        facts: Vec<Fact>,
    },
    /// The most probable next tokens of a prompt.
    Prediction {
        prompt: String,
        tokens: Vec<TokenText>,
        /// Candidates, the most probable first.
        top: Vec<TopToken>,
        /// Number of edits in place.
        edits: usize,
        /// Their numbers, the oldest first.
        #[serde(default)]
        in_place: Vec<u64>,
        /// Rows of the model as it is for this fact; empty if a target is empty.
        #[serde(default)]
        rows: Vec<LayerRow>,
        /// The word with which the model continues the prompt, if the fact has no true answer; empty if there is none.
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
    /// First-order estimate of a whole heat map; exact rows follow and replace it.
    TracePreview {
        job: JobId,
        /// Estimated probability by token of the prompt and layer.
        scores: Vec<Vec<f64>>,
    },
    /// Effects of many facts, averaged by token role: one record for each kind.
    AverageEffects(AverageEffects),
    /// A method starts; has the rows of the model before.
    Edit(EditStarted),
    /// A method completed a step.
    Step(Step),
    /// A method has found its changes; the rest of its job is measuring.
    Found {
        /// The job that edits.
        job: JobId,
        /// Wall time of the method in seconds, including sampling.
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
        /// The undone edits, the one that is redone next last.
        undone: Vec<EditInPlace>,
        /// Rows of the model as it is now for the last edit's fact.
        rows: Vec<LayerRow>,
        /// Whether all weights equal those of the checkpoint bit for bit; checked, not assumed.
        unedited: bool,
        /// SHA-256 of every parameter that an edit has touched, as it is now.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        weights: BTreeMap<String, String>,
    },
    /// A query that is not a job was answered, or failed.
    Answered { order: Asked, outcome: Outcome },
    /// Result of an inspection without a model.
    Inspected(Inspected),
    /// A job has written its output under its final name.
    Saved {
        job: JobId,
        /// The file or folder that was written.
        path: PathBuf,
    },
    /// All edits in place were scored again.
    Rescored(Rescored),
    /// Scores of a fact without some of the edits in place.
    LeftOut(LeftOut),
    /// An edit needs second moments that would take long to collect, and ends before it starts.
    SecondMomentsNeeded(SecondMomentsNeeded),
    /// Second moments were collected, checked, imported or exported.
    SecondMoments(SecondMomentsReport),
    /// How fast the machine runs a model.
    Rates(RatesMeasured),
    /// A sweep starts; says what there is to do.
    Sweep(SweepStarted),
    /// A sweep has a new row, which is in its ledger.
    Swept { job: JobId, row: Box<SweepRow> },
    /// Memory of process, machine, and GPUs, reported from time to time.
    Memory(Memory),
    /// A line for the log.
    Log {
        /// Where it comes from: `engine`, a plugin's id, `stderr`.
        source: String,
        /// How much it matters.
        level: LogLevel,
        text: String,
    },
}

impl Event {
    /// Whether the event is recorded: not if it only moves a gauge, and not the facts, which are in a file.
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
    /// A query of older records: an undo or redo, which are jobs now.
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
