//! What the rows of a sweep answer: does localization inform editing? Computed beside the screen, from the sweep's folder.

mod actions;
mod choice;
mod facts;
mod head;
mod notes;
mod page;
mod peaks;
mod published;
mod regret;
mod scatter;
mod section;
mod tables;
mod verdict;
mod words;

use super::{About, Models, Motion, Pane, Table, action, room};
use crate::analyzed::{Analyzed, KnownRows};
use crate::input::{AnalysisEvent, Effect};
use crate::looks::Paper;
use crate::state::{Change, Seen, State, Tone, Wish};
use choice::{Axis, Choice, Chosen};
use locus_protocol::{Event, JobId};
use page::Page;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use section::Section;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Rows that the curve below the table needs.
const LEAST_FOR_CURVE: usize = 9;

pub const ABOUT: About = About {
    name: "analysis",
    title: "Analysis",
    about: "Does localization inform editing? From the rows of the sweep so far: what picking the layer by a localizer \
            is worth, what each rule loses, the published regressions, the same with facts as the unit, effect against \
            score at a layer, and where effects are largest. left and right switch between the sections.",
    go: go_to!("analysis", "Analysis"),
    actions: || action::table(actions::ACTIONS),
    models: Models::Same,
};

/// What is shown of an analysis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Shown {
    section: Section,
    choice: Choice,
    /// Whether the curve of the regret has all the room.
    curve: bool,
}

/// An analysis that is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Running {
    /// Localizers of tables that are done, of how many.
    done: usize,
    all: usize,
}

/// What it has of its own.
#[derive(Clone, Debug, Default)]
pub struct AnalysisPane {
    /// The job that tells of the sweep.
    job: Option<JobId>,
    /// The folder of the sweep, once it was told.
    folder: Option<PathBuf>,
    /// Title of the sweep as its grid gives it; empty where it gives none.
    named: String,
    /// Cells and localizations that the sweep is going to have.
    all: usize,
    /// Rows that were told and are not in the analysis; shared, so that a copy of the workbench costs nothing.
    since: Arc<KnownRows>,
    analyzed: Option<Arc<Analyzed>>,
    /// Why there is no analysis, after that was tried.
    failed: Option<String>,
    running: Option<Running>,
    /// The number of the last analysis that was begun.
    number: u64,
    shown: Shown,
    /// The first line that shows.
    scroll: usize,
    /// The layer of the scatter plot where no model is loaded.
    layer: usize,
}

impl Pane for AnalysisPane {
    fn draw(&self, state: &Seen<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let mut paper = Paper::new(area, buffer);
        let Some(analyzed) = &self.analyzed else {
            head::empty(self, state, &mut paper);
            return None;
        };
        for line in head::lines(self, state, usize::from(area.width)) {
            paper.line(line);
        }
        if let (Some(why), None) = (&self.failed, self.running) {
            let text = crate::looks::printable(&format!(" not computed again: {why}"));
            paper.line(Span::styled(text, state.theme().warn()));
        }
        let Some(chosen) = self.chosen() else {
            paper.line(Span::styled(" no cell has a score yet", state.theme().warn()));
            return None;
        };
        let rest = paper.rest();
        match self.shown.section {
            Section::Scatter if chosen.localizer.is_some() => scatter::draw(self, chosen, state, rest, buffer),
            Section::Regret if self.shown.curve && self.has_curve().is_ok() => {
                regret::draw_curve(chosen, analyzed.analysis.settings.confidence, state, rest, buffer);
            }
            section => {
                let page = self.page(analyzed, chosen, state, usize::from(area.width));
                let below = draw_page(page, self.scroll, state, rest, buffer);
                if section == Section::Regret && usize::from(below.height) >= LEAST_FOR_CURVE {
                    regret::draw_curve(chosen, analyzed.analysis.settings.confidence, state, below, buffer);
                }
            }
        }
        None
    }

    fn motion(&mut self, state: &Seen<'_>, motion: Motion, page: usize) -> Vec<Wish> {
        if matches!(motion, Motion::Left | Motion::Right) {
            self.shown.section = self.shown.section.step(motion == Motion::Right);
            self.scroll = 0;
            return Vec::new();
        }
        if self.shown.section == Section::Scatter {
            return self.move_layer(state, motion, page);
        }
        self.scroll = motion.scrolled(self.scroll, self.hidden_lines(state), page);
        Vec::new()
    }

    fn has_table(&self, _: &Seen<'_>) -> bool {
        self.chosen().is_some()
    }

    fn table(&self, state: &Seen<'_>) -> Option<Table> {
        tables::table(self, state)
    }

    fn hear(&mut self, _: Duration, event: &Event) {
        match event {
            Event::Sweep(started) => {
                self.of_job(started.job);
                self.of_folder(&started.folder);
                self.named.clone_from(&started.title);
                self.all = started.cells + started.localizations;
            }
            Event::Swept { job, row } => {
                self.of_job(*job);
                if self.analyzed.as_ref().is_none_or(|analyzed| !analyzed.rows.has(row)) {
                    Arc::make_mut(&mut self.since).note(row);
                }
            }
            _ => {}
        }
    }

