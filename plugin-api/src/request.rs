//! What a method or an objective is asked to do, and what it answers.

use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tch::Tensor;

/// One fact to edit, with what the objective has made of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// The prompt with `{}` in the subject's place, ending right before the answer.
    pub template: String,
    /// The subject.
    pub subject: String,
    /// The text whose probability the objective's loss is about, without a leading space.
    pub target: String,
    /// See [`Goal::runs_all_steps`].
    #[serde(default)]
    pub runs_all_steps: bool,
    /// See [`SubjectNoise::copies`]; 0 is 1.
    #[serde(default)]
    pub copies: usize,
}

impl Edit {
    /// An edit towards `target`, the subject in the place of the template's `{}`.
    #[must_use]
    pub fn new(template: &str, subject: &str, target: &str) -> Self {
        let (template, subject, target) = (template.to_owned(), subject.to_owned(), target.to_owned());
        Self { template, subject, target, ..Self::default() }
    }

    /// The prompt with its subject.
    #[must_use]
    pub fn prompt(&self) -> String {
        self.template.replacen("{}", &self.subject, 1)
    }
}

/// What a method is asked to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EditRequest {
    /// The facts; more than one only for methods that say they take many.
    pub edits: Vec<Edit>,
    /// Layers to edit, ascending; empty leaves it to the method.
    #[serde(default)]
    pub layers: Vec<usize>,
    /// Seed of everything random.
    #[serde(default)]
    pub seed: u64,
    /// Each fact is edited on the model as it is, whatever becomes of the others; see [`crate::EditMethod::edit_apart`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
}

/// A fact as an objective is asked for it: without the other prompts of its record, by which an edit of it is measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FactToEdit {
    /// The prompt with `{}` in the subject's place.
    pub template: String,
    /// The subject.
    pub subject: String,
    /// The answer that is true, without a leading space.
    pub target_true: String,
    /// The answer that a record proposes instead, without a leading space.
    pub target_new: String,
}

/// What an objective aims at for one fact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Goal {
    /// The text whose probability the loss is about, without a leading space.
    pub target: String,
    /// A low loss is no reason to stop: a method makes all of its steps, the last one's update included (as the
    /// published code does for fact erasure).
    #[serde(default)]
    pub runs_all_steps: bool,
    /// The objective wants the target's probability low: an edit is scored by how much of it is gone, and not by how
    /// much was gained.
    #[serde(default)]
    pub lowers: bool,
    /// The text that [`Self::target`] is compared with when an edit is scored, without a leading space; the host takes
    /// the record's other target where there is none.
    #[serde(default)]
    pub baseline: Option<String>,
    /// Noise that the subject's embeddings have in every run of the method and when the edit is scored. The host adds
    /// it; a method need not know.
    #[serde(default)]
    pub noise: Option<SubjectNoise>,
}

impl Goal {
    /// Aims at the probability of `target`.
    #[must_use]
    pub fn new(target: &str) -> Self {
        Self { target: target.to_owned(), ..Self::default() }
    }

    /// Says what the target is compared with, see [`Self::baseline`].
    #[must_use]
    pub fn against(mut self, baseline: &str) -> Self {
        self.baseline = Some(baseline.to_owned());
        self
    }

    /// Has the host add noise to the subject, see [`Self::noise`].
    #[must_use]
    pub fn under(mut self, noise: SubjectNoise) -> Self {
        self.noise = Some(noise);
        self
    }

    /// Wants the target's probability low, see [`Self::lowers`].
    #[must_use]
    pub fn lowering(mut self) -> Self {
        self.lowers = true;
        self
    }

    /// Has methods make all of their steps, see [`Self::runs_all_steps`].
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
    /// Standard deviation; 0 takes three standard deviations of the subjects' token embeddings.
    pub level: f64,
    /// Seed of the generator (NumPy's legacy one; 1 gives the published draws).
    pub seed: u32,
    /// Noised copies of the prompt: of a mean over noise, and of the rows of a method that trains on the bare prompt
    /// alone.
    pub copies: usize,
    /// Draws anew in every run from one running generator; otherwise a row has the same noise in every run.
    pub redraws: bool,
    /// Noises in every row the positions that the subject has in the bare prompt, as the code of Hase et al. does, and
    /// not where the subject is.
    pub published_positions: bool,
}

impl Default for SubjectNoise {
    fn default() -> Self {
        Self { level: 0.0, seed: 1, copies: 10, redraws: true, published_positions: false }
    }
}

/// How the log-probabilities of several prompts and tokens become one number: ROME and MEMIT take means,
/// constrained fine-tuning takes sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// Mean over tokens, then over rows.
    Mean,
    /// Sum over tokens and rows.
    Sum,
}

