//! One run of a prompt with everything that cells read from it: the clean one, or the corrupted one.

use super::request::Kind;
use crate::error::{Doing, Result};
use crate::model::{Batch, KeysValues, Model, Site, Span, Tap, Taps};
use tch::Tensor;

/// All activations of a run from its first changed position on.
#[derive(Debug)]
pub(super) struct Pass {
    /// Position of the first column; nothing before it differs from the clean run.
    pub first: usize,
    /// Rows: one for the clean run, one per noise sample for the corrupted.
    pub rows: i64,
    /// Tokens that run: the prompt and all but the last answer token.
    pub tokens: i64,
    /// The residual stream entering each block, and after the last: `[rows, tokens - first, hidden]` each.
    pub streams: Vec<Tensor>,
    /// Attention outputs by layer, `[rows, tokens - first, hidden]`.
    attention: Vec<Tensor>,
    /// MLP outputs by layer, `[rows, tokens - first, hidden]`.
    mlp: Vec<Tensor>,
    /// Keys and values of all positions, by layer.
    pub memory: Vec<KeysValues>,
}

impl Pass {
    /// Runs `ids` `[tokens]` once, from the first position on.
    pub fn clean(model: &Model, ids: &Tensor) -> Result<Self> {
        let tokens = ids.size()[0];
        Self::run(model, Batch::whole(1, tokens), &mut |batch| model.embed(ids, batch, &mut Taps::default()), None)
    }

    /// Runs `rows` copies of `ids` with `noised` put on their embeddings, on top of what `clean` has before `first`.
    pub fn corrupted(
        model: &Model,
        ids: &Tensor,
        clean: &Self,
        first: usize,
        rows: i64,
        noised: &dyn Fn(&Batch) -> Result<Tap>,
    ) -> Result<Self> {
        let (first, tokens) = (first as i64, ids.size()[0]);
        let batch = Batch::of(vec![Span { rows, columns: tokens - first, first, whole: tokens }]);
        let later = ids.f_narrow(0, first, tokens - first)?.f_repeat([rows])?;
        let mut embed = |batch: &Batch| model.embed(&later, batch, &mut Taps::new(vec![noised(batch)?]));
        Self::run(model, batch, &mut embed, Some(clean))
    }

    /// Runs all blocks of a batch with one span and keeps everything.
    fn run(
        model: &Model,
        batch: Batch,
        embed: &mut dyn FnMut(&Batch) -> Result<Tensor>,
        before: Option<&Self>,
    ) -> Result<Self> {
        let Span { rows, columns, first, .. } = batch.spans[0];
        let layers = model.architecture.layers;
        let shaped = |tensor: &Tensor| tensor.f_reshape([rows, columns, -1]);
        let mut pass = Self {
            first: first as usize,
            rows,
            tokens: first + columns,
            streams: Vec::with_capacity(layers + 1),
            attention: Vec::with_capacity(layers),
            mlp: Vec::with_capacity(layers),
            memory: Vec::with_capacity(layers),
        };
        let mut stream = embed(&batch)?;
        for layer in 0..layers {
            let prefix = before.map(|before| before.memory[layer].before(first)).transpose()?;
            let mut taps = Taps::new([Site::AttentionOut(layer), Site::MlpOut(layer)].map(Tap::capture).into());
            let (after, kept) = model.block(layer, &stream, &batch, &[prefix.as_ref()], &mut taps, true)?;
            pass.streams.push(shaped(&stream)?);
            pass.attention.extend(taps.captured(0).map(shaped).transpose()?);
            pass.mlp.extend(taps.captured(1).map(shaped).transpose()?);
            for own in kept {
                pass.memory.push(match &prefix {
                    Some(prefix) => prefix.followed_by(&own)?,
                    None => own.packed()?,
                });
            }
            stream = after;
        }
        pass.streams.push(shaped(&stream)?);
        Ok(pass)
    }

    /// What `kind` stands for at `layer`, `[rows, tokens - first, hidden]`.
    pub fn activation(&self, kind: Kind, layer: usize) -> &Tensor {
        match kind {
            Kind::Hidden => &self.streams[layer + 1],
            Kind::Mlp => &self.mlp[layer],
            Kind::Attention => &self.attention[layer],
        }
    }

    /// The same at one position, `[rows, hidden]`.
    pub fn at(&self, kind: Kind, layer: usize, token: usize) -> Result<Tensor> {
        Ok(self.activation(kind, layer).f_select(1, token as i64 - self.first as i64)?)
    }

    /// Probability of `answer`, averaged over rows.
    pub fn score(&self, model: &Model, answer: &[i64]) -> Result<f64> {
        let end = self.streams[model.architecture.layers].f_unsqueeze(0)?;
        Ok(answer_probabilities(model, answer, &end)?.first().copied().unwrap_or(f64::NAN))
    }
}

/// Probability of the whole answer in each row of final residual streams `[.., last positions, hidden]`;
/// the last position is the one before the answer's last token. In float32 at least.
pub(super) fn joint_probabilities(model: &Model, answer: &[i64], streams: &Tensor) -> Result<Tensor> {
    let length = answer.len() as i64;
    let size = streams.size();
    let (place, columns) = (size.len() as i64 - 2, size[size.len() - 2]);
    let reading = streams.f_narrow(place, columns - length, length)?;
    let (outer, hidden) = (&size[..size.len() - 2], size[size.len() - 1]);
    let rows: i64 = outer.iter().product();
    let answer = Tensor::f_from_slice(answer)?.f_to_device(model.device)?.f_repeat([rows])?;
    let found = crate::run::log_probabilities_of(model, &reading.f_reshape([-1, hidden])?, &answer)?;
    let found = found.f_reshape([outer, &[length]].concat())?;
    let joint = found.f_sum_dim_intlist([place].as_slice(), false, None);
    joint.and_then(|joint| joint.f_exp()).doing(|| "reading the answer's probability".to_owned())
}

/// Probability of the whole answer, averaged over samples, for final residual streams
/// `[cells, samples, last positions, hidden]`.
pub(super) fn answer_probabilities(model: &Model, answer: &[i64], streams: &Tensor) -> Result<Vec<f64>> {
    let means = joint_probabilities(model, answer, streams)?.f_mean_dim(1, false, None)?;
    Ok(Vec::try_from(means.f_to_kind(tch::Kind::Double)?.f_to_device(tch::Device::Cpu)?)?)
}
