//! One causal trace: its order, and the runs it starts from.

use super::{Job, JobId, JobKind};
use crate::TraceAnswer;
use crate::fact::Fact;
use crate::scores::TokenText;
use crate::standing::{counted, model_with};
use crate::verdict::digits;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// An answer less probable than this in the clean run does not count as one.
const LEAST_CLEAN: f64 = 1e-6;
/// Share of its probability that noise must take from the answer, so that effects are more than rounding.
const LEAST_LOSS: f64 = 0.05;

/// Which activation is restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceKind {
    /// The residual stream after one block.
    #[default]
    Hidden,
    /// The MLP's output in a window of layers.
    Mlp,
    /// Attention's output in a window of layers.
    Attention,
}

/// What is done to a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intervention {
    /// Its clean activation is restored in the noised run (Meng et al. 2022).
    #[default]
    Restore,
    /// The hidden state is restored while its token's MLP outputs are held at their noised values in all layers.
    SeverMlp,
    /// The hidden state is restored while its token's attention outputs are held at their noised values in all layers.
    SeverAttention,
    /// Its activation in the clean run is replaced by zero.
    AblateZero,
    /// Its activation in the clean run is replaced by the mean over the prompts of other facts.
    AblateMean,
    /// Its activation in the clean run is replaced by those of other subjects in the same template.
    AblateResample,
}

impl Intervention {
    /// All interventions, in the order in which they are offered.
    pub const ALL: [Self; 6] =
        [Self::Restore, Self::SeverMlp, Self::SeverAttention, Self::AblateZero, Self::AblateMean, Self::AblateResample];

    /// Whether it changes a clean run: there is no noise, and an effect is the lost probability.
    #[must_use]
    pub const fn is_ablation(self) -> bool {
        matches!(self, Self::AblateZero | Self::AblateMean | Self::AblateResample)
    }

    /// Whether a module is severed; only hidden states are restored then.
    #[must_use]
    pub const fn is_severed(self) -> bool {
        matches!(self, Self::SeverMlp | Self::SeverAttention)
    }

    /// Title for display, in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Restore => "restored",
            Self::SeverMlp => "restored, MLP severed",
            Self::SeverAttention => "restored, attention severed",
            Self::AblateZero => "zero-ablated",
            Self::AblateMean => "mean-ablated",
            Self::AblateResample => "resample-ablated",
        }
    }
}

/// Distribution of the noise on the subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseDraws {
    /// Standard normals times the level.
    #[default]
    Normal,
    /// Uniform between minus and plus the level.
    Uniform,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceOrder {
    pub fact: Fact,
    /// The answer whose probability is traced; the true target by default.
    #[serde(default, skip_serializing_if = "is_default")]
    pub answer: TraceAnswer,
    /// Kind of state that is restored or ablated.
    pub kind: TraceKind,
    /// Intervention on each cell.
    #[serde(default, skip_serializing_if = "is_default")]
    pub intervention: Intervention,
    /// Number of layers in a window, for MLP and attention.
    pub window: usize,
    /// Number of noise draws, or of other subjects for resample ablation.
    pub samples: usize,
    /// Noise level in standard deviations of the subjects' embeddings.
    pub noise_deviations: f64,
    /// A constant noise level that replaces it, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_level: Option<f64>,
    /// A safetensors file whose tensor `noise` `[samples, subject tokens, hidden]` replaces the drawn noise, unscaled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_file: Option<PathBuf>,
    /// Seed of the noise, and of the choice of other facts for an ablation.
    pub seed: u32,
    /// Distribution of the noise.
    #[serde(default, skip_serializing_if = "is_default")]
    pub noise_draws: NoiseDraws,
    /// Replaces the embedding by the noise instead of adding it. As published, the corrupted probability is that of
    /// added noise.
    #[serde(default, skip_serializing_if = "is_default")]
    pub replace: bool,
    /// Severs with the noise of the traced run, instead of drawing separate noise as published.
    #[serde(default, skip_serializing_if = "is_default")]
    pub same_noise: bool,
    /// Numbers of edits in place to leave out for the trace. They stay in place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<u64>,
    /// Ends after the first-order estimate.
    #[serde(default, skip_serializing_if = "is_default")]
    pub preview_only: bool,
}

impl TraceOrder {
    /// The published settings for a fact: hidden states, ten samples, three standard deviations, seed 1.
    #[must_use]
    pub fn new(fact: Fact, kind: TraceKind) -> Self {
        let window = if kind == TraceKind::Hidden { 1 } else { 3 };
        Self {
            fact,
            answer: TraceAnswer::True,
            kind,
            intervention: Intervention::Restore,
            window,
            samples: 10,
            noise_deviations: 3.0,
            noise_level: None,
            noise_file: None,
            seed: 1,
            noise_draws: NoiseDraws::Normal,
            replace: false,
            same_noise: false,
            without: Vec::new(),
            preview_only: false,
        }
    }
}

impl Job for TraceOrder {
    fn kind(&self) -> JobKind {
        JobKind::Trace
    }

    fn title(&self) -> String {
        format!("tracing “{}”", self.fact.prompt())
    }

    fn is_look(&self) -> bool {
        true
    }
}

