//! Rotary positions: which channels of a head turn, and how fast.

use super::batch::{Batch, Sight, Span};
use super::places::{Place, across};
use crate::error::Result;
use std::cell::RefCell;
use std::f64::consts::PI;
use std::rc::{Rc, Weak};
use tch::{Device, Kind, TchError, Tensor};

/// Rotary position embedding of queries and keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// Number of leading channels of a head that rotate. Where it is odd, one more does (GPT-NeoX).
    pub dimensions: i64,
    /// Base of the geometric series of wavelengths.
    pub base: f64,
    /// Pairs are even and odd channels (GPT-J) instead of first and second half.
    pub interleaved: bool,
    /// What is done to the series for contexts longer than those of the first training.
    pub scaling: Scaling,
}

/// The kinds of `rope_scaling`.
#[derive(Clone, Debug, PartialEq)]
pub enum Scaling {
    /// Published frequencies, without scaling.
    Plain,
    /// All frequencies divided by a factor.
    Linear(f64),
    /// Llama 3: long wavelengths divided, short ones kept, a ramp between.
    Llama3(Stretch),
    /// YaRN: low frequencies divided, high ones kept, a ramp between, and larger cosines and sines.
    Yarn(Yarn),
    /// LongRoPE: a divisor for each frequency, and larger cosines and sines.
    PerFrequency {
        /// One for each pair of channels.
        divisors: Vec<f64>,
        /// Factor on cosines and sines.
        magnitude: f64,
        /// What rows of more tokens than the original context have instead.
        beyond: Option<Beyond>,
    },
}

/// The divisors of LongRoPE in rows that are longer than the original context.
#[derive(Clone, Debug, PartialEq)]
pub struct Beyond {
    /// The original context, in tokens.
    pub original_context: i64,
    /// One for each pair of channels.
    pub divisors: Vec<f64>,
}

/// The `llama3` kind of `rope_scaling`.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// Division of the lowest frequencies.
    pub factor: f64,
    /// Wavelengths above `original_context / low` are stretched fully.
    pub low: f64,
    /// Wavelengths below `original_context / high` stay as they are.
    pub high: f64,
    /// Context length before stretching, in tokens.
    pub original_context: f64,
}

/// The `yarn` kind of `rope_scaling`.
#[derive(Clone, Debug, PartialEq)]
pub struct Yarn {
    /// Division of the lowest frequencies.
    pub factor: f64,
    /// Frequencies that turn more often than this within the original context stay as they are.
    pub fast: f64,
    /// Frequencies that turn less often than this within the original context are divided fully.
    pub slow: f64,
    /// The ends of the ramp are whole numbers of frequencies.
    pub truncated: bool,
    /// Context length before stretching, in tokens.
    pub original_context: f64,
    /// Factor on cosines and sines.
    pub magnitude: f64,
}

impl Rotary {
    /// Channels of a head that turn: two for each frequency.
    #[must_use]
    pub fn channels(&self) -> i64 {
        self.dimensions + self.dimensions % 2
    }

    /// Radians per position of each pair of channels, rounded to float32 at each step as the published models compute
    /// them.
    #[must_use]
    pub fn frequencies(&self) -> Vec<f32> {
        let half = self.channels() / 2;
        let wave = |index: i64| self.wave(index);
        let plain = |index: i64| 1.0 / wave(index);
        match &self.scaling {
            Scaling::Plain => (0..half).map(plain).collect(),
            Scaling::Linear(factor) => (0..half).map(|index| plain(index) / *factor as f32).collect(),
            Scaling::Llama3(stretch) => (0..half).map(|index| stretch.of(f64::from(plain(index))) as f32).collect(),
            Scaling::Yarn(yarn) => {
                let (low, high) = yarn.ramp(self.dimensions, self.base);
                let of = |index: i64| {
                    let ramp = ((index as f32 - low as f32) / (high - low) as f32).clamp(0.0, 1.0);
                    let (kept, divided) = (plain(index), 1.0 / (yarn.factor as f32 * wave(index)));
                    divided * (1.0 - (1.0 - ramp)) + kept * (1.0 - ramp)
                };
                (0..half).map(of).collect()
            }
            Scaling::PerFrequency { divisors, .. } => self.divided(divisors),
        }
    }

    /// What rows of more tokens than the original context have instead of [`Self::frequencies`].
    #[must_use]
    pub fn frequencies_beyond(&self) -> Option<Vec<f32>> {
        self.beyond().map(|beyond| self.divided(&beyond.divisors))
    }

