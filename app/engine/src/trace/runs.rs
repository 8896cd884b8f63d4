//! The clean and the corrupted run of one fact, with everything the cells read from them.

use super::request::{Kind, Request};
use crate::error::Result;
use crate::model::{Action, Batch, KeysValues, Model, Site, Span, Tap, Taps};
use tch::Tensor;

/// Both runs of one fact. Positions before the subject are the same in both and computed once.
#[derive(Debug)]
pub struct Runs {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// First subject token: nothing before it differs between the runs.
    pub first_changed: usize,
    /// Answer token ids, at least one.
    pub answer: Vec<i64>,
    /// Probability of the answer in the clean run.
    pub clean_score: f64,
    /// Mean probability of the answer over the noise samples, nothing restored.
    pub corrupted_score: f64,
    /// Number of noise samples.
    pub samples: i64,
    /// All tokens that run: the prompt and all but the last answer token.
    pub(super) tokens: i64,
    /// Clean residual stream entering each block, and after the last: `[tokens, hidden]` each.
    pub(super) clean_streams: Vec<Tensor>,
    /// Clean attention outputs by layer, `[tokens, hidden]`.
    clean_attention: Vec<Tensor>,
    /// Clean MLP outputs by layer, `[tokens, hidden]`.
    clean_mlp: Vec<Tensor>,
    /// Corrupted residual stream entering each block, and after the last: `[samples, tokens - first_changed, hidden]`.
    pub(super) corrupted_streams: Vec<Tensor>,
    /// Keys and values of all positions in the corrupted run, by layer.
    pub(super) corrupted_memory: Vec<KeysValues>,
}

impl Runs {
    /// Runs the model cleanly once and with noise on the subject.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn new(model: &Model, request: &Request) -> Result<Self> {
        let _guard = tch::no_grad_guard();
        let prompt_tokens = request.prompt.len();
        let answer = if request.answer.is_empty() {
            vec![most_probable(model, &request.prompt)]
        } else {
            request.answer.clone()
        };
        let mut ids = request.prompt.clone();
        ids.extend(&answer[..answer.len() - 1]);
        let ids = Tensor::from_slice(&ids).to_device(model.device);
        let tokens = ids.size()[0];
        let first = request.subject.start as i64;
        let layers = model.architecture.layers;
        let samples = request.noise.size()[0];

        let whole = Batch::whole(1, tokens);
        let mut taps = Taps::new(
            (0..layers)
                .flat_map(|layer| [Tap::capture(Site::AttentionOut(layer)), Tap::capture(Site::MlpOut(layer))])
                .collect(),
        );
        let (clean_streams, clean_memory) = run(model, &ids, &whole, &mut taps, &[]);
        let module = |offset: usize| -> Vec<Tensor> {
            (0..layers).filter_map(|layer| Some(taps.captured(2 * layer + offset)?.shallow_clone())).collect()
        };

        let batch = Batch { spans: vec![Span { rows: samples, columns: tokens - first, first }], forest: None };
        let noised = noise_tap(model, request, &batch);
        let prefixes: Vec<KeysValues> = clean_memory.iter().map(|memory| memory.prefix(first, 1)).collect();
        let later = ids.narrow(0, first, tokens - first).repeat([samples]);
        let (streams, memory) = run(model, &later, &batch, &mut Taps::new(vec![noised]), &prefixes);
        let corrupted_memory = prefixes.iter().zip(&memory).map(|(early, late)| early.followed_by(late)).collect();
        let hidden = model.architecture.hidden;
        let corrupted_streams: Vec<Tensor> =
            streams.iter().map(|stream| stream.reshape([samples, tokens - first, hidden])).collect();

