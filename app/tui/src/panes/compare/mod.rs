//! Variants of an edit side by side: one of them is what the others are compared with.

mod below;
mod export;
mod grid;
mod layer_number;
mod layers;
mod orders;
mod standing;

use super::{About, Action, Models, Motion, Pane, Table, action, room};
use crate::looks::{Paper, bytes, printable, shorten};
use crate::state::{Change, Opening, Seen, State, Variant, Variants, Wish, arrange};
use layer_number::LayerNumber;
use locus_protocol::TriedOn;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use serde::Deserialize;
use serde_json::Value;
use standing::{Standing, standing};

pub const ABOUT: About = About {
    name: "compare",
    title: "Compare",
    about: "Two to four variants of an edit of the selected fact, each tried on the unedited model, or on the model as it \
            is, and not put in place. The rows of all of them move together; the columns beside the baseline's (=) show differences from it. \
            effect: the probability that the hidden state at the subject's last token restores in a trace of that model; \
            before: the model without the variant.",
    go: go_to!("compare", "Compare"),
    actions: || action::table(ACTIONS),
    models: Models::Same,
};

const ACTIONS: &[Action<ComparePane>] = &[
    Action {
        name: "run-changed",
        help: "run the variants that have no numbers for this fact yet",
        hint: Some(|_, _| "run what is new".into()),
        available: |_, state| orders::can_run(state),
        run: |compare, state| compare.run(state, false),
        ..Action::PLAIN
    },
    Action {
        name: "run-all",
        help: "run all variants again",
        hint: Some(|_, _| "run all".into()),
        available: |_, state| orders::can_run(state),
        run: |compare, state| compare.run(state, true),
        ..Action::PLAIN
    },
    Action {
        name: "add-variant",
        help: "add the edit form's settings as a variant",
        hint: Some(|_, state| if state.compare.variants.list.is_empty() { "add a variant" } else { "add" }.into()),
        available: |_, state| orders::can_add(state),
        run: |_, state| changed(state, |variants| _ = variants.add(state.settings().clone())),
        ..Action::PLAIN
    },
    Action {
        name: "change-variant",
        help: "change the selected variant's method, layers, settings",
        hint: Some(|_, _| "change".into()),
        available: |_, state| orders::has_variants(state),
        run: |_, state| {
            let place = state.compare.variants.cursor;
            vec![Change::BeginVariantForm(place).into(), Wish::Open(Opening::Form)]
        },
        ..Action::PLAIN
    },
    Action {
        name: "remove-variant",
        help: "remove the selected variant",
        available: |_, state| orders::has_variants(state),
        run: |_, state| changed(state, Variants::remove),
        ..Action::PLAIN
    },
    Action {
        name: "baseline",
        help: "compare the others with the selected variant",
        hint: Some(|_, _| "baseline".into()),
        available: |_, state| orders::has_variants(state),
        run: |_, state| changed(state, |variants| variants.baseline = variants.cursor),
        ..Action::PLAIN
    },
    Action {
        name: "compare-number",
        help: "another number by layer: p(new), p(true), changes",
        hint: Some(|_, _| "number".into()),
        available: |_, state| orders::has_variants(state),
        run: |compare, _| {
            compare.number = compare.number.next();
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "compare-settings",
        help: "show which settings differ; again: the numbers",
        hint: Some(|compare, _| if compare.shows_settings { "numbers" } else { "what differs" }.into()),
        available: |_, state| orders::has_variants(state),
        run: |compare, _| {
            (compare.shows_settings, compare.scroll) = (!compare.shows_settings, 0);
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "compare-ground",
        help: "measure on the unedited model, or as it is",
        hint: Some(|_, state| {
            let other = if state.compare.on == TriedOn::Unedited { "on the model as it is" } else { "from unedited" };
            other.into()
        }),
        available: |_, state| match (state.edits.applied.is_empty(), state.compare.on) {
            (true, TriedOn::Unedited) => Err("no edit is in place: the model is the unedited one".to_owned()),
            _ => Ok(()),
        },
        run: |compare, state| compare.change_ground(state),
        ..Action::PLAIN
    },
    Action {
        name: "next-fact",
        help: "go to the next fact with all variants",
        hint: Some(|_, _| "next fact".into()),
        run: |compare, state| compare.step_fact(state, true),
        ..Action::PLAIN
    },
    Action {
        name: "previous-fact",
        help: "go to the previous fact with all variants",
        run: |compare, state| compare.step_fact(state, false),
        ..Action::PLAIN
    },
    Action {
        name: "keep-variant",
        help: "put the selected variant in place as it was tried",
        hint: Some(|_, _| "put in place".into()),
        available: |_, state| orders::can_keep(state),
        run: |_, state| orders::keep(state),
        ..Action::PLAIN
    },
    Action {
        name: "compare-methods",
        help: "one variant for each method with the form's objective",
        available: |_, state| orders::can_fill(state),
        run: |_, state| orders::fill(state, locus_protocol::PluginKind::Method),
        ..Action::PLAIN
    },
    Action {
        name: "compare-objectives",
        help: "one variant for each objective with the form's method",
        available: |_, state| orders::can_fill(state),
        run: |_, state| orders::fill(state, locus_protocol::PluginKind::Objective),
        ..Action::PLAIN
    },
];

/// What it has of its own.
#[derive(Clone, Debug, Default)]
pub struct ComparePane {
    /// What is shown of each layer.
    number: LayerNumber,
    /// Whether the settings that differ are shown instead of numbers.
    shows_settings: bool,
    /// First line that is shown below the layers.
    scroll: usize,
}

impl Pane for ComparePane {
    fn draw(&self, state: &Seen<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        draw(self, state, area, buffer);
        None
    }

    fn motion(&mut self, state: &Seen<'_>, motion: Motion, page: usize) -> Vec<Wish> {
        match motion {
            Motion::Left => changed(state, |variants| variants.cursor = variants.cursor.saturating_sub(1)),
            Motion::Right => changed(state, |variants| {
                variants.cursor = (variants.cursor + 1).min(variants.list.len().saturating_sub(1));
            }),
            Motion::PageUp | Motion::PageDown => {
                let room = room(state);
                let furthest = draw(self, state, room, &mut Buffer::empty(room));
                self.scroll = motion.scrolled(self.scroll, furthest, page);
                Vec::new()
            }
            vertical => vec![Change::MoveLayer(vertical.in_list(state.layer(), state.layers(), page)).into()],
        }
    }

    fn of_model(&self, state: &Seen<'_>) -> Option<String> {
        (!state.compare.variants.list.is_empty()).then(|| state.measured_from())
    }

    fn has_table(&self, state: &Seen<'_>) -> bool {
        !state.compare.variants.list.is_empty()
    }

    fn table(&self, state: &Seen<'_>) -> Option<Table> {
        export::table(self.number, state)
    }

    fn row(&self, state: &Seen<'_>) -> Option<usize> {
        (!state.compare.variants.list.is_empty() && state.layers() > 0).then(|| state.layer())
    }

    fn cell(&self, state: &Seen<'_>) -> Option<(String, Value)> {
        let variant = state.compare.variants.selected()?;
        let number = self.number.of(&state.attempt_of(variant)?.view, state.layer());
        let what = layers::title(self.number, state.all());
        Some((format!("{what} of {} after layer {}", variant.letter, state.layer()), serde_json::json!(number)))
    }

    fn begin_anew(&mut self) {
        *self = Self::default();
    }

    fn remember(&self) -> Option<Value> {
        serde_json::to_value(self.number).ok()
    }

    fn recall(&mut self, remembered: &Value) -> serde_json::Result<()> {
        self.number = LayerNumber::deserialize(remembered)?;
        Ok(())
    }
}

fn changed(state: &State, change: impl FnOnce(&mut Variants)) -> Vec<Wish> {
    let mut variants = state.compare.variants.clone();
    change(&mut variants);
    vec![Change::Variants(variants).into()]
}

/// Draws it; returns how far what stands below the layers can be scrolled.
fn draw(compare: &ComparePane, state: &Seen<'_>, area: Rect, buffer: &mut Buffer) -> usize {
    let mut paper = Paper::new(area, buffer);
    if state.compare.variants.list.is_empty() {
        invite(state, &mut paper);
        return 0;
    }
    head(state, &mut paper);
    if compare.shows_settings {
        settings(state, &mut paper);
        return 0;
    }
    let layers = state.layers();
    let rest = paper.rest();
    let grid = grid::Grid::new(state, paper.width());
    let below = below::lines(state, &grid, paper.width());
    let room = paper.left();
    if rest.width >= SIDE_BY_SIDE && below.len() + layers + 1 > room {
        let left = Rect { width: rest.width / 2, ..rest };
        let right = Rect { x: rest.x + left.width, width: rest.width - left.width, ..rest };
        let grid = grid::Grid::new(state, usize::from(left.width));
        layers::draw(compare.number, state, &grid, &mut Paper::new(left, buffer), room.min(layers + 1));
        let grid = grid::Grid::new(state, usize::from(right.width));
        let lines = below::lines(state, &grid, usize::from(right.width));
        return scrolled(compare, state, lines, &mut Paper::new(right, buffer));
    }
    // the layers get half of the room at least, and all that the rest leaves
    let rows = room.saturating_sub(below.len() + 1).max(room / 2).min(layers + 1);
    layers::draw(compare.number, state, &grid, &mut paper, rows);
    scrolled(compare, state, below, &mut paper)
}

/// What stands below the layers, or beside them, as far as there is room; returns how far it can be scrolled.
fn scrolled(compare: &ComparePane, state: &State, below: Vec<Line<'static>>, paper: &mut Paper<'_>) -> usize {
    let room = paper.left();
    let hides = below.len() > room;
    let rows = if hides { room.saturating_sub(1) } else { room };
    let furthest = below.len().saturating_sub(rows);
    let first = compare.scroll.min(furthest);
    let after = below.len().saturating_sub(first + rows);
    for line in below.into_iter().skip(first).take(rows) {
        paper.line(line);
    }
    if hides {
        let text = match (first, after) {
            (0, after) if arrange(state).panes.len() > 1 => {
                let zoom = state.keymap().first_key(ABOUT.name, "zoom");
                format!(" {after} more lines; page-down shows them, {zoom} zooms")
            }
            (0, after) => format!(" {after} more lines; page-down shows them"),
            (before, 0) => format!(" {before} lines above; page-up shows them"),
            (before, after) => format!(" {before} lines above, {after} below; page-up, page-down"),
        };
        paper.line(Span::styled(text, state.theme().warn()));
    }
    furthest
}

/// Columns from which on the layers and the other numbers stand side by side where they have no room below each other.
const SIDE_BY_SIDE: u16 = 160;

/// What to press, as long as there is nothing to compare.
fn invite(state: &State, paper: &mut Paper<'_>) {
    let key = |action: &str| Span::styled(state.keymap().first_key(ABOUT.name, action), state.theme().accent());
    if state.engine.model.is_none() {
        paper.line(Span::styled(
            " variants of an edit appear side by side here once the model is loaded",
            state.theme().muted(),
        ));
        return;
    }
    paper.line(vec![
        Span::raw(" press "),
        key("compare-methods"),
        Span::raw(" for one variant of each method, "),
        key("compare-objectives"),
        Span::raw(" of each objective,"),
    ]);
    paper.line(vec![
        Span::raw(" or "),
        key("add-variant"),
        Span::raw(" to add the edit form's settings; then "),
        key("run-changed"),
        Span::raw(" runs them"),
    ]);
    paper.line(Span::styled(" nothing is put in place unless you say so", state.theme().muted()));
}

/// The fact and the variants, one a line.
fn head(state: &State, paper: &mut Paper<'_>) {
    let glyphs = state.glyphs();
    let text = match state.fact() {
        Some(fact) => format!(" {}: {} {} {}", fact.subject, fact.target_true, glyphs.arrow(), fact.target_new),
        None => " no fact is selected".to_owned(),
    };
    let costs = match state.compare.bytes() {
        0 => String::new(),
        kept => format!("  {} of changes kept", bytes(kept)),
    };
    let text = shorten(&printable(&text), paper.width().saturating_sub(costs.len()), glyphs);
    paper.line(vec![Span::styled(text, state.theme().heading()), Span::styled(costs, state.theme().muted())]);
    if let Some((text, style)) = ground(state) {
        paper.line(Span::styled(shorten(&text, paper.width(), glyphs), style));
    }
    for (place, variant) in state.compare.variants.list.iter().enumerate() {
        paper.line(variant_line(state, place, variant, paper.width()));
    }
}

/// Which model the variants are measured from as a line of its own, with what is to be known where edits are in place.
fn ground(state: &State) -> Option<(String, Style)> {
    let edits = match state.edits.applied.len() {
        1 => "the edit in place".to_owned(),
        edits => format!("the {edits} edits in place"),
    };
    let key = state.keymap().first_key("compare", "compare-ground");
    let arrangement = arrange(state);
    let is_said = arrangement.has_borders || arrangement.context.is_some();
    Some(match state.compare.on {
        // the title says it, or the line of the fact
        _ if state.edits.applied.is_empty() && is_said => return None,
        _ if state.edits.applied.is_empty() => (" measured from the unedited model".to_owned(), state.theme().muted()),
        TriedOn::Unedited => {
            let text = format!(" from the unedited model, without {edits} ({key}: with)");
            (text, state.theme().warn())
        }
        TriedOn::AsItIs => {
            let text = format!(" on top of {edits}, not from the unedited model ({key})");
            (text, state.theme().warn())
        }
    })
}

fn variant_line(state: &State, place: usize, variant: &Variant, room: usize) -> Line<'static> {
    let selected = place == state.compare.variants.cursor;
    let baseline = if place == state.compare.variants.baseline { "=" } else { " " };
    let (method, objective) = variant.names(&state.engine);
    let standing = standing(state, variant);
    let layers = match (variant.settings.layers.trim(), state.attempt_of(variant)) {
        ("", Some(attempt)) if !attempt.view.layers.is_empty() => layers_text(&attempt.view.layers),
        ("", _) => "its own layers".to_owned(),
        (layers, _) if layers.contains([',', '-']) => format!("layers {layers}"),
        (layer, _) => format!("layer {layer}"),
    };
    let dot = state.glyphs().dot();
    let words = format!(" {method} {dot} {objective} {dot} {layers}");
    let tail = format!("  {}", standing.words(state));
    let words =
        shorten(&printable(&words), room.saturating_sub(4 + tail.chars().count().min(room / 2)), state.glyphs());
    let mark = if selected { ">" } else { " " };
    let style = state.theme().variant(variant.letter);
    let left = room.saturating_sub(4 + words.chars().count());
    Line::from(vec![
        Span::raw(mark),
        Span::styled(
            format!("{}{baseline}", variant.letter),
            if selected { style.patch(state.theme().selected()) } else { style },
        ),
        Span::raw(words),
        Span::styled(shorten(&printable(&tail), left, state.glyphs()), standing.style(state)),
    ])
}

fn layers_text(layers: &[usize]) -> String {
    match layers {
        [layer] => format!("layer {layer}"),
        [first, .., last] if last - first + 1 == layers.len() => format!("layers {first}-{last}"),
        layers => format!("layers {}", layers.iter().map(usize::to_string).collect::<Vec<_>>().join(",")),
    }
}

/// The settings in which variants differ.
fn settings(state: &State, paper: &mut Paper<'_>) {
    let differences = state.compare.variants.differences(&state.engine);
    if differences.is_empty() {
        paper.line(" the variants do not differ in any setting");
        return;
    }
    let count = state.compare.variants.list.len();
    let name_cells = 22.min(paper.width() / 3);
    let cells = (paper.width().saturating_sub(name_cells + 1) / count.max(1)).clamp(4, 28);
    let fit = |text: &str, cells: usize| crate::looks::fit(&printable(text), cells, state.glyphs());
    let mut spans = vec![Span::styled(format!(" {}", fit("setting", name_cells)), state.theme().heading())];
    spans.extend(
        state.compare.variants.list.iter().map(|variant| {
            Span::styled(fit(&variant.letter.to_string(), cells), state.theme().variant(variant.letter))
        }),
    );
    paper.line(spans);
    let rows = paper.left();
    let hidden = differences.len().saturating_sub(rows);
    let shown = if hidden > 0 { rows.saturating_sub(1) } else { rows };
    for (name, values) in differences.iter().take(shown) {
        let mut spans = vec![Span::raw(format!(" {}", fit(name, name_cells)))];
        spans.extend(values.iter().map(|value| {
            let value = if value.is_empty() { state.glyphs().missing() } else { value };
            Span::raw(fit(&shorten(value, cells.saturating_sub(1), state.glyphs()), cells))
        }));
        paper.line(spans);
    }
    if hidden > 0 {
        let key = |action| state.keymap().first_key(ABOUT.name, action);
        let more = differences.len() - shown;
        let text = format!(" {more} more settings differ; {} zooms, {} exports", key("zoom"), key("export"));
        paper.line(Span::styled(text, state.theme().warn()));
    }
}
