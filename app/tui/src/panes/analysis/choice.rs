//! Which table is shown: method, objective, score and localizer, by their names, so that a choice stands when the analysis
//! is computed again.

use locus_analysis::Analysis;
use locus_analysis::analysis::{LocalizerResults, PanelResults};
use serde::{Deserialize, Serialize};

/// What was chosen; what is not there gives way to the first that is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// Name of the method and its window in layers.
    method: Option<(String, usize)>,
    objective: Option<String>,
    score: Option<String>,
    localizer: Option<String>,
}

/// What can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Method with its window.
    Method,
    Objective,
    Score,
    Localizer,
}

/// The table that is shown.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'a> {
    /// Its place among all.
    pub place: usize,
    pub panel: &'a PanelResults,
    /// The localizer by its place; none where the sweep has none.
    pub localizer: Option<(usize, &'a LocalizerResults)>,
}

/// Names of one axis that go with what is chosen of those before it, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// In the order of the analysis.
    pub all: Vec<String>,
    /// The place of the chosen one.
    pub place: usize,
}

/// Values each once, in the order in which they come.
fn once<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut all = Vec::new();
    values.for_each(|value| {
        if !all.contains(&value) {
            all.push(value);
        }
    });
    all
}

/// The place of what was chosen, or the first one.
fn place_of<T: PartialEq>(all: &[T], chosen: Option<&T>) -> usize {
    all.iter().position(|value| Some(value) == chosen).unwrap_or(0)
}

fn method_of(panel: &PanelResults) -> (String, usize) {
    (panel.method.clone(), panel.window)
}

/// "rome", or "rome, window 5".
#[must_use]
pub fn method_text((name, window): &(String, usize)) -> String {
    if *window == 1 { name.clone() } else { format!("{name}, window {window}") }
}

/// An id as words.
#[must_use]
pub fn spoken(id: &str) -> String {
    id.replace(['-', '_'], " ")
}

impl Choice {
    fn methods(&self, analysis: &Analysis) -> (Vec<(String, usize)>, usize) {
        let all = once(analysis.panels.iter().map(method_of));
        let place = place_of(&all, self.method.as_ref());
        (all, place)
    }

    /// The panels of the chosen method.
    fn of_method<'a>(&self, analysis: &'a Analysis) -> Vec<&'a PanelResults> {
        let (methods, place) = self.methods(analysis);
        let chosen = methods.get(place);
        analysis.panels.iter().filter(|panel| Some(&method_of(panel)) == chosen).collect()
    }

    fn objectives(&self, analysis: &Analysis) -> (Vec<String>, usize) {
        let all = once(self.of_method(analysis).into_iter().map(|panel| panel.objective.clone()));
        let place = place_of(&all, self.objective.as_ref());
        (all, place)
    }

    /// The panels of the chosen method and objective.
    fn of_objective<'a>(&self, analysis: &'a Analysis) -> Vec<&'a PanelResults> {
        let (objectives, place) = self.objectives(analysis);
        let chosen = objectives.get(place);
        self.of_method(analysis).into_iter().filter(|panel| Some(&panel.objective) == chosen).collect()
    }

    fn scores(&self, analysis: &Analysis) -> (Vec<String>, usize) {
        let all = once(self.of_objective(analysis).into_iter().map(|panel| panel.score.clone()));
        let place = place_of(&all, self.score.as_ref());
        (all, place)
    }

    /// The table that is shown; nothing where there is none at all.
    #[must_use]
    pub fn of<'a>(&self, analysis: &'a Analysis) -> Option<Chosen<'a>> {
        let (scores, score) = self.scores(analysis);
        let panels = self.of_objective(analysis);
        let panel = panels.into_iter().find(|panel| scores.get(score) == Some(&panel.score))?;
        let place = analysis.panels.iter().position(|other| std::ptr::eq(other, panel))?;
        let named = |own: &LocalizerResults| Some(&own.name) == self.localizer.as_ref();
        let localizer = panel.localizers.iter().position(named).unwrap_or(0);
        Some(Chosen { place, panel, localizer: panel.localizers.get(localizer).map(|own| (localizer, own)) })
    }

    /// What an axis has, and which of it is chosen.
    #[must_use]
    pub fn names(&self, analysis: &Analysis, axis: Axis) -> Names {
        let (all, place) = match axis {
            Axis::Method => {
                let (methods, place) = self.methods(analysis);
                (methods.iter().map(method_text).collect(), place)
            }
            Axis::Objective => self.objectives(analysis),
            Axis::Score => self.scores(analysis),
            Axis::Localizer => {
                let chosen = self.of(analysis);
                let all = chosen.iter().flat_map(|chosen| &chosen.panel.localizers).map(|own| own.name.clone());
                (all.collect(), chosen.and_then(|chosen| Some(chosen.localizer?.0)).unwrap_or(0))
            }
        };
        Names { all, place }
    }

    /// Chooses the next or the previous of an axis.
    pub fn step(&mut self, analysis: &Analysis, axis: Axis, forward: bool) {
        let next = |place: usize, count: usize| {
            let count = count.max(1);
            (place + if forward { 1 } else { count - 1 }) % count
        };
        if axis == Axis::Method {
            let (methods, place) = self.methods(analysis);
            self.method = methods.get(next(place, methods.len())).cloned();
            return;
        }
        let Names { all, place } = self.names(analysis, axis);
        let name = all.get(next(place, all.len())).cloned();
        match axis {
            Axis::Method => {}
            Axis::Objective => self.objective = name,
            Axis::Score => self.score = name,
            Axis::Localizer => self.localizer = name,
        }
    }
}
