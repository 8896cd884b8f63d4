//! How much of a trace is noise: the effects of one half of the noise draws against those of the other. A trace that
//! does not agree with itself cannot agree with a score; the correlation is also given as it would be without noise.

use crate::centered::less_facts_and_layers;
use crate::correlation::pearson;
use crate::panel::{Localizer, Panel};
use crate::randomness::{generator, shuffled};
use crate::rows::{Rows, Whole};
use crate::settings::Settings;
use crate::unavailable::{Computed, Unavailable};
use serde::Serialize;

/// Agreement of a localizer with itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reliability {
    /// Into how many parts the noise draws come: each draw alone, or, from a sweep, the two halves of them.
    pub parts: usize,
    pub splits: usize,
    /// Facts with scores, effects and all draws at all layers.
    pub facts: usize,
    /// Facts with a gap.
    pub left_out: usize,
    /// Over facts and layers.
    pub overall: Agreement,
    /// Less the means of facts and layers: what the slope within facts rests on.
    pub within_facts: Agreement,
    /// Share of facts for which both halves pick the same layer.
    pub same_layer: f64,
}

/// One way to look at the agreement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Of the mean over all draws (Spearman and Brown), averaged over splits.
    #[serde(with = "crate::computed")]
    pub reliability: Computed<f64>,
    /// Of score and effect.
    #[serde(with = "crate::computed")]
    pub correlation: Computed<f64>,
    /// The correlation divided by the root of the reliability. Where the reliability is low it can exceed 1.
    #[serde(with = "crate::computed")]
    pub without_noise: Computed<f64>,
}

/// Splits the noise draws into halves, many times.
///
/// # Errors
///
/// Where there are fewer than two draws, or fewer than two facts without gaps.
pub fn reliability(panel: &Panel, localizer: &Localizer, settings: &Settings, names: &[&str]) -> Computed<Reliability> {
    let draws = localizer.draws.as_ref().ok_or(Unavailable::NoDraws)?;
    if draws.len() < 2 {
        return Err(Unavailable::TooFewDraws { have: draws.len() });
    }
    let rows = Rows::new(panel, localizer);
    let whole = rows.whole()?;
    let layers: Vec<usize> =
        (0..panel.layers.len()).filter(|layer| rows.centers.contains(&panel.layers[*layer])).collect();
    let table = |draw: &Vec<Vec<crate::panel::Cell>>, place: usize| {
        layers.iter().map(|layer| draw[place][*layer].value()).collect::<Option<Vec<f64>>>()
    };
    let of_fact = |place: &usize| draws.iter().map(|draw| table(draw, *place)).collect::<Option<Vec<Vec<f64>>>>();
    // `[fact][draw][layer]`, with the fact's number
    let measured: Vec<(usize, Vec<Vec<f64>>)> =
        whole.places.iter().enumerate().filter_map(|(number, place)| Some((number, of_fact(place)?))).collect();
    if measured.len() < 2 {
        return Err(Unavailable::TooFewWholeFacts { have: measured.len(), need: 2 });
    }
    let mut halves = Halves::default();
    let mut generator = generator(settings.seed, &[names, &["reliability"]].concat());
    for _ in 0..settings.splits {
        halves.split(&measured, &shuffled(draws.len(), &mut generator));
    }
    let pick = |table: &[Vec<f64>]| measured.iter().map(|(number, _)| table[*number].clone()).collect::<Vec<_>>();
    let Whole { scores, effects, .. } = &whole;
    let (scores, effects) = (pick(scores), pick(effects));
    let within = (less_facts_and_layers(&scores), less_facts_and_layers(&effects));
    Ok(Reliability {
        parts: draws.len(),
        splits: settings.splits,
        facts: measured.len(),
        left_out: rows.places.len() - measured.len(),
        overall: agreement(&halves.overall, correlate(&scores, &effects)),
        within_facts: agreement(&halves.within, correlate(&within.0, &within.1)),
        same_layer: halves.same / halves.splits,
    })
}

fn correlate(one: &[Vec<f64>], two: &[Vec<f64>]) -> Computed<f64> {
    pearson(&one.concat(), &two.concat())
}

fn agreement(splits: &[Option<f64>], correlation: Computed<f64>) -> Agreement {
    let there: Vec<f64> = splits.iter().flatten().copied().collect();
    let usable = !there.is_empty() && there.len() * 2 >= splits.len();
    let mean = there.iter().sum::<f64>() / there.len().max(1) as f64;
    let reliability = if usable { Ok(mean) } else { Err(Unavailable::NoReliability) };
    let root = reliability
        .clone()
        .and_then(|value| if value > 0.0 { Ok(value.sqrt()) } else { Err(Unavailable::NoReliability) });
    let without_noise = correlation.clone().and_then(|correlation| Ok(correlation / root?));
    Agreement { reliability, correlation, without_noise }
}

#[derive(Default)]
struct Halves {
    splits: f64,
    overall: Vec<Option<f64>>,
    within: Vec<Option<f64>>,
    /// Sum over splits of the share of facts with the same layer in both halves.
    same: f64,
}

impl Halves {
    fn split(&mut self, measured: &[(usize, Vec<Vec<f64>>)], order: &[usize]) {
        let half = order.len() / 2;
        let mean = |draws: &[Vec<f64>], chosen: &[usize]| {
            let layers = draws[0].len();
            let at = |layer: usize| chosen.iter().map(|draw| draws[*draw][layer]).sum::<f64>() / chosen.len() as f64;
            (0..layers).map(at).collect::<Vec<f64>>()
        };
        let of = |chosen: &[usize]| measured.iter().map(|(_, draws)| mean(draws, chosen)).collect::<Vec<_>>();
        let (one, two) = (of(&order[..half]), of(&order[half..2 * half]));
        let longer = order.len() as f64 / half as f64;
        // Spearman and Brown: from the length of a half to that of all draws
        let lengthened = |r: f64| Some(longer * r / (1.0 + (longer - 1.0) * r)).filter(|value| value.is_finite());
        self.overall.push(correlate(&one, &two).ok().and_then(lengthened));
        let within = correlate(&less_facts_and_layers(&one), &less_facts_and_layers(&two));
        self.within.push(within.ok().and_then(lengthened));
        let same = one.iter().zip(&two).filter(|(one, two)| largest(one) == largest(two)).count();
        self.same += same as f64 / measured.len() as f64;
        self.splits += 1.0;
    }
}

fn largest(curve: &[f64]) -> Option<usize> {
    (0..curve.len()).reduce(|best, next| if curve[next] > curve[best] { next } else { best })
}
