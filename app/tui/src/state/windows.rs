//! Which panes are on the screen and how it is split between them: layouts by name, each a tree of splits.

use super::views::{Of, View, kind_of};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What all parts of a split share out.
const WHOLE: u32 = 100;
/// By how much a part grows or shrinks.
const STEP: u32 = 5;

/// A tree of splits; the numbers are weights. A view stands at one place at most; its name is that of its pane, of a further
/// one with a number: `layers`, `layers#2`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tree {
    /// A view of a pane by its name.
    Pane(String),
    /// Parts below each other.
    Rows(Vec<(u32, Tree)>),
    /// Parts beside each other.
    Columns(Vec<(u32, Tree)>),
}

/// The direction of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Parts below each other.
    Rows,
    /// Parts beside each other.
    Columns,
}

impl Tree {
    fn pane(name: &str) -> Self {
        Self::Pane(name.to_owned())
    }

    fn split(axis: Axis, parts: Vec<(u32, Self)>) -> Self {
        match axis {
            Axis::Rows => Self::Rows(parts),
            Axis::Columns => Self::Columns(parts),
        }
    }

    fn axis(&self) -> Option<Axis> {
        match self {
            Self::Pane(_) => None,
            Self::Rows(_) => Some(Axis::Rows),
            Self::Columns(_) => Some(Axis::Columns),
        }
    }

    /// The parts of a split; none of a pane.
    #[must_use]
    pub fn parts(&self) -> &[(u32, Self)] {
        match self {
            Self::Pane(_) => &[],
            Self::Rows(parts) | Self::Columns(parts) => parts,
        }
    }

    fn parts_mut(&mut self) -> Option<&mut Vec<(u32, Self)>> {
        match self {
            Self::Pane(_) => None,
            Self::Rows(parts) | Self::Columns(parts) => Some(parts),
        }
    }

    /// Names of the panes, from the upper left to the lower right.
    #[must_use]
    pub fn panes(&self) -> Vec<&str> {
        match self {
            Self::Pane(name) => vec![name],
            split => split.parts().iter().flat_map(|(_, part)| part.panes()).collect(),
        }
    }

    /// The first view of a pane that is in it.
    #[must_use]
    pub fn view_of(&self, pane: &str) -> Option<&str> {
        self.panes().into_iter().find(|view| kind_of(view) == pane)
    }

    /// Puts another view in the place of one.
    pub fn replace(&mut self, old: &str, new: &str) {
        match self {
            Self::Pane(name) if name == old => new.clone_into(name),
            Self::Pane(_) => {}
            Self::Rows(parts) | Self::Columns(parts) => parts.iter_mut().for_each(|(_, part)| part.replace(old, new)),
        }
    }

    /// Whether a view is in it.
    #[must_use]
    pub fn has(&self, pane: &str) -> bool {
        self.panes().contains(&pane)
    }

    /// Puts `new` behind `pane`, which shares its place with it.
    pub fn insert(&mut self, pane: &str, new: &str, axis: Axis) {
        match self {
            Self::Pane(name) if name == pane => {
                *self = Self::split(axis, vec![(WHOLE / 2, Self::pane(pane)), (WHOLE / 2, Self::pane(new))]);
            }
            Self::Pane(_) => {}
            Self::Rows(_) | Self::Columns(_) => {
                let same = self.axis() == Some(axis);
                let Some(parts) = self.parts_mut() else { return };
                let place = parts.iter().position(|(_, part)| *part == Self::pane(pane));
                match place {
                    Some(place) if same => {
                        let weight = (parts[place].0 / 2).max(1);
                        parts[place].0 = weight;
                        parts.insert(place + 1, (weight, Self::pane(new)));
                    }
                    _ => parts.iter_mut().for_each(|(_, part)| part.insert(pane, new, axis)),
                }
            }
        }
    }

    /// Takes a pane out; what it shared its place with grows. The last pane stays.
    pub fn remove(&mut self, pane: &str) {
        let Some(parts) = self.parts_mut() else { return };
        parts.retain(|(_, part)| *part != Self::pane(pane));
        for (_, part) in parts.iter_mut() {
            part.remove(pane);
        }
        parts.retain(|(_, part)| part.axis().is_none() || !part.parts().is_empty());
        if parts.len() == 1 {
            *self = parts.remove(0).1;
        }
    }

