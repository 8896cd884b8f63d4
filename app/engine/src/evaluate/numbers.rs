//! Measures by name, as they are recorded and averaged (see docs/metrics.md).

use super::normalized::NormalizedScores;
use super::record::Record;
use super::success::{Group, Success};
use locus_protocol::Fact;
use sha2::{Digest, Sha256};

/// Measures by name, see docs/metrics.md.
pub type Numbers = std::collections::BTreeMap<String, f64>;

impl Record {
    /// Success, magnitude and mean probability of the target by group, each name after `when`. With `per_token` success
    /// is that of ROME and MEMIT, for which the record must have been measured jointly.
    #[must_use]
    pub fn numbers(&self, when: &str, per_token: bool) -> Numbers {
        let mut numbers = Numbers::new();
        for group in Group::ALL {
            let pairs = self.group(group);
            let Some(success) = Success::of(group, pairs, per_token) else { continue };
            let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / pairs.len() as f64;
            let name = group.name();
            numbers.insert(format!("{when}.{name}_success"), success.rate);
            numbers.insert(format!("{when}.{name}_magnitude"), success.magnitude);
            numbers.insert(format!("{when}.{name}_most_probable"), success.most_probable);
            let probability = mean(&mut self.group(group).iter().map(|pair| pair.target.probability()));
            numbers.insert(format!("{when}.{name}_probability"), probability);
        }
        if !self.relations.is_empty() {
            let sum: f64 = self.relations.iter().map(super::Likelihood::probability).sum();
            numbers.insert(format!("{when}.relations_probability"), sum / self.relations.len() as f64);
        }
        numbers
    }
}

impl NormalizedScores {
    /// The scores that are there.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        let scores = [
            ("rewrite_score", self.rewrite),
            ("paraphrase_score", self.paraphrase),
            ("neighborhood_score", self.neighborhood),
            ("relations_score", self.relations),
            ("overall_score", self.overall()),
            ("harmonic_score", self.harmonic()),
        ];
        scores.into_iter().filter_map(|(name, score)| Some((name.to_owned(), score?))).collect()
    }
}

/// Seed of the draws for one purpose and fact, whatever is measured before it.
#[must_use]
pub fn fact_seed(fact: &Fact, purpose: &str, seed: u64) -> u32 {
    let mut hash = Sha256::new();
    let texts = [&fact.template, &fact.subject, &fact.target_true, &fact.target_new].map(String::as_str);
    for part in texts.into_iter().chain([purpose]) {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(seed.to_le_bytes());
    let digest = hash.finalize();
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}
