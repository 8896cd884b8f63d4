//! What a method or an objective is asked to do, and what it returns.

use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tch::Tensor;

/// A fact to edit, with the target that the objective has chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// Prompt with `{}` in place of the subject, ending right before the answer.
    pub template: String,
    /// Replaces the `{}` of the template.
    pub subject: String,
    /// The text whose probability the objective's loss is about, without a leading space.
    pub target: String,
    /// Whether the method should make all steps however low the loss, see [`Goal::runs_all_steps`].
    #[serde(default)]
    pub runs_all_steps: bool,
    /// Copies of the prompt with different noise, see [`SubjectNoise::copies`]; 0 means 1.
    #[serde(default)]
    pub copies: usize,
}

impl Edit {
    /// An edit toward `target` of the prompt that `template` makes with `subject` in place of `{}`.
    #[must_use]
    pub fn new(template: &str, subject: &str, target: &str) -> Self {
        let (template, subject, target) = (template.to_owned(), subject.to_owned(), target.to_owned());
        Self { template, subject, target, ..Self::default() }
    }

    /// The template with the subject filled in.
    #[must_use]
    pub fn prompt(&self) -> String {
        self.template.replacen("{}", &self.subject, 1)
    }
}

/// Input of a method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EditRequest {
    /// The facts. A method that takes one at a time should reject more in its plan.
    pub edits: Vec<Edit>,
    /// Layers to edit, ascending; empty to leave the choice to the method.
    #[serde(default)]
    pub layers: Vec<usize>,
    /// Seed for everything random; the same seed must give the same edit.
    #[serde(default)]
    pub seed: u64,
    /// Each fact is edited on the unchanged model, independently of the others, see [`crate::EditMethod::edit_apart`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
}

/// Input of an objective: a fact without the other prompts of its record, which serve to score the edit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FactToEdit {
    /// Prompt with `{}` in place of the subject.
    pub template: String,
    /// Replaces the `{}` of the template.
    pub subject: String,
    /// True answer, without a leading space; empty if the record has none.
    pub target_true: String,
    /// Answer that the record proposes instead, without a leading space; empty if the record has none.
    pub target_new: String,
}

/// What an objective wants for a fact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Goal {
    /// Text whose probability the loss is about, without a leading space.
    pub target: String,
    /// A low loss is no reason to stop: a method makes all its steps, including the update of the last one (as the
    /// published code does for fact erasure).
    #[serde(default)]
    pub runs_all_steps: bool,
    /// The target should become improbable: an edit is scored by how much of its probability is lost instead of gained.
    #[serde(default)]
    pub lowers: bool,
    /// Text that [`Self::target`] is compared with when an edit is scored, without a leading space. If absent, the host
    /// uses the record's other target.
    #[serde(default)]
    pub baseline: Option<String>,
    /// Noise on the subject's embeddings in every run of the method and while scoring. The host adds it; methods need
    /// not know.
    #[serde(default)]
    pub noise: Option<SubjectNoise>,
}

impl Goal {
    /// A goal to raise the probability of `target`; lower it with [`Self::lowering`].
    #[must_use]
    pub fn new(target: &str) -> Self {
        Self { target: target.to_owned(), ..Self::default() }
    }

    /// Sets the text that the target is compared with, see [`Self::baseline`].
    #[must_use]
    pub fn against(mut self, baseline: &str) -> Self {
        self.baseline = Some(baseline.to_owned());
        self
    }

    /// Puts noise on the subject, see [`Self::noise`].
    #[must_use]
    pub fn under(mut self, noise: SubjectNoise) -> Self {
        self.noise = Some(noise);
        self
    }

    /// Marks the target as one to make improbable, see [`Self::lowers`].
    #[must_use]
    pub fn lowering(mut self) -> Self {
        self.lowers = true;
        self
    }

    /// Asks methods to make all their steps, see [`Self::runs_all_steps`].
    #[must_use]
    pub fn run_all_steps(mut self) -> Self {
        self.runs_all_steps = true;
        self
    }
}

/// Gaussian noise on the embeddings of a subject's tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectNoise {
    /// Standard deviation; 0 means three standard deviations of the subjects' token embeddings.
    pub level: f64,
    /// Seed of the generator, NumPy's legacy one; 1 gives the published draws.
    pub seed: u32,
    /// Number of noised copies of the prompt: for a mean over noise, and as rows of a method that trains on the bare
    /// prompt alone.
    pub copies: usize,
    /// Whether every run draws new noise from one running generator; otherwise a row has the same noise in every run.
    pub redraws: bool,
    /// Whether noise falls, in every row, on the positions that the subject has in the bare prompt, like in the code of
    /// Hase et al., instead of on the subject.
    pub published_positions: bool,
}

impl Default for SubjectNoise {
    fn default() -> Self {
        Self { level: 0.0, seed: 1, copies: 10, redraws: true, published_positions: false }
    }
}

/// How the log-probabilities of several prompts and tokens are combined: ROME and MEMIT use means, constrained
/// fine-tuning uses sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// Mean over tokens, then over rows.
    Mean,
    /// Sum over tokens and rows.
    Sum,
}

impl Reduction {
    /// Reduces log-probabilities `[.., rows, tokens]` over their last two dimensions, preserving the gradient.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn log_likelihood(self, log_probabilities: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Mean => log_probabilities.f_mean_dim(-1i64, false, None)?.f_mean_dim(-1i64, false, None)?,
            Self::Sum => log_probabilities.f_sum_dim_intlist([-1i64, -2].as_slice(), false, None)?,
        })
    }
}

