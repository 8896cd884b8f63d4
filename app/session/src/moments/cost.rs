//! How long second moments take, before they are collected: counted, at the rate at which this machine multiplies.

use crate::error::Error;
use locus_engine::model::Model;
use locus_engine::moments::products_of_key;
use std::time::{Duration, Instant};
use tch::{Kind, Tensor};

/// Rows of the products that are timed: a batch has more, and is no faster for it.
const ROWS: i64 = 256;
/// How long is timed at least.
const TIMED: Duration = Duration::from_millis(60);
/// What else a pass takes beside its products: norms, activations, attention, reading the text.
const BESIDE: f64 = 1.4;

/// Seconds that the second moments of all layers take over so many tokens.
///
/// # Errors
/// Those of libtorch.
pub fn seconds(model: &Model, tokens: u64) -> Result<f64, Error> {
    Ok(BESIDE * operations(model) * tokens as f64 / rate(model)?)
}

/// Multiplications and additions for one token: a forward pass without the unembedding and the experts that it does not
/// take, and what is computed of the symmetric product of the key in every layer that has one.
fn operations(model: &Model) -> f64 {
    let architecture = &model.architecture;
    let embeddings = architecture.vocabulary.saturating_mul(architecture.hidden).unsigned_abs();
    let embeddings = if architecture.head.stored.is_some() { 2 * embeddings } else { embeddings };
    let weights = model.parameter_count().saturating_sub(embeddings) as f64;
    let single = architecture.single_mlps().len();
    let idle = architecture.special.experts.as_ref().map_or(0, |experts| {
        (architecture.layers - single) as i64
            * (experts.count - experts.chosen)
            * 3
            * experts.inner
            * architecture.hidden
    });
    2.0 * (weights - idle as f64) + products_of_key(architecture.inner) * single as f64
}

/// Multiplications and additions a second, in products of the shape of the MLPs'.
fn rate(model: &Model) -> Result<f64, Error> {
    let _guard = tch::no_grad_guard();
    let (hidden, inner) = (model.architecture.hidden, model.architecture.inner);
    let ones = |shape: [i64; 2]| Tensor::f_ones(shape, (model.kind, model.device));
    let product = || -> Result<(Tensor, Tensor), tch::TchError> { Ok((ones([ROWS, hidden])?, ones([hidden, inner])?)) };
    let (states, weights) = product().map_err(locus_engine::Error::from)?;
    let once = || -> Result<f64, tch::TchError> {
        let product = states.f_matmul(&weights)?;
        // read, so that a GPU has come to its end
        product.f_select(0, 0)?.f_select(0, 0)?.f_to_kind(Kind::Double)?.f_double_value(&[])
    };
    once().map_err(locus_engine::Error::from)?;
    let (start, mut times) = (Instant::now(), 0_u32);
    while start.elapsed() < TIMED || times < 2 {
        once().map_err(locus_engine::Error::from)?;
        times += 1;
    }
    let each = 2.0 * (ROWS * hidden * inner) as f64;
    Ok(each * f64::from(times) / start.elapsed().as_secs_f64())
}

/// A time in the two largest units.
pub fn words(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::{operations, seconds};
    use locus_engine::model::Model;
    use std::path::Path;
    use tch::{Device, Kind};

    #[test]
    fn it_is_counted_by_the_token() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/arch/gpt2/model");
        let model = Model::load(&folder, Device::Cpu, Kind::Float).expect("a golden model");
        let architecture = &model.architecture;
        let triangles = (architecture.inner * architecture.inner) as f64 * architecture.layers as f64;
        // at least the weights of the MLPs, twice, for each layer
        let products = (4 * architecture.hidden * architecture.inner) as f64 * architecture.layers as f64;
        let counted = operations(&model);
        assert!(counted > triangles + products && counted < 4.0 * (triangles + products), "{counted}");
        assert!(seconds(&model, 1000).expect("a rate") > 0.0);
    }
}
