//! Drawing: lines, dots, bands and words as SVG. A file of its own is dark on white and needs no style sheet, so that every
//! program shows it; the classes let a page that is dark choose other colors.

use super::number::fixed;

/// Colors of series (Okabe and Ito, told apart with any kind of color vision), as on a light page.
const SERIES: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b"];
/// The font whose letters `data/font` holds for pictures of points.
pub const FONT: &str = "DejaVu Sans";

/// Colors for a figure inside of a dark page.
pub const DARK: &str = "\
.fig text{fill:#e6e8eb}.fig text.soft{fill:#9aa3af}.fig .rule{stroke:#3a414b}.fig .axis{stroke:#9aa3af}\
.fig .room{fill:#262b32}.fig .line.s0,.fig .thin.s0{stroke:#56b4e9}.fig .line.s1,.fig .thin.s1{stroke:#f0894d}\
.fig .line.s2,.fig .thin.s2{stroke:#3ecf9f}.fig .line.s3,.fig .thin.s3{stroke:#e6a5c8}\
.fig .line.s4,.fig .thin.s4{stroke:#f0c94d}.fig .dot.s0,.fig .band.s0{fill:#56b4e9}.fig .dot.s1,.fig .band.s1{fill:#f0894d}\
.fig .dot.s2,.fig .band.s2{fill:#3ecf9f}.fig .dot.s3,.fig .band.s3{fill:#e6a5c8}.fig .dot.s4,.fig .band.s4{fill:#f0c94d}";

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

    /// A straight line: "rule", "axis", or "thin" and a series, which may be "dashed" or "dotted".
    pub fn line(&mut self, from: Point, to: Point, class: &str) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(pixel);
        let dashes = dashes(class);
        let (color, width) = match class.split(' ').next() {
            Some("rule") => ("#d8dce2", "1"),
            Some("axis") => ("#59636e", "1"),
            _ => (series(class), "1.5"),
        };
        self.body.push_str(&format!(
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"{color}\" stroke-width=\"{width}\"{dashes} \
             class=\"{class}\"/>\n"
        ));
    }

    /// A dot of a series.
    pub fn dot(&mut self, at: Point, class: &str) {
        let ([x, y], color) = ([at.0, at.1].map(pixel), series(class));
        self.body
            .push_str(&format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" fill=\"{color}\" class=\"dot {class}\"/>\n"));
    }

    /// A line of a series through points.
    pub fn path(&mut self, points: &[Point], class: &str) {
        let (points, color) = (list(points), series(class));
        let dashes = dashes(class);
        self.body.push_str(&format!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"{dashes} class=\"line \
             {class}\"/>\n"
        ));
    }

    /// What lies between two lines.
    pub fn band(&mut self, low: &[Point], high: &[Point], class: &str) {
        let around: Vec<Point> = low.iter().chain(high.iter().rev()).copied().collect();
        let (points, color) = (list(&around), series(class));
        self.body.push_str(&format!(
            "<polygon points=\"{points}\" fill=\"{color}\" fill-opacity=\"0.18\" class=\"band {class}\"/>\n"
        ));
    }

    /// A tinted room behind what is drawn after it.
    pub fn room(&mut self, from: Point, to: Point) {
        let [x, y, width, height] = [from.0, from.1, to.0 - from.0, to.1 - from.1].map(pixel);
        self.body.push_str(&format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"#eef1f4\" class=\"room\"/>\n"
        ));
    }

    /// Words; "soft" ones are gray.
    pub fn words(&mut self, at: Point, anchor: Anchor, text: &str, class: &str) {
        self.turned(at, anchor, text, class, "");
    }

    /// Words that are read upwards, around their middle.
    pub fn upright(&mut self, at: Point, text: &str, class: &str) {
        let [x, y] = [at.0, at.1].map(pixel);
        self.turned(at, Anchor::Middle, text, class, &format!(" transform=\"rotate(-90 {x} {y})\""));
    }

    fn turned(&mut self, at: Point, anchor: Anchor, text: &str, class: &str, turn: &str) {
        let [x, y] = [at.0, at.1].map(pixel);
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (text, color) = (escaped(text), if class == "soft" { "#59636e" } else { "#1b1f24" });
        self.body.push_str(&format!(
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" fill=\"{color}\"{turn} class=\"{class}\">{text}</text>\n"
        ));
    }

    /// The file: it stands alone and needs nothing else.
    pub fn finish(self, title: &str) -> String {
        let Self { width, height, body } = self;
        let (width, height, title) = (pixel(width), pixel(height), escaped(title));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"'{FONT}', system-ui, sans-serif\" font-size=\"12\" class=\"fig\" \
             role=\"img\">\n<title>{title}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\" \
             class=\"page\"/>\n{body}</svg>\n"
        )
    }
}

/// The color of the series that a class names ("s0" to "s4"), or gray.
fn series(class: &str) -> &'static str {
    let number = class.split(' ').find_map(|word| word.strip_prefix('s')?.parse::<usize>().ok());
    number.and_then(|number| SERIES.get(number)).unwrap_or(&"#59636e")
}

fn dashes(class: &str) -> &'static str {
    match class {
        class if class.contains("dashed") => " stroke-dasharray=\"5 4\"",
        class if class.contains("dotted") => " stroke-dasharray=\"2 3\"",
        _ => "",
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

    /// The same numbers between two other pixels.
    pub fn between(self, from: f64, to: f64) -> Self {
        Self { from, to, ..self }
    }

    /// Where a number is.
    pub fn at(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Where a number is, or the end of the scale that it is beyond.
    pub fn held(&self, value: f64) -> f64 {
        self.at(value.clamp(self.low, self.high))
    }

    /// Round numbers, so many at most but for one or two, and how many digits they need.
    pub fn ticks(&self, wanted: f64) -> (Vec<f64>, usize) {
        let raw = (self.high - self.low) / wanted;
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
        assert_eq!(scale.ticks(5.0), (vec![0.0, 0.5, 1.0], 1));
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

    #[test]
    fn a_file_of_its_own_has_its_colors_without_a_style_sheet() {
        let mut drawing = Drawing::new(10.0, 10.0);
        drawing.line((0.0, 0.0), (1.0, 1.0), "thin dashed s1");
        let text = drawing.finish("a");
        assert!(text.contains("stroke=\"#d55e00\"") && !text.contains("var(") && !text.contains("<style"));
        for number in 0..SERIES.len() {
            assert!(DARK.contains(&format!(".line.s{number}")) && DARK.contains(&format!(".dot.s{number}")));
        }
    }
}
