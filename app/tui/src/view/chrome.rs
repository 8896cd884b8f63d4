//! What stands around the panes: their names, the selected fact, what runs, the model, the keys.

use crate::actions;
use crate::looks::{Paper, ahead, bytes, duration, printable, shorten, width};
use crate::panes::{Act, PANES, Pane, Panes, action_table, prompt_spans};
use crate::state::{Arrangement, Job, State, Tone, arrange, phase_text, time_left};
use crate::workbench::Workbench;
use locus_protocol::{JobKind, counted};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Names of the panes, on screens that show one at a time. Where they have no room, the last names go first, but for that
/// of the pane that shows; then the gaps, then all other panes.
pub fn tabs(state: &State, area: Rect, buffer: &mut Buffer) {
    let tab = |index: usize, named: bool| match PANES.get(index) {
        Some(pane) if named => format!(" {} {} ", index + 1, pane.title),
        _ => format!(" {} ", index + 1),
    };
    let all = |named: usize, gap: &'static str| -> Vec<(usize, String)> {
        let tab = |index| (index, tab(index, index < named || index == state.screen.focus()) + gap);
        (0..PANES.len()).map(tab).collect()
    };
    let next = format!("({}: next)", state.key("next-pane"));
    let room = usize::from(area.width).saturating_sub(width(&next));
    let fits = |tabs: &Vec<(usize, String)>| tabs.iter().map(|(_, text)| width(text)).sum::<usize>() <= room;
    let ways = (0..=PANES.len()).rev().map(|named| (named, " ")).chain([(0, "")]);
    let tabs = ways.map(|(named, gap)| all(named, gap)).find(fits);
    let tabs = tabs.unwrap_or_else(|| vec![(state.screen.focus(), tab(state.screen.focus(), true))]);
    let style = |index| if index == state.screen.focus() { state.theme().selected() } else { state.theme().muted() };
    let mut spans: Vec<Span<'_>> = tabs.into_iter().map(|(index, text)| Span::styled(text, style(index))).collect();
    spans.push(Span::styled(next, state.theme().muted()));
    Paper::new(area, buffer).line(spans);
}

/// The selected fact in one line, and before it, where the pane's title would say so, which model its numbers are of.
pub fn context(state: &State, panes: &Panes, area: Rect, buffer: &mut Buffer) {
    let Some(fact) = state.fact() else { return };
    let model = panes.get(state.pane()).and_then(|pane| pane.of_model(&state.seen()));
    let label = model.map_or_else(|| " fact: ".to_owned(), |model| format!(" {model}: "));
    let mut spans = vec![Span::styled(label, state.theme().muted())];
    spans.extend(prompt_spans(state, fact));
    let targets =
        format!("  {} {} {}", printable(&fact.target_true), state.glyphs().arrow(), printable(&fact.target_new));
    spans.push(Span::raw(targets));
    if state.facts.marked() > 0 {
        spans.push(Span::styled(format!("  {} marked", state.facts.marked()), state.theme().accent()));
    }
    Paper::new(area, buffer).line(spans);
}

/// The lines below the panes.
pub fn foot(workbench: &Workbench, arrangement: &Arrangement, buffer: &mut Buffer) {
    let state = &workbench.state;
    if let Some(area) = arrangement.activity {
        Paper::new(area, buffer).line(activity(state, usize::from(area.width)));
    }
    if let Some(area) = arrangement.status {
        Paper::new(area, buffer).line(status(state, usize::from(area.width)));
    }
    if let Some(area) = arrangement.hints {
        Paper::new(area, buffer).line(hints(workbench, usize::from(area.width)));
    }
}

/// What runs, or what was said last.
fn activity(state: &State, room: usize) -> Line<'static> {
    if let Some(notice) = state.notices.shown() {
        let (mark, style) = match notice.tone {
            Tone::Good => ("", state.theme().good()),
            Tone::Plain => ("", state.theme().accent()),
            Tone::Warn => ("", state.theme().warn()),
            Tone::Bad => ("error: ", state.theme().bad()),
        };
        let text = format!(" {mark}{}", printable(&notice.text));
        let tail = match notice.tone == Tone::Bad && width(&text) > room {
            true => format!(" ({} shows all)", state.key("last-error")),
            false => String::new(),
        };
        let cut = shorten(&text, room.saturating_sub(width(&tail)), state.glyphs());
        return Line::from(vec![Span::styled(cut, style), Span::styled(tail, state.theme().muted())]);
    }
    let Some(job) = state.job() else { return Line::default() };
    let spinner = state.glyphs().spinner();
    let turn = usize::try_from(state.now.as_millis() / 250).unwrap_or(0) % spinner.len();
    let text = format!(" {} {}", spinner[turn], job_text(state, job));
    Line::from(Span::styled(shorten(&text, room, state.glyphs()), state.theme().accent()))
}

/// A running job: title, phase, how far, how long yet.
fn job_text(state: &State, job: &Job) -> String {
    let dot = format!(" {} ", state.glyphs().dot());
    let title = shorten(&job.title, 34, state.glyphs());
    let mut parts = vec![match (job.cancelling, job.paused) {
        (true, _) => format!("canceling: {title}"),
        (_, true) => format!("paused: {title}"),
        _ => title,
    }];
    parts.extend(phase_text(job));
    if let Some(other) = state.standing_by() {
        parts.push(format!("{} stands by", shorten(&other.title, 34, state.glyphs())));
    }
    if !state.jobs.waiting.is_empty() {
        let all = state.all_left().map_or_else(String::new, |left| format!(", all done in {}", ahead(left)));
        parts.push(format!("{} waiting ({}){all}", state.jobs.waiting.len(), state.key("jobs")));
    }
    let left = job.left(state.now);
    if left.is_none() {
        parts.push(format!("{} so far", duration(state.now.saturating_sub(job.started))));
    }
    parts.push(time_left(left));
    parts.iter().map(|part| printable(part)).collect::<Vec<_>>().join(&dot)
}

