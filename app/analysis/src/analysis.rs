//! All of it, over all panels of a study.

use crate::bootstrap::{Bootstrapped, bootstrap};
use crate::clustered::{Coefficient, Honest, honest};
use crate::concentrated::{Concentrated, concentrated};
use crate::correlation::{AtLayer, by_layer};
use crate::equivalence::{Equivalence, equivalence};
use crate::held_out::{HeldOut, held_out};
use crate::holm::holm;
use crate::panel::{Dropped, Identity, Localizer, Malformed, Panel, Study};
use crate::paper::{self, PaperRow, Subset};
use crate::permutation::{Permuted, permutation};
use crate::profile::{LayerProfile, profile};
use crate::published::{Published, published};
use crate::regret::{Regret, regret};
use crate::reliability::{Reliability, reliability};
use crate::rows::{Counts, Rows};
use crate::settings::{Settings, Unusable};
use crate::unavailable::{Computed, Unavailable};
use crate::verdict::{Verdict, verdict};
use crate::within_facts::Within;
use serde::Serialize;
use std::collections::BTreeMap;

/// Why there is no analysis at all.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Study(#[from] Malformed),
    #[error(transparent)]
    Settings(#[from] Unusable),
}

/// All results, in the order of the study's panels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Analysis {
    pub identity: Identity,
    /// Facts that never came into a panel.
    pub dropped: Vec<Dropped>,
    pub settings: Settings,
    pub panels: Vec<PanelResults>,
}

/// Results of one method, objective and score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PanelResults {
    pub method: String,
    pub window: usize,
    pub objective: String,
    pub score: String,
    pub score_definition: String,
    #[serde(with = "crate::computed")]
    pub regret: Computed<Regret>,
    pub localizers: Vec<LocalizerResults>,
}

impl PanelResults {
    /// As [`Panel::title`].
    pub fn title(&self) -> String {
        format!("{}, window {}, {}, {}", self.method, self.window, self.objective, self.score)
    }
}

/// Results of one localizer on one panel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LocalizerResults {
    pub name: String,
    pub definition: String,
    pub counts: Counts,
    #[serde(with = "crate::computed")]
    pub published: Computed<Published>,
    /// What the paper has for this method, objective and score, where the localizer is the paper's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paper: Option<&'static PaperRow>,
    #[serde(with = "crate::computed")]
    pub concentrated: Computed<Concentrated>,
    /// What the paper has for concentrated traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paper_concentrated: Option<&'static PaperRow>,
    pub correlations: Vec<AtLayer>,
    pub profile: Vec<LayerProfile>,
    pub honest: Honest,
    #[serde(with = "crate::computed")]
    pub bootstrap: Computed<Bootstrapped>,
    /// Facts with two rows at least, which the slope within facts rests on.
    pub facts_within: usize,
    #[serde(with = "crate::computed")]
    pub within_facts: Computed<Coefficient>,
    #[serde(with = "crate::computed")]
    pub equivalence: Computed<Equivalence>,
    #[serde(with = "crate::computed")]
    pub permutation: Computed<Permuted>,
    #[serde(with = "crate::computed")]
    pub held_out: Computed<HeldOut>,
    #[serde(with = "crate::computed")]
    pub reliability: Computed<Reliability>,
    #[serde(with = "crate::computed")]
    pub verdict: Computed<Verdict>,
    /// p values corrected by Holm over all panels of the same score, for this localizer.
    pub holm: Corrected,
}

/// p values that many tests of one table have been corrected for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Corrected {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joint: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_facts: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permutation: Option<f64>,
}

/// Analyzes a study. `told` hears after each localizer of a panel how many are done, of how many.
///
/// # Errors
///
/// [`Refused`] where tables of the study do not fit together or a setting cannot be used. What cannot be computed is no
/// error: it has a reason in its place.
pub fn analyze(study: &Study, settings: &Settings, told: &mut dyn FnMut(usize, usize)) -> Result<Analysis, Refused> {
    let mut goes_on = |done: usize, all: usize| {
        told(done, all);
        true
    };
    // it is never told to stop
    Ok(analyze_while(study, settings, &mut goes_on)?.unwrap_or_else(|| results(study, settings, Vec::new())))
}

