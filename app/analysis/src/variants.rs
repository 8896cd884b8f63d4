//! The same study seen otherwise: without the last layer, where most edits fail, and with scores on the logit scale, where what
//! happens near 0 and 1 counts more. What was done stands in the definition of each score, and so below every table.

use crate::panel::{Cell, Panel, Study};

/// Scores nearer to 0 or 1 than this are taken to be so near.
pub const NEAREST: f64 = 0.005;

/// ln(s / (1 - s)) of a score between 0 and 1, held within [`NEAREST`] of both ends: from -5.29 to 5.29.
pub fn logit(score: f64) -> f64 {
    let held = score.clamp(NEAREST, 1.0 - NEAREST);
    (held / (1.0 - held)).ln()
}

impl Study {
    /// The study with every score on the logit scale. A row of the paper does not stand beside its numbers.
    #[must_use]
    pub fn on_logit_scale(&self) -> Self {
        self.each(|panel| {
            panel.score = format!("{} (logit)", panel.score);
            panel.score_definition =
                format!("logit, held between {NEAREST} and {}, of: {}", 1.0 - NEAREST, panel.score_definition);
            for cell in panel.scores.iter_mut().flatten() {
                if let Cell::Value(score) = cell {
                    *score = logit(*score);
                }
            }
        })
    }

    /// The study without the last layer of each panel. A row of the paper does not stand beside its numbers.
    #[must_use]
    pub fn without_last_layer(&self) -> Self {
        self.each(|panel| {
            let Some(layer) = panel.layers.pop() else { return };
            panel.score_definition = format!("{}; without layer {layer}", panel.score_definition);
            let shorten = |table: &mut Vec<Vec<Cell>>| table.iter_mut().for_each(|row| row.truncate(row.len() - 1));
            shorten(&mut panel.scores);
            for localizer in &mut panel.localizers {
                shorten(&mut localizer.effects);
                localizer.draws.iter_mut().flatten().for_each(shorten);
            }
        })
    }

    fn each(&self, change: impl Fn(&mut Panel)) -> Self {
        let mut study = self.clone();
        for panel in &mut study.panels {
            change(panel);
            panel.localizers.iter_mut().for_each(|localizer| localizer.as_published = false);
        }
        study
    }
}
