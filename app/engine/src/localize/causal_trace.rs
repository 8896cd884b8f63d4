//! Causal tracing: how much of the answer comes back when a state of the clean run is restored (Meng et al. 2022), and
//! which layer brings back most, over all tokens (Hase et al. 2023, section 4).

use super::corruption::{Corruption, SETTINGS};
use super::{Asked, Found, Listen, Localizer};
use crate::error::{Error, Result};
use crate::trace::{HeatMap, Kind, Runs, heat_map, rows_at_once};
use std::collections::BTreeMap;

/// Layers of a window at most.
const MOST_LAYERS: usize = 10_000;

pub const LOCALIZER: Localizer = Localizer {
    kind: "causal-trace",
    about: "the largest share of the answer that restoring the layer recovers, over the tokens",
    settings: &[
        ("states", "mlp, hidden or attention: what is restored; mlp"),
        ("window", "layers that are restored together around each; 5, and 1 for hidden states"),
        ("tokens", "all, or subject-last: the tokens over which the largest effect is taken; all"),
        ("effect", "fraction of the drop under corruption, or difference; fraction"),
        ("score", "probability of the true answer, or logit-difference from the new one; probability"),
        SETTINGS[0],
        SETTINGS[1],
        SETTINGS[2],
        SETTINGS[3],
    ],
    find,
};

/// Which states are restored, and how effects are made of the map.
struct Way {
    kind: Kind,
    window: usize,
    last_subject_token: bool,
    is_fraction: bool,
}

/// Kind and window as the settings say.
pub fn states(asked: &Asked<'_>) -> Result<(Kind, usize)> {
    let kind = match asked.settings.choice("states", &["mlp", "hidden", "attention"])? {
        "hidden" => Kind::Hidden,
        "attention" => Kind::Attention,
        _ => Kind::Mlp,
    };
    let window = asked.settings.count("window", if kind == Kind::Hidden { 1 } else { 5 }, 1..=MOST_LAYERS)?;
    Ok((kind, window))
}

fn find(asked: &Asked<'_>, listen: Listen<'_>) -> Result<Found> {
    let (kind, window) = states(asked)?;
    let way = Way {
        kind,
        window,
        last_subject_token: asked.settings.choice("tokens", &["all", "subject-last"])? == "subject-last",
        is_fraction: asked.settings.choice("effect", &["fraction", "difference"])? == "fraction",
    };
    let by_logits = asked.settings.choice("score", &["probability", "logit-difference"])? == "logit-difference";
    let corruption = Corruption::of(asked)?;
    let draws = corruption.count(asked)?;
    if draws == 0 {
        let subject = &asked.fact.subject;
        let message = format!("no other subject has as many tokens as `{subject}` and another answer; use noise");
        return Err(Error::Request(message));
    }
    let mut maps = Vec::new();
    if by_logits {
        // the mean of differences is no difference of means: draw by draw
        for draw in 0..draws {
            maps.push((1, logit_map(asked, &corruption, draw, &way, listen)?));
        }
    } else {
        // two halves cost as much as the whole, and say how much the draws decide
        let half = if draws > 1 { draws / 2 } else { draws };
        for part in [0..half, half..draws].into_iter().filter(|part| !part.is_empty()) {
            let runs = corruption.runs(asked, &asked.fact.target_true, part.clone())?;
            let map = mapped(asked, &runs, &way, listen)?;
            let scores = Scores { clean: runs.clean.score, corrupted: runs.corrupted_score, map: map.scores };
            maps.push((part.end - part.start, scores));
        }
    }
    let subject_last = asked.model.tokenizer.prompt(&asked.fact.template, &asked.fact.subject, None)?.subject.end - 1;
    let half = maps.len().div_ceil(2);
    let halves = if maps.len() < 2 {
        Vec::new()
    } else {
        [&maps[..half], &maps[half..]].map(|part| way.effects(&Scores::mean(part), subject_last)).to_vec()
    };
    let whole = Scores::mean(&maps);
    let numbers = BTreeMap::from([("clean".to_owned(), whole.clean), ("corrupted".to_owned(), whole.corrupted)]);
    Ok(Found { effects: way.effects(&whole, subject_last), halves, numbers })
}

/// Scores of the clean run, the corrupted run and every restored cell.
#[derive(Clone, Default)]
struct Scores {
    clean: f64,
    corrupted: f64,
    /// By token and layer.
    map: Vec<Vec<f64>>,
}

