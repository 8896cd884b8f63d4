//! Heat maps: one full forward per cell against one sweep upwards through the layers, the first-order estimate that is shown
//! before it included.

use crate::{Comparison, timed};
use anyhow::Result;
use locus_engine::model::{Action, Batch, Model, Site, Tap, Taps};
use locus_engine::run::seeded_noise;
use locus_engine::trace::{Kind, Request, Runs, TracedAnswer, heat_map, preview, rows_at_once, window_layers};
use tch::Tensor;

/// The prompt whose map is made.
pub const PROMPT: &str = "The Golden Gate Bridge is in";
/// Its subject.
pub const SUBJECT: &str = "Golden Gate Bridge";
/// Samples of noise.
pub const SAMPLES: i64 = 10;
/// Standard deviation of the noise, as published where none is derived from the embeddings.
pub const NOISE: f64 = 0.1;
/// Seed of the noise, as published.
const SEED: u32 = 1;

/// Hidden states.
pub fn hidden(model: &Model, at_once: Option<usize>) -> Result<Comparison> {
    compare(model, Kind::Hidden, 1, at_once)
}

/// MLP outputs in windows of so many layers.
pub fn window(model: &Model, window: usize, at_once: Option<usize>) -> Result<Comparison> {
    compare(model, Kind::Mlp, window, at_once)
}

fn compare(model: &Model, kind: Kind, window: usize, at_once: Option<usize>) -> Result<Comparison> {
    let at_once = at_once.unwrap_or_else(|| rows_at_once(model));
    let request = request(model)?;
    let (plain, plain_time) = timed(|| plain(model, &request, kind, window))?;
    let (engine, engine_time) = timed(|| engine(model, &request, kind, window, at_once))?;
    let pairs = plain.iter().flatten().zip(engine.iter().flatten());
    let deviation = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let what = match kind {
        Kind::Hidden => "heat map of hidden states".to_owned(),
        _ => format!("heat map of MLP outputs, window {window}"),
    };
    let what = format!("{what}, {} tokens", request.question.prompt.len());
    Ok(Comparison { what, plain: plain_time, engine: engine_time, deviation })
}

/// What is traced.
pub fn request(model: &Model) -> Result<Request> {
    let noise = |tokens| seeded_noise(SEED, NOISE, SAMPLES, tokens, model.architecture.embedded());
    Ok(Request::new(model, PROMPT, SUBJECT, &TracedAnswer::MostProbable, noise)?)
}

/// The engine's map, by token and layer, with all that `locus trace` computes for it.
pub fn engine(model: &Model, request: &Request, kind: Kind, window: usize, at_once: usize) -> Result<Vec<Vec<f64>>> {
    let runs = Runs::new(model, request)?;
    preview(model, &runs, kind, window)?;
    Ok(heat_map(model, &runs, kind, window, at_once, &mut |_| Ok(()))?.scores)
}

/// One full forward of clean and noised rows per cell.
fn plain(model: &Model, request: &Request, kind: Kind, window: usize) -> Result<Vec<Vec<f64>>> {
    let _guard = tch::no_grad_guard();
    let tokens = request.question.prompt.len() as i64;
    let layers = model.architecture.layers;
    let batch = Batch::whole(1 + SAMPLES, tokens);
    let ids = Tensor::from_slice(&request.question.prompt).to_device(model.device).repeat([1 + SAMPLES]);
    let noise_cells: Vec<i64> = (1..=SAMPLES)
        .flat_map(|row| request.question.subject.clone().map(move |position| row * tokens + position as i64))
        .collect();
    let noise = request.noise.to_kind(model.kind).to_device(model.device).reshape([-1, model.architecture.embedded()]);
    let noised = || Tap {
        site: Site::Embedding,
        cells: Some(Tensor::from_slice(&noise_cells).to_device(model.device)),
        action: Action::Add(noise.shallow_clone()),
    };
    let clean = Batch::whole(1, tokens);
    let sites: Vec<Site> = (0..layers)
        .map(|layer| if kind == Kind::Hidden { Site::Residual(layer) } else { Site::MlpOut(layer) })
        .collect();
    let mut taps = Taps::new(sites.iter().map(|&site| Tap::capture(site)).collect());
    let one = ids.narrow(0, 0, tokens);
    let answer = model.logits(&model.forward(&one, &clean, &mut taps)?)?.get(-1).argmax(None, false).int64_value(&[]);
    let mut table = Vec::new();
    for token in 0..tokens {
        let mut row = Vec::new();
        for layer in 0..layers {
            let restored = if kind == Kind::Hidden { layer..layer + 1 } else { window_layers(layer, window, layers) };
            let cells: Vec<i64> = (1..=SAMPLES).map(|row| row * tokens + token).collect();
            let restore = restored.filter_map(|layer| {
                let value = taps.captured(layer)?.get(token).unsqueeze(0).repeat([SAMPLES, 1]);
                let cells = Some(Tensor::from_slice(&cells).to_device(model.device));
                Some(Tap { site: sites[layer], cells, action: Action::Replace(value) })
            });
            let mut run = Taps::new(std::iter::once(noised()).chain(restore).collect());
            let stream = model.forward(&ids, &batch, &mut run)?;
            let logits = model.logits(&stream)?.reshape([1 + SAMPLES, tokens, -1]);
            let last = logits.narrow(0, 1, SAMPLES).select(1, tokens - 1).softmax(-1, None);
            row.push(last.select(1, answer).mean(tch::Kind::Double).double_value(&[]));
        }
        table.push(row);
    }
    Ok(table)
}
