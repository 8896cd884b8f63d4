//! What the numbers of a section rest on: facts, layers, what was left out and why, model, seeds, settings.

use super::page::Page;
use locus_analysis::Analysis;
use locus_analysis::analysis::{LocalizerResults, PanelResults};
use locus_protocol::counted;

/// Facts and layers of the regret.
pub fn regret(panel: &PanelResults, page: &mut Page<'_>) {
    if let Ok(regret) = &panel.regret {
        page.note(&regret.counts.sentence());
    }
    page.note(&format!("{}: {}", panel.score, panel.score_definition));
}

/// Facts and layers of the rows of a localizer.
pub fn rows(panel: &PanelResults, own: &LocalizerResults, page: &mut Page<'_>) {
    page.note(&own.counts.sentence());
    page.note(&format!("{}: {}", own.name, own.definition));
    page.note(&format!("{}: {}", panel.score, panel.score_definition));
}

/// Model, facts, program, seeds and settings.
pub fn sources(analysis: &Analysis, page: &mut Page<'_>) {
    let (identity, settings) = (&analysis.identity, &analysis.settings);
    page.note(&format!(
        "{}, {}, {}; seeds {} (sweep) and {} (analysis); {}, {}, margin {}",
        identity.model,
        identity.facts,
        identity.program,
        identity.spoken_seeds(),
        settings.seed,
        counted(settings.resamples, "resample"),
        counted(settings.permutations, "permutation"),
        settings.margin
    ));
    let dropped = analysis.dropped.iter().map(|own| format!("{} ({})", counted(own.facts, "fact"), own.reason));
    let dropped: Vec<String> = dropped.collect();
    if !dropped.is_empty() {
        page.note(&format!("left out before the sweep: {}", dropped.join(", ")));
    }
}
