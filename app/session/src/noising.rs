//! The noise that an order asks for.

use crate::error::Error;
use locus_engine::Doing;
use locus_engine::model::Model;
use locus_engine::noise::LegacyRandom;
use locus_engine::trace::{Draws, Question, drawn_noise};
use locus_protocol::{NoiseDraws, TraceOrder};
use std::path::Path;
use tch::Tensor;

/// Noise by its rule.
pub struct Noising {
    /// What the draws are multiplied by.
    pub level: f64,
    given: Option<Tensor>,
    draws: Draws,
    seed: u32,
    samples: i64,
    same: bool,
}

impl Noising {
    /// The rule of an order; a file of noise is read.
    ///
    /// # Errors
    /// The file holds no noise.
    pub fn new(order: &TraceOrder, level: f64) -> Result<Self, Error> {
        let draws = match order.noise_draws {
            NoiseDraws::Normal => Draws::Normal,
            NoiseDraws::Uniform => Draws::Uniform,
        };
        let given = order.noise_file.as_deref().map(read_noise).transpose()?;
        Ok(Self { level, given, draws, seed: order.seed, samples: order.samples as i64, same: order.same_noise })
    }

    /// Scaled noise for a question, and that of a second run: the next draws of the same generator, as published for
    /// severed traces, or the same again.
    ///
    /// # Errors
    /// There is no room for so much noise.
    pub fn noise(&self, question: &Question, model: &Model) -> locus_engine::Result<(Tensor, Tensor)> {
        let scaled = |noise: &Tensor| noise.f_mul_scalar(self.level).doing(|| "scaling the noise".to_owned());
        if let Some(noise) = &self.given {
            let noise = scaled(noise)?;
            return Ok((noise.shallow_clone(), noise));
        }
        let mut random = LegacyRandom::new(self.seed);
        let (tokens, hidden) = (question.subject.len() as i64, model.architecture.hidden);
        let mut draw = || scaled(&drawn_noise(&mut random, self.draws, self.samples, tokens, hidden)?);
        let first = draw()?;
        let second = if self.same { first.shallow_clone() } else { draw()? };
        Ok((first, second))
    }
}

/// The tensor `noise` of a safetensors file.
fn read_noise(file: &Path) -> Result<Tensor, Error> {
    let bad = |message: &str| Error::File { path: file.to_owned(), message: message.to_owned() };
    if !file.is_file() {
        return Err(bad("there is no such file; check the path"));
    }
    locus_files::open(file).map_err(|error| bad(&format!("cannot be read ({error}); name another")))?;
    let read = Tensor::read_safetensors(file).map_err(|error| match locus_engine::Error::from(error) {
        short if short.is_out_of_memory() => short.into(),
        _ => bad("not a whole safetensors file; name another"),
    });
    let noise = read?.into_iter().find(|(name, _)| name == "noise");
    let (_, noise) = noise.ok_or_else(|| bad("it holds no tensor `noise`; add one"))?;
    Ok(noise.f_to_kind(tch::Kind::Double).doing(|| format!("reading {}", file.display()))?)
}
