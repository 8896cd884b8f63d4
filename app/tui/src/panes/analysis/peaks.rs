//! Where the localizer is largest, beside where edits work best: two histograms over the layers.

use super::choice::Chosen;
use super::page::{Cell, Page};
use super::words::{facts, fixed, percent};
use super::{AnalysisPane, notes};
use locus_analysis::Analysis;
use locus_analysis::regret::Rule;
use ratatui::text::{Line, Span};

/// Cells of a layer.
const LAYER: usize = 6;
/// Cells of a share.
const SHARE: usize = 6;
/// Cells of a mean.
const MEAN: usize = 9;

/// A layer with the share of facts that have their largest effect there, and of those whose best edit is there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    pub layer: usize,
    /// Share of facts with the largest effect there; a tie counts in parts.
    pub effect: f64,
    /// Share of facts with the best score there, where facts have a score at every layer.
    pub score: Option<f64>,
    pub mean_effect: f64,
    pub mean_score: f64,
}

pub fn peaks(chosen: Chosen<'_>) -> Vec<Peak> {
    let Some((_, own)) = chosen.localizer else { return Vec::new() };
    let regret = chosen.panel.regret.as_ref().ok();
    let oracle = regret.and_then(|regret| regret.rules.iter().find(|own| own.rule == Rule::Oracle));
    let best = |layer: usize| {
        let place = regret?.layers.iter().position(|other| *other == layer)?;
        oracle?.picks.get(place).copied()
    };
    let peak = |own: &locus_analysis::profile::LayerProfile| Peak {
        layer: own.layer,
        effect: own.peaks,
        score: best(own.layer),
        mean_effect: own.effect,
        mean_score: own.score,
    };
    own.profile.iter().map(peak).collect()
}

pub fn write(pane: &AnalysisPane, analysis: &Analysis, chosen: Chosen<'_>, page: &mut Page<'_>) {
    let Some((_, own)) = chosen.localizer else { return pane.no_localizer(page) };
    let peaks = peaks(chosen);
    if peaks.is_empty() {
        return page.text("no fact has both a score and an effect yet", page.state.theme().warn());
    }
    let (theme, glyphs) = (page.state.theme(), page.state.glyphs());
    let bar = (page.width.saturating_sub(LAYER + 2 * SHARE + 2 * MEAN + 8) / 2).clamp(6, 60);
    let head = [
        Cell::Number("layer".to_owned(), LAYER),
        Cell::Word("  largest effect here".to_owned(), bar + SHARE + 5),
        Cell::Word("best edit here".to_owned(), bar + SHARE + 3),
        Cell::Number("effect".to_owned(), MEAN),
        Cell::Number("score".to_owned(), MEAN),
    ];
    page.row(&head, theme.heading());
    let most = peaks.iter().flat_map(|peak| [peak.effect, peak.score.unwrap_or(0.0)]).fold(0.0, f64::max);
    let cells = |share: f64| if most > 0.0 { (share / most * bar as f64).round() as usize } else { 0 };
    for peak in &peaks {
        let part = |share: Option<f64>| {
            let filled = cells(share.unwrap_or(0.0));
            let text = share.map_or_else(|| "-".to_owned(), percent);
            (glyphs.bar().repeat(filled), " ".repeat(bar - filled), format!(" {text:>SHARE$}  "))
        };
        let (effect, effect_gap, effect_share) = part(Some(peak.effect));
        let (score, score_gap, score_share) = part(peak.score);
        let means = page
            .row_text(&[Cell::Number(fixed(peak.mean_effect, 3), MEAN), Cell::Number(fixed(peak.mean_score, 3), MEAN)]);
        page.line(Line::from(vec![
            Span::raw(page.row_text(&[Cell::Number(peak.layer.to_string(), LAYER)]) + "  "),
            Span::styled(effect, theme.localizer('a')),
            Span::raw(effect_gap + &effect_share),
            Span::styled(score, theme.variant('A')),
            Span::raw(score_gap + &score_share),
            Span::raw(means),
        ]));
    }
    page.gap();
    page.note(&format!(
        "largest effect here: share of {} whose {} is largest at the layer; best edit here: share whose score is best there \
         (ties are split); effect, score: means over facts",
        facts(own.counts.facts),
        own.name
    ));
    notes::rows(chosen.panel, own, page);
    notes::sources(analysis, page);
}
