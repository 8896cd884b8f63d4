//! The noise that an order asks for.

use crate::error::Error;
use locus_engine::Doing;
use locus_engine::model::Model;
use locus_engine::noise::LegacyRandom;
use locus_engine::run::{Draws, drawn_noise};
use locus_engine::trace::TracedQuestion;
use locus_protocol::{NoiseDraws, TraceOrder};
use std::io::ErrorKind;
use std::path::Path;
use tch::{Kind, Tensor};

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
    pub fn noise(&self, question: &TracedQuestion, model: &Model) -> locus_engine::Result<(Tensor, Tensor)> {
        let scaled = |noise: &Tensor| noise.f_mul_scalar(self.level).doing(|| "scaling the noise".to_owned());
        if let Some(noise) = &self.given {
            let noise = scaled(noise)?;
            return Ok((noise.shallow_clone(), noise));
        }
        let mut random = LegacyRandom::new(self.seed);
        let (tokens, hidden) = (question.subject.len() as i64, model.architecture.embedded());
        let mut draw = || scaled(&drawn_noise(&mut random, self.draws, self.samples, tokens, hidden)?);
        let first = draw()?;
        let second = if self.same { first.shallow_clone() } else { draw()? };
        Ok((first, second))
    }
}

/// The tensor `noise` of a safetensors file.
fn read_noise(file: &Path) -> Result<Tensor, Error> {
    let bad = |message: &str| Error::File { path: file.to_owned(), message: message.to_owned() };
    locus_files::open(file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => bad("there is no such file; check the path"),
        _ => bad(&format!("cannot be read ({error}); name another")),
    })?;
    let read = Tensor::read_safetensors(file).map_err(|error| match locus_engine::Error::from(error) {
        short if short.is_out_of_memory() => short.into(),
        _ => bad("not a complete safetensors file; name another"),
    });
    let noise = read?.into_iter().find(|(name, _)| name == "noise");
    let (_, noise) = noise.ok_or_else(|| bad("it contains no tensor `noise`; add one"))?;
    let reading = || format!("reading {}", file.display());
    let noise = noise.f_to_kind(Kind::Double).doing(reading)?;
    let finite = noise.f_isfinite().and_then(|finite| finite.f_all()?.f_int64_value(&[])).doing(reading)?;
    if finite == 0 {
        return Err(bad("its tensor `noise` contains non-finite numbers (NaN or infinity); draw it again"));
    }
    Ok(noise)
}

#[cfg(test)]
mod tests {
    use super::read_noise;
    use tch::Tensor;

    #[test]
    fn a_file_that_holds_no_noise_is_refused_as_what_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = |name: &str| read_noise(&folder.path().join(name)).expect_err("refused").to_string();
        let write = |name: &str, tensor: &str, values: &[f32]| {
            let tensors = [(tensor, Tensor::from_slice(values))];
            Tensor::write_safetensors(&tensors, folder.path().join(name)).expect("written");
        };
        assert!(refused("none").ends_with("none: there is no such file; check the path"));
        assert!(refused("").contains("it is a folder"), "{}", refused(""));
        write("other", "noises", &[1.0]);
        assert!(refused("other").contains("no tensor `noise`"));
        for bad in [f32::NAN, f32::NEG_INFINITY] {
            write("odd", "noise", &[1.0, bad]);
            assert!(refused("odd").contains("non-finite"));
        }
        write("noise", "noise", &[1.0, -0.5]);
        let read = read_noise(&folder.path().join("noise")).expect("noise");
        assert_eq!(Vec::<f64>::try_from(read).expect("numbers"), [1.0, -0.5]);
    }
}