/// Whether a field is left out of a record.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The clean and corrupted runs of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceStarted {
    pub job: JobId,
    /// The order, with all settings filled in.
    pub order: TraceOrder,
    /// Tokens of the prompt, one per row of the heat map.
    pub tokens: Vec<TokenText>,
    /// Layers of the model.
    pub layers: usize,
    /// The traced answer, without a leading space.
    pub answer: String,
    /// Its tokens after the prompt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answer_tokens: Vec<String>,
    /// Its probability in the clean run.
    pub clean: f64,
    /// Its mean probability with the subject noised and nothing restored; for an ablation, which starts from the
    /// clean run, the clean probability.
    pub corrupted: f64,
    /// Standard deviation of the noise; the bound of uniform noise.
    pub noise_level: f64,
    /// Number of edits in place.
    pub edits: usize,
    /// Their numbers, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_place: Vec<u64>,
    /// The model's current answer, if the edits in place have changed it from the traced one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_answer: Option<String>,
    /// Whether the model knows the fact; by the most probable next token, unless the order says otherwise.
    #[serde(default)]
    pub correct: bool,
    /// Subjects whose activations replace ablated ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub donors: Vec<String>,
}

impl TraceStarted {
    /// Why effects are undefined here, in one clause: there is no answer to restore or to delete. The probabilities
    /// with states restored or ablated are still valid. `None` if effects are defined.
    #[must_use]
    pub fn undefined(&self) -> Option<String> {
        let (clean, corrupted) = (self.clean, self.corrupted);
        if let Some(says) = &self.changed_answer {
            let (says, answer) = (says.trim(), self.answer.trim());
            return Some(format!("with the edits in place, the model answers “{says}”, not “{answer}”"));
        }
        let is_answer = clean >= LEAST_CLEAN;
        if self.order.intervention.is_ablation() {
            let none = || format!("the answer has no probability to lose: clean {}", digits(clean));
            return (!is_answer).then(none);
        }
        if is_answer && clean < corrupted {
            let (clean, corrupted) = (digits(clean), digits(corrupted));
            return Some(format!(
                "the subject does not carry this answer: clean {clean} is below corrupted {corrupted}"
            ));
        }
        // what is no number lowers nothing
        let is_lowered = clean - corrupted > LEAST_LOSS * clean;
        let none = || {
            let (clean, corrupted) = (digits(clean), digits(corrupted));
            format!("the noise does not lower the answer: clean {clean}, corrupted {corrupted}")
        };
        (!is_answer || !is_lowered).then(none)
    }

    /// The traced answer and its origin: `new “Rome”`.
    #[must_use]
    pub fn answer_in_words(&self) -> String {
        format!("{} “{}”", self.order.answer.whose(), self.answer.trim())
    }

    /// The traced model, in words.
    #[must_use]
    pub fn model(&self) -> String {
        match self.edits {
            edits if edits == self.in_place.len() => model_with(&self.in_place),
            edits => format!("the model with {} in place", counted(edits, "edit")),
        }
    }

    /// Whether it was taken on the model with these edits in place.
    #[must_use]
    pub fn is_of(&self, in_place: &[u64]) -> bool {
        // records of before the numbers were told have their count alone
        if self.in_place.len() == self.edits { self.in_place == in_place } else { self.edits == in_place.len() }
    }

    /// The effect of a cell with this score: the probability that a restored state recovers, or the share of the
    /// clean probability that an ablation deletes.
    #[must_use]
    pub fn effect(&self, score: f64) -> f64 {
        match self.order.intervention.is_ablation() {
            true => (self.clean - score) / self.clean.max(f64::MIN_POSITIVE),
            false => score - self.corrupted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Intervention, TraceKind, TraceOrder, TraceStarted};
    use crate::Fact;

    fn started(clean: f64, corrupted: f64) -> TraceStarted {
        TraceStarted {
            job: 1,
            order: TraceOrder::new(Fact::default(), TraceKind::Hidden),
            tokens: Vec::new(),
            layers: 1,
            answer: " Paris".into(),
            answer_tokens: Vec::new(),
            clean,
            corrupted,
            noise_level: 0.1,
            edits: 0,
            in_place: Vec::new(),
            changed_answer: None,
            correct: true,
            donors: Vec::new(),
        }
    }

    #[test]
    fn effects_are_undefined_where_noise_lowers_nothing() {
        let why = |clean, corrupted| started(clean, corrupted).undefined();
        assert_eq!(why(0.9, 0.2), None);
        assert_eq!(why(0.002, 0.0001), None, "an improbable answer that noise destroys");
        let same = "the noise does not lower the answer: clean 0.002, corrupted 0.002";
        assert_eq!(why(0.002, 0.00199).as_deref(), Some(same));
        let carried = "the subject does not carry this answer: clean 0.002 is below corrupted 0.010";
        assert_eq!(why(0.002, 0.01).as_deref(), Some(carried));
        for (clean, corrupted) in
            [(0.9, 0.9), (0.9, 0.95), (0.9, 0.89), (1e-9, 1e-12), (f64::NAN, 0.1), (0.9, f64::NAN)]
        {
            assert!(why(clean, corrupted).is_some(), "{clean} {corrupted}");
        }
    }

    #[test]
    fn effects_are_undefined_where_an_edit_has_changed_the_answer() {
        let changed =
            TraceStarted { changed_answer: Some(" Rome".into()), edits: 1, in_place: vec![3], ..started(0.3, 0.1) };
        let why = changed.undefined().expect("another answer");
        assert_eq!(why, "with the edits in place, the model answers “Rome”, not “Paris”");
        assert!(changed.is_of(&[3]) && !changed.is_of(&[]) && !changed.is_of(&[4]) && !changed.is_of(&[3, 4]));
    }

    #[test]
    fn an_ablation_needs_an_answer_and_no_noise() {
        let mut ablated = started(0.9, 0.9);
        ablated.order.intervention = Intervention::AblateZero;
        assert_eq!(ablated.undefined(), None);
        ablated.clean = 1e-8;
        assert!(ablated.undefined().is_some());
    }
}