        let mut runs = Self {
            prompt_tokens,
            first_changed: request.subject.start,
            answer,
            clean_score: 0.0,
            corrupted_score: 0.0,
            samples,
            tokens,
            clean_attention: module(0),
            clean_mlp: module(1),
            clean_streams,
            corrupted_streams,
            corrupted_memory,
        };
        let clean_end = runs.clean_streams[layers].unsqueeze(0).unsqueeze(0);
        runs.clean_score = runs.scores(model, &clean_end)[0];
        let corrupted_end = runs.corrupted_streams[layers].unsqueeze(0);
        runs.corrupted_score = runs.scores(model, &corrupted_end)[0];
        Ok(runs)
    }

    /// Clean output of the module that `kind` restores at `layer`, `[tokens, hidden]`.
    pub(super) fn clean_module(&self, kind: Kind, layer: usize) -> &Tensor {
        match kind {
            Kind::Hidden => &self.clean_streams[layer + 1],
            Kind::Mlp => &self.clean_mlp[layer],
            Kind::Attention => &self.clean_attention[layer],
        }
    }

    /// Probability of the whole answer, averaged over samples, for final residual streams
    /// `[cells, samples, last positions, hidden]` (spec methods.md 0.3, 1.4).
    pub(super) fn scores(&self, model: &Model, streams: &Tensor) -> Vec<f64> {
        let length = self.answer.len() as i64;
        let columns = streams.size()[2];
        let reading = streams.narrow(2, columns - length, length);
        let log_probabilities = model.logits(&reading).to_kind(wide(model.kind)).log_softmax(-1, None);
        let answer = Tensor::from_slice(&self.answer).to_device(model.device);
        let size = reading.size();
        let index = answer.reshape([1, 1, length, 1]).expand([size[0], size[1], length, 1], false);
        let joint = log_probabilities.gather(3, &index, false).sum_dim_intlist([2, 3].as_slice(), false, None);
        let means = joint.exp().mean_dim(1, false, None).to_kind(tch::Kind::Double);
        Vec::try_from(means.to_device(tch::Device::Cpu)).unwrap_or_default()
    }
}

/// Probabilities are taken in float32 at least.
fn wide(kind: tch::Kind) -> tch::Kind {
    if kind == tch::Kind::Double { kind } else { tch::Kind::Float }
}

/// Runs all blocks; the streams entering each block and after the last, and each layer's keys and values.
fn run(
    model: &Model,
    ids: &Tensor,
    batch: &Batch,
    taps: &mut Taps,
    prefixes: &[KeysValues],
) -> (Vec<Tensor>, Vec<KeysValues>) {
    let mut streams = vec![model.embed(ids, batch, taps)];
    let mut memory = Vec::new();
    for layer in 0..model.architecture.layers {
        let (stream, mut kept) = model.block(layer, &streams[layer], batch, &[prefixes.get(layer)], taps, true);
        streams.push(stream);
        memory.append(&mut kept);
    }
    (streams, memory)
}

/// Noise on the subject's token embeddings of every row: added in float64, then rounded (spec parity.md 1.13).
fn noise_tap(model: &Model, request: &Request, batch: &Batch) -> Tap {
    let device = model.device;
    let noise = request.noise.to_device(device);
    let size = noise.size();
    let cells: Vec<i64> = (0..size[0])
        .flat_map(|row| request.subject.clone().map(move |position| (row, position as i64)))
        .map(|(row, position)| batch.flat(0, row, position))
        .collect();
    let noised = if request.replace {
        noise
    } else {
        let subject = Tensor::from_slice(&request.prompt[request.subject.clone()]).to_device(device);
        model.token_embeddings(&subject).to_kind(tch::Kind::Double).unsqueeze(0) + noise
    };
    Tap {
        site: Site::Embedding,
        cells: Some(Tensor::from_slice(&cells).to_device(device)),
        action: Action::Replace(noised.to_kind(model.kind).reshape([size[0] * size[1], size[2]])),
    }
}

/// The most probable next token of the clean prompt.
fn most_probable(model: &Model, prompt: &[i64]) -> i64 {
    let ids = Tensor::from_slice(prompt).to_device(model.device);
    let batch = Batch::whole(1, ids.size()[0]);
    let stream = model.forward(&ids, &batch, &mut Taps::default());
    model.logits(&stream.get(-1)).argmax(None, false).int64_value(&[])
}
