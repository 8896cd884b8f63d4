//! Effects of many traces, averaged by token role.

use super::{Job, JobId, JobKind, TraceKind, TraceOrder};
use crate::fact::Fact;
use serde::{Deserialize, Serialize};

/// When a fact of a list counts as known and is traced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Correctness {
    /// The most probable next token, without blanks, is the whole true target (Meng et al. 2022).
    #[default]
    NextToken,
    /// The true target occurs in 36 greedy tokens, ignoring case (Hase et al. 2023).
    Continuation,
}

/// Which facts to trace, and how to average them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AverageOrder {
    pub facts: Vec<Fact>,
    /// Kinds of state to restore; each takes one heat map per fact.
    pub kinds: Vec<TraceKind>,
    /// Settings of all traces; its fact and kind are ignored. Its window is that of MLP and attention.
    pub settings: TraceOrder,
    /// When a fact counts as known.
    #[serde(default)]
    pub correctness: Correctness,
    /// Also traces unknown facts; the records say which are known.
    #[serde(default)]
    pub unknown_too: bool,
    /// Facts whose true target is less probable in the clean run are left out.
    #[serde(default)]
    pub least_probability: f64,
    /// Counts a token that plays two roles once, as the last of its kind.
    #[serde(default)]
    pub exclusive: bool,
}

impl Job for AverageOrder {
    fn kind(&self) -> JobKind {
        JobKind::Trace
    }

    fn title(&self) -> String {
        format!("tracing {} facts", self.facts.len())
    }

    fn lets_looks_in(&self) -> bool {
        true
    }
}

/// Effects of one kind over many facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AverageEffects {
    pub job: JobId,
    /// Kind of state that was restored.
    pub kind: TraceKind,
    /// Number of layers restored together.
    pub window: usize,
    /// Number of traced facts.
    pub facts: usize,
    /// Number of facts left out: not known, or too improbable.
    pub left_out: usize,
    /// Traced facts whose answer the noise does not lower: they count in the averages, with effects near zero.
    #[serde(default)]
    pub not_lowered: usize,
    /// Clean probability, mean over facts.
    pub clean: f64,
    /// Corrupted probability, mean over facts.
    pub corrupted: f64,
    /// Half-width of the 95 % confidence interval of their difference, the average total effect.
    pub interval: f64,
    /// One entry for each role that occurs.
    pub roles: Vec<RoleEffects>,
}

/// Effects of the tokens of one role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleEffects {
    pub role: TokenRole,
    /// Number of samples: tokens with this role.
    pub count: usize,
    /// Average indirect effect by layer, not clipped: mean restored minus mean corrupted probability.
    pub effects: Vec<f64>,
    /// Half-width of the 95 % confidence interval of the effect by layer, each sample taken against the corrupted
    /// probability of its own fact.
    pub intervals: Vec<f64>,
    /// The same for the mean restored probability: the published error band.
    pub probability_intervals: Vec<f64>,
}

/// The role of a token in a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenRole {
    /// The subject's first token.
    FirstSubject,
    /// Between the subject's first and last.
    MiddleSubject,
    /// The subject's last token.
    LastSubject,
    /// Right after the subject.
    FirstSubsequent,
    /// Between that and the last.
    Further,
    /// The prompt's last token.
    Last,
}
