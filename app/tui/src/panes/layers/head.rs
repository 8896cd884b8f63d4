//! What stands above the table: what to press, or how the edit stands.

use super::{hidden_trace, unedited};
use crate::looks::{Glyphs, Paper, and_more, printable, probability, ratio, shorten, width, wrap};
use crate::state::{EditView, Job, Of, Seen, Stage, State, phase_text, time_left};
use locus_protocol::{Phase, counted, model_with};
use ratatui::text::{Line, Span};

/// What to press, as long as there is no edit.
pub(super) fn draw_invitation(state: &Seen<'_>, paper: &mut Paper<'_>) {
    let muted = state.theme().muted();
    if state.engine.model.is_none() {
        paper.line(Span::styled(" the layers of the model appear here once it is loaded", muted));
        return;
    }
    let Some(fact) = state.fact() else {
        paper.line(Span::styled(" no fact is selected", muted));
        return;
    };
    let key = |action: &str| Span::styled(state.keymap().first_key("layers", action), state.theme().accent());
    paper.line(vec![
        Span::raw(" press "),
        key("edit-form"),
        Span::raw(" to choose method and layer, "),
        key("run"),
        Span::raw(format!(" to {}", state.run_hint())),
    ]);
    if hidden_trace(state, None).is_none() {
        let text = vec![
            Span::raw(" "),
            key("trace"),
            Span::raw(format!(" first shows which layers carry {}", printable(&fact.subject))),
        ];
        paper.line(text);
    } else {
        paper.line(Span::styled(" up and down choose the layer", muted));
    }
    if let Some(prediction) = unedited(state, None) {
        let whose = match prediction.edits {
            0 => "the unedited model".to_owned(),
            edits => format!("the model as it is, with {} in place", counted(edits, "edit")),
        };
        paper.line(Span::styled(format!(" p(new), p(true): {whose}"), muted));
    }
}

/// Why nothing is known of a model, and what brings it.
pub(super) fn draw_missing(state: &Seen<'_>, of: Of, paper: &mut Paper<'_>) {
    let text = match of {
        Of::Variant(letter) => {
            let key = state.keymap().first_key("", "compare-pane");
            let run = state.keymap().first_key("compare", "run-changed");
            match state.compare.variants.list.iter().any(|variant| variant.letter == letter) {
                true => format!("variant {letter} has not been run on this fact; {key} and then {run} run it"),
                false => {
                    let fill = state.keymap().first_key("", "compare-methods");
                    format!("there is no variant {letter}; {key} shows the variants, {fill} makes one of each method")
                }
            }
        }
        Of::Without(edit) => match (state.left_out(of), state.edits_of(of)) {
            (_, None) => format!("edit {edit} is not in place, so it cannot be left out"),
            (Some(seen), _) if seen.rows.is_empty() => "without both targets there is nothing to measure".to_owned(),
            (Some(seen), _) => format!("numbers of {}", model_with(&seen.with)),
            (None, _) => missing_look(state, of),
        },
        _ if state.unedited_rows().is_some() => return,
        _ => missing_look(state, of),
    };
    for line in wrap(&format!(" {}", printable(&text)), paper.width(), 1) {
        paper.line(Span::styled(line, state.theme().muted()));
    }
}

/// What is said as long as nobody has looked at a model that lacks edits in place.
fn missing_look(state: &Seen<'_>, of: Of) -> String {
    if let Some(why) = state.look_failed(of) {
        let key = state.keymap().first_key(state.pane(), "next-source");
        return format!("{} could not be measured: {why}; {key} chooses a model and tries again", state.model(of));
    }
    let waits = state.ready_for_a_look().err().map_or_else(String::new, |why| format!(": {why}"));
    format!("{} is measured as soon as the engine is free{waits}", state.model(of))
}

