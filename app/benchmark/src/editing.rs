//! One step of ROME's value optimization: a full forward of all rows against a run from where the value is added.

use crate::{Comparison, timed};
use anyhow::Result;
use locus_engine::model::{Action, Model, Site, Tap, Taps};
use locus_engine::run::{Layout, Prepared};
use locus_plugin::{Cell, Cells, Read, SuffixRequest};
use std::time::Duration;
use tch::Tensor;

/// The published number of rows: twenty-one templates and the prompt of the divergence.
const ROWS: usize = 22;

/// Forward and backward of one step at `layer`.
pub fn value_step(model: &Model, layer: usize, repeats: usize) -> Result<Comparison> {
    let request = request(model, layer)?;
    let hidden = model.architecture.hidden;
    let fresh = || (Tensor::ones([1, hidden], (tch::Kind::Float, model.device)) * 0.01).set_requires_grad(true);
    let prepared = Prepared::new(model, request.clone())?;
    let (mut plain_best, mut engine_best) = (Duration::MAX, Duration::MAX);
    let mut deviation: f64 = 0.0;
    for _ in 0..repeats {
        let delta = fresh();
        let (plain, time) = timed(|| {
            let loss = plain_loss(model, layer, &request, &delta)?;
            loss.f_backward()?;
            Ok(delta.grad())
        })?;
        plain_best = plain_best.min(time);
        let delta = fresh();
        let (engine, time) = timed(|| {
            let output = prepared.repeat(model, &[delta.shallow_clone()], &[])?.output;
            output.log_probabilities.mean(tch::Kind::Float).f_neg()?.f_backward()?;
            Ok(delta.grad())
        })?;
        engine_best = engine_best.min(time);
        deviation = deviation.max(((&plain - &engine).norm() / plain.norm()).double_value(&[]));
    }
    let what = format!("one step of ROME at layer {layer}, {ROWS} rows");
    Ok(Comparison { what, plain: plain_best, engine: engine_best, deviation })
}

/// Rows like those of the published settings: contexts of five and ten tokens before the prompt.
fn request(model: &Model, layer: usize) -> Result<SuffixRequest> {
    let prompt = model.tokenizer.encode("Golden Gate Bridge can be visited in the city of")?;
    let subject =
        model.tokenizer.subject_range("Golden Gate Bridge can be visited in the city of", "Golden Gate Bridge")?;
    let mut request = SuffixRequest::default();
    let mut added = Vec::new();
    for row in 0..ROWS {
        let context = match row {
            0 => 0,
            1..=10 => 5,
            _ => 10,
        };
        let mut ids: Vec<i64> = (0..context).map(|position| (17 * row as i64 + 31 * position) % 2000 + 5).collect();
        ids.extend(&prompt);
        added.push(Cell { row, position: context as usize + subject.end - 1 });
        request.read.push(Read { cell: Cell { row, position: ids.len() - 1 }, token: 7 });
        request.rows.push(ids);
    }
    request.add.push(Cells { site: Site::MlpOut(layer), cells: added });
    Ok(request)
}

/// Mean negative log-likelihood by a full forward with logits at every position, as the published code computes it.
fn plain_loss(model: &Model, layer: usize, request: &SuffixRequest, delta: &Tensor) -> Result<Tensor> {
    let layout = Layout::whole(&request.rows);
    let cells = layout.flat_all(&request.add[0].cells, model.device)?;
    let value = delta.expand([cells.size()[0], -1], false);
    let mut taps = Taps::new(vec![Tap { site: Site::MlpOut(layer), cells: Some(cells), action: Action::Add(value) }]);
    let stream = model.forward(&layout.ids(&request.rows, model.device)?, &layout.batch, &mut taps)?;
    let log_probabilities = model.logits(&stream)?.log_softmax(-1, None);
    let reads: Vec<Cell> = request.read.iter().map(|read| read.cell).collect();
    let tokens: Vec<i64> = request.read.iter().map(|read| read.token).collect();
    let rows = log_probabilities.index_select(0, &layout.flat_all(&reads, model.device)?);
    let index = Tensor::from_slice(&tokens).to_device(model.device).unsqueeze(1);
    Ok(rows.gather(1, &index, false).mean(tch::Kind::Float).f_neg()?)
}
