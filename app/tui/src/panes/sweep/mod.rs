//! A sweep, live: scores by layer over its facts, with what each localizer says of the layers.

mod curves;
mod gathered;
mod head;
mod order;
mod pace;
mod table;

use super::{About, Action, Models, Motion, Pane, Table, action};
use crate::looks::Paper;
use crate::state::{Change, Seen, State, Tone, Wish};
use gathered::{Edit, Gathered};
use locus_protocol::{Event, Job, SweepOrder};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Rows that curves below the table need.
const LEAST_FOR_CURVES: usize = 10;

pub const ABOUT: About = About {
    name: "sweep",
    title: "Sweep",
    about: "Scores of a sweep by layer for one edit and objective: the mean over n facts with the half-width of its \
            95 % confidence interval. They fill in as rows arrive. Curves: a score of each edit by layer with its \
            intervals (A, B), and the effects of each localizer by layer (a, b), each scaled to its own maximum.",
    go: go_to!("sweep", "Sweep"),
    actions: || action::table(ACTIONS),
    models: Models::Same,
};

const ACTIONS: &[Action<SweepPane>] = &[
    Action {
        name: "next-edit",
        help: "show the next edit and objective of the sweep",
        hint: Some(|_, _| "next edit".into()),
        available: |sweep, _| sweep.has_several(),
        run: |sweep, _| sweep.step_edit(true),
        ..Action::PLAIN
    },
    Action {
        name: "previous-edit",
        help: "show the previous edit and objective of the sweep",
        available: |sweep, _| sweep.has_several(),
        run: |sweep, _| sweep.step_edit(false),
        ..Action::PLAIN
    },
    Action {
        name: "sweep-score",
        help: "another score: rewrite, paraphrase, neighborhood, all",
        hint: Some(|_, _| "score".into()),
        available: |sweep, _| sweep.has_rows(),
        run: |sweep, _| sweep.step_score(true),
        ..Action::PLAIN
    },
    Action {
        name: "sweep-curves",
        help: "curves alone; again: the table",
        hint: Some(|sweep, _| if sweep.shown.curves { "table" } else { "curves" }.into()),
        available: |sweep, _| sweep.has_rows(),
        run: |sweep, _| {
            sweep.shown.curves = !sweep.shown.curves;
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "resume-sweep",
        help: "resume the sweep shown; if done: retry the failed cells",
        hint: Some(|sweep, _| if sweep.gathered.is_complete() { "retry failed cells" } else { "resume" }.into()),
        available: |sweep, state| sweep.can_resume(state),
        run: |sweep, _| sweep.resume(),
        ..Action::PLAIN
    },
];

/// What is shown of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Shown {
    /// Whether the curves have all the room.
    curves: bool,
    /// The chosen score, by its place among those that there are.
    score: usize,
}

/// What it has of its own.
#[derive(Clone, Debug, Default)]
pub struct SweepPane {
    /// The rows; shared, so that a copy of the workbench costs nothing.
    gathered: Arc<Gathered>,
    shown: Shown,
    /// The chosen edit; the first one without it.
    edit: Option<Edit>,
    /// The layer under the cursor where no model is loaded.
    layer: usize,
}

impl Pane for SweepPane {
    fn draw(&self, state: &Seen<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let mut paper = Paper::new(area, buffer);
        if self.gathered.is_empty() {
            head::empty(state, &mut paper);
            return None;
        }
        head::draw(self, state, &mut paper);
        if self.has_rows().is_err() {
            return None;
        }
        if !self.shown.curves {
            table::draw(self, state, &mut paper);
        }
        if self.shown.curves || paper.left() >= LEAST_FOR_CURVES {
            curves::draw_legend(self, state, &mut paper);
            let rest = paper.rest();
            curves::draw(self, state, rest, buffer);
        }
        None
    }

    fn motion(&mut self, state: &Seen<'_>, motion: Motion, page: usize) -> Vec<Wish> {
        match motion {
            Motion::Left | Motion::Right => return self.step_score(motion == Motion::Right),
            _ => self.layer = motion.in_list(self.cursor(state), self.gathered.layers(), page),
        }
        if state.layers() == 0 {
            Vec::new()
        } else {
            vec![Change::MoveLayer(self.layer.min(state.layers() - 1)).into()]
        }
    }

