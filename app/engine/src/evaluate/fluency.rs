//! Fluency: whether generated text repeats itself (Meng et al. 2022).

use super::words::words;
use std::collections::HashMap;

/// Tokens of a generated text, the prompt included.
pub const FLUENCY_TOKENS: usize = 100;

/// Weighted mean of the entropies of a text's pairs and triples of words, in bits: `(2/3 H₂ + 4/3 H₃) / 2`.
#[must_use]
pub fn n_gram_entropy(text: &str) -> f64 {
    let words = words(text);
    (2.0 / 3.0 * entropy(&words, 2) + 4.0 / 3.0 * entropy(&words, 3)) / 2.0
}

/// Entropy of the relative frequencies of runs of `length` words, in bits.
fn entropy(words: &[String], length: usize) -> f64 {
    let mut counts: HashMap<&[String], f64> = HashMap::new();
    for run in words.windows(length) {
        *counts.entry(run).or_default() += 1.0;
    }
    let all: f64 = counts.values().sum();
    // in order, so that the sum does not depend on the order of a hash map
    let mut counts: Vec<f64> = counts.into_values().collect();
    counts.sort_by(f64::total_cmp);
    counts.iter().map(|count| -(count / all) * (count / all).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::{entropy, n_gram_entropy};
    use crate::evaluate::words;

    /// Two of the three pairs are alike.
    #[test]
    fn published_example() {
        let tokens = words("a b a b");
        assert!((entropy(&tokens, 2) - 0.9183).abs() < 1e-4);
        assert!((entropy(&tokens, 3) - 1.0).abs() < 1e-12);
        assert!((n_gram_entropy("a b a b") - 0.972_77).abs() < 1e-5);
        assert_eq!((n_gram_entropy("one"), n_gram_entropy("")), (0.0, 0.0));
    }
}