    /// Rows of more tokens than this rotate by other frequencies than shorter ones; `None` where length changes nothing.
    #[must_use]
    pub fn border(&self) -> Option<i64> {
        self.beyond().map(|beyond| beyond.original_context)
    }

    fn beyond(&self) -> Option<&Beyond> {
        match &self.scaling {
            Scaling::PerFrequency { beyond, .. } => beyond.as_ref(),
            _ => None,
        }
    }

    fn divided(&self, divisors: &[f64]) -> Vec<f32> {
        let of = |(index, divisor): (i64, &f64)| 1.0 / (*divisor as f32 * self.wave(index));
        (0..).zip(divisors).map(of).collect()
    }

    fn wave(&self, index: i64) -> f32 {
        (self.base as f32).powf((2 * index) as f32 / self.dimensions as f32)
    }

    /// Factor on cosines and sines.
    #[must_use]
    pub fn magnitude(&self) -> f64 {
        match &self.scaling {
            Scaling::Yarn(Yarn { magnitude, .. }) | Scaling::PerFrequency { magnitude, .. } => *magnitude,
            _ => 1.0,
        }
    }

    /// Its part of [`Architecture::signature`](super::Architecture::signature).
    pub(super) fn signature(&self) -> String {
        let Self { dimensions, base, interleaved, scaling } = self;
        let stretch = match scaling {
            Scaling::Plain => "None".to_owned(),
            Scaling::Llama3(stretch) => format!("Some({stretch:?})"),
            other => format!("Some({other:?})"),
        };
        format!("Rotary {{ dimensions: {dimensions}, base: {base:?}, interleaved: {interleaved}, stretch: {stretch} }}")
    }
}

impl Stretch {
    /// One frequency, stretched.
    fn of(&self, frequency: f64) -> f64 {
        let wavelength = 2.0 * PI / frequency;
        let (longest, shortest) = (self.original_context / self.low, self.original_context / self.high);
        if wavelength < shortest {
            frequency
        } else if wavelength > longest {
            frequency / self.factor
        } else {
            let smooth = (self.original_context / wavelength - self.low) / (self.high - self.low);
            (1.0 - smooth) * frequency / self.factor + smooth * frequency
        }
    }
}

impl Yarn {
    /// Where the ramp begins and ends, in frequencies.
    fn ramp(&self, dimensions: i64, base: f64) -> (f64, f64) {
        let width = dimensions as f64;
        let at = |turns: f64| width * (self.original_context / (turns * 2.0 * PI)).ln() / (2.0 * base.ln());
        let (low, high) = (at(self.fast), at(self.slow));
        let (low, high) = if self.truncated { (low.floor(), high.ceil()) } else { (low, high) };
        let (low, high) = (low.max(0.0), high.min(width - 1.0));
        (low, if low == high { high + 0.001 } else { high })
    }
}

/// Cosines and sines of some positions, each `[tokens, 1, pairs]`.
pub type Angles = Rc<(Tensor, Tensor)>;

/// Turns queries and keys. Angles are made for the positions of a run, so nothing is kept for a whole context.
#[derive(Debug)]
pub struct RotaryTable {
    /// `[pairs]` in float32.
    frequencies: Tensor,
    /// Those of rows of more tokens than the number, where they have others.
    beyond: Option<(i64, Tensor)>,
    magnitude: f64,
    channels: i64,
    interleaved: bool,
    /// Those that were made last: all layers of a run ask for the same.
    last: RefCell<Option<Last>>,
}

/// Angles, and what they were made for.
#[derive(Debug)]
struct Last {
    spans: Vec<Span>,
    forest: Option<Weak<Sight>>,
    place: Place,
    angles: Angles,
}

impl Last {
    fn is_of(&self, batch: &Batch, place: Place) -> bool {
        let forest = match (&self.forest, &batch.forest) {
            (None, None) => true,
            // as long as this one is held, no other forest has its address
            (Some(ours), Some(theirs)) => ours.as_ptr() == Rc::as_ptr(theirs),
            _ => false,
        };
        forest && self.place == place && self.spans == batch.spans
    }
}

impl RotaryTable {
    /// The frequencies of `rotary` on `device`.
    pub fn new(rotary: &Rotary, device: Device) -> Result<Self> {
        let there = |frequencies: &[f32]| Tensor::f_from_slice(frequencies)?.f_to_device(device);
        let beyond = rotary.border().zip(rotary.frequencies_beyond());
        let beyond = beyond.map(|(border, frequencies)| Ok::<_, TchError>((border, there(&frequencies)?)));
        Ok(Self {
            frequencies: there(&rotary.frequencies())?,
            beyond: beyond.transpose()?,
            magnitude: rotary.magnitude(),
            channels: rotary.channels(),
            interleaved: rotary.interleaved,
            last: RefCell::default(),
        })
    }