    fn has_table(&self, _: &Seen<'_>) -> bool {
        self.has_rows().is_ok()
    }

    fn table(&self, state: &Seen<'_>) -> Option<Table> {
        table::table(self, state)
    }

    fn hear(&mut self, now: Duration, event: &Event) {
        match event {
            Event::Sweep(started) => {
                let gathered = Arc::make_mut(&mut self.gathered);
                gathered.of_job(started.job);
                gathered.start(now, started);
            }
            Event::Swept { job, row } => {
                let gathered = Arc::make_mut(&mut self.gathered);
                gathered.of_job(*job);
                gathered.take(now, row);
            }
            _ => {}
        }
    }

    fn begin_anew(&mut self) {
        (self.gathered, self.edit) = (Arc::default(), None);
    }

    fn remember(&self) -> Option<Value> {
        serde_json::to_value(&self.shown).ok()
    }

    fn recall(&mut self, remembered: &Value) -> serde_json::Result<()> {
        self.shown = Shown::deserialize(remembered)?;
        Ok(())
    }
}

impl SweepPane {
    /// Orders the sweep that the edit form asks for.
    pub fn start(&self, state: &State) -> Vec<Wish> {
        match order::order(state) {
            Ok(order) => vec![Change::Focus("sweep").into(), Wish::order(order.title(), order)],
            Err(error) => vec![Wish::say(Tone::Bad, error)],
        }
    }

    /// The edit that the table is about.
    fn edit(&self) -> Option<&Edit> {
        let edits = self.gathered.edits();
        let chosen = edits.iter().copied().find(|edit| Some(*edit) == self.edit.as_ref());
        chosen.or_else(|| edits.first().copied())
    }

    /// The place in `SCORES` of the score that curves are about.
    fn score(&self) -> Option<usize> {
        let scores = self.gathered.scores();
        scores.get(self.shown.score.min(scores.len().saturating_sub(1))).copied()
    }

    /// The layer under the cursor: the same in all panes where a model is loaded.
    fn cursor(&self, state: &State) -> usize {
        let layer = if state.layers() > 0 { state.layer() } else { self.layer };
        layer.min(self.gathered.layers().saturating_sub(1))
    }

    fn has_rows(&self) -> Result<(), String> {
        match self.gathered.done() {
            0 => Err("no row of a sweep has arrived yet".to_owned()),
            _ => Ok(()),
        }
    }

    fn has_several(&self) -> Result<(), String> {
        match self.gathered.edits().len() {
            0 | 1 => Err("the sweep has no other edit or objective".to_owned()),
            _ => Ok(()),
        }
    }

    fn step_edit(&mut self, forward: bool) -> Vec<Wish> {
        let edits = self.gathered.edits();
        let place = self.edit().and_then(|edit| edits.iter().position(|known| *known == edit)).unwrap_or(0);
        let count = edits.len().max(1);
        let next = edits.get((place + if forward { 1 } else { count - 1 }) % count).map(|edit| (*edit).clone());
        self.edit = next;
        Vec::new()
    }

    fn step_score(&mut self, forward: bool) -> Vec<Wish> {
        let count = self.gathered.scores().len().max(1);
        let place = self.shown.score.min(count - 1);
        self.shown.score = (place + if forward { 1 } else { count - 1 }) % count;
        Vec::new()
    }

    fn can_resume(&self, state: &State) -> Result<(), String> {
        if self.gathered.started.is_none() {
            return Err(format!("there is no sweep to resume; {} starts one", state.key("sweep")));
        }
        if self.gathered.is_complete() && self.gathered.failures().is_none() {
            return Err("all cells of the sweep are done".to_owned());
        }
        state.ready_for_a_job()
    }

    fn resume(&self) -> Vec<Wish> {
        let Some((_, started)) = &self.gathered.started else { return Vec::new() };
        let retry_failed = self.gathered.is_complete();
        let order = SweepOrder { folder: started.folder.clone(), retry_failed, ..SweepOrder::default() };
        vec![Wish::order(order.title(), order)]
    }
}