pub(super) fn draw_head(state: &State, view: &EditView, paper: &mut Paper<'_>) {
    let glyphs = state.glyphs();
    let dot = format!(" {} ", glyphs.dot());
    let layers = match view.layers.as_slice() {
        [] => "layer chosen by the method".to_owned(),
        [layer] => format!("layer {layer}"),
        layers => format!("layers {}", layers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    };
    let fact = &view.order.fact;
    let what = match view.order.more.len() {
        0 => format!("{}: {} {} {}", fact.subject, fact.target_true, glyphs.arrow(), fact.target_new),
        more => and_more(&fact.subject, more),
    };
    let text = format!(" {}, {}{dot}{layers}{dot}{what}", view.order.method, view.order.objective);
    paper.line(Span::styled(shorten(&printable(&text), paper.width(), glyphs), state.theme().heading()));
    if state.edits.frozen.is_some() {
        let step = view.step.map_or(0, |step| step + 1);
        let key = state.keymap().first_key("layers", "freeze");
        let text =
            format!(" frozen at step {step}: {} held back; {key} follows again", counted(state.edits.held, "step"));
        paper.line(Span::styled(text, state.theme().warn()));
    } else if let Stage::Failed(error) = &view.stage {
        let lines = wrap(&format!(" failed: {}", printable(error)), paper.width(), 1);
        let room = (paper.left() / 4).clamp(1, 3);
        for line in lines.into_iter().take(room) {
            paper.line(Span::styled(line, state.theme().bad()));
        }
    } else {
        paper.line(stage_line(state, view));
        let collects = |job: &Job| job.phase == Some(Phase::SecondMoments);
        if view.stage == Stage::Running && state.running(view.job).is_some_and(collects) {
            let text = " the method needs them; collected once for this model";
            paper.line(Span::styled(shorten(text, paper.width(), glyphs), state.theme().muted()));
        }
    }
    if paper.left() < 6 {
        return;
    }
    if matches!(view.stage, Stage::Failed(_) | Stage::Cancelled(_)) {
        return;
    }
    if let Some(line) = loss_terms(view) {
        paper.line(shorten(&line, paper.width(), glyphs));
    }
    if view.history().len() > 1 && paper.left() > 6 {
        paper.line(loss_chart(state, view, paper.width()));
    }
}

fn stage_line(state: &State, view: &EditView) -> Line<'static> {
    let dot = format!(" {} ", state.glyphs().dot());
    let arrow = state.glyphs().arrow();
    let answers = view.last_rows().map_or(String::new(), |(before, after)| {
        format!(
            "p(new) {} {arrow} {}, p(true) {} {arrow} {}",
            probability(before.probability_new),
            probability(after.probability_new),
            probability(before.probability_true),
            probability(after.probability_true)
        )
    });
    let (verdict, style) = match &view.verdict {
        Some(verdict) => (format!(", {}", printable(&verdict.headline())), state.theme().verdict(verdict)),
        None => (String::new(), state.theme().good()),
    };
    match &view.stage {
        Stage::Running => {
            let mut parts = Vec::new();
            let job = state.running(view.job);
            let optimizes = job.is_none_or(Job::optimizes);
            match view.step.filter(|step| optimizes && *step < view.steps) {
                Some(step) => parts.push(format!("step {} of {}", step + 1, view.steps)),
                // before the first step, and after the last
                None => parts.extend(job.into_iter().flat_map(|job| before_the_first_step(state, job))),
            }
            if parts.is_empty() {
                parts.push("preparing".to_owned());
            }
            if let Some(layer) = view.layer.filter(|_| view.layers.len() > 1) {
                parts.push(format!("now layer {layer}"));
            }
            if let Some(job) = job.filter(|job| job.optimizes()) {
                if let Some(seconds) = job.seconds_per_step() {
                    parts.push(format!("{seconds:.2} s a step"));
                }
                parts.push(time_left(job.left(state.now)));
                if job.cancelling {
                    parts.push("canceling".to_owned());
                }
            }
            Line::styled(format!(" {}", parts.join(&dot)), state.theme().accent())
        }
        Stage::Applied if view.stale => {
            Line::styled(" in place, but with other edits than it was made with", state.theme().warn())
        }
        Stage::Applied => Line::styled(format!(" in place{verdict}: {answers}"), style),
        Stage::Tried => Line::styled(format!(" tried, not in place{verdict}: {answers}"), style),
        Stage::Undone if state.edits.undone.last().map(|edit| edit.number) == view.number => {
            let key = state.keymap().first_key("layers", "redo");
            Line::styled(format!(" undone; {key} redoes it"), state.theme().warn())
        }
        Stage::Undone => {
            let key = state.keymap().first_key("layers", "edits");
            Line::styled(format!(" undone; {key} lists all edits"), state.theme().warn())
        }
        Stage::Cancelled(kept) if kept.is_empty() => {
            Line::styled(" canceled: the weights are unchanged", state.theme().warn())
        }
        Stage::Cancelled(kept) => Line::styled(format!(" canceled; kept: {}", printable(kept)), state.theme().warn()),
        Stage::Failed(_) => Line::default(),
    }
}

/// What goes on before the first step, and how long it takes yet; nothing as long as that is not told.
fn before_the_first_step(state: &State, job: &Job) -> Vec<String> {
    let Some(phase) = phase_text(job) else { return Vec::new() };
    vec![phase, time_left(job.left(state.now))]
}

/// All terms of the loss by name, the total first.
fn loss_terms(view: &EditView) -> Option<String> {
    let total = view.losses.get("loss").map(|loss| format!(" loss {}", ratio(*loss)));
    let others =
        view.losses.iter().filter(|(name, _)| *name != "loss").map(|(name, loss)| format!(" {name} {}", ratio(*loss)));
    let terms: Vec<String> = total.into_iter().chain(others).collect();
    (!terms.is_empty()).then(|| printable(&terms.join(" ")))
}

/// The total loss of all steps as a small chart.
fn loss_chart(state: &State, view: &EditView, room: usize) -> Line<'static> {
    let history = view.history();
    let (first, last) = (history.first().copied(), history.last().copied());
    let label = " loss ";
    let range = format!(" {} {} {}", ratio(first.unwrap_or(0.0)), state.glyphs().arrow(), ratio(last.unwrap_or(0.0)));
    let cells = room.saturating_sub(label.len() + width(&range) + 1).min(60);
    let chart = heights(history, cells, state.glyphs());
    Line::from(vec![
        Span::styled(label, state.theme().muted()),
        Span::styled(chart, state.theme().accent()),
        Span::styled(range, state.theme().muted()),
    ])
}

/// Values as heights; where there are more than cells, each cell takes the last of its share.
fn heights(values: &[f64], cells: usize, glyphs: Glyphs) -> String {
    let steps = glyphs.heights();
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (least, greatest) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let shown = values.len().min(cells);
    (0..shown)
        .map(|cell| {
            let value = values[(cell + 1) * values.len() / shown - 1];
            if !value.is_finite() {
                return "?";
            }
            let share = if greatest > least { (value - least) / (greatest - least) } else { 0.0 };
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "one of a few heights"
            )]
            let step = (share * (steps.len() - 1) as f64).round() as usize;
            steps[step.min(steps.len() - 1)]
        })
        .collect()
}
