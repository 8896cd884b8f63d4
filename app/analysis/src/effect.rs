//! The explanatory variable of Hase et al. (2023): one effect per layer from the traces of a fact.

/// One effect per layer, as in the published analysis: the share of the lost probability that a cell restores, the
/// largest over tokens. `restored[token][layer]` is the probability with one cell restored, `clean` and `corrupted`
/// those without and with noise. The clean probability is raised to that of the best cell first, as the published code
/// does, so that no share exceeds 1. Nothing where noise took nothing away, or where there is no token.
pub fn largest_fraction(clean: f64, corrupted: f64, restored: &[Vec<f64>]) -> Option<Vec<f64>> {
    let best = restored.iter().flatten().copied().fold(clean, f64::max);
    let lost = (corrupted - best).abs();
    let fraction = |value: f64| ((value - corrupted) / lost).max(0.0);
    (lost > 0.0).then_some(())?;
    largest(restored, fraction)
}

/// One effect per layer: what a cell restores, the largest over tokens, without a floor.
pub fn largest_raw(corrupted: f64, restored: &[Vec<f64>]) -> Option<Vec<f64>> {
    largest(restored, |value| value - corrupted)
}

fn largest(restored: &[Vec<f64>], effect: impl Fn(f64) -> f64) -> Option<Vec<f64>> {
    let layers = restored.first()?.len();
    let at = |layer: usize| restored.iter().filter_map(|token| token.get(layer).copied()).map(&effect).reduce(f64::max);
    (0..layers).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_cell_raises_the_clean_probability() {
        let restored = vec![vec![0.1, 0.9], vec![0.3, 0.05]];
        let effects = largest_fraction(0.5, 0.1, &restored).expect("effects");
        assert!((effects[0] - 0.25).abs() < 1e-12 && effects[1] == 1.0, "{effects:?}");
        assert_eq!(largest_raw(0.1, &restored).expect("effects")[1], 0.8);
    }

    #[test]
    fn no_loss_and_no_token_have_no_fraction() {
        assert_eq!(largest_fraction(0.5, 0.5, &[vec![0.5, 0.2]]), None);
        assert_eq!(largest_fraction(0.5, 0.1, &[]), None);
    }
}
