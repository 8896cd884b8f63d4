//! The facts, and which of them the filter lets through.

use locus_protocol::Fact;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tui_input::Input;

/// Orders of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactOrder {
    /// As in the file; with a filter the best match first.
    #[default]
    File,
    Subject,
    /// By relation, then by subject.
    Relation,
    /// By the true answer, then by subject.
    Answer,
}

impl FactOrder {
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::File => Self::Subject,
            Self::Subject => Self::Relation,
            Self::Relation => Self::Answer,
            Self::Answer => Self::File,
        }
    }

    /// What it goes by; nothing for the file's.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "",
            Self::Subject => "subject",
            Self::Relation => "relation",
            Self::Answer => "answer",
        }
    }

    fn key(self, fact: &Fact) -> (&str, &str) {
        match self {
            Self::File => ("", ""),
            Self::Subject => (&fact.subject, ""),
            Self::Relation => (&fact.relation, &fact.subject),
            Self::Answer => (fact.target_true.trim(), &fact.subject),
        }
    }
}

/// The facts of the model and those that were typed.
#[derive(Clone, Debug, Default)]
pub struct FactList {
    /// Where they come from.
    pub source: String,
    /// Whether they have come.
    pub arrived: bool,
    /// What the filter says.
    pub filter: Input,
    /// How the list is sorted.
    pub order: FactOrder,
    /// Prompt of a fact that is to be selected when the facts have come.
    pub wanted: Option<String>,
    all: Vec<Fact>,
    typed: usize,
    haystacks: Vec<String>,
    shown: Vec<usize>,
    selected: usize,
    /// By their places in `all`.
    marked: BTreeSet<usize>,
}

impl FactList {
    /// Takes the facts of a model; typed ones stay in front and keep their marks. Selects the fact that was selected when
    /// the model was last used, else the record `first`.
    pub fn replace(&mut self, source: String, facts: Vec<Fact>, first: Option<u64>) {
        self.all.truncate(self.typed);
        self.marked.retain(|&index| index < self.typed);
        self.all.extend(facts);
        self.haystacks = self.all.iter().map(haystack).collect();
        (self.source, self.arrived) = (source, true);
        self.apply_filter();
        let place = match self.wanted.take() {
            Some(prompt) => Some(self.from(0).position(|fact| fact.prompt() == prompt).unwrap_or(0)),
            None => first.and_then(|case| self.from(0).position(|fact| fact.case_id == Some(case))),
        };
        self.selected = place.unwrap_or(self.selected);
    }

    /// Facts that were typed, the last first.
    #[must_use]
    pub fn typed(&self) -> &[Fact] {
        &self.all[..self.typed]
    }

    /// Puts a typed fact in front and selects it.
    pub fn add(&mut self, fact: Fact) {
        self.haystacks.insert(0, haystack(&fact));
        self.all.insert(0, fact);
        self.typed += 1;
        self.marked = self.marked.iter().map(|index| index + 1).collect();
        self.filter.reset();
        self.apply_filter();
    }

    /// Filters by another text.
    pub fn set_filter(&mut self, filter: Input) {
        self.filter = filter;
        self.apply_filter();
    }

    /// Lets through what matches the filter, the best match first.
    pub fn apply_filter(&mut self) {
        self.selected = 0;
        self.shown = self.matching();
        if self.order != FactOrder::File {
            let (order, all) = (self.order, &self.all);
            self.shown.sort_by_key(|&index| all.get(index).map(|fact| order.key(fact)));
        }
    }

    /// Sorts the list in the next order; the selected fact stays selected.
    pub fn step_order(&mut self) {
        let selected = self.shown.get(self.selected).copied();
        self.order = self.order.next();
        self.apply_filter();
        let place = self.shown.iter().position(|index| Some(*index) == selected);
        self.selected = place.unwrap_or(0);
    }