    fn begin_anew(&mut self) {
        // the choice stands, and what is still computed is not listened to
        let (shown, number) = (std::mem::take(&mut self.shown), self.number);
        *self = Self { shown, number: number + 1, ..Self::default() };
    }

    fn remember(&self) -> Option<Value> {
        serde_json::to_value(&self.shown).ok()
    }

    fn recall(&mut self, remembered: &Value) -> serde_json::Result<()> {
        self.shown = Shown::deserialize(remembered)?;
        Ok(())
    }
}

/// Draws a page from a line on, and says how many are hidden. The room below it comes back.
fn draw_page(page: Page<'_>, scroll: usize, state: &State, area: Rect, buffer: &mut Buffer) -> Rect {
    let (total, rows) = (page.lines.len(), usize::from(area.height));
    let mut paper = Paper::new(area, buffer);
    let first = scroll.min(hidden(total, rows));
    let shown = if total - first > rows { rows.saturating_sub(1) } else { rows };
    page.lines.into_iter().skip(first).take(shown).for_each(|line| paper.line(line));
    if total - first > rows {
        let key = state.keymap().first_key(ABOUT.name, "down");
        let text = format!(" {} more below: {key}", locus_protocol::counted(total - first - shown, "line"));
        paper.line(Line::from(Span::styled(text, state.theme().muted())));
    }
    paper.rest()
}

/// Lines that can be scrolled away: so many that the last one shows.
fn hidden(total: usize, rows: usize) -> usize {
    total.saturating_sub(rows)
}

impl AnalysisPane {
    /// Goes to the pane, and computes where there is something to compute.
    pub fn open(&mut self, state: &State) -> Vec<Wish> {
        let mut wishes = vec![Change::Focus(ABOUT.name).into()];
        let has_news = self.analyzed.is_none() || !self.since.is_empty();
        if has_news && self.can_analyze(state).is_ok() {
            wishes.extend(self.begin(false));
        }
        wishes
    }

    /// Takes in what an analysis tells; one that was replaced is not listened to any more.
    pub fn take(&mut self, state: &State, number: u64, event: AnalysisEvent) -> Vec<Wish> {
        if number != self.number || self.running.is_none() {
            return Vec::new();
        }
        let is_hidden = state.pane() != ABOUT.name;
        match event {
            AnalysisEvent::Computed { done, all } => {
                self.running = Some(Running { done, all });
                Vec::new()
            }
            AnalysisEvent::Ended(Ok(analyzed)) => {
                (self.running, self.failed) = (None, None);
                Arc::make_mut(&mut self.since).forget(&analyzed.rows);
                self.analyzed = Some(analyzed);
                let key = state.keymap().first_key("", ABOUT.go.name);
                let text = format!("the analysis of the sweep is computed; {key} shows it");
                is_hidden.then(|| Wish::say(Tone::Good, text)).into_iter().collect()
            }
            AnalysisEvent::Ended(Err(why)) => {
                self.running = None;
                let wish = is_hidden.then(|| Wish::say(Tone::Bad, why.clone()));
                self.failed = Some(why);
                wish.into_iter().collect()
            }
        }
    }

    fn can_analyze(&self, state: &State) -> Result<(), String> {
        match (&self.folder, self.running) {
            (None, _) => Err(format!("there is no sweep to analyze; {} starts one", state.key("sweep"))),
            (_, Some(_)) => Err("the analysis is being computed".to_owned()),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, fully: bool) -> Vec<Wish> {
        let Some(folder) = self.folder.clone() else { return Vec::new() };
        self.number += 1;
        self.running = Some(Running::default());
        vec![Effect::Analyze { number: self.number, folder, fully }.into()]
    }

    /// Rows start over where another job tells them; those that were analyzed stay known.
    fn of_job(&mut self, job: JobId) {
        if self.job != Some(job) {
            self.job = Some(job);
            Arc::make_mut(&mut self.since).clear();
        }
    }

    /// The analysis of another folder is none of this one.
    fn of_folder(&mut self, folder: &PathBuf) {
        if self.folder.as_ref() == Some(folder) {
            return;
        }
        if self.folder.is_some() {
            (self.analyzed, self.running, self.failed) = (None, None, None);
            self.number += 1;
        }
        self.folder = Some(folder.clone());
    }

    /// The table that is shown.
    fn chosen(&self) -> Option<Chosen<'_>> {
        self.shown.choice.of(&self.analyzed.as_ref()?.analysis)
    }

    fn has_several(&self, axis: Axis, state: &State) -> Result<(), String> {
        let several = |analyzed: &Arc<Analyzed>| self.shown.choice.names(&analyzed.analysis, axis).all.len() > 1;
        match (&self.analyzed, axis) {
            (None, _) => Err(format!("no analysis is computed yet; {} computes it", self.again(state))),
            (Some(analyzed), _) if several(analyzed) => Ok(()),
            (_, Axis::Method) => Err("the sweep has no other method".to_owned()),
            (_, Axis::Objective) => Err("the sweep has no other objective of this method".to_owned()),
            (_, Axis::Score) => Err("the sweep has no other score".to_owned()),
            (_, Axis::Localizer) => Err("the sweep has no other localizer".to_owned()),
        }
    }

