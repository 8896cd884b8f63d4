//! Numbers as they are printed.

/// So many digits after the point, and no "-0.00". A number of more than seven digits before it has an exponent.
pub fn fixed(value: f64, digits: usize) -> String {
    if value.abs() >= 1e7 {
        return format!("{value:.digits$e}");
    }
    let text = format!("{value:.digits$}");
    let is_zero = text.chars().all(|letter| matches!(letter, '-' | '0' | '.'));
    if is_zero { text.trim_start_matches('-').to_owned() } else { text }
}

/// A probability with four digits, as the paper prints it.
pub fn probability(value: f64) -> String {
    if value < 0.0001 { "<0.0001".to_owned() } else { fixed(value, 4) }
}

/// A share between 0 and 1 as percent.
pub fn percent(value: f64) -> String {
    format!("{} %", fixed(100.0 * value, 0))
}

/// Letters and digits, with hyphens between: for file names, labels and anchors.
pub fn slug(text: &str) -> String {
    let kept: String = text.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { ' ' }).collect();
    kept.split_whitespace().collect::<Vec<_>>().join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_negative_zero_and_no_probability_of_0() {
        assert_eq!(fixed(-0.0001, 2), "0.00");
        assert_eq!(fixed(-0.126, 2), "-0.13");
        assert_eq!(fixed(5.3605e31, 2), "5.36e31");
        assert_eq!(probability(0.0), "<0.0001");
        assert_eq!(probability(0.04999), "0.0500");
        assert_eq!(slug("ROME, window 1: “score”"), "rome-window-1-score");
    }
}
