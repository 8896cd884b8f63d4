//! Actions that take something out of a pane: rows are selected, copied, and read in a pager.

use super::has_table;
use crate::panes::{Action, Extent, Form, Panes};
use crate::state::{Change, State, Tone, View, Wish};

pub const COPYING: &[Action<Panes>] = &[
    Action {
        name: "select-rows",
        help: "select rows from here to the cursor; again: clear",
        available: |panes, state| match panes.row(state) {
            Some(_) => Ok(()),
            None => Err("this pane has no rows to select".to_owned()),
        },
        run: select,
        ..Action::PLAIN
    },
    Action {
        name: "copy-row",
        help: "copy the selected rows or this one, tab-separated",
        available: has_table,
        run: |panes, state| panes.copy(state, Extent::Row, Form::Tabs),
        ..Action::PLAIN
    },
    Action {
        name: "copy-table",
        help: "copy the pane's table, tab-separated",
        available: has_table,
        run: |panes, state| panes.copy(state, Extent::Table, Form::Tabs),
        ..Action::PLAIN
    },
    Action {
        name: "copy-cell",
        help: "copy the number or text under the cursor",
        available: has_table,
        run: |panes, state| panes.copy_cell(state),
        ..Action::PLAIN
    },
    Action {
        name: "copy-markdown",
        help: "copy the selected rows or the table as Markdown",
        available: has_table,
        run: |panes, state| panes.copy(state, Extent::Rows, Form::Markdown),
        ..Action::PLAIN
    },
    Action {
        name: "copy-json",
        help: "copy the selected rows or the table as JSON",
        available: has_table,
        run: |panes, state| panes.copy(state, Extent::Rows, Form::Json),
        ..Action::PLAIN
    },
    Action {
        name: "pager",
        help: "read the whole pane in $PAGER, or less",
        available: |panes, state| match panes.has_pages(state) {
            true => Ok(()),
            false => Err("this pane has nothing to read yet".to_owned()),
        },
        run: |panes, state| panes.paged(state).map(Into::into).into_iter().collect(),
        ..Action::PLAIN
    },
];

/// Begins to select rows at the cursor, or lets those go that are selected.
fn select(panes: &mut Panes, state: &State) -> Vec<Wish> {
    let view = state.seen().view();
    let anchor = if view.anchor.is_some() { None } else { panes.row(state) };
    let key = |name: &str| state.keymap().first_key(state.pane(), name);
    let text = match anchor {
        Some(_) => {
            format!("rows are selected from here: {} copies them, {} clears them", key("copy-row"), key("leave"))
        }
        None => "the selection is cleared".to_owned(),
    };
    vec![Change::View(Box::new(View { anchor, ..view.clone() })).into(), Wish::say(Tone::Plain, text)]
}
