//! What a report looks like, with the programs that people read it with: `cargo xtask report` runs these tests. They want
//! Chromium, pdfLaTeX, poppler-utils, and R with clubSandwich, and leave pictures and PDFs in `target/tmp/report`.
//!
//! The studies are one of two methods with gaps and odd names, and one of four methods, five objectives, two scores and seven
//! localizers.

mod support;

use locus_analysis::report::{Content, Report, Table, report, write};
use locus_analysis::{Analysis, Cell, Localizer, Settings, Study, analyze};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{sweep, whole_panel};

/// The study of a paper: twenty pairs of method and objective.
fn large() -> Study {
    let (facts, layers) = (30, 24);
    let names = [
        "causal trace",
        "causal trace of hidden states, single layers",
        "attribution",
        "edit gradient",
        "random layer",
        "fixed layer 17",
        "causal trace at the last token of the subject",
    ];
    let mut panels = Vec::new();
    for (number, method) in ["ROME", "MEMIT", "constrained fine-tuning", "FT-5"].into_iter().enumerate() {
        for (place, objective) in
            ["error-injection", "tracing-reversal", "fact-erasure", "fact-amplification", "fact-forcing"]
                .into_iter()
                .enumerate()
        {
            for (kind, score) in ["rewrite_score", "paraphrase_score"].into_iter().enumerate() {
                let phase = (number * 5 + place * 2 + kind) as f64;
                let wave = |fact: usize, layer: usize, of: f64| ((fact * 13 + layer * 5) as f64 * 0.37 + of).sin();
                let table = |of: &dyn Fn(usize, usize) -> f64| -> Vec<Vec<f64>> {
                    (0..facts).map(|fact| (0..layers).map(|layer| of(fact, layer)).collect()).collect()
                };
                let level = |layer: usize| 0.6 + 0.3 * ((layer as f64) / 4.0 + phase).sin();
                let score_at =
                    |fact: usize, layer: usize| (level(layer) + 0.2 * wave(fact, layer, phase)).clamp(0.0, 1.0);
                let mut panel = whole_panel(&table(&score_at), &table(&|fact, layer| wave(fact, layer, 0.4).max(0.0)));
                panel.method = method.to_owned();
                panel.window = if number % 2 == 0 { 1 } else { 5 };
                panel.objective = objective.to_owned();
                panel.score = score.to_owned();
                let first = panel.localizers.remove(0);
                for (own, name) in names.iter().enumerate() {
                    let cells = |row: Vec<f64>| row.into_iter().map(Cell::Value).collect();
                    let effect = |fact, layer| 0.5 * level(layer) + wave(fact, layer, own as f64);
                    let effects = table(&effect).into_iter().map(cells).collect();
                    let as_published = own == 0;
                    panel.localizers.push(Localizer {
                        name: (*name).to_owned(),
                        effects,
                        as_published,
                        ..first.clone()
                    });
                }
                panel.scores[place][3] = Cell::Missing("the loss is not a number at step 3".to_owned());
                panels.push(panel);
            }
        }
    }
    support::study(panels)
}

/// A report in a folder of its own below `target/tmp/report`.
fn written(name: &str, study: &Study) -> (PathBuf, Analysis, Report) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report").join(name);
    let settings = Settings { resamples: 100, permutations: 100, subsets: 10, splits: 5, ..Settings::default() };
    let analysis = analyze(study, &settings, &mut |_, _| {}).expect("an analysis");
    write(&folder, study, &analysis).expect("a report");
    let report = report(&analysis);
    (folder, analysis, report)
}

/// Runs a program to its end and takes what it says.
fn said(program: &str, arguments: &[&str], folder: &Path) -> String {
    let out = Command::new(program).args(arguments).current_dir(folder).output();
    let out = out.unwrap_or_else(|error| panic!("{program} ({error}); install it, see docs/analysis.md"));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{program} {arguments:?}: {text}{}", String::from_utf8_lossy(&out.stderr));
    text
}

/// Chromium without a window.
fn chromium(flags: &[&str], folder: &Path) -> String {
    let is_there = |name: &&&str| Command::new(name).arg("--version").output().is_ok();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let program = names.iter().find(is_there).expect("no Chromium; install it, see docs/analysis.md");
    let always = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,4000"];
    said(program, &[&always, flags].concat(), folder)
}

/// All parts of a page unfolded, and a script in it that says how it came out.
fn unfolded(page: &str, script: &str) -> String {
    let (before, rest) = page.split_once("<meta http-equiv").expect("a policy");
    let (_, after) = rest.split_once('>').expect("its end");
    let open = format!("{before}{after}").replace("<details class=\"part\"", "<details open class=\"part\"");
    open.replace("</body>", &format!("<script>{script}</script></body>"))
}

