//! Second moments of all layers in one pass, against one forward pass over the same corpus, and against the published
//! pattern: one pass from the embedding for each layer, with the whole product.

use crate::{Comparison, timed};
use anyhow::{Context, Result};
use locus_engine::model::{Model, Taps};
use locus_engine::moments::{Corpus, batches, collect};
use locus_engine::run::Layout;
use std::time::Duration;
use tch::{Kind, Tensor};

/// The engine's pass over `tokens` tokens of the built-in corpus: first against one forward pass without the
/// unembedding, then against one pass a layer. The fastest of `repeats` counts, and all three take turns.
pub fn compare(model: &Model, tokens: usize, repeats: usize) -> Result<[Comparison; 2]> {
    let documents = documents(model, tokens)?;
    let batches = batches(documents.clone());
    let corpus = Corpus::from_documents(documents, "benchmark".to_owned())?;
    let (mut forward_best, mut published_best, mut engine_best) = (Duration::MAX, Duration::MAX, Duration::MAX);
    let mut deviation: f64 = 0.0;
    let mut means = Vec::new();
    for repeat in 0..repeats {
        let (_, time) = timed(|| forward(model, &batches))?;
        forward_best = forward_best.min(time);
        let (moments, time) = timed(|| Ok(collect(model, &corpus, &mut |_, _| Ok(()))?))?;
        engine_best = engine_best.min(time);
        // the published pattern takes as long as all others together; once is enough
        if repeat == 0 {
            let (published, time) = timed(|| published(model, &batches))?;
            published_best = published_best.min(time);
            means = published;
        }
        for (layer, mean) in means.iter().enumerate() {
            let ours = moments.mean(layer)?.context("a layer is missing")?;
            deviation = deviation.max(((ours - mean).norm() / mean.norm()).double_value(&[]));
        }
    }
    let forwards = engine_best.as_secs_f64() / forward_best.as_secs_f64();
    let what = format!("second moments of all layers = {forwards:.2} forwards");
    let forward = Comparison { what, plain: forward_best, engine: engine_best, deviation };
    let what = format!("second moments, {tokens} tokens, against a pass a layer");
    Ok([forward, Comparison { what, plain: published_best, engine: engine_best, deviation }])
}

/// Documents of the built-in corpus until they have so many tokens; each is sixteen lines long, like a paragraph.
pub fn documents(model: &Model, tokens: usize) -> Result<Vec<Vec<i64>>> {
    let corpus = locus_demo::assets().iter().find(|(name, _)| *name == "corpus.txt");
    let (_, bytes) = corpus.context("the built-in corpus is missing")?;
    let lines: Vec<&str> = std::str::from_utf8(bytes)?.lines().collect();
    let mut documents = Vec::new();
    let mut left = tokens;
    for paragraph in lines.chunks(16).cycle() {
        let mut ids = model.tokenizer.encode(&paragraph.join(" "))?;
        ids.truncate(left.min(model.architecture.context as usize));
        left -= ids.len();
        documents.push(ids);
        if left == 0 {
            break;
        }
    }
    Ok(documents)
}

/// One forward pass over the corpus without the unembedding.
fn forward(model: &Model, batches: &[Vec<Vec<i64>>]) -> Result<f64> {
    let _guard = tch::no_grad_guard();
    let mut seen = 0.0;
    for rows in batches {
        let layout = Layout::whole(rows);
        let stream = model.forward(&layout.ids(rows, model.device)?, &layout.batch, &mut Taps::default())?;
        seen += stream.get(0).get(0).double_value(&[]);
    }
    Ok(seen)
}

/// For each layer a pass over the corpus, from the embedding up to the layer's key.
fn published(model: &Model, batches: &[Vec<Vec<i64>>]) -> Result<Vec<Tensor>> {
    let _guard = tch::no_grad_guard();
    let inner = model.architecture.inner;
    (0..model.architecture.layers)
        .map(|layer| {
            let mut sum = Tensor::zeros([inner, inner], (Kind::Float, model.device));
            let mut count = 0;
            for rows in batches {
                let layout = Layout::whole(rows);
                let mut taps = Taps::default();
                let mut stream = model.embed(&layout.ids(rows, model.device)?, &layout.batch, &mut taps)?;
                for below in 0..layer {
                    stream = model.block(below, &stream, &layout.batch, &[], &mut taps, false)?.0;
                }
                let (_, key, _) = model.block_until_key(layer, &stream, &layout.batch, &[], &mut taps, false)?;
                let key = key.to_kind(Kind::Float);
                sum += key.tr().matmul(&key);
                count += layout.batch.tokens();
            }
            Ok(sum / count as f64)
        })
        .collect()
}
