//! The flags of `locus trace`.

use crate::cli::Failure;
use crate::cli::arguments::FactArguments;
use clap::{Args, ValueEnum};
use locus_protocol::{AverageOrder, Correctness, Fact, Intervention, NoiseDraws, TraceAnswer, TraceKind, TraceOrder};
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
pub struct TraceArguments {
    #[command(flatten)]
    pub fact: FactArguments,
    /// Answer whose probability is traced: true, new, model (the model's current next token), or any other text.
    #[arg(long, default_value = "true", value_name = "ANSWER", conflicts_with = "all")]
    pub answer: String,
    /// State to restore or ablate [default: hidden; all three with --all].
    #[arg(long, value_enum)]
    pub kind: Option<Kind>,
    /// Number of layers in a window, for mlp and attention.
    #[arg(long, value_name = "N")]
    pub window: Option<usize>,
    /// Holds the token's MLP or attention outputs at their corrupted values while its hidden state is restored.
    #[arg(long, value_enum, value_name = "MODULE", conflicts_with = "ablate")]
    pub sever: Option<Sever>,
    /// Severs with the noise of the traced run; otherwise a second draw is made, as published.
    #[arg(long, requires = "sever")]
    pub same_noise: bool,
    /// Replaces states of the clean run instead of restoring states of a corrupted one.
    #[arg(long, value_enum, value_name = "HOW")]
    pub ablate: Option<Ablate>,
    /// Prints only the first-order estimate of the map: one gradient instead of a run for every cell.
    #[arg(long)]
    pub preview: bool,
    /// Number of noise samples, or of other subjects for a resample ablation.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub samples: usize,
    /// Noise on the subject: a number, sK for K standard deviations of the subjects' embeddings, or uX for uniform
    /// noise between -X and X.
    #[arg(long, default_value = "s3", value_name = "LEVEL", allow_hyphen_values = true)]
    pub noise: String,
    /// Replaces the embeddings with the noise instead of adding it.
    #[arg(long)]
    pub replace: bool,
    /// Safetensors file whose tensor `noise` [samples, subject tokens, hidden] replaces the drawn noise.
    #[arg(long, value_name = "FILE")]
    pub noise_file: Option<PathBuf>,
    /// Seed of the noise, and of the choice of other facts; 1 gives the published draws.
    #[arg(long, default_value_t = 1)]
    pub seed: u32,
    /// CSV file with one row per token and layer, in the columns of Hase et al. (2023).
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Traces all facts that the model knows and averages the effects by token role.
    #[arg(long, conflicts_with_all = ["case", "typed", "ablate", "preview", "noise_file"])]
    pub all: bool,
    /// Traces only the first N facts.
    #[arg(long, value_name = "N", requires = "all")]
    pub limit: Option<usize>,
    /// When a fact counts as known.
    #[arg(long, value_enum, default_value_t = Known::NextToken, value_name = "HOW", requires = "all")]
    pub known: Known,
    /// Also traces facts that the model does not know.
    #[arg(long, requires = "all")]
    pub unknown_too: bool,
    /// Leaves out facts whose true target is less probable than P.
    #[arg(long, default_value_t = 0.0, value_name = "P", requires = "all")]
    pub least_probability: f64,
    /// Counts a token with two roles, such as a subject's only token, once, as the last; published averages count it
    /// twice.
    #[arg(long, requires = "all")]
    pub exclusive_roles: bool,
}

/// Which activation is restored or ablated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Residual stream after one block.
    Hidden,
    /// MLP outputs in a window of layers.
    Mlp,
    /// Attention outputs in a window of layers.
    Attention,
}

/// Which module is severed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sever {
    /// Outputs of the MLPs.
    Mlp,
    /// Outputs of the attention modules.
    Attention,
}

/// What replaces ablated states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ablate {
    /// Zeros instead of the state.
    Zero,
    /// Mean over the prompts of other facts.
    Mean,
    /// States of other subjects in the same template.
    Resample,
}

/// When a fact counts as known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Known {
    /// The most probable next token is the whole true target.
    NextToken,
    /// The true target occurs in the next 36 greedily decoded tokens.
    Continuation,
}

impl From<Kind> for TraceKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Hidden => Self::Hidden,
            Kind::Mlp => Self::Mlp,
            Kind::Attention => Self::Attention,
        }
    }
}