    /// Places in `all` of what matches the filter: what holds it letter by letter first, then the best match. A word
    /// after `!` must not occur.
    fn matching(&self) -> Vec<usize> {
        let filter = self.filter.value().trim();
        if filter.is_empty() {
            return (0..self.all.len()).collect();
        }
        let pattern = Pattern::parse(filter, CaseMatching::Smart, Normalization::Smart);
        let wanted = filter.split_whitespace().filter(|word| !word.starts_with('!')).collect::<Vec<_>>().join(" ");
        let wanted = wanted.to_lowercase();
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        let scored = self.haystacks.iter().zip(&self.all).enumerate().filter_map(|(index, (text, fact))| {
            let score = pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher)?;
            Some((exactness(&wanted, text, fact), score, index))
        });
        let mut scored: Vec<_> = scored.collect();
        scored.sort_by_key(|&(exact, score, index)| (std::cmp::Reverse((exact, score)), index));
        scored.into_iter().map(|(.., index)| index).collect()
    }

    /// The facts of the model, without those that were typed.
    #[must_use]
    pub fn recorded(&self) -> &[Fact] {
        &self.all[self.typed..]
    }

    #[must_use]
    pub fn current(&self) -> Option<&Fact> {
        self.all.get(*self.shown.get(self.selected)?)
    }

    /// Selects a fact by its place among those shown.
    pub fn select(&mut self, place: usize) {
        self.selected = place.min(self.shown.len().saturating_sub(1));
    }

    /// Selects a fact where the filter lets it through.
    pub fn select_fact(&mut self, fact: &Fact) {
        if self.current() != Some(fact)
            && let Some(place) = self.shown.iter().position(|&index| self.all.get(index) == Some(fact))
        {
            self.selected = place;
        }
    }

    /// Marks the selected fact, or takes its mark away, and goes to the next.
    pub fn toggle_mark(&mut self) {
        if let Some(&index) = self.shown.get(self.selected) {
            if !self.marked.remove(&index) {
                self.marked.insert(index);
            }
            self.select(self.selected + 1);
        }
    }

    /// Marks all facts that the filter lets through.
    pub fn mark_shown(&mut self) {
        self.marked.extend(&self.shown);
    }

    /// Takes all marks away.
    pub fn unmark_all(&mut self) {
        self.marked.clear();
    }

    /// Number of marked facts, shown or not.
    #[must_use]
    pub fn marked(&self) -> usize {
        self.marked.len()
    }

    /// Whether the fact at a place among those shown is marked.
    #[must_use]
    pub fn is_marked(&self, place: usize) -> bool {
        self.shown.get(place).is_some_and(|index| self.marked.contains(index))
    }

    /// The facts that an edit is about: the marked ones, the selected one first if it is among them; else that one.
    #[must_use]
    pub fn to_edit(&self) -> Vec<Fact> {
        self.places_to_edit().filter_map(|index| self.all.get(index).cloned()).collect()
    }

    /// The first of the facts that an edit is about.
    #[must_use]
    pub fn first_to_edit(&self) -> Option<&Fact> {
        self.places_to_edit().next().and_then(|index| self.all.get(index))
    }

    fn places_to_edit(&self) -> impl Iterator<Item = usize> {
        let selected = self.shown.get(self.selected).copied();
        let first = selected.filter(|index| self.marked.is_empty() || self.marked.contains(index));
        let others = self.marked.iter().copied().filter(move |index| Some(*index) != first);
        first.into_iter().chain(others)
    }

    /// The selected fact's place among those shown.
    #[must_use]
    pub fn selected(&self) -> usize {
        self.selected
    }

    /// Number of facts that the filter lets through.
    #[must_use]
    pub fn shown(&self) -> usize {
        self.shown.len()
    }

    #[must_use]
    pub fn total(&self) -> usize {
        self.all.len()
    }

    /// Facts from a place on, as far as the filter lets them through.
    pub fn from(&self, place: usize) -> impl Iterator<Item = &Fact> {
        self.shown.iter().skip(place).filter_map(|&index| self.all.get(index))
    }
}

/// How literally a fact holds a text: as its subject, as words of its own, as letters in a row, or not.
fn exactness(wanted: &str, haystack: &str, fact: &Fact) -> u8 {
    if wanted.is_empty() {
        return 0;
    }
    if fact.subject.to_lowercase() == wanted {
        return 3;
    }
    let haystack = haystack.to_lowercase();
    let is_word = |(start, part): (usize, &str)| {
        let ends = |side: Option<char>| side.is_none_or(|letter| !letter.is_alphanumeric());
        ends(haystack[..start].chars().next_back()) && ends(haystack[start + part.len()..].chars().next())
    };
    match haystack.match_indices(wanted).next() {
        None => 0,
        Some(_) if haystack.match_indices(wanted).any(is_word) => 2,
        Some(_) => 1,
    }
}

/// What the filter looks at.
fn haystack(fact: &Fact) -> String {
    format!("{} {} {} {}", fact.prompt(), fact.target_true, fact.target_new, fact.relation)
}

#[cfg(test)]
mod tests {
    use super::FactList;
    use locus_protocol::Fact;

    #[test]
    fn the_filter_is_fuzzy_and_keeps_the_file_order_without_one() {
        let fact = |marked: &str, truth: &str| Fact {
            case_id: Some(1),
            ..Fact::from_marked(marked, truth, "x").expect("fact")
        };
        let mut list = FactList::default();
        list.replace(
            "test".into(),
            vec![fact("The capital of {France} is", "Paris"), fact("{Sony} was founded in", "Japan")],
            None,
        );
        assert_eq!(list.shown(), 2);
        list.filter = "snyjap".into();
        list.apply_filter();
        assert_eq!(list.shown(), 1);
        assert_eq!(list.current().map(|fact| fact.subject.as_str()), Some("Sony"));
        list.filter = "".into();
        list.apply_filter();
        list.step_order();
        assert_eq!(list.from(0).map(|fact| fact.subject.as_str()).collect::<Vec<_>>(), ["France", "Sony"]);
        (0..2).for_each(|_| list.step_order());
        assert_eq!((list.order.name(), list.current().map(|fact| fact.subject.as_str())), ("answer", Some("France")));
        assert_eq!(list.from(0).map(|fact| fact.subject.as_str()).collect::<Vec<_>>(), ["Sony", "France"]);
        list.filter = "no such thing".into();
        list.apply_filter();
        assert_eq!(list.current(), None);
    }

    #[test]
    fn what_holds_the_filter_letter_by_letter_comes_first_and_a_mark_leaves_words_out() {
        let fact = |marked: &str, truth: &str| Fact::from_marked(marked, truth, "x").expect("fact");
        let mut list = FactList::default();
        let facts = vec![
            fact("{Iran}'s ally is on the", "Rhône in old mills"),
            fact("{Romeo} plays in", "Verona"),
            fact("The mayor of {Paris} left", "Rome"),
            fact("{Rome} is the capital of", "Italy"),
        ];
        list.replace("test".into(), facts, None);
        let mut subjects = |filter: &str| {
            list.set_filter(filter.into());
            list.from(0).map(|fact| fact.subject.clone()).collect::<Vec<_>>()
        };
        assert_eq!(subjects("rome"), ["Rome", "Paris", "Romeo"]);
        assert_eq!(subjects("rome !verona"), ["Rome", "Paris"]);
        assert_eq!(subjects("!rome"), ["Iran"]);
        assert_eq!(subjects("İ"), Vec::<String>::new(), "letters whose lower case is longer");
    }
}
