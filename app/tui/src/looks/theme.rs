//! Roles and the styles they have in each depth of color.
//!
//! The default theme is the terminal's own sixteen colors, so that light and dark backgrounds both work without asking
//! the terminal. Without color there is bold, underlined and reversed, and never a color in a cell: crossterm
//! 0.29 takes bold and reversed away together with colors where NO_COLOR is set, so that it must not see any.

use super::colors::{Colors, Role};
use locus_protocol::{AimVerdict, Grade};
use ratatui::style::{Modifier, Style};

/// How many colors the terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// None: bold, underlined, reversed.
    None,
    /// The terminal's own sixteen.
    Sixteen,
    /// The 256 indexed colors of xterm.
    Indexed,
    /// 24-bit red, green and blue.
    True,
}

impl Depth {
    /// What `NO_COLOR`, `COLORTERM` and `TERM` say; sixteen where they say nothing.
    #[must_use]
    pub fn from_environment() -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        Self::from_variables(&variable("NO_COLOR"), &variable("COLORTERM"), &variable("TERM"))
    }

    fn from_variables(no_color: &str, colorterm: &str, term: &str) -> Self {
        if !no_color.is_empty() || term == "dumb" || term.starts_with("vt1") || term.starts_with("vt2") {
            Self::None
        } else if colorterm == "truecolor" || colorterm == "24bit" || term.ends_with("-direct") {
            Self::True
        } else if term.contains("256color") {
            Self::Indexed
        } else {
            Self::Sixteen
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// How many colors are used.
    pub depth: Depth,
    /// How many the terminal has.
    terminal: Depth,
    colors: Colors,
}

impl Theme {
    /// The theme for a depth, in the terminal's own colors.
    #[must_use]
    pub const fn new(depth: Depth) -> Self {
        Self { depth, terminal: depth, colors: Colors::Terminal }
    }

    /// The same roles in other colors. Where the terminal has no colors, none are used whatever is asked for.
    #[must_use]
    pub const fn with(self, colors: Colors) -> Self {
        let depth = if matches!(colors, Colors::Mono) { Depth::None } else { self.terminal };
        Self { colors, depth, ..self }
    }

    /// Whose colors these are.
    #[must_use]
    pub const fn colors(self) -> Colors {
        self.colors
    }

    #[must_use]
    pub fn text(self) -> Style {
        Style::new()
    }

    /// Text that matters less than the rest, such as notes and units.
    #[must_use]
    pub fn muted(self) -> Style {
        self.colored(Style::new().add_modifier(Modifier::DIM), Style::new())
    }

    /// Headings of columns and sections.
    #[must_use]
    pub fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Keys, and what to look at.
    #[must_use]
    pub fn accent(self) -> Style {
        self.in_color(Role::Accent, Style::new(), Style::new().add_modifier(Modifier::BOLD))
    }

    /// What went well. Words say so, too.
    #[must_use]
    pub fn good(self) -> Style {
        self.in_color(Role::Good, Style::new(), Style::new().add_modifier(Modifier::BOLD))
    }

    /// What needs attention. Words say so, too.
    #[must_use]
    pub fn warn(self) -> Style {
        self.in_color(Role::Warn, Style::new(), Style::new().add_modifier(Modifier::BOLD))
    }

    /// What failed. Words say so, too.
    #[must_use]
    pub fn bad(self) -> Style {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        self.in_color(Role::Bad, bold, bold)
    }

    /// A verdict on an edit. Its words say so, too.
    #[must_use]
    pub fn verdict(self, verdict: &AimVerdict) -> Style {
        match verdict.grade() {
            Grade::Took => self.good(),
            Grade::TookBut => self.warn(),
            Grade::DidNotTake => self.bad(),
        }
    }

    /// A variant by its letter, the same in every pane. The letter says it, too.
    #[must_use]
    pub fn variant(self, letter: char) -> Style {
        let place = (letter as usize).saturating_sub('A' as usize).min(3);
        self.in_color(Role::Variant(place), Style::new(), Style::new())
    }

    /// What says where a fact is, by its letter. The letter says it, too.
    #[must_use]
    pub fn localizer(self, letter: char) -> Style {
        let place = (letter as usize).saturating_sub('a' as usize).min(3);
        self.in_color(Role::Localizer(place), Style::new(), Style::new())
    }

    /// The row under the cursor.
    #[must_use]
    pub fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The subject within a prompt, which stands in brackets as well.
    #[must_use]
    pub fn subject(self) -> Style {
        self.accent().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
    }

    /// The frame of the pane that has the keys.
    #[must_use]
    pub fn focus(self) -> Style {
        self.in_color(Role::Accent, Style::new(), Style::new().add_modifier(Modifier::BOLD))
    }

    fn colored(self, style: Style, without: Style) -> Style {
        if self.depth == Depth::None { without } else { style }
    }

    /// A style in the color of a role; `without` where there are no colors.
    fn in_color(self, role: Role, style: Style, without: Style) -> Style {
        self.colored(style.fg(self.colors.of(role, self.depth)), without)
    }
}

#[cfg(test)]
mod tests {
    use super::Depth;

    #[test]
    fn the_environment_decides() {
        assert_eq!(Depth::from_variables("1", "truecolor", "xterm-256color"), Depth::None);
        assert_eq!(Depth::from_variables("", "truecolor", "xterm"), Depth::True);
        assert_eq!(Depth::from_variables("", "", "tmux-256color"), Depth::Indexed);
        assert_eq!(Depth::from_variables("", "", "xterm"), Depth::Sixteen);
        assert_eq!(Depth::from_variables("", "", "dumb"), Depth::None);
    }
}
