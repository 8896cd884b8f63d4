//! The head of the pane: which sweep, of how many rows, which section, which table; or what is missing and which key gives
//! it.

use super::choice::{Axis, Names, spoken};
use super::section::Section;
use super::{ABOUT, AnalysisPane};
use crate::looks::{Paper, printable, shorten, width, wrap};
use crate::state::State;
use locus_protocol::counted;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Which sweep it is, and what the numbers are of.
pub fn lines(pane: &AnalysisPane, state: &State, cells: usize) -> Vec<Line<'static>> {
    let theme = state.theme();
    let title = printable(&format!(" {}", pane.title()));
    let (of, style) = freshness(pane, state);
    let dot = format!(" {} ", state.glyphs().dot());
    let mut lines = Vec::new();
    if width(&title) + width(&dot) + width(&of) <= cells {
        let spans =
            vec![Span::styled(title, theme.heading()), Span::styled(dot, theme.muted()), Span::styled(of, style)];
        lines.push(Line::from(spans));
    } else {
        lines.push(Line::from(Span::styled(shorten(&title, cells, state.glyphs()), theme.heading())));
        for part in wrap(&format!(" {of}"), cells.saturating_sub(1).max(1), 1) {
            lines.push(Line::from(Span::styled(part, style)));
        }
    }
    lines.push(sections(pane.shown.section, state, cells));
    lines.extend(choices(pane, state, cells));
    lines
}

/// "of 312 rows, 2000 resamples; 18 more since: r computes again".
fn freshness(pane: &AnalysisPane, state: &State) -> (String, Style) {
    let theme = state.theme();
    let Some(analyzed) = &pane.analyzed else { return (pane.progress(), theme.accent()) };
    let settings = &analyzed.analysis.settings;
    let seconds = crate::looks::seconds(analyzed.took.as_secs_f64());
    let rows = counted(analyzed.rows.len(), "row");
    let of = if pane.all > analyzed.rows.len() { format!("{rows} (of {})", pane.all) } else { rows };
    let mut text = format!("of {of}, {} in {seconds}", counted(settings.resamples, "resample"));
    if analyzed.is_quick {
        let key = state.keymap().first_key(ABOUT.name, "analyze-fully");
        text.push_str(&format!(" (few, to be quick; {key}: as many as locus analyze)"));
    }
    let since = pane.since.len();
    if pane.running.is_some() {
        return (format!("{text}; {}", pane.progress()), theme.accent());
    }
    if since > 0 {
        text.push_str(&format!("; {since} more since: {} computes again", pane.again(state)));
        return (text, theme.warn());
    }
    (text, theme.muted())
}

/// The names of the sections, the one that shows reversed.
fn sections(shown: Section, state: &State, cells: usize) -> Line<'static> {
    let names: usize = Section::ALL.iter().map(|section| width(section.title()) + 2).sum();
    let mut spans = vec![Span::raw(if names < cells { " " } else { "" })];
    for section in Section::ALL {
        let style = if section == shown { state.theme().selected() } else { state.theme().muted() };
        let title = section.title();
        // where there is no room for all, that which shows comes first
        if names < cells || section == shown {
            spans.push(Span::styled(format!(" {title} "), style));
        }
    }
    let keys = [("left", ""), ("right", ": another section")];
    let keys: String =
        keys.iter().map(|(action, text)| format!(" {}{text}", state.keymap().first_key(ABOUT.name, action))).collect();
    if names + width(&keys) < cells || names >= cells {
        spans.push(Span::styled(keys, state.theme().muted()));
    }
    Line::from(spans)
}

/// What is chosen of each axis, with the key that chooses another one where there is one.
fn choices(pane: &AnalysisPane, state: &State, cells: usize) -> Option<Line<'static>> {
    let analysis = &pane.analyzed.as_ref()?.analysis;
    let axes = [
        (Axis::Method, "next-method"),
        (Axis::Objective, "next-objective"),
        (Axis::Score, "analysis-score"),
        (Axis::Localizer, "analysis-localizer"),
    ];
    let all: Vec<(Names, String)> = axes
        .into_iter()
        .map(|(axis, action)| (pane.shown.choice.names(analysis, axis), state.keymap().first_key(ABOUT.name, action)))
        .filter(|(names, _)| !names.all.is_empty())
        .collect();
    let part = |(names, key): &(Names, String), counts: bool, room: usize| {
        let several = names.all.len() > 1;
        let count =
            if several && counts { format!(" ({}/{})", names.place + 1, names.all.len()) } else { String::new() };
        let key = if several { format!("{key} ") } else { String::new() };
        let name = shorten(&printable(&spoken(&names.all[names.place])), room, state.glyphs());
        (key, name, count)
    };
    let length = |counts: bool, room: usize| -> usize {
        all.iter()
            .map(|own| part(own, counts, room))
            .map(|(key, name, count)| width(&key) + width(&name) + width(&count) + 2)
            .sum()
    };
    let ways = [(true, 60), (false, 60), (false, 26), (false, 18), (false, 12), (false, 7)];
    let (counts, room) = ways.into_iter().find(|(counts, room)| length(*counts, *room) <= cells).unwrap_or((false, 5));
    let mut spans = Vec::new();
    for (number, own) in all.iter().enumerate() {
        let (key, name, count) = part(own, counts, room);
        spans.push(Span::raw(if number == 0 { " " } else { "  " }));
        spans.push(Span::styled(key, state.theme().accent()));
        spans.push(Span::styled(name, state.theme().heading()));
        spans.push(Span::styled(count, state.theme().muted()));
    }
    Some(Line::from(spans))
}

/// There is no analysis: what is missing, and which key gives it.
pub fn empty(pane: &AnalysisPane, state: &State, paper: &mut Paper<'_>) {
    let theme = state.theme();
    let (sweep, again) = (state.keymap().first_key(ABOUT.name, "sweep"), pane.again(state));
    let mut say = |text: &str, style: Style| {
        for part in wrap(&format!(" {}", printable(text)), paper.width().saturating_sub(1).max(1), 3) {
            paper.line(Span::styled(part, style));
        }
    };
    if pane.running.is_some() {
        say(&pane.title(), theme.heading());
        return say(&pane.progress(), theme.accent());
    }
    if let Some(why) = &pane.failed {
        say(&pane.title(), theme.heading());
        say(why, theme.warn());
        say(&format!("{again} tries again"), theme.muted());
        let folder = pane.folder.as_ref().map_or_else(String::new, |folder| folder.display().to_string());
        let elsewhere = format!("if the engine runs on another machine: locus analyze {folder} there");
        return say(&elsewhere, theme.muted());
    }
    if pane.folder.is_none() {
        say("no sweep to analyze yet", theme.heading());
        let lines = [
            "an analysis says whether localization informs editing: what it costs to pick the layer by a trace"
                .to_owned(),
            format!("{sweep} (or :sweep) sweeps the selected or marked facts over all layers, with three localizers"),
            "locus --follow DIR shows the sweep in a folder, which can be analyzed here, too".to_owned(),
        ];
        return lines.iter().for_each(|line| say(line, theme.muted()));
    }
    say(&pane.title(), theme.heading());
    let rows = match pane.since.len() {
        0 => format!("no row of the sweep has arrived yet; {again} computes the analysis once some have"),
        rows => format!("{again} computes the analysis of the {} so far", counted(rows, "row")),
    };
    say(&rows, theme.accent());
    say(
        "does localization inform editing? verdict, regret, the published regressions, and what holds with facts as the unit",
        theme.muted(),
    );
}
