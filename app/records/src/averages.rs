//! Averages over records with confidence intervals.

/// Standard errors on either side of a mean that 95 % of a normal distribution lies within.
const NORMAL_95: f64 = 1.96;

/// A mean over records.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    pub mean: f64,
    /// Half the width of its 95 % confidence interval: 1.96 population standard deviations over the root of the count,
    /// as in the tables of ROME.
    pub half_width: f64,
    /// Number of records.
    pub count: usize,
}

impl Mean {
    /// Of the finite ones among `values`; `None` where there is none.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let count = values.len();
        if count == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count as f64;
        Some(Self { mean, half_width: NORMAL_95 * (variance / count as f64).sqrt(), count })
    }

    /// Wilson's 95 % interval for a mean of values between 0 and 1. It does not shrink to a point where all records
    /// agree, and is at least as wide as needed where a record's value is a share.
    #[must_use]
    pub fn wilson(&self) -> [f64; 2] {
        let (count, square) = (self.count as f64, NORMAL_95 * NORMAL_95);
        let center = (self.mean + square / (2.0 * count)) / (1.0 + square / count);
        let spread = self.mean * (1.0 - self.mean) / count + square / (4.0 * count * count);
        let half = NORMAL_95 * spread.max(0.0).sqrt() / (1.0 + square / count);
        [(center - half).max(0.0), (center + half).min(1.0)]
    }
}

/// Harmonic mean; 0 where one value is not above 0.
#[must_use]
pub fn harmonic_mean(values: &[f64]) -> f64 {
    if values.is_empty() || values.iter().any(|&value| value.is_nan() || value <= 0.0) {
        return 0.0;
    }
    values.len() as f64 / values.iter().map(|value| 1.0 / value).sum::<f64>()
}

/// Harmonic mean of the means of several columns over the same records, as the score of ROME is (Meng et al. 2022).
/// Its interval follows from the linearised mean of each record (delta method). `None` where a column is empty or the
/// columns differ in length.
#[must_use]
pub fn harmonic_of_means(columns: &[&[f64]]) -> Option<Mean> {
    let count = columns.first()?.len();
    if count == 0 || columns.iter().any(|column| column.len() != count) {
        return None;
    }
    let means: Vec<f64> = columns.iter().map(|column| column.iter().sum::<f64>() / count as f64).collect();
    let mean = harmonic_mean(&means);
    let slope = |column: f64| if mean > 0.0 { (mean / column).powi(2) / columns.len() as f64 } else { 0.0 };
    let moved = |record: usize| -> f64 {
        columns.iter().zip(&means).map(|(column, &mean)| slope(mean) * (column[record] - mean)).sum()
    };
    let variance = (0..count).map(|record| moved(record).powi(2)).sum::<f64>() / count as f64;
    Some(Mean { mean, half_width: NORMAL_95 * (variance / count as f64).sqrt(), count })
}

#[cfg(test)]
mod tests {
    use super::{Mean, harmonic_mean, harmonic_of_means};

    #[test]
    fn intervals_are_the_textbook_ones() {
        let mean = Mean::of(&[0.0, 1.0, 1.0, 1.0, f64::NAN]).expect("mean");
        assert_eq!((mean.mean, mean.count), (0.75, 4));
        assert!((mean.half_width - 1.96 * (0.1875_f64 / 4.0).sqrt()).abs() < 1e-12);
        // 8 of 10: [0.4902, 0.9433]
        let [low, high] = Mean { mean: 0.8, half_width: 0.0, count: 10 }.wilson();
        assert!((low - 0.4902).abs() < 1e-4 && (high - 0.9433).abs() < 1e-4, "{low} {high}");
        let [low, high] = Mean::of(&[1.0; 20]).expect("mean").wilson();
        assert!(low < 0.9 && high == 1.0, "{low} {high}");
        assert!(Mean::of(&[]).is_none());
    }

    #[test]
    fn one_column_makes_the_harmonic_mean_the_mean() {
        let column = [0.2, 0.9, 0.4];
        let (ours, plain) = (harmonic_of_means(&[&column]).expect("score"), Mean::of(&column).expect("mean"));
        assert!((ours.mean - plain.mean).abs() < 1e-12 && (ours.half_width - plain.half_width).abs() < 1e-12);
        assert_eq!(harmonic_mean(&[0.5, 0.0, 1.0]), 0.0);
        // GPT-2 XL unedited in ROME's table: 22.2, 24.7, 78.1 make 30.5
        assert!((harmonic_mean(&[22.2, 24.7, 78.1]) - 30.5).abs() < 0.05);
    }
}
