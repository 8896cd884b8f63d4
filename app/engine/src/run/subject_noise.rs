//! Noise that an objective puts on the subjects of its facts, in every run of a method.

use crate::error::{Error, Result};
use crate::model::Model;
use crate::noise::LegacyRandom;
use locus_plugin::{Cell, SubjectNoise};
use std::cell::RefCell;
use std::ops::Range;
use tch::Tensor;

/// The source of all noise of one edit.
pub struct SubjectNoises {
    noise: SubjectNoise,
    facts: Vec<Noised>,
    /// Draws go on from run to run (see [`SubjectNoise::redraws`]).
    running: RefCell<LegacyRandom>,
}

/// The subject of one fact.
struct Noised {
    template: String,
    subject: String,
    /// Its tokens in the bare prompt.
    bare: Range<usize>,
}

impl SubjectNoises {
    /// Noise for facts given by template and subject; a level of 0 is already resolved, see [`resolved`]. A template
    /// without `{}` is the prompt itself, whose last mention of the subject counts.
    ///
    /// # Errors
    /// A subject that is not in its prompt.
    pub fn new<'a>(
        model: &Model,
        noise: SubjectNoise,
        facts: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self> {
        let noised = |(template, subject): (&str, &str)| {
            let bare = model.tokenizer.prompt(template, subject, None)?.subject;
            Ok(Noised { template: template.to_owned(), subject: subject.to_owned(), bare })
        };
        let facts = facts.into_iter().map(noised).collect::<Result<_>>()?;
        let running = RefCell::new(LegacyRandom::new(noise.seed));
        Ok(Self { noise, facts, running })
    }

    /// Where noise goes in `rows`; `facts` names the fact of each, see [`locus_plugin::SuffixRequest::facts`].
    ///
    /// # Errors
    /// A fact that is not there.
    pub fn place(&self, model: &Model, rows: &[Vec<i64>], facts: &[usize]) -> Result<Placement> {
        let place = |(row, ids): (usize, &Vec<i64>)| {
            let fact = facts.get(row).copied().unwrap_or(0);
            let fact = self.facts.get(fact).ok_or_else(|| {
                Error::Request(format!("row {row} names fact {fact}; there are {}", self.facts.len()))
            })?;
            let drawn = if self.noise.published_positions {
                fact.bare.clone()
            } else {
                model.tokenizer.subject_in_row(ids, &fact.template, &fact.subject).unwrap_or(0..0)
            };
            Ok(Place { row, drawn, length: ids.len() })
        };
        let places = rows.iter().enumerate().map(place).collect::<Result<_>>()?;
        Ok(Placement { places, width: model.architecture.embedded() })
    }

    /// The next noise for rows that were placed: what is added to the embeddings of their cells, `[cells, embedded]` in
    /// float64.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn draw(&self, placement: &Placement) -> Result<Tensor> {
        if !self.noise.redraws {
            *self.running.borrow_mut() = LegacyRandom::new(self.noise.seed);
        }
        let mut random = self.running.borrow_mut();
        let (mut count, mut values) = (0, Vec::new());
        for place in &placement.places {
            // positions past the row's end are drawn for as well, as the published code does
            for position in place.drawn.clone() {
                let drawn = random.normals(placement.width as usize);
                if position < place.length {
                    count += 1;
                    values.extend(drawn.iter().map(|value| value * self.noise.level));
                }
            }
        }
        Ok(Tensor::f_from_slice(&values)?.f_reshape([count, placement.width])?)
    }

    /// The next noise on the embeddings of `rows`, all about the first fact: its cells, and what is added to each,
    /// `[cells, embedded]` in float64.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn on(&self, model: &Model, rows: &[Vec<i64>]) -> Result<(Vec<Cell>, Tensor)> {
        let placement = self.place(model, rows, &[])?;
        Ok((placement.cells(), self.draw(&placement)?))
    }
}

/// Where noise goes in some rows.
pub struct Placement {
    places: Vec<Place>,
    /// Of the token embedding.
    width: i64,
}

/// Where noise is drawn for in one row.
struct Place {
    row: usize,
    drawn: Range<usize>,
    length: usize,
}

impl Placement {
    /// Cells whose embeddings are noised.
    #[must_use]
    pub fn cells(&self) -> Vec<Cell> {
        let cells = |place: &Place| {
            let (row, within) = (place.row, place.drawn.start..place.drawn.end.min(place.length));
            within.map(move |position| Cell { row, position })
        };
        self.places.iter().flat_map(cells).collect()
    }
}

/// The noise with its level in numbers: 0 is three standard deviations of the subjects' embeddings.
#[must_use]
pub fn resolved(mut noise: SubjectNoise, deviation: f64) -> SubjectNoise {
    if noise.level == 0.0 {
        noise.level = 3.0 * deviation;
    }
    noise
}

#[cfg(test)]
mod tests {
    use super::resolved;
    use locus_plugin::SubjectNoise;

    #[test]
    fn a_level_of_nought_is_three_deviations() {
        assert_eq!(resolved(SubjectNoise::default(), 0.5).level, 1.5);
        assert_eq!(resolved(SubjectNoise { level: 0.1, ..SubjectNoise::default() }, 0.5).level, 0.1);
    }
}