/// Model, device, number format, memory, edits; the last parts go first when there is no room.
fn status(state: &State, room: usize) -> Line<'static> {
    let mut parts: Vec<(String, ratatui::style::Style)> = Vec::new();
    let plain = state.theme().text();
    if let Some(run) = &state.link.follows {
        parts.push((format!("read-only: {}", printable(run)), state.theme().warn()));
    }
    match &state.engine.model {
        Some(model) => {
            parts.push((printable(&model.name), state.theme().heading()));
            parts.push((printable(&model.device.name), plain));
            parts.push((printable(&model.number_format), plain));
        }
        None => {
            let loading = state.job().is_some_and(|job| job.kind == JobKind::Load);
            parts.push((if loading { "loading the model" } else { "no model" }.to_owned(), state.theme().warn()));
        }
    }
    parts.push(match (state.edits.applied.len(), state.edits.unedited) {
        (0, Some(false)) => ("weights differ from the checkpoint".to_owned(), state.theme().bad()),
        (0, _) => ("no edits".to_owned(), plain),
        (edits, _) => (format!("{} in place", counted(edits, "edit")), state.theme().warn()),
    });
    if state.compare.bytes() > 0 {
        parts.push((format!("variants {}", bytes(state.compare.bytes())), plain));
    }
    if let Some(memory) = &state.engine.memory {
        parts.push((format!("RSS {}", bytes(memory.resident)), plain));
        for (number, gpu) in memory.gpus.iter().enumerate() {
            let text = format!(
                "GPU {number} {} % {} of {} (ours {})",
                gpu.busy,
                bytes(gpu.used),
                bytes(gpu.total),
                bytes(gpu.ours)
            );
            let full = gpu.total > 0 && gpu.used > gpu.total / 10 * 9;
            parts.push((text, if full { state.theme().warn() } else { plain }));
        }
    }
    if !arrange(state).has_tabs {
        parts.push((format!("layout {}", printable(&state.screen.windows.layout().name)), state.theme().muted()));
    }
    let dot = format!(" {} ", state.glyphs().dot());
    let mut spans = vec![Span::raw(" ")];
    let mut taken = 1;
    for (index, (text, style)) in parts.into_iter().enumerate() {
        let before = if index == 0 { "" } else { dot.as_str() };
        taken += width(before) + width(&text);
        if taken > room && index > 0 {
            break;
        }
        spans.push(Span::styled(before.to_owned(), state.theme().muted()));
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}

/// Keys that do something here and now.
fn hints(workbench: &Workbench, room: usize) -> Line<'static> {
    let Workbench { state, panes, overlay } = workbench;
    let mut offers: Vec<(String, String)> = Vec::new();
    if let Some(overlay) = overlay {
        offers.extend(overlay.hints().iter().map(owned));
    } else if let Some(keys) = panes.typing().and_then(Pane::typing) {
        offers.extend(keys.iter().map(owned));
    } else if !state.keyboard.pending.is_empty() {
        // where there is room they stand in a box with what they do
        let next = state.keymap().continuations(state.pane(), &state.keyboard.pending);
        offers.extend(next.into_iter().map(|(key, action)| (key, action.to_owned())));
    } else {
        offers.extend(hinted(state, panes).filter_map(|(action, hint)| {
            Some((state.keymap().keys_of(state.pane(), action.name()).first()?.clone(), hint))
        }));
    }
    // How to get help and how to leave must always be there.
    let always = |(_, text): &(String, String)| ["help", "quit"].contains(&text.as_str());
    let (last, first): (Vec<_>, Vec<_>) = offers.into_iter().partition(always);
    let cells = |(key, text): &(String, String)| width(key) + width(text) + 3;
    let mut left = (room + 1).saturating_sub(last.iter().map(cells).sum());
    let mut fits = |offer: &(String, String)| {
        let fits = cells(offer) <= left;
        left = if fits { left - cells(offer) } else { 0 };
        fits
    };
    let shown: Vec<_> = first.into_iter().filter(|offer| fits(offer)).chain(last).collect();
    let mut spans = Vec::new();
    for (index, (key, text)) in shown.into_iter().enumerate() {
        spans.push(Span::raw(if index == 0 { " " } else { "  " }));
        spans.push(Span::styled(key, state.theme().accent()));
        spans.push(Span::raw(format!(" {text}")));
    }
    Line::from(spans)
}

/// Actions with a hint that can run now: what stops something first, then the pane's, then the others.
fn hinted(state: &State, panes: &Panes) -> impl Iterator<Item = (&'static dyn Act, String)> {
    let pane = PANES.get(state.screen.focus()).map_or_else(Vec::new, |pane| (pane.actions)());
    let (stopping, others): (Vec<_>, Vec<_>) =
        action_table(actions::GLOBAL).into_iter().partition(|action| action.always());
    let stopping = stopping.into_iter().filter(|_| state.job().is_some());
    let offered = stopping.chain(pane).chain(others).filter(|action| action.available(panes, state).is_ok());
    offered.filter_map(|action| Some((action, action.hint(panes, state)?))).collect::<Vec<_>>().into_iter()
}

fn owned((key, text): &(&str, &str)) -> (String, String) {
    ((*key).to_owned(), (*text).to_owned())
}
