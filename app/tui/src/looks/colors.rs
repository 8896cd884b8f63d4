//! The colors that roles have: the terminal's own sixteen, or a set of our own, which terminals with fewer colors show as
//! near as they can.

use super::heat::indexed;
use super::theme::Depth;
use ratatui::style::Color;
use serde::{Deserialize, Serialize};

/// A set of colors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colors {
    /// The terminal's own sixteen, which fit its background.
    #[default]
    Terminal,
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
    /// Told apart without telling red from green (deuteranopia, protanopia), after Okabe and Ito (2008).
    RedGreen,
    /// Told apart without telling blue from green or yellow from violet (tritanopia).
    BlueYellow,
    /// No color at all: bold, underlined, reversed.
    Mono,
}

/// What has a color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Keys, and what to look at.
    Accent,
    /// What went well, such as an edit that took.
    Good,
    /// What needs attention, such as an edit that fell short.
    Warn,
    /// What failed, such as a job that ended with an error.
    Bad,
    /// A variant of Compare, from 0.
    Variant(usize),
    /// What says where a fact is, from 0.
    Localizer(usize),
}

type Rgb = (u8, u8, u8);

/// Accent, good, warn, bad; four variants; four localizers.
struct Set {
    roles: [Rgb; 4],
    variants: [Rgb; 4],
    localizers: [Rgb; 4],
}

const DARK: Set = Set {
    roles: [(97, 175, 239), (152, 195, 121), (229, 192, 123), (240, 113, 120)],
    variants: [(86, 182, 220), (214, 126, 224), (229, 192, 123), (152, 195, 121)],
    localizers: [(97, 135, 255), (240, 113, 120), (190, 190, 190), (120, 200, 255)],
};

const LIGHT: Set = Set {
    roles: [(0, 92, 158), (30, 110, 40), (140, 85, 0), (180, 20, 30)],
    variants: [(0, 110, 140), (140, 20, 140), (150, 90, 0), (20, 110, 50)],
    localizers: [(20, 60, 190), (180, 20, 30), (90, 90, 90), (0, 120, 190)],
};

const RED_GREEN: Set = Set {
    roles: [(86, 180, 233), (40, 140, 210), (230, 159, 0), (213, 94, 0)],
    variants: [(86, 180, 233), (204, 121, 167), (230, 159, 0), (0, 158, 115)],
    localizers: [(0, 114, 178), (213, 94, 0), (153, 153, 153), (120, 200, 240)],
};

const BLUE_YELLOW: Set = Set {
    roles: [(51, 187, 190), (40, 160, 130), (238, 119, 136), (204, 51, 17)],
    variants: [(51, 187, 190), (238, 51, 119), (187, 187, 187), (0, 130, 120)],
    localizers: [(0, 120, 130), (204, 51, 17), (153, 153, 153), (120, 210, 210)],
};

impl Colors {
    /// All of them, with their names and what they are for.
    pub const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::Terminal, "terminal", "the terminal's own sixteen colors"),
        (Self::Dark, "dark", "for a dark background"),
        (Self::Light, "light", "for a light background"),
        (Self::RedGreen, "red-green", "for red-green color blindness (deuteranopia, protanopia)"),
        (Self::BlueYellow, "blue-yellow", "for blue-yellow color blindness (tritanopia)"),
        (Self::Mono, "mono", "no color: bold, underline, reverse"),
    ];

    /// Those of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == name).map(|(colors, ..)| *colors)
    }

    /// The color of a role with so many colors to choose from.
    #[must_use]
    pub fn of(self, role: Role, depth: Depth) -> Color {
        let set = match (self, depth) {
            // sixteen colors are the terminal's, whatever they look like
            (Self::Terminal | Self::Mono, _) | (_, Depth::Sixteen | Depth::None) => return terminal(role),
            (Self::Dark, _) => &DARK,
            (Self::Light, _) => &LIGHT,
            (Self::RedGreen, _) => &RED_GREEN,
            (Self::BlueYellow, _) => &BLUE_YELLOW,
        };
        let (red, green, blue) = match role {
            Role::Accent => set.roles[0],
            Role::Good => set.roles[1],
            Role::Warn => set.roles[2],
            Role::Bad => set.roles[3],
            Role::Variant(place) => set.variants[place.min(3)],
            Role::Localizer(place) => set.localizers[place.min(3)],
        };
        match depth {
            Depth::True => Color::Rgb(red, green, blue),
            _ => Color::Indexed(indexed(red, green, blue)),
        }
    }
}