/// Tables and figures that are wider than their place, and texts that stand out too little from the page.
const LOOK: &str = "
const found = [];
if (document.documentElement.scrollWidth > window.innerWidth) found.push('the page is wider than the window');
for (const own of document.querySelectorAll('.wide'))
  if (own.scrollWidth > own.clientWidth + 1) found.push('a table is too wide: ' + own.firstChild.ariaLabel);
const light = (color) => {
  const parts = color.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255);
  const linear = parts.map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
};
const page = light(getComputedStyle(document.body).backgroundColor);
const contrast = (color) => {
  const own = light(color);
  return (Math.max(own, page) + 0.05) / (Math.min(own, page) + 0.05);
};
for (const own of document.querySelectorAll('p,li,td,th,summary,a,.range,figcaption,code'))
  if (contrast(getComputedStyle(own).color) < 4.5) found.push('hard to read: ' + own.textContent);
for (const own of document.querySelectorAll('svg text'))
  if (contrast(getComputedStyle(own).fill) < 4.5) found.push('hard to read: ' + own.textContent);
for (const svg of document.querySelectorAll('svg')) {
  const room = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].map((own) => [own.textContent, own.getBoundingClientRect()]);
  for (const [text, own] of texts) {
    if (own.left < room.left - 1 || own.right > room.right + 1 || own.bottom > room.bottom + 1 || own.top < room.top - 1)
      found.push('outside of its figure: ' + text);
    for (const [other, place] of texts)
      if (other !== text && own.left < place.right - 2 && place.left < own.right - 2 && own.top < place.bottom - 3 &&
          place.top < own.bottom - 3)
        found.push('over another text: ' + text + ' and ' + other);
  }
}
const out = document.createElement('pre');
out.id = 'found';
out.textContent = 'tables ' + document.querySelectorAll('table').length + '\\n' + found.slice(0, 20).join('\\n');
document.body.replaceChildren(out);
";

#[test]
#[ignore = "it needs Chromium: `cargo xtask report`"]
fn nothing_is_too_wide_or_hard_to_read_in_light_and_dark() {
    for (name, study) in [("small", sweep(30)), ("large", large())] {
        let (folder, _, report) = written(name, &study);
        let page = std::fs::read_to_string(folder.join("report.html")).expect("the page");
        locus_files::write(&folder.join("looked-at.html"), unfolded(&page, LOOK).as_bytes()).expect("a page");
        for (color, flag) in [("light", "preferredColorScheme=1"), ("dark", "preferredColorScheme=0")] {
            let scheme = format!("--blink-settings={flag}");
            let dumped = chromium(&[&scheme, "--dump-dom", &address("looked-at.html", &folder)], &folder);
            let (_, found) = dumped.split_once("<pre id=\"found\">").expect("what the script found");
            let (found, _) = found.split_once("</pre>").expect("its end");
            let mut lines = found.lines();
            let tables =
                lines.next().and_then(|line| line.strip_prefix("tables ")?.parse::<usize>().ok()).expect("a count");
            assert!(tables >= all_tables(&report).len(), "{tables}");
            assert_eq!(lines.collect::<Vec<_>>().join("\n"), "", "{name}, {color}");
            let picture = format!("--screenshot={color}.png");
            chromium(&[&scheme, &picture, &address("report.html", &folder)], &folder);
        }
    }
}

#[test]
#[ignore = "it needs Chromium and poppler-utils: `cargo xtask report`"]
fn on_paper_no_table_is_cut() {
    for (name, study) in [("small-on-paper", sweep(30)), ("large-on-paper", large())] {
        let (folder, _, report) = written(name, &study);
        let page = std::fs::read_to_string(folder.join("report.html")).expect("the page");
        locus_files::write(&folder.join("unfolded.html"), unfolded(&page, "").as_bytes()).expect("a page");
        for (page, pdf) in [("report.html", "report.pdf"), ("unfolded.html", "unfolded.pdf")] {
            let to = format!("--print-to-pdf={pdf}");
            chromium(&["--no-pdf-header-footer", &to, &address(page, &folder)], &folder);
        }
        let words = said("pdftotext", &["-bbox", "unfolded.pdf", "-"], &folder);
        let number = |line: &str, name: &str| -> f64 {
            let (_, rest) = line.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("{name} in {line}"));
            rest.split('"').next().and_then(|number| number.parse().ok()).expect("a number")
        };
        let width =
            words.lines().find(|line| line.contains("<page")).map(|line| number(line, "width")).expect("a page");
        for line in words.lines().filter(|line| line.contains("<word")) {
            let (from, to) = (number(line, "xMin"), number(line, "xMax"));
            assert!(from > 20.0 && to < width - 20.0, "{name}: over the margin: {line}");
        }
        let text = plain(&said("pdftotext", &["-raw", "unfolded.pdf", "-"], &folder));
        for table in all_tables(&report) {
            let title = plain(&table.title);
            let (_, after) = text.split_once(&title).unwrap_or_else(|| panic!("{name}: {title} is not on paper"));
            let after: String = after.chars().take(60_000).collect();
            let last = table.columns.last().map(|column| plain(column.as_str())).expect("a column");
            assert!(after.contains(&last), "{name}: {title} lacks its last column, {last}");
            let cell = table.rows.last().and_then(|row| row.cells.last());
            if let Some(Content::Text(cell)) = cell {
                assert!(after.contains(&plain(cell)), "{name}: {title} lacks its last cell, {cell}");
            }
        }
    }
}