/// What a method announces before anything runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Layers it will edit; reports on other layers are rejected.
    pub layers: Vec<usize>,
    /// Names of the parameters it will change, if they are not the down-projections of its layers but those of experts.
    /// Without them, the host refuses layers whose MLP is a set of experts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
    /// Layers whose second moments it needs; they are collected before it runs.
    #[serde(default)]
    pub second_moments: Vec<usize>,
    /// Maximum number of steps, for progress.
    #[serde(default)]
    pub steps: u64,
    /// Sentences for the user, shown with the result.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// A plugin's description of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// Lower-case letters, digits, and dashes; unique among loaded plugins.
    pub id: String,
    /// Name for display.
    pub title: String,
    /// If empty, the version in the stamp, which is that of the crate.
    #[serde(default)]
    pub version: String,
    /// Paper that it implements, such as `Meng et al. 2022`; empty for none.
    #[serde(default)]
    pub cite: String,
    /// One line for lists.
    #[serde(default)]
    pub summary: String,
    /// Numbers that its step reports contain per layer; they become columns.
    #[serde(default)]
    pub metrics: Vec<MetricInfo>,
    /// Whether it implements [`crate::EditMethod::edit_apart`], computing independent edits faster together than one by
    /// one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub edits_apart: bool,
}

impl Info {
    /// A description with id and name.
    #[must_use]
    pub fn new(id: &str, title: &str) -> Self {
        Self { id: id.to_owned(), title: title.to_owned(), ..Self::default() }
    }

    /// Names the paper that the plugin implements.
    #[must_use]
    pub fn cite(mut self, paper: &str) -> Self {
        self.cite = paper.to_owned();
        self
    }

    /// Sets the line that says what it does.
    #[must_use]
    pub fn summary(mut self, line: &str) -> Self {
        self.summary = line.to_owned();
        self
    }

    /// Declares that [`crate::EditMethod::edit_apart`] is implemented.
    #[must_use]
    pub fn edits_apart(mut self) -> Self {
        self.edits_apart = true;
        self
    }

    /// Declares a number that is reported per layer.
    #[must_use]
    pub fn metric(mut self, name: &str, unit: &str, help: &str) -> Self {
        self.metrics.push(MetricInfo { name: name.to_owned(), unit: unit.to_owned(), help: help.to_owned() });
        self
    }
}

/// A number that a plugin reports per layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricInfo {
    /// Name, which is also the column header.
    pub name: String,
    /// Unit for display; empty for none.
    #[serde(default)]
    pub unit: String,
    /// One line that explains the column.
    #[serde(default)]
    pub help: String,
}

/// Change of one parameter.
#[derive(Debug)]
pub struct Delta {
    /// Name of the parameter in the checkpoint.
    pub parameter: String,
    /// The change, in the orientation in which the checkpoint stores the parameter.
    pub form: Form,
}

/// A change, dense or as low-rank factors.
#[derive(Debug)]
pub enum Form {
    /// The product of `left` and `right`.
    LowRank {
        /// `[rows, rank]`.
        left: Tensor,
        /// `[rank, columns]`.
        right: Tensor,
    },
    /// The difference, in the shape of the parameter.
    Dense(Tensor),
}

/// Result of a method. It changes no weight itself: the host applies the deltas and can undo them exactly.
#[derive(Debug, Default)]
pub struct Edited {
    /// Changes to apply together; several may concern the same parameter.
    pub deltas: Vec<Delta>,
    /// Numbers about the edit as a whole; must be finite.
    pub metrics: BTreeMap<String, f64>,
    /// Sentences for the user.
    pub notes: Vec<String>,
    /// What kept the method from going further, see [`Edited::limit`].
    pub limits: Vec<String>,
    /// Tensors worth keeping, by name (key, value, …): stored in a file next to the change in the journal, up to 64 MB
    /// in total.
    pub artifacts: Vec<(String, Tensor)>,
}

impl Edited {
    /// A result without changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the change `left` `[rows, rank]` times `right` `[rank, columns]`.
    #[must_use]
    pub fn low_rank(mut self, parameter: &str, left: Tensor, right: Tensor) -> Self {
        self.deltas.push(Delta { parameter: parameter.to_owned(), form: Form::LowRank { left, right } });
        self
    }

    /// Adds a change as a difference in the shape of the parameter.
    #[must_use]
    pub fn dense(mut self, parameter: &str, difference: Tensor) -> Self {
        self.deltas.push(Delta { parameter: parameter.to_owned(), form: Form::Dense(difference) });
        self
    }

    /// Adds a number about the edit as a whole, under a name for tables.
    #[must_use]
    pub fn metric(mut self, name: &str, value: f64) -> Self {
        self.metrics.insert(name.to_owned(), value);
        self
    }

    /// Adds a sentence for the user, such as “the optimization stalled at p(target) = 0.12”.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds what kept the method from going further, with the setting to change: `the clamp was reached at step 4:
    /// raise clamp`. It is shown if the edit did not take, which the method cannot know.
    #[must_use]
    pub fn limit(mut self, text: impl Into<String>) -> Self {
        self.limits.push(text.into());
        self
    }

    /// Stores a tensor with the edit, see [`Self::artifacts`].
    #[must_use]
    pub fn artifact(mut self, name: &str, tensor: Tensor) -> Self {
        self.artifacts.push((name.to_owned(), tensor));
        self
    }
}
