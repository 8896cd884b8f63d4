//! The line after `:`: an action by a few letters of its name or of what it does, or a command with its arguments.

use super::{Pressed, frame, middle};
use crate::actions::{self, COMMANDS, Command, Completion};
use crate::keys::Key;
use crate::looks::{Paper, fit, printable, shorten, window_start};
use crate::panes::{Act, Panes};
use crate::state::{Change, State, Wish};
use crate::text_input;
use crossterm::event::KeyCode;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::buffer::Buffer;
use ratatui::layout::Position;
use ratatui::text::Span;
use std::cmp::Reverse;
use tui_input::Input;

/// Lines that were typed before and stand first where nothing is typed yet.
const RECENT: usize = 3;

#[derive(Clone, Debug, Default)]
pub struct Palette {
    input: Input,
    selected: usize,
    /// Whether the user has gone to the selected row.
    chosen: bool,
    /// Place among the lines typed before that is in the input.
    recalled: Option<usize>,
}

/// One thing that is offered.
enum Offer {
    /// A line that was typed before.
    Before(String),
    Action(&'static dyn Act),
    /// A command that takes arguments.
    Command(&'static Command),
    /// An argument: the line with it, and what it stands for.
    Argument(String, Completion),
}

/// How well texts match what is typed; exact names come first, then names that begin so.
struct Ranking {
    typed: String,
    pattern: Pattern,
    matcher: Matcher,
    buffer: Vec<char>,
}

impl Ranking {
    fn new(typed: &str) -> Self {
        let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
        Self { typed: typed.to_lowercase(), pattern, matcher: Matcher::new(Config::DEFAULT), buffer: Vec::new() }
    }

    fn score(&mut self, text: &str) -> Option<u32> {
        self.pattern.score(Utf32Str::new(text, &mut self.buffer), &mut self.matcher)
    }

    /// The higher the better; `None` where neither matches. A match in the name counts for more than one in the help.
    fn of(&mut self, name: &str, help: &str) -> Option<(usize, u32)> {
        let score = self.score(name).map(|score| 4 * score).into_iter().chain(self.score(help)).max()?;
        let begins = !self.typed.is_empty() && name.to_lowercase().starts_with(&self.typed);
        // the shorter what begins so, the nearer it is
        Some((if begins { usize::MAX - name.len() } else { 0 }, score))
    }
}

impl Palette {
    /// What is offered, the best match first.
    fn offers(&self, state: &State) -> Vec<Offer> {
        let line = self.input.value().trim_start();
        if let Some((before, completions)) = actions::complete(state, line) {
            let mut ranking = Ranking::new(&line[before.len()..]);
            let ranked = completions.into_iter().filter_map(|known| Some((ranking.of(&known.value, "")?, known)));
            let mut ranked: Vec<_> = ranked.collect();
            ranked.sort_by_key(|(score, _)| Reverse(*score));
            return ranked
                .into_iter()
                .map(|(_, known)| Offer::Argument(format!("{before}{}", known.value), known))
                .collect();
        }
        let mut ranking = Ranking::new(line);
        let commands = COMMANDS.iter().map(|command| (command.name, command.help, Offer::Command(command)));
        let actions = actions::all().into_iter().map(|action| (action.name(), action.help(), Offer::Action(action)));
        let ranked = actions.chain(commands);
        let ranked = ranked.filter_map(|(name, help, offer)| Some((ranking.of(name, help)?, offer)));
        let mut ranked: Vec<_> = ranked.collect();
        ranked.sort_by_key(|(score, _)| Reverse(*score));
        let recent = state.typed.lines().iter().filter(|_| line.is_empty()).take(RECENT).cloned().map(Offer::Before);
        recent.chain(ranked.into_iter().map(|(_, offer)| offer)).collect()
    }

    /// The line that Enter runs: what is typed where that can be run and nothing else was gone to, else what is selected.
    fn line(&self, state: &State, offers: &[Offer]) -> Option<String> {
        let typed = self.input.value().trim();
        if !self.chosen && matches!(actions::run(state, typed), Some(Ok(_))) {
            return Some(typed.to_owned());
        }
        match offers.get(self.selected) {
            Some(Offer::Before(line) | Offer::Argument(line, _)) => Some(line.clone()),
            Some(Offer::Action(action)) => Some(action.name().to_owned()),
            Some(Offer::Command(_)) => None,
            // what is wrong with it is told when it is run
            None => Some(typed.to_owned()).filter(|line| actions::run(state, line).is_some()),
        }
    }

    fn put(&mut self, line: String) {
        self.input = Input::new(line);
        (self.selected, self.chosen) = (0, false);
    }

    /// Puts what is selected into the line, with a blank where more can follow.
    fn complete(&mut self, state: &State, offers: &[Offer]) {
        let line = match offers.get(self.selected) {
            Some(Offer::Before(line)) => line.clone(),
            Some(Offer::Action(action)) => action.name().to_owned(),
            Some(Offer::Command(command)) => format!("{} ", command.name),
            Some(Offer::Argument(line, _)) => {
                let longer = format!("{line} ");
                let more = actions::complete(state, &longer).is_some_and(|(_, more)| !more.is_empty());
                if more { longer } else { line.clone() }
            }
            None => return,
        };
        self.put(line);
    }

    /// Puts the line that was typed before this one, or after it, into the input.
    fn recall(&mut self, state: &State, back: bool) {
        let lines = state.typed.lines();
        let place = match (self.recalled, back) {
            (None, true) => Some(0),
            (Some(place), true) => Some(place + 1),
            (Some(place), false) => place.checked_sub(1),
            (None, false) => None,
        };
        match place {
            Some(place) if place >= lines.len() => {}
            place => {
                self.put(place.map(|place| lines[place].clone()).unwrap_or_default());
                self.recalled = place;
            }
        }
    }

    pub(super) fn press(&mut self, state: &State, key: Key) -> Pressed {
        let offers = self.offers(state);
        match (key.code, key.control) {
            (KeyCode::Esc, _) => return Pressed::goes(Vec::new()),
            (KeyCode::Enter, _) => match self.line(state, &offers) {
                Some(line) => {
                    return Pressed::goes(vec![Change::Typed(line.clone()).into(), Wish::Type(line)]);
                }
                None if offers.is_empty() => return Pressed::goes(Vec::new()),
                None => self.complete(state, &offers),
            },
            (KeyCode::Tab, _) => self.complete(state, &offers),
            (KeyCode::Char('p'), true) => self.recall(state, true),
            (KeyCode::Char('n'), true) => self.recall(state, false),
            (KeyCode::Down, _) => self.go((self.selected + 1).min(offers.len().saturating_sub(1))),
            (KeyCode::Up | KeyCode::BackTab, _) => self.go(self.selected.saturating_sub(1)),
            _ => {
                if text_input::press(&mut self.input, key) {
                    (self.selected, self.chosen, self.recalled) = (0, false, None);
                }
            }
        }
        Pressed::stays(Vec::new())
    }

    fn go(&mut self, selected: usize) {
        (self.selected, self.chosen) = (selected, true);
    }

    pub(super) fn paste(&mut self, text: &str) {
        text_input::insert(&mut self.input, text);
        (self.selected, self.chosen) = (0, false);
    }

    pub(super) fn draw(&self, state: &State, panes: &Panes, buffer: &mut Buffer) -> Option<Position> {
        let area = middle(state, 92, state.screen.size.1.saturating_sub(4));
        let inside = frame(state, area, "Actions and commands", buffer);
        let mut paper = Paper::new(inside, buffer);
        paper.line(vec![Span::styled(" :", state.theme().accent()), Span::raw(printable(self.input.value()))]);
        let offers = self.offers(state);
        let rows = paper.left().saturating_sub(1);
        let first = window_start(self.selected, rows, offers.len());
        for (place, offer) in offers.iter().enumerate().skip(first).take(rows) {
            let style = match (place == self.selected, is_off(offer, panes, state)) {
                (true, _) => state.theme().selected(),
                (_, None) => state.theme().text(),
                (_, Some(_)) => state.theme().muted(),
            };
            let text = printable(&row(state, offer));
            paper.line(Span::styled(fit(&text, paper.width(), state.glyphs()), style));
        }
        for _ in offers.len().saturating_sub(first)..rows {
            paper.line("");
        }
        let (text, style) = self.foot(state, panes, &offers);
        paper.line(Span::styled(shorten(&printable(&text), paper.width(), state.glyphs()), style));
        let column = u16::try_from(self.input.visual_cursor() + 2).unwrap_or(u16::MAX);
        (inside.height > 0 && column < inside.width).then(|| Position::new(inside.x + column, inside.y))
    }

    /// What Enter does, or why it does nothing.
    fn foot(&self, state: &State, panes: &Panes, offers: &[Offer]) -> (String, ratatui::style::Style) {
        let (warn, muted) = (state.theme().warn(), state.theme().muted());
        let typed = self.input.value().trim();
        let line = self.line(state, offers);
        let off = offers.get(self.selected).filter(|_| line.as_deref() != Some(typed));
        match (line, off.and_then(|offer| is_off(offer, panes, state))) {
            (_, Some(why)) => (format!(" not now: {why}"), warn),
            (Some(line), None) => match actions::run(state, &line) {
                Some(Err(why)) => (format!(" {why}"), warn),
                _ => (format!(" enter runs :{line}"), muted),
            },
            (None, None) => match offers.get(self.selected) {
                Some(Offer::Command(command)) => (format!(" type :{} {}", command.name, command.arguments), muted),
                _ => (" nothing matches".to_owned(), warn),
            },
        }
    }
}

/// Why an offer does nothing now.
fn is_off(offer: &Offer, panes: &Panes, state: &State) -> Option<String> {
    match offer {
        Offer::Action(action) => action.available(panes, state).err(),
        Offer::Argument(line, _) | Offer::Before(line) => match actions::run(state, line) {
            // more is to follow
            Some(Err(why)) if actions::complete(state, &format!("{line} ")).is_none_or(|(_, more)| more.is_empty()) => {
                Some(why)
            }
            Some(_) => None,
            None => actions::find(line).and_then(|action| action.available(panes, state).err()),
        },
        Offer::Command(_) => None,
    }
}

fn row(state: &State, offer: &Offer) -> String {
    let line = |name: &str, keys: &str, help: &str| {
        format!(" {} {} {help}", fit(name, 20, state.glyphs()), fit(keys, 15, state.glyphs()))
    };
    let of_action = |action: &dyn Act| {
        let keys = state.keymap().keys_of(state.pane(), action.name()).join(", ");
        line(action.name(), &keys, action.help())
    };
    match offer {
        Offer::Before(text) => format!(" {} (history)", fit(text, 34, state.glyphs())),
        Offer::Action(action) => of_action(*action),
        Offer::Command(command) => line(command.name, command.arguments, command.help),
        Offer::Argument(_, known) => format!(" {} {}", fit(&known.value, 24, state.glyphs()), known.help),
    }
}