    /// Has two panes change places.
    pub fn swap(&mut self, one: &str, other: &str) {
        match self {
            Self::Pane(name) if name == one => other.clone_into(name),
            Self::Pane(name) if name == other => one.clone_into(name),
            Self::Pane(_) => {}
            Self::Rows(parts) | Self::Columns(parts) => {
                parts.iter_mut().for_each(|(_, part)| part.swap(one, other));
            }
        }
    }

    /// Gives all parts of every split the same room.
    pub fn equalise(&mut self) {
        for (weight, part) in self.parts_mut().into_iter().flatten() {
            *weight = WHOLE;
            part.equalise();
        }
    }

    /// Has a pane, or what it is part of, grow or shrink along an axis. Whether there was anything to share with.
    pub fn resize(&mut self, pane: &str, axis: Axis, grow: bool) -> bool {
        let mine = self.axis() == Some(axis);
        let Some(parts) = self.parts_mut() else { return false };
        let Some(place) = parts.iter().position(|(_, part)| part.has(pane)) else { return false };
        // the innermost split along the axis is the one that is meant
        if parts[place].1.resize(pane, axis, grow) {
            return true;
        }
        if !mine || parts.len() < 2 {
            return false;
        }
        let total: u32 = parts.iter().map(|(weight, _)| weight).sum();
        let rest = total - parts[place].0;
        let share = parts[place].0 * WHOLE / total.max(1);
        let share = if grow { share + STEP } else { share.saturating_sub(STEP) }.clamp(STEP, WHOLE - STEP);
        for (index, (weight, _)) in parts.iter_mut().enumerate() {
            *weight =
                if index == place { share * WHOLE } else { *weight * (WHOLE - share) * WHOLE / rest.max(1) }.max(1);
        }
        true
    }

    /// Whether it consists of `known` panes, each at one place, in splits of two parts at least.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self, known: &[&str]) -> Result<(), String> {
        fn all(tree: &Tree, test: &dyn Fn(&Tree) -> bool) -> bool {
            test(tree) && tree.parts().iter().all(|(weight, part)| *weight > 0 && all(part, test))
        }
        let panes = self.panes();
        for pane in &panes {
            if !known.contains(&kind_of(pane)) {
                return Err(format!("unknown pane {pane}"));
            }
            if panes.iter().filter(|other| *other == pane).count() > 1 {
                return Err(format!("the pane {pane} appears twice"));
            }
        }
        let splits = |tree: &Self| tree.axis().is_none() || tree.parts().len() > 1;
        if all(self, &splits) { Ok(()) } else { Err("a split has a single part, or one of no size".to_owned()) }
    }
}

/// Views of the layout that compares variants by layer, of one variant each.
const VARIANTS: [&str; 3] = ["layers#2", "layers#3", "layers#4"];

/// A layout with its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    pub name: String,
    pub tree: Tree,
}

/// All layouts, and which of them is on the screen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    /// The layouts; there is one at least.
    pub layouts: Vec<Layout>,
    /// Place of the one on the screen.
    pub current: usize,
    /// What views show that do not show what all panes do, by their names.
    #[serde(default)]
    views: BTreeMap<String, View>,
}

/// What a view shows of which nothing else is known.
static PLAIN: View = View { fact: None, of: Of::AsItIs, against: None, layer: None, token: None, anchor: None };

impl Default for Windows {
    fn default() -> Self {
        Self::shipped()
    }
}

impl Windows {
    /// The layouts that ship with the program.
    #[must_use]
    pub fn shipped() -> Self {
        let layout = |name: &str, tree| Layout { name: name.to_owned(), tree };
        let pane = Tree::pane;
        let grid = Tree::Rows(vec![
            (17, Tree::Columns(vec![(1, pane("fact")), (1, pane("trace"))])),
            (20, Tree::Columns(vec![(1, pane("layers")), (1, pane("before-after"))])),
        ]);
        let trace =
            Tree::Rows(vec![(2, pane("trace")), (1, Tree::Columns(vec![(1, pane("fact")), (1, pane("layers"))]))]);
        let compare =
            Tree::Columns(vec![(7, pane("compare")), (5, Tree::Rows(vec![(3, pane("plots")), (2, pane("fact"))]))]);
        let variants = Tree::Columns(VARIANTS.iter().map(|view| (1, pane(view))).collect());
        let compare_panes = Tree::Rows(vec![(3, variants), (2, pane("compare"))]);
        let sweep =
            Tree::Columns(vec![(7, pane("sweep")), (5, Tree::Rows(vec![(1, pane("fact")), (1, pane("trace"))]))]);
        let layouts = vec![
            layout("edit", grid),
            layout("trace", trace),
            layout("compare", compare),
            layout("sweep", sweep),
            layout("analysis", pane("analysis")),
            layout("log", pane("log")),
            layout("compare-panes", compare_panes),
        ];
        let of = |letter| View { of: Of::Variant(letter), ..View::default() };
        let views = VARIANTS.iter().zip('A'..).map(|(name, letter)| ((*name).to_owned(), of(letter))).collect();
        Self { layouts, current: 0, views }
    }