fn terminal(role: Role) -> Color {
    const VARIANTS: [Color; 4] = [Color::Cyan, Color::Magenta, Color::Yellow, Color::Green];
    const LOCALIZERS: [Color; 4] = [Color::Blue, Color::Red, Color::Gray, Color::LightBlue];
    match role {
        Role::Accent => Color::Cyan,
        Role::Good => Color::Green,
        Role::Warn => Color::Yellow,
        Role::Bad => Color::Red,
        Role::Variant(place) => VARIANTS[place.min(3)],
        Role::Localizer(place) => LOCALIZERS[place.min(3)],
    }
}

#[cfg(test)]
mod tests {
    use super::{BLUE_YELLOW, Colors, DARK, LIGHT, RED_GREEN, Rgb, Role, Set};
    use crate::looks::Depth;
    use ratatui::style::Color;

    /// [Relative luminance](https://www.w3.org/TR/WCAG22/#dfn-relative-luminance), 0 for black to 1 for white.
    fn luminance((red, green, blue): Rgb) -> f64 {
        let linear = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    fn contrast(one: Rgb, other: Rgb) -> f64 {
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        if one > other { one / other } else { other / one }
    }

    fn all(set: &Set) -> impl Iterator<Item = Rgb> {
        set.roles.into_iter().chain(set.variants).chain(set.localizers)
    }

    #[test]
    fn every_color_can_be_read_on_its_background() {
        for color in all(&DARK) {
            assert!(contrast(color, (0, 0, 0)) >= 4.5, "{color:?}");
        }
        for color in all(&LIGHT) {
            assert!(contrast(color, (255, 255, 255)) >= 4.5, "{color:?}");
        }
        // on either
        for color in all(&RED_GREEN).chain(all(&BLUE_YELLOW)) {
            let worst = contrast(color, (0, 0, 0)).min(contrast(color, (255, 255, 255)));
            assert!(worst >= 1.5, "{color:?} {worst}");
        }
    }

    /// What somebody sees who lacks a kind of cone (Machado, Oliveira and Fernandes 2009, severity 1).
    fn seen(matrix: [[f64; 3]; 3], (red, green, blue): Rgb) -> [f64; 3] {
        let color = [red, green, blue].map(f64::from);
        matrix.map(|row| row.iter().zip(color).map(|(weight, part)| weight * part).sum())
    }

    #[test]
    fn good_and_bad_and_the_variants_differ_with_any_color_vision() {
        let deuteranopia =
            [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_82, 0.042_94, 0.968_881]];
        let tritanopia =
            [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_9]];
        for (set, matrix) in [(&RED_GREEN, deuteranopia), (&BLUE_YELLOW, tritanopia)] {
            let apart = |one: Rgb, other: Rgb| {
                let (one, other) = (seen(matrix, one), seen(matrix, other));
                one.iter().zip(other).map(|(one, other)| (one - other).powi(2)).sum::<f64>().sqrt()
            };
            for (place, one) in set.variants.iter().enumerate() {
                for other in &set.variants[place + 1..] {
                    assert!(apart(*one, *other) > 40.0, "{one:?} {other:?} {}", apart(*one, *other));
                }
            }
            let [_, good, warn, bad] = set.roles;
            for (one, other) in [(good, bad), (good, warn), (warn, bad)] {
                assert!(apart(one, other) > 40.0, "{one:?} {other:?} {}", apart(one, other));
            }
        }
    }

    #[test]
    fn a_theme_is_shown_with_as_many_colors_as_there_are() {
        assert_eq!(Colors::Dark.of(Role::Bad, Depth::True), Color::Rgb(240, 113, 120));
        assert!(matches!(Colors::Dark.of(Role::Bad, Depth::Indexed), Color::Indexed(_)));
        assert_eq!(Colors::Dark.of(Role::Bad, Depth::Sixteen), Color::Red);
        for (colors, name, _) in Colors::ALL {
            assert_eq!(Colors::named(name), Some(colors));
        }
        assert_eq!(Colors::named("solarized"), None);
    }
}
