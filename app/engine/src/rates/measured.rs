//! The rates themselves.

use super::plain::{Plain, finish};
use crate::error::Result;
use crate::model::{Model, work};
use crate::moments::{Corpus, collect, products_of_key};
use crate::run::{Prepared, seeded_noise};
use crate::trace::{Kind as TraceKind, Request, Runs, TracedQuestion, heat_map};
use locus_plugin::{Cell, Cells, Read, Site, SuffixRequest};
use std::time::Instant;
use tch::{Kind, Tensor};

pub use crate::model::work::Work;

/// Rows of a step, as published: twenty-one templates and the prompt of the divergence.
const ROWS: usize = 22;
/// Tokens of a row of a step.
const TOKENS: i64 = 16;
/// Tokens of the prompt that is traced.
const TRACED: i64 = 12;
/// Noised copies of a trace.
const SAMPLES: i64 = 10;
/// Documents and tokens of each for second moments.
const DOCUMENTS: (usize, i64) = (8, 256);

/// A kind of work: what it is, how it is done, and how often what is counted of it is really done.
type Kinds<'a> = (&'static str, &'a dyn Fn() -> Result<()>, f64);

/// One kind of work, and how fast it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    pub what: &'static str,
    /// How long it took.
    pub seconds: f64,
    /// What projections did meanwhile.
    pub work: Work,
}

impl Rate {
    /// Operations each second as a part of those of a plain product.
    #[must_use]
    pub fn of_product(&self, plain: Plain) -> f64 {
        self.work.operations / self.seconds / plain.operations
    }

    /// Bytes of weights each second as a part of those that a plain copy reads and writes.
    #[must_use]
    pub fn of_copy(&self, plain: Plain) -> f64 {
        self.work.bytes / self.seconds / plain.bytes
    }
}

/// Measures a model; `listen` hears of each kind of work before it begins and can stop the measurement.
///
/// # Errors
/// Those of libtorch; what `listen` returns.
pub fn measure(model: &Model, listen: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<Vec<Rate>> {
    let layer = model.architecture.layers / 4;
    let kinds: [Kinds<'_>; 4] = [
        ("heat map of hidden states", &|| map(model, TraceKind::Hidden, 1), 1.0),
        ("heat map of MLP outputs, window 10", &|| map(model, TraceKind::Mlp, 10), 1.0),
        // gradients of activations cost another forward
        ("step of ROME, a quarter of the way up", &|| step(model, layer), 2.0),
        ("second moments of all layers", &|| moments(model), 1.0),
    ];
    let mut rates = Vec::new();
    for (done, (what, run, share)) in (0..).zip(kinds) {
        listen(done, kinds.len() as u64)?;
        // a first time for what is made once: kernels, workspaces, memory
        run()?;
        finish(model.device);
        let (before, start) = (work::so_far(), Instant::now());
        run()?;
        finish(model.device);
        let seconds = start.elapsed().as_secs_f64();
        let mut work = work::so_far() - before;
        work.operations *= share;
        work.bytes *= share;
        if what.starts_with("second moments") {
            // the products of keys with themselves
            let keys = DOCUMENTS.0 as f64 * document_length(model) as f64 * model.architecture.layers as f64;
            work.operations += keys * products_of_key(model.architecture.inner);
        }
        rates.push(Rate { what, seconds, work });
    }
    listen(kinds.len() as u64, kinds.len() as u64)?;
    Ok(rates)
}

/// Tokens that any vocabulary has.
fn tokens(model: &Model, count: i64, seed: i64) -> Vec<i64> {
    let most = model.architecture.vocabulary.min(400) - 6;
    (0..count).map(|position| (31 * position + 17 * seed) % most + 5).collect()
}

fn map(model: &Model, kind: TraceKind, window: usize) -> Result<()> {
    let noise = |tokens| seeded_noise(1, 0.1, SAMPLES, tokens, model.architecture.embedded());
    let subject = 1..4;
    let noise = noise(subject.len() as i64)?;
    let question = TracedQuestion { prompt: tokens(model, TRACED, 1), answer: vec![7], subject };
    let request = Request::with_noise(model, question, noise)?;
    let runs = Runs::new(model, &request)?;
    heat_map(model, &runs, kind, window.min(model.architecture.layers), 2, &mut |_| Ok(()))?;
    Ok(())
}

fn step(model: &Model, layer: usize) -> Result<()> {
    let mut request = SuffixRequest::default();
    let mut added = Vec::new();
    for row in 0..ROWS {
        request.rows.push(tokens(model, TOKENS, row as i64));
        added.push(Cell { row, position: TOKENS as usize / 2 });
        request.read.push(Read { cell: Cell { row, position: TOKENS as usize - 1 }, token: 7 });
    }
    request.add.push(Cells { site: Site::MlpOut(layer), cells: added });
    let prepared = Prepared::new(model, request)?;
    let wide = if model.kind == Kind::Double { Kind::Double } else { Kind::Float };
    let value =
        Tensor::f_full([1, model.architecture.hidden], 0.01, (wide, model.device))?.f_set_requires_grad(true)?;
    let output = prepared.repeat(model, &[value], &[])?.output;
    output.log_probabilities.f_mean(Kind::Float)?.f_neg()?.f_backward()?;
    Ok(())
}

fn document_length(model: &Model) -> i64 {
    DOCUMENTS.1.min(model.architecture.context)
}

fn moments(model: &Model) -> Result<()> {
    let length = document_length(model);
    let documents = (0..DOCUMENTS.0).map(|document| tokens(model, length, document as i64)).collect();
    let corpus = Corpus::from_documents(documents, "rates".to_owned())?;
    collect(model, &corpus, &mut |_, _| Ok(()))?;
    Ok(())
}