    /// What a view shows.
    #[must_use]
    pub fn view(&self, name: &str) -> &View {
        self.views.get(name).unwrap_or(&PLAIN)
    }

    /// Whether a view shows a model that lacks edits in place.
    #[must_use]
    pub fn shows_less(&self) -> bool {
        let lacks = |of: &Of| matches!(of, Of::Unedited | Of::Without(_));
        self.views.values().any(|view| lacks(&view.of) || view.against.as_ref().is_some_and(lacks))
    }

    /// Has views show edits by other numbers; where an edit has none, the model as it is.
    pub fn renumber(&mut self, number: &dyn Fn(u64) -> Option<u64>) {
        let renumbered = |of: Of| match of {
            Of::Without(edit) => number(edit).map(Of::Without),
            of => Some(of),
        };
        for view in self.views.values_mut() {
            view.of = renumbered(view.of).unwrap_or_default();
            view.against = view.against.and_then(renumbered);
        }
        self.views.retain(|_, view| *view != PLAIN);
    }

    /// Has a view show something else.
    pub fn set_view(&mut self, name: &str, view: View) {
        if view == PLAIN {
            self.views.remove(name);
        } else {
            self.views.insert(name.to_owned(), view);
        }
    }

    /// Has no rows be selected any more in the views of a pane, or in all: the rows are others.
    pub fn unselect(&mut self, pane: Option<&str>) {
        for (name, view) in &mut self.views {
            if pane.is_none_or(|pane| kind_of(name) == pane) {
                view.anchor = None;
            }
        }
        self.views.retain(|_, view| *view != PLAIN);
    }

    /// Puts another view of the same pane, which shows the same, beside or below a view of a tree; gives its name.
    pub fn split(&mut self, tree: &mut Tree, view: &str, axis: Axis) -> String {
        let kind = kind_of(view);
        let is_taken = |name: &str| tree.has(name) || self.layouts.iter().any(|layout| layout.tree.has(name));
        let numbered = (2..).map(|number: u32| format!("{kind}#{number}"));
        let new = [kind.to_owned()].into_iter().chain(numbered).find(|name| !is_taken(name)).unwrap_or_default();
        tree.insert(view, &new, axis);
        self.set_view(&new, self.view(view).clone());
        new
    }

    /// Forgets what views show that are on no layout any more.
    pub fn forget_closed(&mut self, open: &[&str]) {
        let layouts = &self.layouts;
        self.views.retain(|name, _| {
            !name.contains('#') || open.contains(&name.as_str()) || layouts.iter().any(|layout| layout.tree.has(name))
        });
    }