impl Reduction {
    /// Log-probabilities `[.., rows, tokens]` as one number for each of what stands before, with the gradient intact.
    ///
    /// # Errors
    /// What libtorch says.
    pub fn log_likelihood(self, log_probabilities: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Mean => log_probabilities.f_mean_dim(-1i64, false, None)?.f_mean_dim(-1i64, false, None)?,
            Self::Sum => log_probabilities.f_sum_dim_intlist([-1i64, -2].as_slice(), false, None)?,
        })
    }
}

/// What a method is going to do, told before anything runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Layers it will edit.
    pub layers: Vec<usize>,
    /// Layers whose second moments it will ask for.
    #[serde(default)]
    pub second_moments: Vec<usize>,
    /// Most steps it may take.
    #[serde(default)]
    pub steps: u64,
    /// What the user should know.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What a plugin says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// Lower-case letters, digits and dashes.
    pub id: String,
    /// Its name in words.
    pub title: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// The paper it follows.
    #[serde(default)]
    pub cite: String,
    /// One line for lists.
    #[serde(default)]
    pub summary: String,
    /// Numbers it reports per layer.
    #[serde(default)]
    pub metrics: Vec<MetricInfo>,
    /// It finds edits that do not know of each other faster together than one after the other; see
    /// [`crate::EditMethod::edit_apart`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub edits_apart: bool,
}

impl Info {
    /// A description with id and name.
    #[must_use]
    pub fn new(id: &str, title: &str) -> Self {
        Self { id: id.to_owned(), title: title.to_owned(), ..Self::default() }
    }

    /// Says which paper the plugin follows.
    #[must_use]
    pub fn cite(mut self, paper: &str) -> Self {
        self.cite = paper.to_owned();
        self
    }

    /// Says in a line what it does.
    #[must_use]
    pub fn summary(mut self, line: &str) -> Self {
        self.summary = line.to_owned();
        self
    }

    /// Says that [`crate::EditMethod::edit_apart`] is there.
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

/// A number that a plugin reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricInfo {
    /// Its name, the column's head.
    pub name: String,
    /// Its unit, empty for none.
    #[serde(default)]
    pub unit: String,
    /// One line.
    #[serde(default)]
    pub help: String,
}

/// A change of one parameter.
#[derive(Debug)]
pub struct Delta {
    /// The parameter's name in the checkpoint.
    pub parameter: String,
    /// The change, in the orientation in which the checkpoint stores the parameter.
    pub form: Form,
}

/// A change as a whole or as factors.
#[derive(Debug)]
pub enum Form {
    /// `left` `[rows, rank]` times `right` `[rank, columns]`.
    LowRank {
        /// `[rows, rank]`.
        left: Tensor,
        /// `[rank, columns]`.
        right: Tensor,
    },
    /// The whole difference, of the parameter's shape.
    Dense(Tensor),
}

/// What a method gives back. It leaves no weight changed: the host applies the deltas and can undo them exactly.
#[derive(Debug, Default)]
pub struct Edited {
    /// The changes.
    pub deltas: Vec<Delta>,
    /// Numbers about the edit as a whole.
    pub metrics: BTreeMap<String, f64>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// What kept it from going further, see [`Edited::limit`].
    pub limits: Vec<String>,
    /// Tensors worth keeping with the edit, by name (key, value, ...): a file beside the change in the journal, up to 64 MB.
    pub artifacts: Vec<(String, Tensor)>,
}

impl Edited {
    /// Nothing changed yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a change given as factors `left` `[rows, rank]` and `right` `[rank, columns]`.
    #[must_use]
    pub fn low_rank(mut self, parameter: &str, left: Tensor, right: Tensor) -> Self {
        self.deltas.push(Delta { parameter: parameter.to_owned(), form: Form::LowRank { left, right } });
        self
    }

    /// Adds a change given whole.
    #[must_use]
    pub fn dense(mut self, parameter: &str, difference: Tensor) -> Self {
        self.deltas.push(Delta { parameter: parameter.to_owned(), form: Form::Dense(difference) });
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn metric(mut self, name: &str, value: f64) -> Self {
        self.metrics.insert(name.to_owned(), value);
        self
    }

    /// Adds a sentence.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Says what kept the method from going further, with the setting to change: `the clamp was reached at step 4: raise
    /// clamp`. It is told where the edit did not take, which the method cannot know.
    #[must_use]
    pub fn limit(mut self, text: impl Into<String>) -> Self {
        self.limits.push(text.into());
        self
    }

    /// Keeps a tensor with the edit.
    #[must_use]
    pub fn artifact(mut self, name: &str, tensor: Tensor) -> Self {
        self.artifacts.push((name.to_owned(), tensor));
        self
    }
}
