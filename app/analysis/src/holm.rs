//! Holm's correction of many tests within one table.

/// Each p times the number of tests that are at least as hard, and never below the one before; what has no p stays so
/// and counts for nothing.
pub fn holm(probabilities: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> =
        probabilities.iter().enumerate().filter_map(|(place, p)| p.map(|p| (place, p))).collect();
    order.sort_by(|one, two| one.1.total_cmp(&two.1));
    let mut adjusted = vec![None; probabilities.len()];
    let mut largest = 0.0_f64;
    for (rank, (place, p)) in order.iter().enumerate() {
        largest = largest.max((p * (order.len() - rank) as f64).min(1.0));
        adjusted[*place] = Some(largest);
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_p_adjust_of_r() {
        let adjusted = holm(&[Some(0.01), Some(0.04), None, Some(0.03), Some(0.005)]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        let there: Vec<f64> = adjusted.iter().flatten().copied().collect();
        assert!(
            adjusted[2].is_none() && there.iter().zip(expected).all(|(one, two)| (one - two).abs() < 1e-12),
            "{there:?}"
        );
    }
}
