//! The cluster bootstrap: whole facts are drawn with replacement, so that rows of one fact stay together.

use crate::distributions::quantile;
use crate::randomness::generator;
use crate::rows::Rows;
use crate::settings::Settings;
use crate::sums::Sums;
use crate::unavailable::{Computed, Unavailable};
use crate::within_facts::{Within, slope_of};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// With fewer facts, resamples of one fact alone are as frequent as the tails of an interval.
pub const LEAST_FACTS: usize = 5;

/// An estimate with the percentile interval of its resamples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
    /// The mean of the resamples less the estimate. For an R² difference it is above 0: with more coefficients than the
    /// data carry, every resample finds something to explain.
    pub bias: f64,
}

/// The regressions, each number with its interval.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bootstrapped {
    #[serde(with = "crate::computed")]
    pub layer: Computed<Interval>,
    #[serde(with = "crate::computed")]
    pub trace: Computed<Interval>,
    #[serde(with = "crate::computed")]
    pub both: Computed<Interval>,
    #[serde(with = "crate::computed")]
    pub difference: Computed<Interval>,
    /// Slope of score ~ effect.
    #[serde(with = "crate::computed")]
    pub slope: Computed<Interval>,
    #[serde(with = "crate::computed")]
    pub slope_within_facts: Computed<Interval>,
    pub resamples: usize,
}

/// How often each fact is in a resample of as many facts.
fn drawn(facts: usize, generator: &mut ChaCha8Rng) -> Vec<f64> {
    let mut times = vec![0.0; facts];
    (0..facts).for_each(|_| times[generator.random_range(0..facts)] += 1.0);
    times
}

/// The percentile interval of an estimate over resamples, some of which may have no number.
///
/// # Errors
///
/// Where more than one in ten has none.
pub fn interval(estimate: f64, resamples: Vec<Option<f64>>, confidence: f64) -> Computed<Interval> {
    let draws = resamples.len();
    let mut there: Vec<f64> = resamples.into_iter().flatten().filter(|value| value.is_finite()).collect();
    let too_few = Unavailable::TooFewResamples { unusable: draws - there.len(), draws };
    if (draws - there.len()) * 10 > draws {
        return Err(too_few);
    }
    there.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    let bounds = quantile(&there, tail).zip(quantile(&there, 1.0 - tail));
    let (low, high) = bounds.ok_or(too_few)?;
    let bias = there.iter().sum::<f64>() / there.len() as f64 - estimate;
    Ok(Interval { estimate, low, high, bias })
}

/// The interval of a mean over facts.
///
/// # Errors
///
/// Where there are fewer than five facts.
pub fn of_mean(per_fact: &[f64], settings: &Settings, names: &[&str]) -> Computed<Interval> {
    if per_fact.len() < LEAST_FACTS {
        return Err(Unavailable::TooFewFacts { have: per_fact.len(), need: LEAST_FACTS });
    }
    let count = per_fact.len();
    let mut generator = generator(settings.seed, names);
    let mut one = || (0..count).map(|_| per_fact[generator.random_range(0..count)]).sum::<f64>() / count as f64;
    let resamples = (0..settings.resamples).map(|_| Some(one())).collect();
    interval(per_fact.iter().sum::<f64>() / count as f64, resamples, settings.confidence)
}

/// Resamples facts and fits all regressions again.
///
/// # Errors
///
/// Where the regressions cannot be fitted to the rows themselves, or there are fewer than five facts.
pub fn bootstrap(rows: &Rows, settings: &Settings, names: &[&str]) -> Computed<Bootstrapped> {
    let sums = Sums::new(rows);
    let own = sums.models(&sums.all())?;
    if sums.facts() < LEAST_FACTS {
        return Err(Unavailable::TooFewFacts { have: sums.facts(), need: LEAST_FACTS });
    }
    let within = Within::new(rows);
    let mut draws = generator(settings.seed, &[names, &["bootstrap"]].concat());
    let mut resamples: [Vec<Option<f64>>; 5] = Default::default();
    let mut of_within = Vec::new();
    let products = within.as_ref().map(|within| (within.products(), &within.places));
    for _ in 0..settings.resamples {
        let times = drawn(sums.facts(), &mut draws);
        let weighted = times.iter().copied().enumerate().filter(|(_, times)| *times > 0.0);
        let models = sums.models(&sums.of(weighted)).ok();
        let of = |number: fn(&crate::sums::Models) -> Option<f64>| models.as_ref().and_then(number);
        resamples[0].push(of(|models| Some(models.layer())));
        resamples[1].push(of(|models| models.trace().ok()));
        resamples[2].push(of(|models| Some(models.both())));
        resamples[3].push(of(|models| Some(models.difference())));
        resamples[4].push(of(|models| models.slope.clone().ok()));
        if let Ok((products, places)) = &products {
            let mut sum = products[0].clone() * 0.0;
            for (product, place) in products.iter().zip(places.iter()).filter(|(_, place)| times[**place] > 0.0) {
                sum.zip_apply(product, |sum, product| *sum += times[*place] * product);
            }
            of_within.push(slope_of(&sum));
        }
    }
    let [layer, trace, both, difference, slope] = resamples;
    let confidence = settings.confidence;
    let slope_within_facts = || {
        let own = within.clone()?.slope(confidence)?;
        interval(own.estimate, of_within, confidence)
    };
    Ok(Bootstrapped {
        layer: interval(own.layer(), layer, confidence),
        trace: own.trace().and_then(|estimate| interval(estimate, trace, confidence)),
        both: interval(own.both(), both, confidence),
        difference: interval(own.difference(), difference, confidence),
        slope: own.slope.clone().and_then(|estimate| interval(estimate, slope, confidence)),
        slope_within_facts: slope_within_facts(),
        resamples: settings.resamples,
    })
}
