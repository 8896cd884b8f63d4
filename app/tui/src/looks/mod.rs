//! How things look: styles, glyphs, numbers and texts in cells, cells of a heat map, curves, points, a drawn screen as a picture. Nothing
//! here knows what is shown.

mod colors;
mod curves;
mod glyphs;
mod heat;
mod lines;
mod numbers;
mod picture;
mod scatter;
mod text;
mod theme;

pub use colors::Colors;
pub use curves::{Curve, Window, draw_curves};
pub use glyphs::Glyphs;
pub use heat::{continued, difference_cell, heat_cell, heat_legend, preview_cell};
pub use lines::{Paper, window_start};
pub use numbers::{ahead, bytes, count, duration, probability, ratio, seconds, signed};
pub use picture::picture;
pub use scatter::draw_points;
pub use text::{and_more, fit, fit_left, plain, printable, shorten, token_text, width, wrap};
pub use theme::{Depth, Theme};
