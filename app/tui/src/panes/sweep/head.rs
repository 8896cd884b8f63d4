//! The head of the pane: which sweep it is, how far, how fast; or how to start one.

use super::SweepPane;
use crate::looks::{Paper, ahead, duration, printable, shorten, wrap};
use crate::state::{State, phase_text};
use locus_protocol::{JobKind, counted};
use ratatui::text::{Line, Span};

/// How to start a sweep, or what the one does that has told nothing yet.
pub fn empty(state: &State, paper: &mut Paper<'_>) {
    let running = state.job().into_iter().chain(state.standing_by()).find(|job| job.kind == JobKind::Sweep);
    if let Some(job) = running {
        let phase = phase_text(job).unwrap_or_else(|| "beginning".to_owned());
        paper.line(Span::styled(format!(" {}: {}", printable(&job.title), phase), state.theme().accent()));
        return;
    }
    let key = state.keymap().first_key("sweep", "sweep");
    paper.line(Span::styled(" no sweep yet", state.theme().heading()));
    let lines = [
        format!(
            "{key} (or :sweep) edits the selected or marked facts at every layer, one cell each, with the edit form's \
                 method and objective, and measures each edit alone"
        ),
        "locus sweep run FILE --out DIR sweeps a grid of your own without the workbench".to_owned(),
        "locus --follow DIR shows such a sweep here while it runs".to_owned(),
    ];
    for line in lines {
        let room = paper.width().saturating_sub(1);
        for part in wrap(&format!(" {line}"), room, 3) {
            paper.line(Span::styled(part, state.theme().muted()));
        }
    }
}

/// Title, cells, pace, failures, and which edit the table is about.
pub fn draw(pane: &SweepPane, state: &State, paper: &mut Paper<'_>) {
    let gathered = &pane.gathered;
    let told = gathered.started.as_ref().map(|(_, started)| started);
    let dot = format!(" {} ", state.glyphs().dot());
    let title = told.map(|started| match started.title.as_str() {
        "" => started.folder.display().to_string(),
        title => title.to_owned(),
    });
    let title = printable(&title.unwrap_or_else(|| "a sweep".to_owned()));
    let title = shorten(&format!(" {title}"), paper.width(), state.glyphs());
    paper.line(Span::styled(title, state.theme().heading()));
    let mut parts = vec![match gathered.all() {
        Some(all) => format!("{} of {}", gathered.done().min(all), counted(all, "cell")),
        None => format!("{} so far", counted(gathered.facts(), "fact")),
    }];
    parts.extend(pace(pane, state));
    if let Some(started) = told {
        let left_out: usize = started.left_out.values().sum();
        let left_out = if left_out > 0 { format!(", {left_out} left out") } else { String::new() };
        parts.push(format!("{}{left_out}", counted(started.facts, "fact")));
    }
    paper.line(Span::raw(shorten(&format!(" {}", parts.join(&dot)), paper.width(), state.glyphs())));
    if let Some((failed, why)) = gathered.failures() {
        let text = format!(" {} failed: {}", counted(failed, "cell"), printable(why));
        paper.line(Span::styled(shorten(&text, paper.width(), state.glyphs()), state.theme().warn()));
    }
    if let Some(edit) = pane.edit() {
        let edits = gathered.edits();
        let place = edits.iter().position(|known| *known == edit).unwrap_or(0) + 1;
        let mut spans =
            vec![Span::styled(printable(&format!(" {}{dot}{}", edit.name, edit.objective)), state.theme().accent())];
        if edits.len() > 1 {
            spans.push(Span::styled(format!("  {place} of {}", edits.len()), state.theme().muted()));
        }
        paper.line(Line::from(spans));
    }
}

/// How fast cells come and how long it takes yet; or why none come.
fn pace(pane: &SweepPane, state: &State) -> Vec<String> {
    let gathered = &pane.gathered;
    if gathered.all().is_none() {
        return Vec::new();
    }
    let job = gathered.job().and_then(|job| state.running(job));
    let follows = state.link.follows.is_some();
    match job {
        Some(job) if job.cancelling => return vec!["canceling".to_owned()],
        Some(job) if job.paused => return vec!["paused".to_owned()],
        Some(_) if gathered.is_retry() => return vec!["retrying failed cells".to_owned()],
        _ if gathered.is_complete() => return vec!["done".to_owned()],
        None if !follows => {
            return vec![format!("stopped; {} resumes it", state.keymap().first_key("sweep", "resume-sweep"))];
        }
        _ => {}
    }
    let mut parts = Vec::new();
    match gathered.rate(state.now) {
        Some(rate) => parts.push(format!("{} cells/s", rate_text(rate))),
        None if follows => parts.push("no new row yet".to_owned()),
        None => {}
    }
    match gathered.left(state.now) {
        Some(left) => parts.push(format!("{} left", ahead(left))),
        None if job.is_some() => parts.push("time left unknown".to_owned()),
        None => {}
    }
    if let Some(since) = gathered.since_last(state.now).filter(|since| follows && since.as_secs() >= 10) {
        parts.push(format!("last row {} ago", duration(since)));
    }
    parts
}

fn rate_text(rate: f64) -> String {
    match rate {
        rate if rate >= 10.0 => format!("{rate:.0}"),
        rate if rate >= 1.0 => format!("{rate:.1}"),
        rate => format!("{rate:.2}"),
    }
}
