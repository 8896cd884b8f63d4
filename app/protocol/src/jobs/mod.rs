//! Jobs: tasks that take time and can be canceled. One file per job: its order, what is known of it before it runs, and
//! its events. How it runs is in `app/session/src/jobs`, under the same name.

mod attempt;
mod average_traces;
mod check_plugin;
mod edit;
mod evaluate;
mod history;
mod keep;
mod leave_out;
mod load;
mod place;
mod rates;
mod reload_plugin;
mod rescore;
mod save;
mod screen;
mod second_moments;
mod sweep;
mod trace;

pub use attempt::{Tried, TriedOn, Try};
pub use average_traces::{AverageEffects, AverageOrder, Correctness, RoleEffects, TokenRole};
pub use check_plugin::{CheckPlugin, PluginChecked, Verdict};
pub use edit::{Applied, EditOrder, EditStarted, Step};
pub use evaluate::{Average, EvaluateOrder, Evaluated, FreeText, MOST_SAID_TOKENS, Measures, Said, Summary};
pub use history::{Redo, Undo};
pub use keep::Keep;
pub use leave_out::{LeaveOut, LeftOut};
pub use load::{Device, Load, ModelReady, ModelSource, Probe};
pub use place::Place;
pub use rates::{RateMeasured, Rates, RatesMeasured};
pub use reload_plugin::{PluginReloaded, ReloadPlugin};
pub use rescore::{EditRescored, Rescore, Rescored};
pub use save::SaveTarget;
pub use screen::{Screen, Screened};
pub use second_moments::{
    MomentsChoice, SecondMomentsCheck, SecondMomentsLayer, SecondMomentsNeeded, SecondMomentsReport,
    SecondMomentsTarget, SecondMomentsTask, about_seconds,
};
pub use sweep::{Localized, Shard, SweepOrder, SweepRow, SweepStarted, SweptCell, SweptFact};
pub use trace::{Intervention, NoiseDraws, TraceKind, TraceOrder, TraceStarted};

use serde::{Deserialize, Serialize};

/// Number of a job; the front chooses one that no other job has had.
pub type JobId = u64;

/// What is known of a job before it runs.
pub trait Job {
    fn kind(&self) -> JobKind;

    /// A few words for the status line.
    fn title(&self) -> String;

    /// Whether it only looks at the model as it is. A look steps in between two steps of a job that
    /// [lets looks in](Self::lets_looks_in), instead of waiting for its end.
    fn is_look(&self) -> bool {
        false
    }

    /// Whether it takes many steps in which the model stays as it is.
    fn lets_looks_in(&self) -> bool {
        false
    }

    /// Whether it cannot be done without plugins.
    fn needs_plugins(&self) -> bool {
        false
    }
}

/// The kinds of task, each with its order.
macro_rules! tasks {
    ($($(#[$about:meta])* $name:ident($asked:ty),)*) => {
        /// The task of a job.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Task {
            $($(#[$about])* $name($asked),)*
        }

        impl std::ops::Deref for Task {
            type Target = dyn Job;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$name(asked) => asked,)*
                }
            }
        }

        $(impl From<$asked> for Task {
            fn from(asked: $asked) -> Self {
                Self::$name(asked)
            }
        })*
    };
}

tasks! {
    /// Loads a model with its facts.
    Load(Load),
    /// Computes the heat map of a causal trace.
    Trace(TraceOrder),
    /// Traces many facts and averages their effects by token role.
    AverageTraces(AverageOrder),
    /// Edits a fact, or several together.
    Edit(EditOrder),
    /// Tries an edit. Its changes are kept under the job's number and not applied.
    Try(Try),
    /// Applies an edit that was tried.
    Keep(Keep),
    /// Measures the effect of an edit, or the model as it is. Nothing is left in place.
    Evaluate(EvaluateOrder),
    /// Counts remarks that put the numbers of facts in doubt.
    Screen(Screen),
    /// Undoes an edit in place.
    Undo(Undo),
    /// Redoes the edit that was undone last.
    Redo(Redo),
    /// Puts exactly these edits of the journal of operations in place.
    Place(Place),
    /// Scores all edits in place again, on the model that they make together.
    Rescore(Rescore),
    /// Measures a fact on the model without some of the edits in place.
    LeaveOut(LeaveOut),
    /// Writes the edits in place, or the edited model.
    Save(SaveTarget),
    /// Collects, checks, imports or exports second moments of the unedited model.
    SecondMoments(SecondMomentsTask),
    /// Edits many facts at many places, and measures each edit alone. Nothing is left in place.
    Sweep(SweepOrder),
    /// Checks a plugin's file on the model: its declaration and its behavior.
    CheckPlugin(CheckPlugin),
    /// Loads a new build of a plugin's file. The old one stays usable under another id, the model stays where it is.
    ReloadPlugin(ReloadPlugin),
    /// Measures how fast this machine runs a model.
    Rates(Rates),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// Loads a model from a folder or the built-in one.
    Load,
    /// Computes the heat map of a causal trace.
    Trace,
    Edit,
    /// Tries an edit without applying it.
    Try,
    /// Undoes an edit in place.
    Undo,
    /// Redoes an undone edit.
    Redo,
    /// Applies edits that were made before.
    Place,
    /// Scores the edits in place again.
    Rescore,
    /// Measures a fact without some of the edits in place.
    LeaveOut,
    /// Scores facts with or without an edit.
    Evaluate,
    /// Writes edits or the edited model.
    Save,
    /// Collects, checks, imports or exports second moments.
    SecondMoments,
    /// Edits many facts at many layers, each alone.
    Sweep,
    /// Checks the behavior of a plugin on the model.
    Check,
    /// Loads a new build of a plugin.
    Reload,
    /// Measures how fast the machine is.
    Rates,
}

