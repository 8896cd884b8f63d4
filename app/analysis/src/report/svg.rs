//! Drawing: lines, dots, bands and words as SVG, in colors that suit a light and a dark page.

use super::number::fixed;

/// Colors of the page, and of series (Okabe and Ito, told apart with any kind of color vision).
const STYLE: &str = "\
.fig{--ink:#1b1f24;--soft:#6b7280;--rule:#d8dce2;--a:#0072b2;--b:#d55e00;--c:#009e73;--d:#cc79a7;--e:#b8860b;\
font-family:system-ui,sans-serif;font-size:12px}\
@media(prefers-color-scheme:dark){.fig{--ink:#e6e8eb;--soft:#9aa3af;--rule:#3a414b;--a:#56b4e9;--b:#f0894d;--c:#3ecf9f;\
--d:#e6a5c8;--e:#f0c94d}}\
.fig text{fill:var(--ink)}.fig .soft{fill:var(--soft)}.fig .rule{stroke:var(--rule)}.fig .axis{stroke:var(--soft)}\
.fig .s0{--s:var(--a)}.fig .s1{--s:var(--b)}.fig .s2{--s:var(--c)}.fig .s3{--s:var(--d)}.fig .s4{--s:var(--e)}\
.fig .line{stroke:var(--s);fill:none;stroke-width:2}.fig .thin{stroke:var(--s);stroke-width:1.5}\
.fig .dot{fill:var(--s)}.fig .band{fill:var(--s);opacity:.18}.fig .dashed{stroke-dasharray:5 4}";

/// A figure of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The name of its file, without the end.
    pub id: String,
    pub title: String,
    pub svg: String,
}

/// Where words stand to their point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing that grows.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    width: f64,
    height: f64,
    body: String,
}

/// A point in pixels, from the left upper corner.
pub type Point = (f64, f64);

impl Drawing {
    /// An empty one, in pixels.
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    /// A straight line.
    pub fn line(&mut self, from: Point, to: Point, class: &str) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(pixel);
        self.body.push_str(&format!("<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" class=\"{class}\"/>\n"));
    }

    /// A dot.
    pub fn dot(&mut self, at: Point, class: &str) {
        let [x, y] = [at.0, at.1].map(pixel);
        self.body.push_str(&format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" class=\"dot {class}\"/>\n"));
    }

    /// A line through points.
    pub fn path(&mut self, points: &[Point], class: &str) {
        self.body.push_str(&format!("<polyline points=\"{}\" class=\"line {class}\"/>\n", list(points)));
    }

    /// What lies between two lines.
    pub fn band(&mut self, low: &[Point], high: &[Point], class: &str) {
        let around: Vec<Point> = low.iter().chain(high.iter().rev()).copied().collect();
        self.body.push_str(&format!("<polygon points=\"{}\" class=\"band {class}\"/>\n", list(&around)));
    }

    /// Words.
    pub fn words(&mut self, at: Point, anchor: Anchor, text: &str, class: &str) {
        let [x, y] = [at.0, at.1].map(pixel);
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.body
            .push_str(&format!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" class=\"{class}\">{text}</text>\n"));
    }

    /// The file: it stands alone and needs nothing else.
    pub fn finish(self, title: &str) -> String {
        let Self { width, height, body } = self;
        let (width, height, title) = (pixel(width), pixel(height), escaped(title));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" class=\"fig\" role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n{body}</svg>\n"
        )
    }
}

fn pixel(value: f64) -> String {
    fixed(value, 1)
}

fn list(points: &[Point]) -> String {
    points.iter().map(|(x, y)| format!("{},{}", pixel(*x), pixel(*y))).collect::<Vec<_>>().join(" ")
}

/// Without meaning to XML. Control characters are left out: no escape makes them legal there.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars().filter(|letter| !letter.is_control() || *letter == '\n') {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A scale from numbers to pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// One that holds all values, with some room, between two pixels.
    pub fn new(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (mut low, mut high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if high - low < 1e-9 {
            (low, high) = (low - 0.5, high + 0.5);
        }
        let room = 0.04 * (high - low);
        Self { low: low - room, high: high + room, from, to }
    }

    /// Where a number is.
    pub fn at(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Round numbers, some five of them, and how many digits they need.
    pub fn ticks(&self) -> (Vec<f64>, usize) {
        let raw = (self.high - self.low) / 5.0;
        let power = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|part| part * power).find(|step| *step >= raw).unwrap_or(raw);
        let digits = (-step.log10().floor()).max(0.0) as usize;
        let first = (self.low / step).ceil() as i64;
        let ticks = (first..first + 12).map(|place| place as f64 * step).take_while(|tick| *tick <= self.high);
        (ticks.collect(), digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_holds_its_values_and_has_round_ticks() {
        let scale = Scale::new([0.0, 1.0].into_iter(), 0.0, 100.0);
        assert!(scale.at(0.0) > 0.0 && scale.at(1.0) < 100.0);
        assert_eq!(scale.ticks(), (vec![0.0, 0.5, 1.0], 1));
        let same = Scale::new([2.0, 2.0].into_iter(), 0.0, 100.0);
        assert_eq!(same.at(2.0), 50.0);
        assert!(Scale::new(std::iter::empty(), 0.0, 1.0).at(0.5).is_finite());
    }

    #[test]
    fn words_cannot_become_tags() {
        let mut drawing = Drawing::new(10.0, 10.0);
        drawing.words((0.0, 0.0), Anchor::Start, "<script>&\"\u{7}", "");
        let text = drawing.finish("a < b");
        assert!(text.contains("&lt;script&gt;&amp;&quot;</text>") && text.contains("<title>a &lt; b</title>"));
    }
}
