//! What can be done in the pane.

use super::AnalysisPane;
use super::choice::Axis;
use crate::panes::Action;

pub const ACTIONS: &[Action<AnalysisPane>] = &[
    Action {
        name: "analyze-again",
        help: "compute the analysis of the rows so far",
        hint: Some(|pane, _| if pane.analyzed.is_some() { "compute again" } else { "compute" }.into()),
        available: |pane, state| pane.can_analyze(state),
        run: |pane, _| pane.begin(false),
        ..Action::PLAIN
    },
    Action {
        name: "analyze-fully",
        help: "compute it with all resamples, however long it takes",
        available: |pane, state| pane.can_analyze(state),
        run: |pane, _| pane.begin(true),
        ..Action::PLAIN
    },
    Action {
        name: "next-method",
        help: "the analysis of the next method",
        hint: Some(|_, _| "method".into()),
        available: |pane, state| pane.has_several(Axis::Method, state),
        run: |pane, _| pane.step(Axis::Method, true),
        ..Action::PLAIN
    },
    Action {
        name: "previous-method",
        help: "the analysis of the previous method",
        available: |pane, state| pane.has_several(Axis::Method, state),
        run: |pane, _| pane.step(Axis::Method, false),
        ..Action::PLAIN
    },
    Action {
        name: "next-objective",
        help: "the analysis of the method's next objective",
        hint: Some(|_, _| "objective".into()),
        available: |pane, state| pane.has_several(Axis::Objective, state),
        run: |pane, _| pane.step(Axis::Objective, true),
        ..Action::PLAIN
    },
    Action {
        name: "analysis-score",
        help: "the analysis of another score",
        hint: Some(|_, _| "score".into()),
        available: |pane, state| pane.has_several(Axis::Score, state),
        run: |pane, _| pane.step(Axis::Score, true),
        ..Action::PLAIN
    },
    Action {
        name: "analysis-localizer",
        help: "the analysis of another localizer",
        hint: Some(|_, _| "localizer".into()),
        available: |pane, state| pane.has_several(Axis::Localizer, state),
        run: |pane, _| pane.step(Axis::Localizer, true),
        ..Action::PLAIN
    },
    Action {
        name: "analysis-curve",
        help: "in Regret: only the curve by number of facts, or all",
        hint: Some(|pane, _| if pane.shown.curve { "table" } else { "curve" }.into()),
        available: |pane, _| pane.has_curve(),
        run: |pane, _| {
            pane.shown.curve = !pane.shown.curve;
            Vec::new()
        },
        ..Action::PLAIN
    },
];
