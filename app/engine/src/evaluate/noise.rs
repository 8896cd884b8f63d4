//! Scoring with noise on the subject: what fact forcing is measured by (Hase et al. 2023).

use super::question::{Question, SubjectPlace};
use crate::error::{Error, Result};
use crate::model::{Action, Model, Site, Tap};
use crate::run::seeded_noise;
use std::ops::Range;
use tch::Tensor;

/// Noise on a subject's token embeddings while prompts are scored. Every call starts the generator anew, so that an
/// edited model is scored under the very noise under which the unedited one was.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoringNoise {
    /// The subject; prompts that are not about it stay clean, see [`SubjectPlace`].
    pub subject: String,
    /// Standard deviation.
    pub level: f64,
    /// Seed of the generator; 1 gives the published draws.
    pub seed: u32,
    /// Puts row i's noise where the subject stands in prompt i, though two rows belong to each prompt, as the code of
    /// Hase et al. (2023) does: only the first row is noised in its own place, and the later half of the rows is not.
    pub misaligned: bool,
}

/// The noise of all rows of some questions.
pub(super) struct Drawn {
    /// By row: the tokens that are noised.
    ranges: Vec<Option<Range<usize>>>,
    /// `[rows, longest range, embedded]` in float64; `None` where nothing is noised.
    noise: Option<Tensor>,
}

impl ScoringNoise {
    /// One draw for each row, the targets of a question side by side.
    pub(super) fn draw(&self, model: &Model, questions: &[Question]) -> Result<Drawn> {
        // the published code looks for the letters, whatever the prompt is about
        let found = |question: &Question| {
            let range = match &question.subject {
                SubjectPlace::At(place) => model.tokenizer.range_of(&question.prompt, place),
                SubjectPlace::Elsewhere if !self.misaligned => return Ok(None),
                _ => model.tokenizer.subject_range(&question.prompt, &self.subject),
            };
            match range {
                Ok(range) => Ok(Some(range)),
                Err(Error::SubjectNotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let prompts = questions.iter().map(found).collect::<Result<Vec<Option<Range<usize>>>>>()?;
        let owners =
            questions.iter().enumerate().flat_map(|(index, question)| question.targets.iter().map(move |_| index));
        let of_row = |(row, owner): (usize, usize)| {
            let prompt = if self.misaligned { row } else { owner };
            prompts.get(prompt).cloned().flatten()
        };
        let ranges: Vec<Option<Range<usize>>> = owners.enumerate().map(of_row).collect();
        let longest = prompts.iter().flatten().map(Range::len).max();
        let draw = |longest: usize| {
            seeded_noise(self.seed, self.level, ranges.len() as i64, longest as i64, model.architecture.embedded())
        };
        let noise = longest.map(draw).transpose()?;
        Ok(Drawn { ranges, noise })
    }
}

impl Drawn {
    /// Tokens of a row that are noised.
    pub(super) fn range(&self, row: usize) -> Option<Range<usize>> {
        self.ranges.get(row).cloned().flatten()
    }

    /// Puts noised embeddings in place of the embeddings. `cells` holds by row, from row `first` on, the flat indices of its noised tokens, of which a row that ends
    /// early may lack the last ones; `ids` the rows' tokens.
    pub(super) fn tap<'a>(
        &self,
        model: &Model,
        first: usize,
        cells: &[Vec<usize>],
        ids: impl Iterator<Item = &'a [i64]>,
    ) -> Result<Tap> {
        let (mut flat, mut tokens, mut pieces) = (Vec::new(), Vec::new(), Vec::new());
        for ((offset, cells), ids) in cells.iter().enumerate().zip(ids) {
            if let (Some(range), Some(noise), false) = (self.range(first + offset), &self.noise, cells.is_empty()) {
                flat.extend(cells.iter().map(|&cell| cell as i64));
                tokens.extend(&ids[range.start..range.start + cells.len()]);
                pieces.push(noise.f_get((first + offset) as i64)?.f_narrow(0, 0, cells.len() as i64)?);
            }
        }
        let place = |values: &[i64]| Tensor::f_from_slice(values)?.f_to_device(model.device);
        let noised = model.noised_embeddings(&place(&tokens)?, &Tensor::f_cat(&pieces, 0)?)?;
        Ok(Tap { site: Site::Embedding, cells: Some(place(&flat)?), action: Action::Replace(noised) })
    }
}
