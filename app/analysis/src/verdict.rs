//! The verdict as a sentence, computed from the numbers.

use crate::bootstrap::Interval;
use crate::panel::{Identity, Panel};
use crate::regret::{Regret, Rule};
use crate::settings::Settings;
use crate::unavailable::{Computed, Unavailable};
use crate::words::{many, spoken};
use serde::Serialize;

/// What picking the layer by a localizer is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    pub worth: Worth,
    /// What it loses against one fixed layer, or gains below 0.
    pub loss: Interval,
    pub facts: usize,
    pub sentence: String,
}

/// How a localizer does against one fixed layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Worth {
    /// The whole interval is above 0, and not within the margin.
    Loses,
    /// The whole interval is below 0, and not within the margin.
    Gains,
    /// The interval lies within the margin: what is lost or gained is less than counts.
    Same,
    /// The interval contains 0 and extends beyond the margin.
    Undecided,
}

/// The verdict on one localizer.
///
/// # Errors
///
/// Where the localizer has no paired comparison.
pub fn verdict(
    identity: &Identity,
    panel: &Panel,
    regret: &Regret,
    localizer: &str,
    settings: &Settings,
) -> Computed<Verdict> {
    let of = |wanted: &Rule| regret.rules.iter().find(|rule| rule.rule == *wanted);
    let paired = of(&Rule::Localizer(localizer.to_owned())).and_then(|rule| rule.against_fixed.as_ref());
    let paired = paired.ok_or(Unavailable::NoRows)?;
    let loss = paired.loss.clone()?;
    let usual = of(&Rule::FixedOnOthers).and_then(|rule| Some((rule.usual()?, rule)));
    let layer = usual.map(|(place, rule)| {
        let always = if rule.picks[place] > 0.999 { "" } else { ", mostly" };
        format!("{}{always}", regret.layers[place])
    });
    let worth = worth(&loss, settings.margin);
    let range = format!("[{:.2}, {:.2}]", least_signed(loss.low), least_signed(loss.high));
    let (score, margin) = (spoken(&panel.score), settings.margin);
    let amount = |value: f64, low: f64, high: f64| {
        format!("{:.2} [{:.2}, {:.2}] of {score}", least_signed(value), least_signed(low), least_signed(high))
    };
    let fixed = format!("one fixed layer ({})", layer.unwrap_or_else(|| "not always the same".to_owned()));
    let said = match worth {
        Worth::Loses => format!("loses {} against {fixed}", amount(loss.estimate, loss.low, loss.high)),
        Worth::Gains => format!("gains {} over {fixed}", amount(-loss.estimate, -loss.high, -loss.low)),
        Worth::Same => format!(
            "does as well as {fixed}: the loss is {} {range} of {score}, within the margin of {margin}",
            format_args!("{:.2}", least_signed(loss.estimate))
        ),
        Worth::Undecided => format!(
            "may be better or worse than {fixed}: the loss is {} {range} of {score}",
            format_args!("{:.2}", least_signed(loss.estimate))
        ),
    };
    let sentence = format!(
        "On {}, for {} and {}, picking the layer by {localizer} {said} ({}, {}).",
        identity.model,
        panel.method,
        spoken(&panel.objective),
        many(paired.facts, "fact"),
        many(regret.layers.len(), "layer")
    );
    Ok(Verdict { worth, loss, facts: paired.facts, sentence })
}

fn worth(loss: &Interval, margin: f64) -> Worth {
    if loss.low > -margin && loss.high < margin {
        Worth::Same
    } else if loss.low > 0.0 {
        Worth::Loses
    } else if loss.high < 0.0 {
        Worth::Gains
    } else {
        Worth::Undecided
    }
}

/// The value, or 0 where it would print as "-0.00".
fn least_signed(value: f64) -> f64 {
    if value.abs() < 0.005 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_decides() {
        let of = |low, high| worth(&Interval { estimate: (low + high) / 2.0, low, high, bias: 0.0 }, 0.05);
        assert_eq!(of(0.15, 0.27), Worth::Loses);
        assert_eq!(of(-0.2, -0.1), Worth::Gains);
        assert_eq!(of(-0.02, 0.03), Worth::Same);
        // surely more than nothing, and surely less than counts
        assert_eq!((of(0.01, 0.03), of(-0.03, -0.01)), (Worth::Same, Worth::Same));
        assert_eq!(of(0.01, 0.06), Worth::Loses);
        assert_eq!(of(-0.02, 0.3), Worth::Undecided);
    }
}