#[test]
#[ignore = "it needs pdfLaTeX: `cargo xtask report`"]
fn latex_sets_every_table_within_its_line() {
    for (name, study) in [("small-in-latex", sweep(30)), ("large-in-latex", large())] {
        let mut study = study;
        study.panels[0].method = "方法 α_β #1 {x} $y$ \\z \"q\" ^~".to_owned();
        let (folder, _, report) = written(name, &study);
        let whole = "\\documentclass[10pt]{article}\n\\usepackage[a4paper,margin=25mm]{geometry}\n\
                     \\usepackage{booktabs,longtable}\n\\begin{document}\n\\input{report.tex}\n\\end{document}\n";
        locus_files::write(&folder.join("whole.tex"), whole.as_bytes()).expect("a document");
        // the second time longtable knows the widths
        let told =
            [0, 1].map(|_| said("pdflatex", &["-interaction=nonstopmode", "-halt-on-error", "whole.tex"], &folder));
        let bad =
            |line: &&str| line.starts_with('!') || line.contains("Overfull") || line.contains("too large for page");
        assert_eq!(told[1].lines().filter(bad).take(20).collect::<Vec<_>>().join("\n"), "", "{name}");
        let text = plain(&said("pdftotext", &["-raw", "whole.pdf", "-"], &folder));
        assert!(text.contains("U+65B9U+6CD5"), "letters that pdfLaTeX has not are printed by their numbers");
        let tables = text.matches("Table").count();
        assert!(tables >= all_tables(&report).len(), "{name}: {tables}");
    }
}

/// What `again.R` prints: R² of the layer and of both, for each table.
#[test]
#[ignore = "it needs R with clubSandwich: `cargo xtask report`"]
fn r_computes_the_published_table_from_the_csv() {
    let mut whole = sweep(30);
    // nobody is left out: R must not take the empty column for one of missing values
    whole.panels.iter_mut().flat_map(|panel| &mut panel.facts).for_each(|fact| fact.left_out = None);
    for (name, study) in [("gaps-in-r", sweep(30)), ("whole-in-r", whole)] {
        let (folder, analysis, _) = written(name, &study);
        let printed = said("Rscript", &["again.R"], &folder);
        let lines: Vec<&str> = printed.lines().collect();
        let explained: Vec<[f64; 2]> = (1..lines.len())
            .filter(|at| lines[at - 1].split_whitespace().eq(["layer", "both"]))
            .map(|at| {
                let numbers: Vec<f64> =
                    lines[at].split_whitespace().map(|number| number.parse().expect("a number")).collect();
                [numbers[0], numbers[1]]
            })
            .collect();
        let ours: Vec<_> = analysis
            .panels
            .iter()
            .flat_map(|panel| &panel.localizers)
            .map(|own| own.published.clone().expect("R²"))
            .collect();
        assert_eq!(explained.len(), ours.len(), "{printed}");
        for own in &ours {
            let is_same = |r: &[f64; 2]| (r[0] - own.layer).abs() < 1e-6 && (r[1] - own.both).abs() < 1e-6;
            assert!(explained.iter().any(is_same), "{own:?} is not in {printed}");
            let f = own.test.as_ref().expect("a test").f;
            let mut words = printed.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
            assert!(words.any(|r| (r - f).abs() < 1e-3 * f.abs().max(0.1)), "F = {f} is not in {printed}");
        }
        assert!(printed.matches("effect").count() >= ours.len(), "clustered slopes: {printed}");
    }
}

fn all_tables(report: &Report) -> Vec<&Table> {
    report.sections.iter().flat_map(|section| section.all_tables()).collect()
}

/// Without white space, which programs set as they like.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace()).collect()
}

/// The address of a page in a folder.
fn address(name: &str, folder: &Path) -> String {
    format!("file://{}", folder.join(name).display())
}
