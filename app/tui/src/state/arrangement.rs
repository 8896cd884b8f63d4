//! Where things are on the screen. One function of the state, so that keys know how many rows a pane has.

use super::{State, Tree};
use ratatui::layout::Rect;

/// Least size at which all panes show at once.
const ALL_PANES: (u16, u16) = (110, 30);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrangement {
    /// The names of the panes, where only one shows.
    pub tabs: Option<Rect>,
    /// The selected fact, where its pane does not show.
    pub context: Option<Rect>,
    /// The views of panes that show.
    pub panes: Vec<(String, Rect)>,
    /// Titles of those, where several show without borders.
    pub titles: Vec<(String, Rect)>,
    /// Whether the panes have borders.
    pub has_borders: bool,
    /// Whether there is room for one pane only.
    pub has_tabs: bool,
    /// What runs and what was said last.
    pub activity: Option<Rect>,
    /// Model, device, memory, edits.
    pub status: Option<Rect>,
    pub hints: Option<Rect>,
}

#[must_use]
pub fn arrange(state: &State) -> Arrangement {
    let (columns, rows) = state.screen.size;
    let mut body = Rect::new(0, 0, columns, rows);
    let mut arrangement = Arrangement { has_tabs: is_small(state.screen.size), ..Arrangement::default() };
    arrangement.hints = (rows >= 6).then(|| take_bottom(&mut body));
    arrangement.status = (rows >= 10).then(|| take_bottom(&mut body));
    arrangement.activity = (rows >= 3).then(|| take_bottom(&mut body));
    arrangement.has_borders = !arrangement.has_tabs;
    if arrangement.has_tabs {
        arrangement.tabs = (rows >= 5).then(|| take_top(&mut body));
        arrangement.context = (rows >= 12 && state.pane() != "fact").then(|| take_top(&mut body));
    }
    if state.screen.zoomed {
        arrangement.panes.push((state.screen.view.clone(), body));
    } else {
        place(state, &state.screen.tree(), body, &mut arrangement.panes);
    }
    if arrangement.has_tabs && arrangement.panes.len() > 1 {
        for (view, area) in &mut arrangement.panes {
            arrangement.titles.push((view.clone(), take_top(area)));
            // what stands beside it is not to run into it
            area.width = if area.right() < columns { area.width.saturating_sub(1) } else { area.width };
        }
    }
    arrangement
}

/// Whether a screen has room for one pane only, as long as nobody splits it.
pub(super) const fn is_small(size: (u16, u16)) -> bool {
    size.0 < ALL_PANES.0 || size.1 < ALL_PANES.1
}

/// Rows that a pane has for its contents.
#[must_use]
pub fn pane_rows(state: &State, view: &str) -> usize {
    let arrangement = arrange(state);
    let frame = if arrangement.has_borders { 2 } else { 0 };
    let area = arrangement.panes.iter().find(|(pane, _)| pane == view).map(|(_, area)| area.height);
    usize::from(area.unwrap_or(0).saturating_sub(frame))
}

fn place(state: &State, tree: &Tree, area: Rect, panes: &mut Vec<(String, Rect)>) {
    let vertical = match tree {
        Tree::Pane(name) => {
            panes.extend(state.screen.place(name).map(|_| (name.clone(), area)));
            return;
        }
        Tree::Rows(_) => true,
        Tree::Columns(_) => false,
    };
    let mut weights: u32 = tree.parts().iter().map(|(weight, _)| weight).sum();
    let mut rest = area;
    for (weight, part) in tree.parts() {
        let length = if vertical { rest.height } else { rest.width };
        let taken = u16::try_from(u32::from(length) * weight / weights.max(1)).unwrap_or(length);
        weights -= weight;
        let mut mine = rest;
        if vertical {
            mine.height = taken;
            (rest.y, rest.height) = (rest.y + taken, rest.height - taken);
        } else {
            mine.width = taken;
            (rest.x, rest.width) = (rest.x + taken, rest.width - taken);
        }
        place(state, part, mine, panes);
    }
}

fn take_bottom(area: &mut Rect) -> Rect {
    area.height -= 1;
    Rect { y: area.y + area.height, height: 1, ..*area }
}

fn take_top(area: &mut Rect) -> Rect {
    let row = Rect { height: 1, ..*area };
    (area.y, area.height) = (area.y + 1, area.height - 1);
    row
}