    fn has_curve(&self) -> Result<(), String> {
        let regret = self.chosen().and_then(|chosen| chosen.panel.regret.as_ref().ok());
        match regret {
            Some(regret) if self.shown.section == Section::Regret && !regret.curve.is_empty() => Ok(()),
            _ => Err("only the section Regret has a curve, if facts have a score at every layer".to_owned()),
        }
    }

    fn step(&mut self, axis: Axis, forward: bool) -> Vec<Wish> {
        if let Some(analyzed) = &self.analyzed {
            self.shown.choice.step(&analyzed.analysis, axis, forward);
            self.scroll = 0;
        }
        Vec::new()
    }

    /// The layer of the scatter plot among those of a table: its place, and the layer.
    fn layer_of(&self, layers: &[usize], state: &State) -> Option<(usize, usize)> {
        let wanted = if state.layers() > 0 { state.layer() } else { self.layer };
        (0..layers.len()).min_by_key(|place| layers[*place].abs_diff(wanted)).map(|place| (place, layers[place]))
    }

    fn move_layer(&mut self, state: &State, motion: Motion, page: usize) -> Vec<Wish> {
        let chosen = self.chosen().map(|chosen| chosen.place);
        let points = chosen.and_then(|place| self.analyzed.as_ref()?.points.get(place));
        let Some(layers) = points.map(|points| points.layers.clone()) else { return Vec::new() };
        let Some((place, _)) = self.layer_of(&layers, state) else { return Vec::new() };
        let Some(layer) = layers.get(motion.in_list(place, layers.len(), page)) else { return Vec::new() };
        self.layer = *layer;
        if *layer < state.layers() { vec![Change::MoveLayer(*layer).into()] } else { Vec::new() }
    }

    /// The section that shows, as lines.
    fn page<'a>(&self, analyzed: &Analyzed, chosen: Chosen<'_>, state: &'a State, width: usize) -> Page<'a> {
        let mut page = Page::new(state, width);
        let analysis = &analyzed.analysis;
        match self.shown.section {
            Section::Verdict => verdict::write(self, analysis, chosen, &mut page),
            Section::Regret => regret::write(self, analysis, chosen, &mut page),
            Section::Published => published::write(self, analysis, chosen, &mut page),
            Section::Facts => facts::write(self, analysis, chosen, &mut page),
            Section::Scatter => self.no_localizer(&mut page),
            Section::Peaks => peaks::write(self, analysis, chosen, &mut page),
        }
        page
    }

    /// Lines of the section that the pane has no room for.
    fn hidden_lines(&self, state: &State) -> usize {
        let (Some(analyzed), Some(chosen)) = (&self.analyzed, self.chosen()) else { return 0 };
        let room = room(state);
        let (width, height) = (usize::from(room.width), usize::from(room.height));
        let failed = usize::from(self.failed.is_some() && self.running.is_none());
        let head = head::lines(self, state, width).len() + failed;
        let page = self.page(analyzed, chosen, state, width);
        hidden(page.lines.len(), height.saturating_sub(head))
    }

    fn title(&self) -> String {
        match (&self.folder, self.named.is_empty()) {
            (_, false) => self.named.clone(),
            (Some(folder), true) => folder.display().to_string(),
            (None, true) => "a sweep".to_owned(),
        }
    }

    /// How far the analysis is that is computed.
    fn progress(&self) -> String {
        match self.running {
            Some(Running { all: 0, .. }) => "computing: reading the rows".to_owned(),
            Some(Running { done, all }) => format!("computing: {done} of {all} tables of a localizer"),
            None => "not computed yet".to_owned(),
        }
    }

    /// Whether more rows may come.
    fn goes_on(&self) -> bool {
        let known = self.analyzed.as_ref().map_or(0, |analyzed| analyzed.rows.len());
        known + self.since.len() < self.all || !self.since.is_empty()
    }

    /// The key that computes again.
    fn again(&self, state: &State) -> String {
        state.keymap().first_key(ABOUT.name, "analyze-again")
    }

    /// What is missing where the sweep has no localizer, and what gives it.
    fn no_localizer(&self, page: &mut Page<'_>) {
        let sweep = page.state.keymap().first_key(ABOUT.name, "sweep");
        page.text(
            "this sweep has no localizer, so there is nothing to compare with the scores",
            page.state.theme().warn(),
        );
        page.note(&format!(
            "add [[localizers]] with kind = \"causal-trace\" to its grid and sweep into another folder (docs/sweeps.md); a \
             sweep by {sweep} has three"
        ));
        if self.shown.section != Section::Regret {
            page.note("the section Regret compares fixed and random layers without one");
        }
    }
}