    /// The layout on the screen.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layouts[self.current.min(self.layouts.len() - 1)]
    }

    /// The splits on the screen.
    pub fn tree_mut(&mut self) -> &mut Tree {
        let current = self.current.min(self.layouts.len() - 1);
        &mut self.layouts[current].tree
    }

    /// Shows a layout by its name; whether there is one.
    pub fn show(&mut self, name: &str) -> bool {
        let place = self.layouts.iter().position(|layout| layout.name == name);
        self.current = place.unwrap_or(self.current);
        place.is_some()
    }

    /// Keeps the splits on the screen as a layout of this name, which shows then; one that has the name gives way.
    pub fn keep(&mut self, name: &str) {
        let layout = Layout { name: name.to_owned(), tree: self.layout().tree.clone() };
        match self.layouts.iter().position(|known| known.name == name) {
            Some(place) => {
                self.layouts[place] = layout;
                self.current = place;
            }
            None => {
                self.layouts.push(layout);
                self.current = self.layouts.len() - 1;
            }
        }
    }

    /// Forgets a layout, unless it is the only one.
    pub fn remove(&mut self, name: &str) {
        if let Some(place) = self.layouts.iter().position(|known| known.name == name).filter(|_| self.layouts.len() > 1)
        {
            self.layouts.remove(place);
            self.current = if self.current > place { self.current - 1 } else { self.current % self.layouts.len() };
            self.forget_closed(&[]);
        }
    }

    /// Has a pane be on the screen: in the layout that is there, in the first that has it, or beside `beside`. Gives its
    /// view.
    pub fn reveal(&mut self, pane: &str, beside: &str) -> String {
        if let Some(view) = self.layout().tree.view_of(pane) {
            return view.to_owned();
        }
        if let Some(place) = self.layouts.iter().position(|layout| layout.tree.has(pane)) {
            self.current = place;
        } else {
            self.tree_mut().insert(beside, pane, Axis::Columns);
        }
        pane.to_owned()
    }

    /// Moves a pane to a layout of its own, which is named after it.
    pub fn move_out(&mut self, pane: &str) {
        self.tree_mut().remove(pane);
        let layout = Layout { name: pane.replace('#', " "), tree: Tree::pane(pane) };
        self.layouts.retain(|known| known.name != layout.name);
        self.layouts.push(layout);
        self.current = self.layouts.len() - 1;
    }

    /// Whether it can be shown with `known` panes: as a file may hold anything.
    ///
    /// # Errors
    /// Names the layout and what is wrong with it.
    pub fn check(&self, known: &[&str]) -> Result<(), String> {
        if self.current >= self.layouts.len() {
            return Err(format!("layout number {} is to show of {}", self.current + 1, self.layouts.len()));
        }
        self.layouts
            .iter()
            .try_for_each(|layout| layout.tree.check(known).map_err(|what| format!("layout {}: {what}", layout.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Axis, Tree, Windows};

    const PANES: &[&str] = &["fact", "trace", "layers", "before-after", "compare", "plots", "sweep", "analysis", "log"];

    #[test]
    fn what_ships_is_sound() {
        assert_eq!(Windows::shipped().check(PANES), Ok(()));
    }

    #[test]
    fn a_pane_that_is_put_in_and_taken_out_leaves_the_tree_as_it_was() {
        for axis in [Axis::Rows, Axis::Columns] {
            for pane in ["fact", "trace", "layers", "before-after"] {
                let before = Windows::shipped().layout().tree.clone();
                let mut tree = before.clone();
                tree.insert(pane, "plots", axis);
                assert_eq!(tree.check(PANES), Ok(()), "{tree:?}");
                assert_eq!(tree.panes().len(), 5);
                tree.remove("plots");
                assert_eq!(tree.check(PANES), Ok(()), "{tree:?}");
                assert_eq!(tree.panes(), before.panes());
            }
        }
    }

    #[test]
    fn the_last_pane_stays() {
        let mut tree = Windows::shipped().layout().tree.clone();
        for pane in ["fact", "trace", "layers"] {
            tree.remove(pane);
            assert_eq!(tree.check(PANES), Ok(()), "{tree:?}");
        }
        tree.remove("before-after");
        assert_eq!(tree, Tree::Pane("before-after".to_owned()));
    }

    #[test]
    fn a_part_grows_at_the_cost_of_the_others_and_never_takes_all() {
        let mut tree = Windows::shipped().layout().tree.clone();
        for _ in 0..50 {
            assert!(tree.resize("layers", Axis::Columns, true));
            assert!(tree.resize("layers", Axis::Rows, false));
            assert_eq!(tree.check(PANES), Ok(()), "{tree:?}");
        }
        let share = |parts: &[(u32, Tree)], place: usize| {
            f64::from(parts[place].0) / f64::from(parts.iter().map(|(weight, _)| weight).sum::<u32>())
        };
        assert!((share(tree.parts(), 1) - 0.05).abs() < 0.01);
        assert!((share(tree.parts()[1].1.parts(), 0) - 0.95).abs() < 0.01);
        tree.equalise();
        assert!((share(tree.parts(), 1) - 0.5).abs() < 1e-9);
    }
}