/// The current phase of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Reading weights; counted in bytes.
    Weights,
    /// Comparing tapped and untapped logits.
    Probe,
    /// Clean and corrupted runs of a trace.
    Runs,
    /// Cells of a heat map; counted in cells.
    Cells,
    /// Second moments over a corpus; counted in tokens.
    SecondMoments,
    /// Scores of the record's prompts.
    Evaluation,
    /// Texts that are generated to be measured.
    Texts,
    /// Facts of a sweep, measured on the unedited model.
    Facts,
    /// Cells of a sweep.
    SweepCells,
    /// Writing files; counted in bytes.
    Writing,
    /// A phase that the method names; counted in its steps.
    Method(String),
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Outcome {
    /// The job finished its task.
    Done,
    /// The user canceled it.
    Cancelled {
        /// What was kept, in a few words; empty for nothing.
        kept: String,
    },
    Failed {
        /// One sentence: what is wrong, and what to do about it.
        error: String,
        /// Whether a plugin, a device or the request is to blame.
        blame: Blame,
    },
}

/// Cause of a failure; it determines the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// A file, a prompt, a value.
    Request,
    Plugin,
    Device,
}

#[cfg(test)]
mod tests {
    use super::{AverageOrder, CheckPlugin, EditOrder, EvaluateOrder, Keep, LeaveOut, Load, ModelSource, Place, Redo};
    use super::{Job, JobKind, Task};
    use super::{
        Rates, ReloadPlugin, Rescore, SaveTarget, Screen, SecondMomentsTask, SweepOrder, TraceKind, TraceOrder,
        TriedOn, Try, Undo,
    };
    use crate::{Command, Fact};

    fn tasks() -> Vec<Task> {
        let (order, file) = (EditOrder::default(), std::path::PathBuf::from("lib.so"));
        let trace = TraceOrder::new(Fact::default(), TraceKind::Hidden);
        let average = AverageOrder {
            facts: Vec::new(),
            kinds: vec![TraceKind::Mlp],
            settings: trace.clone(),
            correctness: super::Correctness::default(),
            unknown_too: false,
            least_probability: 0.0,
            exclusive: false,
        };
        vec![
            Load { source: ModelSource::BuiltIn }.into(),
            trace.into(),
            average.into(),
            order.clone().into(),
            Try { order: order.clone(), on: TriedOn::AsItIs }.into(),
            Keep { tried: 7 }.into(),
            EvaluateOrder { edit: Some(order), ..EvaluateOrder::default() }.into(),
            EvaluateOrder::default().into(),
            Screen { facts: vec![Fact::default()] }.into(),
            Undo::LAST.into(),
            Undo::of(3).into(),
            Redo::default().into(),
            Place { in_place: vec![1], taken_back: vec![2] }.into(),
            Rescore::default().into(),
            LeaveOut { fact: Fact::default(), edits: vec![2] }.into(),
            SaveTarget::Deltas(file.clone()).into(),
            SecondMomentsTask::Collect.into(),
            SecondMomentsTask::CollectFewer { tokens: 4000 }.into(),
            SweepOrder { folder: "sweep".into(), ..SweepOrder::default() }.into(),
            CheckPlugin { file: file.clone(), edits: 2 }.into(),
            ReloadPlugin { file }.into(),
            Rates { shape: Some("gpt-j-6b".to_owned()) }.into(),
        ]
    }

    #[test]
    fn orders_cross_a_border_as_text() {
        for (job, task) in (0..).zip(tasks()) {
            let command = Command::start(job, task);
            let text = serde_json::to_string(&command).expect("text");
            assert_eq!(serde_json::from_str::<Command>(&text).expect(&text), command, "{text}");
        }
        let text = serde_json::to_string(&Command::start(4, Undo::of(3))).expect("text");
        assert_eq!(text, r#"{"command":"do","job":4,"task":{"undo":{"edit":3}}}"#);
    }

    #[test]
    fn what_looks_lets_nothing_in_and_what_changes_the_model_lets_no_look_in() {
        for task in tasks() {
            assert!(!(task.is_look() && task.lets_looks_in()), "{}", task.title());
            let changes = [JobKind::Load, JobKind::Undo, JobKind::Redo, JobKind::Place];
            assert!(!changes.contains(&task.kind()) || !task.lets_looks_in() && !task.is_look(), "{}", task.title());
            assert!(!task.title().is_empty());
        }
        // Task stands for the job that it holds
        assert_eq!(Task::from(Keep { tried: 1 }).title(), Keep { tried: 1 }.title());
        assert!(tasks().iter().any(|task| task.is_look()) && tasks().iter().any(|task| task.lets_looks_in()));
    }

    #[test]
    fn an_evaluation_needs_plugins_where_it_edits() {
        let needs: Vec<bool> =
            tasks().iter().filter(|it| it.kind() == JobKind::Evaluate).map(|it| it.needs_plugins()).collect();
        assert_eq!(needs, [true, false, false]);
    }
}
