//! Glyphs, each with a stand-in for terminals that have ASCII only.

use ratatui::symbols::border;

/// Which glyphs to draw with.
#[derive(Clone, Copy, Debug)]
pub struct Glyphs {
    ascii: bool,
}

impl Glyphs {
    /// Glyphs of Unicode, or ASCII only.
    #[must_use]
    pub const fn new(ascii: bool) -> Self {
        Self { ascii }
    }

    /// Whether only ASCII may be drawn.
    #[must_use]
    pub const fn is_ascii(self) -> bool {
        self.ascii
    }

    const fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { unicode }
    }

    /// From one thing to another.
    #[must_use]
    pub const fn arrow(self) -> &'static str {
        self.pick("→", "->")
    }

    /// Between things on one line.
    #[must_use]
    pub const fn dot(self) -> &'static str {
        self.pick("·", "|")
    }

    /// A leading space of a token.
    #[must_use]
    pub const fn space(self) -> &'static str {
        self.pick("·", "_")
    }

    /// What was cut off.
    #[must_use]
    pub const fn ellipsis(self) -> &'static str {
        self.pick("…", "~")
    }

    /// Stands for a value that is not known yet.
    #[must_use]
    pub const fn missing(self) -> &'static str {
        self.pick("·", ".")
    }

    /// One cell of a bar.
    #[must_use]
    pub const fn bar(self) -> &'static str {
        self.pick("█", "#")
    }

    /// Precedes the name of a number that changed, as in Δp(new).
    #[must_use]
    pub const fn delta(self) -> &'static str {
        self.pick("Δ", "d")
    }

    /// Before half the width of an interval.
    #[must_use]
    pub const fn plus_minus(self) -> &'static str {
        self.pick("±", "+-")
    }

    /// Header of the relative weight change.
    #[must_use]
    pub const fn weight_change(self) -> &'static str {
        self.pick("‖ΔW‖/‖W‖", "|dW|/|W|")
    }

    /// Header of the norm of a weight change.
    #[must_use]
    pub const fn change_norm(self) -> &'static str {
        self.pick("‖ΔW‖", "|dW|")
    }

    /// The share of the variance that a regression explains.
    #[must_use]
    pub const fn r_squared(self) -> &'static str {
        self.pick("R²", "R2")
    }

    /// A vertical rule in a list of parts.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        self.pick("─", "-")
    }

    /// Stages of what turns while a job runs.
    #[must_use]
    pub const fn spinner(self) -> [&'static str; 4] {
        if self.ascii { ["|", "/", "-", "\\"] } else { ["◐", "◓", "◑", "◒"] }
    }

    /// Heights of a small chart, the lowest first.
    #[must_use]
    pub const fn heights(self) -> &'static [&'static str] {
        if self.ascii {
            &["_", ".", "-", "=", "+", "*", "#"]
        } else {
            &["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
        }
    }

    /// Shades, the lightest first; the first is no shade.
    #[must_use]
    pub const fn shades(self) -> &'static [&'static str] {
        if self.ascii {
            &[" ", ".", ":", "-", "=", "+", "*", "#", "%", "@"]
        } else {
            &[" ", "░", "▒", "▓", "█"]
        }
    }

    /// The frame of a pane; that of the focused one is heavier.
    #[must_use]
    pub const fn border(self, focused: bool) -> border::Set<'static> {
        const ASCII: border::Set<'static> = border::Set {
            top_left: "+",
            top_right: "+",
            bottom_left: "+",
            bottom_right: "+",
            vertical_left: "|",
            vertical_right: "|",
            horizontal_top: "-",
            horizontal_bottom: "-",
        };
        const ASCII_FOCUSED: border::Set<'static> = border::Set {
            horizontal_top: "=",
            horizontal_bottom: "=",
            vertical_left: "#",
            vertical_right: "#",
            ..ASCII
        };
        match (self.ascii, focused) {
            (true, true) => ASCII_FOCUSED,
            (true, false) => ASCII,
            (false, true) => border::THICK,
            (false, false) => border::PLAIN,
        }
    }
}
