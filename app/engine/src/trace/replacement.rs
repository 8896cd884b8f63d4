//! What an ablated activation is replaced by: nothing, a mean, or the activation of another subject's run.

use super::pass::Pass;
use super::request::{Kind, TracedQuestion};
use crate::error::{Error, Result};
use crate::model::Model;
use tch::Tensor;

/// What stands in an ablated activation's place.
#[derive(Debug)]
pub enum Replacement {
    /// Zero (`trace_with_erasure` of Hase et al. 2023).
    Zero,
    /// The mean over other prompts.
    Mean(Means),
    /// The activation at the matching token of other runs, one row each.
    Resample(Vec<Donor>),
}

/// Mean activations over all tokens of some prompts, by layer. The first position has means of its own, since models
/// keep outsized activations there.
#[derive(Debug)]
pub struct Means {
    /// By kind and layer: `[2, hidden]`, the first position and all others.
    sums: Vec<Vec<Tensor>>,
}

/// A run of the same template with another subject.
#[derive(Debug)]
pub struct Donor {
    pass: Pass,
    /// The donor's position for each position of the prompt.
    positions: Vec<usize>,
}

const KINDS: [Kind; 3] = [Kind::Hidden, Kind::Mlp, Kind::Attention];

impl Means {
    /// Runs every prompt once; `listen` is asked before each.
    ///
    /// # Errors
    /// No prompt has two tokens; what `listen` returns.
    pub fn over(model: &Model, prompts: &[Vec<i64>], listen: &mut dyn FnMut() -> Result<()>) -> Result<Self> {
        let _guard = tch::no_grad_guard();
        let layers = model.architecture.layers;
        let mut sums: Vec<Vec<Option<Tensor>>> = KINDS.map(|_| (0..layers).map(|_| None).collect()).into();
        let (mut firsts, mut others) = (0.0, 0.0);
        for prompt in prompts.iter().filter(|prompt| prompt.len() > 1) {
            listen()?;
            let pass = Pass::clean(model, &Tensor::f_from_slice(prompt)?.f_to_device(model.device)?)?;
            firsts += 1.0;
            others += (prompt.len() - 1) as f64;
            for (kind, sums) in KINDS.into_iter().zip(&mut sums) {
                for (layer, sum) in sums.iter_mut().enumerate() {
                    let all = pass.activation(kind, layer).f_get(0)?.f_to_kind(tch::Kind::Double)?;
                    let later = all.f_narrow(0, 1, all.size()[0] - 1)?;
                    let later = later.f_sum_dim_intlist([0].as_slice(), false, None)?;
                    let both = Tensor::f_stack(&[all.f_get(0)?, later], 0)?;
                    *sum = Some(match sum.take() {
                        Some(earlier) => earlier.f_add(&both)?,
                        None => both,
                    });
                }
            }
        }
        let counts = Tensor::f_from_slice(&[firsts, others])?.f_reshape([2, 1])?.f_to_device(model.device)?;
        let none = || Error::Request("no prompt of two tokens to average over; give more facts".to_owned());
        let mean = |sum: Option<Tensor>| Ok(sum.ok_or_else(none)?.f_div(&counts)?.f_to_kind(model.kind)?);
        let means = |sums: Vec<Option<Tensor>>| sums.into_iter().map(mean).collect::<Result<Vec<Tensor>>>();
        Ok(Self { sums: sums.into_iter().map(means).collect::<Result<_>>()? })
    }
}

impl Donor {
    /// Runs the donor's prompt and matches its positions with those of `question`: tokens after the subject from the
    /// end, subject tokens from the subject's last token backwards, earlier ones from the start.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn new(model: &Model, question: &TracedQuestion, donor: &TracedQuestion) -> Result<Self> {
        let _guard = tch::no_grad_guard();
        let mut ids = donor.prompt.clone();
        ids.extend(question.answer.split_last().map_or(&[][..], |(_, early)| early));
        let pass = Pass::clean(model, &Tensor::f_from_slice(&ids)?.f_to_device(model.device)?)?;
        let positions = (0..question.prompt.len()).map(|position| matching(position, question, donor)).collect();
        Ok(Self { pass, positions })
    }
}

/// The donor's position that plays the part of `position`.
fn matching(position: usize, question: &TracedQuestion, donor: &TracedQuestion) -> usize {
    if position >= question.subject.end {
        let from_end = question.prompt.len() - position;
        donor.prompt.len().saturating_sub(from_end).max(donor.subject.end.min(donor.prompt.len().saturating_sub(1)))
    } else if position >= question.subject.start {
        let from_end = question.subject.end - position;
        donor.subject.end.saturating_sub(from_end).max(donor.subject.start)
    } else {
        position.min(donor.subject.start.saturating_sub(1))
    }
}

impl Replacement {
    /// Rows that one cell has.
    pub(super) fn rows(&self) -> i64 {
        match self {
            Self::Resample(donors) => donors.len() as i64,
            Self::Zero | Self::Mean(_) => 1,
        }
    }

    /// `[rows, hidden]` for one cell of the run `pass`.
    pub(super) fn at(&self, pass: &Pass, kind: Kind, layer: usize, token: usize) -> Result<Tensor> {
        Ok(match self {
            Self::Zero => pass.at(kind, layer, token)?.f_zeros_like()?,
            Self::Mean(means) => {
                let means = &means.sums[KINDS.iter().position(|known| *known == kind).unwrap_or_default()][layer];
                means.f_narrow(0, i64::from(token > 0), 1)?
            }
            Self::Resample(donors) => {
                let rows = donors.iter().map(|donor| donor.pass.at(kind, layer, donor.positions[token]));
                Tensor::f_cat(&rows.collect::<Result<Vec<_>>>()?, 0)?
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{TracedQuestion, matching};

    fn question(tokens: usize, subject: std::ops::Range<usize>) -> TracedQuestion {
        TracedQuestion { prompt: vec![0; tokens], answer: vec![0], subject }
    }

    #[test]
    fn positions_keep_their_part() {
        // two tokens, subject of three, two tokens; the donor's subject has two
        let (ours, donor) = (question(7, 2..5), question(6, 2..4));
        let matched: Vec<usize> = (0..7).map(|position| matching(position, &ours, &donor)).collect();
        assert_eq!(matched, [0, 1, 2, 2, 3, 4, 5]);
        // and the other way round
        let matched: Vec<usize> = (0..6).map(|position| matching(position, &donor, &ours)).collect();
        assert_eq!(matched, [0, 1, 3, 4, 5, 6]);
        // a run of itself matches itself
        assert!((0..7).all(|position| matching(position, &ours, &ours) == position));
    }
}