impl TraceArguments {
    /// Checks what can be checked without a model.
    ///
    /// # Errors
    /// A number out of its flag's range; flags that contradict each other.
    pub fn check(&self) -> Result<(), Failure> {
        for (flag, number) in [("--samples", Some(self.samples)), ("--window", self.window), ("--limit", self.limit)] {
            if number == Some(0) {
                return Err(Failure::usage(format!("{flag} must be at least 1")));
            }
        }
        self.settings(Fact::default(), TraceKind::Hidden).map(drop)
    }

    /// The order of one trace.
    ///
    /// # Errors
    /// Flags that contradict each other; noise that cannot be read.
    pub fn order(&self, fact: Fact) -> Result<TraceOrder, Failure> {
        let answer = TraceAnswer::parse(&self.answer);
        let missing = match answer {
            TraceAnswer::New if fact.target_new.is_empty() => "--new is missing: --answer new traces its probability",
            TraceAnswer::Text(ref text) if text.is_empty() => "--answer is empty; give true, new, model or a text",
            _ => {
                return Ok(TraceOrder {
                    answer,
                    ..self.settings(fact, self.kind.map_or(TraceKind::Hidden, TraceKind::from))?
                });
            }
        };
        Err(Failure::usage(missing))
    }

    /// The order of all traces.
    ///
    /// # Errors
    /// Those of [`Self::order`]; no fact.
    pub fn average(&self, facts: &[Fact]) -> Result<AverageOrder, Failure> {
        let facts: Vec<Fact> = facts.iter().take(self.limit.unwrap_or(usize::MAX)).cloned().collect();
        let Some(first) = facts.first() else {
            return Err(Failure::usage("--all: there are no facts; give a file with --facts, and --limit at least 1"));
        };
        if !(0.0..=1.0).contains(&self.least_probability) {
            return Err(Failure::usage("--least-probability must be between 0 and 1"));
        }
        let all = [TraceKind::Hidden, TraceKind::Mlp, TraceKind::Attention];
        let kinds = match (self.kind, self.sever) {
            (Some(kind), _) => vec![kind.into()],
            (None, Some(_)) => vec![TraceKind::Hidden],
            (None, None) => all.to_vec(),
        };
        // the window of MLP and attention, whatever kind is traced
        let window = if kinds == [TraceKind::Hidden] { TraceKind::Hidden } else { TraceKind::Mlp };
        Ok(AverageOrder {
            settings: TraceOrder { kind: kinds[0], ..self.settings(first.clone(), window)? },
            facts,
            kinds,
            correctness: match self.known {
                Known::NextToken => Correctness::NextToken,
                Known::Continuation => Correctness::Continuation,
            },
            unknown_too: self.unknown_too,
            least_probability: self.least_probability,
            exclusive: self.exclusive_roles,
        })
    }

    fn settings(&self, fact: Fact, kind: TraceKind) -> Result<TraceOrder, Failure> {
        let mut order = TraceOrder::new(fact, kind);
        order.intervention = match (self.sever, self.ablate) {
            (Some(Sever::Mlp), _) => Intervention::SeverMlp,
            (Some(Sever::Attention), _) => Intervention::SeverAttention,
            (None, Some(Ablate::Zero)) => Intervention::AblateZero,
            (None, Some(Ablate::Mean)) => Intervention::AblateMean,
            (None, Some(Ablate::Resample)) => Intervention::AblateResample,
            (None, None) => Intervention::Restore,
        };
        if self.sever.is_some() && self.kind.is_some_and(|kind| kind != Kind::Hidden) {
            return Err(Failure::usage("--sever restores hidden states only; leave --kind out"));
        }
        order.window = self.window.unwrap_or(order.window);
        order.samples = self.samples;
        order.seed = self.seed;
        order.noise_file.clone_from(&self.noise_file);
        order.replace = self.replace;
        order.same_noise = self.same_noise;
        order.preview_only = self.preview;
        self.read_noise(&mut order)?;
        Ok(order)
    }

    /// The rules of the published command line: a number, `sK`, `uX`.
    fn read_noise(&self, order: &mut TraceOrder) -> Result<(), Failure> {
        let text = self.noise.as_str();
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        let bad = || Failure::usage(format!("--noise must be a number, sK or uX, as in 0.1, s3 or u0.3, not `{text}`"));
        match (text.strip_prefix('s'), text.strip_prefix('u')) {
            (Some(""), _) => order.noise_deviations = 1.0,
            (Some(deviations), _) => order.noise_deviations = number(deviations).ok_or_else(bad)?,
            (None, Some(bound)) => {
                order.noise_level = Some(number(bound).ok_or_else(bad)?);
                order.noise_draws = NoiseDraws::Uniform;
            }
            (None, None) => order.noise_level = Some(number(text).ok_or_else(bad)?),
        }
        Ok(())
    }
}