    /// Cosines and sines at the positions of a batch, where its layer is.
    pub fn angles(&self, batch: &Batch, place: Place) -> Result<Angles> {
        if let Some(last) = self.last.borrow().as_ref().filter(|last| last.is_of(batch, place)) {
            return Ok(last.angles.clone());
        }
        let device = self.frequencies.device();
        let positions = across(&batch.positions(device)?, Place { device, kind: Kind::Float })?;
        let positions = positions.f_to_kind(Kind::Float)?;
        let angles = positions.f_outer(&self.frequencies)?;
        let angles = match &self.beyond {
            Some((border, frequencies)) => {
                let is_beyond = across(&batch.lengths(device)?, Place { device, kind: Kind::Int64 })?.f_gt(*border)?;
                positions.f_outer(frequencies)?.f_where_self(&is_beyond.f_unsqueeze(1)?, &angles)?
            }
            None => angles,
        };
        let angles = angles.f_unsqueeze(1)?;
        let scaled = |values: Tensor| -> Result<Tensor> {
            let values = if self.magnitude == 1.0 { values } else { values.f_mul_scalar(self.magnitude)? };
            across(&values, place)
        };
        let angles = Rc::new((scaled(angles.f_cos()?)?, scaled(angles.f_sin()?)?));
        let forest = batch.forest.as_ref().map(Rc::downgrade);
        *self.last.borrow_mut() = Some(Last { spans: batch.spans.clone(), forest, place, angles: angles.clone() });
        Ok(angles)
    }

    /// Rotates `[tokens, heads, head width]` by what [`Self::angles`] gave.
    pub fn rotate(&self, heads: &Tensor, (cosine, sine): &(Tensor, Tensor)) -> Result<Tensor> {
        let width = heads.size()[2];
        let turning = heads.f_narrow(2, 0, self.channels)?;
        let half = self.channels / 2;
        let (a, b) = if self.interleaved {
            (turning.f_slice(2, 0, None, 2)?, turning.f_slice(2, 1, None, 2)?)
        } else {
            (turning.f_narrow(2, 0, half)?, turning.f_narrow(2, half, half)?)
        };
        let first = a.f_mul(cosine)?.f_sub(&b.f_mul(sine)?)?;
        let second = b.f_mul(cosine)?.f_add(&a.f_mul(sine)?)?;
        let turned = if self.interleaved {
            Tensor::f_stack(&[first, second], -1)?.f_flatten(2, 3)?
        } else {
            Tensor::f_cat(&[first, second], 2)?
        };
        if self.channels == width {
            Ok(turned)
        } else {
            let rest = heads.f_narrow(2, self.channels, width - self.channels)?;
            Ok(Tensor::f_cat(&[turned, rest], 2)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Rotary, RotaryTable, Scaling};
    use crate::model::Place;
    use crate::model::batch::{Batch, Sight, Span};
    use std::rc::Rc;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn angles_are_made_once_for_a_run_and_anew_for_another() {
        let rotary = Rotary { dimensions: 4, base: 100.0, interleaved: false, scaling: Scaling::Plain };
        let table = RotaryTable::new(&rotary, Device::Cpu).expect("a table");
        let cosines = |batch: &Batch, kind| table.angles(batch, Place { device: Device::Cpu, kind }).expect("angles");
        let first = cosines(&Batch::whole(2, 3), Kind::Float);
        assert!(Rc::ptr_eq(&first, &cosines(&Batch::whole(2, 3), Kind::Float)), "the next layer");
        assert_eq!(cosines(&Batch::whole(2, 3), Kind::Double).0.kind(), Kind::Double);
        let later = Batch::of(vec![Span { rows: 2, columns: 3, first: 1, whole: 4 }]);
        assert_ne!(cosines(&later, Kind::Float).0, first.0);
        let forest = |positions: &[i64]| {
            let hidden = Tensor::zeros([2, 2], (Kind::Bool, Device::Cpu));
            let sight = Sight::new(Tensor::from_slice(positions), Tensor::from_slice(&[2_i64, 2]), hidden);
            Batch { forest: Some(Rc::new(sight)), ..Batch::whole(1, 2) }
        };
        let (one, other) = (forest(&[0, 1]), forest(&[1, 0]));
        let of_one = cosines(&one, Kind::Float);
        assert_eq!(of_one.0, cosines(&Batch::whole(1, 2), Kind::Float).0);
        assert_ne!(of_one.0, cosines(&other, Kind::Float).0);
        assert_eq!(of_one.0, cosines(&one, Kind::Float).0);
    }
}
