//! Draws of noise on a subject (Meng et al. 2022, section 2).

use crate::error::{Doing, Result};
use crate::noise::LegacyRandom;
use crate::room::room;
use tch::Tensor;

/// What the draws look like before they are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draws {
    /// Standard normals.
    Normal,
    /// Uniform on `[-1, 1)` (the `uX` rule).
    Uniform,
}

/// Normals of the published generator times `level`: `[samples, tokens, hidden]` in float64.
///
/// # Errors
/// Those of [`drawn_noise`].
pub fn seeded_noise(seed: u32, level: f64, samples: i64, tokens: i64, hidden: i64) -> Result<Tensor> {
    let drawn = drawn_noise(&mut LegacyRandom::new(seed), Draws::Normal, samples, tokens, hidden)?;
    drawn.f_mul_scalar(level).doing(|| drawing(samples))
}

/// The next unscaled draws of a running generator: `[samples, tokens, hidden]` in float64, row-major.
///
/// # Errors
/// [`crate::Error::OutOfMemory`] for more numbers than there is room for.
pub fn drawn_noise(random: &mut LegacyRandom, draws: Draws, samples: i64, tokens: i64, hidden: i64) -> Result<Tensor> {
    let mut draw = || {
        let sizes = [samples, tokens, hidden];
        let product = |product: usize, size: i64| product.checked_mul(usize::try_from(size).ok()?);
        // more than can be counted is more than there is room for
        let count = sizes.into_iter().try_fold(1, product).unwrap_or(usize::MAX);
        let mut numbers: Vec<f64> = room(count)?;
        numbers.extend((0..count).map(|_| match draws {
            Draws::Normal => random.normal(),
            Draws::Uniform => random.uniform_between(-1.0, 1.0),
        }));
        Ok(Tensor::f_from_slice(&numbers)?.f_reshape(sizes)?)
    };
    let drawn: Result<Tensor> = draw();
    drawn.doing(|| drawing(samples))
}

fn drawing(samples: i64) -> String {
    format!("drawing the noise of {samples} samples")
}
