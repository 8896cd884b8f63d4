//! A causal trace as a job.

use crate::error::Error;
use crate::loading::Loaded;
use crate::prediction::token_texts;
use crate::worker::{Stopped, Worker};
use locus_engine::trace::{Answer, Kind, Report, Request, Runs, heat_map, seeded_noise};
use locus_protocol::{Event, JobId, Phase, TraceKind, TraceOrder, TraceStarted};
use std::path::Path;
use tch::Tensor;

/// Rows of the heat map that are computed together on the CPU: more are no faster there, and fewer appear sooner.
const ROWS_AT_ONCE_CPU: usize = 2;
/// The same on a GPU, which needs large products to be busy.
const ROWS_AT_ONCE_GPU: usize = 16;

/// Traces one fact and tells rows as they finish.
pub fn trace(worker: &mut Worker<'_>, job: JobId, order: TraceOrder) -> Result<(), Stopped> {
    let loaded = worker.loaded()?;
    let (request, noise_level) = request(loaded, &order)?;
    worker.emitter.progress(job, Phase::Runs, 0, 1);
    let loaded = worker.loaded.as_ref().ok_or_else(|| Error::Request("no model is loaded".to_owned()))?;
    let (model, edits) = (loaded.stack.model(), loaded.stack.applied().len());
    let layers = model.architecture.layers;
    let runs = Runs::new(model, &request)?;
    worker.emitter.tell(Event::Trace(TraceStarted {
        job,
        tokens: token_texts(model, &request.prompt, &request.subject)?,
        layers,
        answer: model.tokenizer.decode(&runs.answer)?,
        clean: runs.clean_score,
        corrupted: runs.corrupted_score,
        noise_level,
        edits,
        order: order.clone(),
    }));
    let kind = match order.kind {
        TraceKind::Hidden => Kind::Hidden,
        TraceKind::Mlp => Kind::Mlp,
        TraceKind::Attention => Kind::Attention,
    };
    let at_once = if model.device.is_cuda() { ROWS_AT_ONCE_GPU } else { ROWS_AT_ONCE_CPU };
    let (mut rows, all) = (0, request.prompt.len());
    let mapped = heat_map(model, &runs, kind, order.window, at_once, &mut |report| {
        if let Report::Row { token, scores } = report {
            rows += 1;
            worker.emitter.tell(Event::TraceRow { job, token, scores: scores.to_vec() });
            worker.emitter.progress(job, Phase::Cells, (rows * layers) as u64, (all * layers) as u64);
        }
        worker.check_cancel()
    });
    mapped.map(|_| ()).map_err(|error| Stopped {
        error: error.into(),
        kept: format!("{rows} of {all} rows of the heat map are kept"),
    })
}

/// The engine's request for an order, and the standard deviation of its noise.
fn request(loaded: &mut Loaded, order: &TraceOrder) -> Result<(Request, f64), Error> {
    let fact = &order.fact;
    if fact.target_true.trim().is_empty() {
        let message = "a trace follows the true target's probability; give one as target_true (--true)";
        return Err(Error::Request(message.to_owned()));
    }
    if order.samples == 0 || order.window == 0 {
        return Err(Error::Request("samples and window must be at least 1; see --samples and --window".to_owned()));
    }
    let level = match order.noise_level {
        Some(level) => level,
        None => order.noise_deviations * loaded.embedding_deviation(&fact.subject)?,
    };
    let model = loaded.stack.model();
    let given = order.noise_file.as_deref().map(read_noise).transpose()?;
    let answer = Answer::Target(fact.target_true.clone());
    let request = Request::new(model, &fact.prompt(), &fact.subject, &answer, |tokens| match &given {
        Some(noise) => noise * level,
        None => seeded_noise(order.seed, level, order.samples as i64, tokens, model.architecture.hidden),
    })?;
    Ok((request, level))
}

/// The tensor `noise` of a safetensors file.
fn read_noise(file: &Path) -> Result<Tensor, Error> {
    let bad = |message: &str| Error::File { path: file.to_owned(), message: message.to_owned() };
    if !file.is_file() {
        return Err(bad("there is no such file; check the path"));
    }
    let tensors = Tensor::read_safetensors(file).map_err(|_| bad("not a whole safetensors file; name another"))?;
    let noise = tensors.into_iter().find(|(name, _)| name == "noise");
    noise.map(|(_, noise)| noise.to_kind(tch::Kind::Double)).ok_or_else(|| bad("it holds no tensor `noise`; add one"))
}