impl Scores {
    /// The mean over draws, each part with as much weight as it has draws.
    fn mean(parts: &[(i64, Self)]) -> Self {
        let all: i64 = parts.iter().map(|(draws, _)| draws).sum();
        let mut mean = Self::default();
        for (draws, part) in parts {
            let weight = *draws as f64 / all.max(1) as f64;
            mean.clean += weight * part.clean;
            mean.corrupted += weight * part.corrupted;
            mean.map.resize(part.map.len(), Vec::new());
            for (sums, row) in mean.map.iter_mut().zip(&part.map) {
                sums.resize(row.len(), 0.0);
                sums.iter_mut().zip(row).for_each(|(sum, score)| *sum += weight * score);
            }
        }
        mean
    }
}

impl Way {
    /// Effect by layer: the greatest over the tokens. A fraction is of what the corruption takes from the clean run, or
    /// from the best cell where that is better, and not below 0 (the published code).
    fn effects(&self, scores: &Scores, subject_last: usize) -> Vec<f64> {
        let rows = if self.last_subject_token { &scores.map[subject_last..=subject_last] } else { &scores.map[..] };
        let best = scores.map.iter().flatten().copied().fold(scores.clean, f64::max);
        let taken = (best - scores.corrupted).abs();
        let layers = scores.map.first().map_or(0, Vec::len);
        let effect = |layer: usize| {
            let most = rows.iter().map(|row| row[layer]).fold(f64::NEG_INFINITY, f64::max) - scores.corrupted;
            if !self.is_fraction {
                return most;
            }
            if taken > 0.0 { (most / taken).max(0.0) } else { 0.0 }
        };
        (0..layers).map(effect).collect()
    }
}

fn mapped(asked: &Asked<'_>, runs: &Runs, way: &Way, listen: Listen<'_>) -> Result<HeatMap> {
    heat_map(asked.model, runs, way.kind, way.window, rows_at_once(asked.model), &mut |_| listen())
}

/// How much more probable the true answer is than the new one, as the difference of their log-probabilities, which for
/// answers of one token is that of their logits.
fn logit_map(asked: &Asked<'_>, corruption: &Corruption, draw: i64, way: &Way, listen: Listen<'_>) -> Result<Scores> {
    let fact = asked.fact;
    if fact.target_new.trim().is_empty() {
        return Err(Error::Request("a logit difference needs a new answer; give one, or use probability".to_owned()));
    }
    let mut both = Vec::new();
    for answer in [&fact.target_true, &fact.target_new] {
        let runs = corruption.runs(asked, answer, draw..draw + 1)?;
        let map = mapped(asked, &runs, way, listen)?;
        both.push((runs.clean.score.ln(), runs.corrupted_score.ln(), map.scores));
    }
    let (truth, new) = (&both[0], &both[1]);
    let cell = |(truth, new): (&f64, &f64)| truth.ln() - new.ln();
    let map = truth.2.iter().zip(&new.2).map(|(truth, new)| truth.iter().zip(new).map(cell).collect()).collect();
    Ok(Scores { clean: truth.0 - new.0, corrupted: truth.1 - new.1, map })
}

#[cfg(test)]
mod tests {
    use super::{Kind, Scores, Way};

    #[test]
    fn the_fraction_is_of_the_best_that_there_is() {
        let way = Way { kind: Kind::Mlp, window: 1, last_subject_token: false, is_fraction: true };
        let scores = Scores { clean: 0.5, corrupted: 0.1, map: vec![vec![0.1, 0.3], vec![0.2, 0.9]] };
        let effects = way.effects(&scores, 0);
        assert!((effects[0] - 0.1 / 0.8).abs() < 1e-12 && (effects[1] - 1.0).abs() < 1e-12, "{effects:?}");
        let last = Way { last_subject_token: true, ..way };
        assert!((last.effects(&scores, 0)[1] - 0.2 / 0.8).abs() < 1e-12);
        let flat = Scores { clean: 0.1, corrupted: 0.1, map: vec![vec![0.1, 0.1]] };
        assert_eq!(last.effects(&flat, 0), [0.0, 0.0]);
    }

    #[test]
    fn halves_weigh_by_their_draws() {
        let part = |clean: f64| Scores { clean, corrupted: 0.0, map: vec![vec![clean]] };
        let mean = Scores::mean(&[(1, part(0.0)), (3, part(1.0))]);
        assert_eq!((mean.clean, mean.map[0][0]), (0.75, 0.75));
    }
}
