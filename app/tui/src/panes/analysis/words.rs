//! Numbers and reasons as the sections print them.

use locus_analysis::bootstrap::Interval;
use locus_analysis::unavailable::{Computed, Unavailable};
use locus_protocol::counted;

/// So many digits after the point, and no "-0.00".
#[must_use]
pub fn fixed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let is_zero = text.chars().all(|letter| matches!(letter, '-' | '0' | '.'));
    if is_zero { text.trim_start_matches('-').to_owned() } else { text }
}

/// A probability with four digits.
#[must_use]
pub fn p(value: f64) -> String {
    if value < 0.0001 { "<0.0001".to_owned() } else { fixed(value, 4) }
}

/// A share as percent.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{} %", fixed(100.0 * share, 0))
}

/// A value with its interval: "0.030 [0.005, 0.069]".
#[must_use]
pub fn bounded(estimate: f64, low: f64, high: f64) -> String {
    format!("{} [{}, {}]", fixed(estimate, 3), fixed(low, 3), fixed(high, 3))
}

/// An interval in the same way.
#[must_use]
pub fn interval(own: &Interval) -> String {
    bounded(own.estimate, own.low, own.high)
}

/// A number as a text, or a dash with its reason.
#[must_use]
pub fn or_reason<T>(value: &Computed<T>, show: impl FnOnce(&T) -> String) -> String {
    match value {
        Ok(value) => show(value),
        Err(reason) => format!("- {reason}"),
    }
}

/// A number of facts in words: "12 facts".
#[must_use]
pub fn facts(count: usize) -> String {
    counted(count, "fact")
}

/// What would give a number that is not there.
#[must_use]
pub fn remedy(reason: &Unavailable, goes_on: bool, again: &str) -> Option<String> {
    use Unavailable as U;
    Some(match reason {
        U::NoRows
        | U::NoWholeEffects
        | U::TooFewFacts { .. }
        | U::TooFewWholeFacts { .. }
        | U::TooFewResamples { .. }
        | U::TooFewFactsForSlopes { .. }
        | U::NoFreedom { .. }
            if goes_on =>
        {
            format!("more facts arrive while the sweep runs; {again} computes again")
        }
        U::TooFewFacts { .. }
        | U::TooFewWholeFacts { .. }
        | U::TooFewResamples { .. }
        | U::TooFewFactsForSlopes { .. }
        | U::NoFreedom { .. } => {
            "sweep more facts: a larger count in [facts] of the grid, or more marked facts".to_owned()
        }
        U::OneLayer => "layers = \"all\" in the [[edits]] of the grid edits at every layer".to_owned(),
        U::NoDraws | U::TooFewDraws { .. } => {
            "a localizer with noise, such as causal-trace with samples = 4, has such draws".to_owned()
        }
        _ => return None,
    })
}