/// The same as long as `goes_on` says so, which hears what `told` of [`analyze`] does; nothing comes back where it does not.
///
/// # Errors
///
/// As [`analyze`].
pub fn analyze_while(
    study: &Study,
    settings: &Settings,
    goes_on: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Option<Analysis>, Refused> {
    settings.check()?;
    study.check()?;
    let all: usize = study.panels.iter().map(|panel| panel.localizers.len()).sum();
    let mut done = 0;
    let mut of_panel = |panel: &Panel| {
        let regret = regret(panel, settings);
        let mut of_localizer = |localizer: &Localizer| {
            let results = localizer_results(&study.identity, panel, localizer, &regret, settings);
            done += 1;
            goes_on(done, all).then_some(results)
        };
        Some(PanelResults {
            method: panel.method.clone(),
            window: panel.window,
            objective: panel.objective.clone(),
            score: panel.score.clone(),
            score_definition: panel.score_definition.clone(),
            localizers: panel.localizers.iter().map(&mut of_localizer).collect::<Option<Vec<_>>>()?,
            regret: regret.clone(),
        })
    };
    let panels = study.panels.iter().map(&mut of_panel).collect::<Option<Vec<PanelResults>>>();
    Ok(panels.map(|panels| results(study, settings, panels)))
}

/// Corrects the tests of all panels and puts them together.
fn results(study: &Study, settings: &Settings, mut panels: Vec<PanelResults>) -> Analysis {
    correct(&mut panels);
    Analysis { identity: study.identity.clone(), dropped: study.dropped.clone(), settings: settings.clone(), panels }
}

fn localizer_results(
    identity: &Identity,
    panel: &Panel,
    localizer: &Localizer,
    regret: &Computed<Regret>,
    settings: &Settings,
) -> LocalizerResults {
    let rows = Rows::new(panel, localizer);
    let title = panel.title();
    let paper = |subset| paper::row(panel, subset).filter(|_| localizer.as_published);
    let names = [title.as_str(), localizer.name.as_str()];
    let within_facts = Within::new(&rows).and_then(|within| within.slope(settings.confidence));
    LocalizerResults {
        name: localizer.name.clone(),
        definition: localizer.definition.clone(),
        counts: rows.counts.clone(),
        published: published(&rows),
        paper: paper(Subset::All),
        concentrated: concentrated(panel, localizer),
        paper_concentrated: paper(Subset::Concentrated),
        correlations: by_layer(&rows),
        profile: profile(&rows, settings),
        honest: honest(&rows, settings.confidence),
        bootstrap: bootstrap(&rows, settings, &names),
        equivalence: within_facts.clone().and_then(|slope| equivalence(&rows, &slope, settings)),
        facts_within: rows.by_fact().iter().filter(|own| own.len() > 1).count(),
        within_facts,
        permutation: permutation(&rows, settings, &names),
        held_out: held_out(&rows, settings, &names),
        reliability: reliability(panel, localizer, settings, &names),
        verdict: regret
            .as_ref()
            .map_err(Unavailable::clone)
            .and_then(|regret| verdict(identity, panel, regret, &localizer.name, settings)),
        holm: Corrected::default(),
    }
}

/// Corrects the tests of each table: all panels of one score, for one localizer.
fn correct(panels: &mut [PanelResults]) {
    let mut tables: BTreeMap<(String, String), Vec<(usize, usize)>> = BTreeMap::new();
    for (place, panel) in panels.iter().enumerate() {
        for (number, localizer) in panel.localizers.iter().enumerate() {
            tables.entry((panel.score.clone(), localizer.name.clone())).or_default().push((place, number));
        }
    }
    for cells in tables.values() {
        let of = |p: fn(&LocalizerResults) -> Option<f64>| {
            holm(&cells.iter().map(|(place, number)| p(&panels[*place].localizers[*number])).collect::<Vec<_>>())
        };
        let published = of(|own| Some(own.published.as_ref().ok()?.test.as_ref().ok()?.p));
        let joint = of(|own| Some(own.honest.joint.as_ref().ok()?.p));
        let within_facts = of(|own| Some(own.within_facts.as_ref().ok()?.p));
        let permutation = of(|own| Some(own.permutation.as_ref().ok()?.slope_within_facts.as_ref().ok()?.p));
        for (at, (place, number)) in cells.iter().enumerate() {
            panels[*place].localizers[*number].holm = Corrected {
                published: published[at],
                joint: joint[at],
                within_facts: within_facts[at],
                permutation: permutation[at],
            };
        }
    }
}
