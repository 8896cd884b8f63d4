//! By which column the table of layers is sorted, and which of its columns show.

use super::{Column, LayersPane};
use crate::looks::{Glyphs, width};
use crate::panes::Action;
use crate::state::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

pub(super) const ACTIONS: &[Action<LayersPane>] = &[
    Action {
        name: "next-column",
        help: "choose the next column; the last line explains it",
        available: |_, state| has_layers(state),
        run: |pane, _| {
            pane.order.choose(true);
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "previous-column",
        help: "choose the previous column",
        available: |_, state| has_layers(state),
        run: |pane, _| {
            pane.order.choose(false);
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "sort-layers",
        help: "sort by the chosen column; again: reversed, by layer",
        available: |_, state| has_layers(state),
        run: |pane, _| {
            pane.order.sort();
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "hide-column",
        help: "hide the chosen column",
        available: |pane, state| match pane.order.chosen.as_deref() {
            None => Err(format!("no column is chosen; {} chooses one", state.key("next-column"))),
            Some("layer") => Err("the layer column cannot be hidden".into()),
            Some(_) => Ok(()),
        },
        run: |pane, _| {
            pane.order.hide();
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "all-columns",
        help: "show all columns again, sorted by layer",
        run: |pane, _| {
            pane.order = RowOrder { hidden: BTreeSet::new(), ..RowOrder::default() };
            Vec::new()
        },
        ..Action::PLAIN
    },
];

fn has_layers(state: &State) -> Result<(), String> {
    if state.layers() > 0 { Ok(()) } else { Err("no model is loaded, so there are no layers yet".to_owned()) }
}

/// Names of the columns that every table of layers has, from left to right.
const NAMES: [&str; 12] = [
    "layer",
    "subject",
    "last",
    "ed",
    "weight change",
    "p(new)",
    "p(true)",
    "change of p(new)",
    "rank(new)",
    "rank(true)",
    "ln p(new)",
    "ln p(true)",
];

/// Those that do not show until all are asked for: they say what others say, in another way.
const HIDDEN: [&str; 2] = ["ln p(new)", "ln p(true)"];

/// By which column rows are sorted, which one is chosen, and which do not show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct RowOrder {
    chosen: Option<String>,
    /// The column, and whether its smallest number comes first.
    sorted: Option<(String, bool)>,
    hidden: BTreeSet<String>,
}

impl Default for RowOrder {
    fn default() -> Self {
        Self { chosen: None, sorted: None, hidden: HIDDEN.map(str::to_owned).into() }
    }
}

impl RowOrder {
    fn choose(&mut self, forward: bool) {
        let shown: Vec<&str> = NAMES.into_iter().filter(|name| !self.hidden.contains(*name)).collect();
        let place = self.chosen.as_deref().and_then(|chosen| shown.iter().position(|name| *name == chosen));
        let next = match (place, forward) {
            (None, true) => 0,
            (None, false) => shown.len() - 1,
            (Some(place), true) => (place + 1) % shown.len(),
            (Some(place), false) => (place + shown.len() - 1) % shown.len(),
        };
        self.chosen = shown.get(next).map(|name| (*name).to_owned());
    }

    /// By the chosen column, the greatest first; then the smallest first; then by layer again.
    fn sort(&mut self) {
        let chosen = self.chosen.get_or_insert_with(|| "change of p(new)".to_owned()).clone();
        self.sorted = match self.sorted.take() {
            Some((name, false)) if name == chosen => Some((name, true)),
            Some((name, true)) if name == chosen => None,
            _ => Some((chosen, false)),
        };
    }

    fn hide(&mut self) {
        if let Some(chosen) = self.chosen.clone() {
            self.choose(true);
            if self.sorted.as_ref().is_some_and(|(name, _)| *name == chosen) {
                self.sorted = None;
            }
            self.hidden.insert(chosen);
        }
    }

    /// Whether rows stand in the order of the layers.
    pub(super) fn is_by_layer(&self) -> bool {
        self.sorted.is_none()
    }

    /// Whether the cursor of columns is on one.
    pub(super) fn is_chosen(&self, column: &Column) -> bool {
        self.chosen.as_ref() == Some(&column.name)
    }

    /// The layers in the order in which they show; those without a number come last.
    pub(super) fn rows(&self, columns: &[Column], layers: usize) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..layers).collect();
        let by =
            self.sorted.as_ref().and_then(|(name, up)| Some((columns.iter().find(|known| known.name == *name)?, *up)));
        if let Some((column, up)) = by {
            let number = |layer: usize| column.numbers.get(layer).copied().flatten().filter(|number| !number.is_nan());
            rows.sort_by(|one, other| match (number(*one), number(*other)) {
                (Some(one), Some(other)) => {
                    if up {
                        one.total_cmp(&other)
                    } else {
                        other.total_cmp(&one)
                    }
                }
                (one, other) => other.is_some().cmp(&one.is_some()),
            });
        }
        rows
    }

    /// The columns that show; the one that rows are sorted by has room for its mark.
    pub(super) fn shown(&self, mut columns: Vec<Column>) -> Vec<Column> {
        columns.retain(|column| !self.hidden.contains(&column.name));
        let sorted = self.sorted.as_ref().map(|(name, _)| name);
        if let Some(column) = columns.iter_mut().find(|column| Some(&column.name) == sorted) {
            column.width = column.width.max(width(&column.header) + 2);
        }
        columns
    }

    /// A column's header, with a mark where rows are sorted by it.
    pub(super) fn header(&self, column: &Column, glyphs: Glyphs) -> String {
        match &self.sorted {
            Some((name, up)) if *name == column.name => {
                let mark = match (*up, glyphs.is_ascii()) {
                    (true, false) => "▲",
                    (false, false) => "▼",
                    (true, true) => "^",
                    (false, true) => "v",
                };
                format!("{}{mark}", column.header)
            }
            _ => column.header.clone(),
        }
    }

    /// What the chosen column means, and what is sorted or hidden; nothing where all is as at the start.
    pub(super) fn foot(&self, state: &State, columns: &[Column]) -> Option<String> {
        let key = |name: &str| state.keymap().first_key("layers", name);
        let meaning = self.chosen.as_ref().and_then(|chosen| columns.iter().find(|column| column.name == *chosen));
        let meaning = meaning.map(|column| format!("{}: {}", column.header, column.meaning));
        let is_as_at_the_start = self.chosen.is_none() && self.hidden == Self::default().hidden;
        let hidden = match self.hidden.len() {
            _ if is_as_at_the_start => None,
            0 => None,
            1 => Some(format!("1 column is hidden, {} shows it", key("all-columns"))),
            hidden => Some(format!("{hidden} columns are hidden, {} shows them", key("all-columns"))),
        };
        let parts: Vec<String> = hidden.into_iter().chain(meaning).collect();
        (!parts.is_empty()).then(|| format!(" {}", parts.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::{Column, NAMES, RowOrder};
    use std::collections::BTreeSet;

    fn column(name: &str, numbers: &[Option<f64>]) -> Column {
        Column {
            name: name.to_owned(),
            header: name.to_owned(),
            rank: 0,
            width: 8,
            meaning: String::new(),
            cells: Vec::new(),
            numbers: numbers.to_vec(),
        }
    }

    #[test]
    fn rows_are_sorted_both_ways_and_what_has_no_number_comes_last() {
        let columns = [column("p(new)", &[Some(0.2), None, Some(0.9), Some(f64::NAN), Some(0.2)])];
        let mut order = RowOrder { chosen: Some("p(new)".into()), ..RowOrder::default() };
        assert_eq!(order.rows(&columns, 5), [0, 1, 2, 3, 4]);
        order.sort();
        assert_eq!(order.rows(&columns, 5), [2, 0, 4, 1, 3]);
        order.sort();
        assert_eq!(order.rows(&columns, 5), [0, 4, 2, 1, 3]);
        order.sort();
        assert!(order.is_by_layer());
    }

    #[test]
    fn columns_are_chosen_in_a_round_and_hidden_ones_passed_over() {
        let mut order = RowOrder { hidden: BTreeSet::new(), ..RowOrder::default() };
        let mut seen = Vec::new();
        for _ in NAMES {
            order.choose(true);
            seen.extend(order.chosen.clone());
        }
        assert_eq!(seen, NAMES);
        (0..5).for_each(|_| order.choose(false));
        order.hide();
        assert!(!order.shown(NAMES.map(|name| column(name, &[])).into()).iter().any(|known| known.name == "p(true)"));
        for _ in 0..2 * NAMES.len() {
            order.choose(true);
            assert_ne!(order.chosen.as_deref(), Some("p(true)"));
        }
    }
}
