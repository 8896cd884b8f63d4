//! Writes what `locus analyze` says of sweeps into docs/the-question.md.

use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::Command;

/// Scores that the document shows: what the paper scored, and what the model says of its own accord.
const SCORES: [&str; 2] = ["rewrite_score", "free_rewrite"];
/// Sections of the report that it takes over, and up to which heading.
const SECTIONS: [(&str, &str); 4] = [
    ("\n## The answer", "\n## "),
    ("\n## What it costs to pick the layer by a rule", "\n### "),
    ("\n#### Regret: free\\_rewrite\n", "\n### "),
    ("\n## As published", "\n#### As published, facts with a concentrated trace"),
];

/// Analyzes sweeps and puts the tables between the marks of the document: `NAME=FOLDER` fills what stands between
/// `<!-- NAME -->` and `<!-- end of NAME -->`.
///
/// # Errors
/// A sweep cannot be analyzed, or the document has no such marks.
pub fn write(root: &Path, program: &Path, sweeps: impl Iterator<Item = String>) -> Result<()> {
    let document = root.join("docs/the-question.md");
    let mut text = std::fs::read_to_string(&document).with_context(|| format!("cannot read {}", document.display()))?;
    for sweep in sweeps {
        let Some((name, folder)) = sweep.split_once('=') else { bail!("`{sweep}` is not NAME=FOLDER") };
        let report = Path::new(folder).join("the-question");
        let mut command = Command::new(program);
        command.args(["analyze", folder, "--out"]).arg(&report);
        SCORES.iter().for_each(|score| _ = command.args(["--score", score]));
        ensure!(command.status().context("cannot start locus")?.success(), "the sweep in {folder} cannot be analyzed");
        let made = std::fs::read_to_string(report.join("report.md")).context("the report has no Markdown")?;
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
        let range = text.find(&begin).map(|at| at + begin.len()).zip(text.find(&end));
        let (from, to) = range.with_context(|| format!("{} has no `{}`", document.display(), begin.trim()))?;
        text.replace_range(from..to, &format!("\n{}\n\n", sections(&made)?));
    }
    let draft = document.with_extension("draft");
    std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, &document)).context("cannot write the document")
}

/// The head and the sections of a report, a level lower, without pictures, whose files are not beside the document.
fn sections(report: &str) -> Result<String> {
    let head = report.lines().skip_while(|line| !line.starts_with("- ")).take_while(|line| line.starts_with("- "));
    let mut parts = vec![head.collect::<Vec<_>>().join("\n")];
    for (begin, end) in SECTIONS {
        let from = report.find(begin).with_context(|| format!("the report has no section `{begin}`"))?;
        let rest = &report[from..];
        let to = rest[begin.len()..].find(end).map_or(rest.len(), |at| at + begin.len());
        let lines: Vec<&str> = rest[..to].lines().filter(|line| !line.starts_with("![")).collect();
        // a heading over a heading of the same table says nothing here
        let is_empty = |place: usize| {
            let next = lines[place + 1..].iter().find(|line| !line.is_empty());
            place > 1 && lines[place].starts_with("##") && next.is_some_and(|next| next.starts_with('#'))
        };
        let lines = (0..lines.len()).filter(|&place| !is_empty(place)).map(|place| lines[place]);
        let is_head = |line: &str| line.starts_with('#') && !line.starts_with("####");
        let lower = lines.map(|line| if is_head(line) { format!("#{line}") } else { line.to_owned() });
        parts.push(lower.collect::<Vec<_>>().join("\n").trim().to_owned());
    }
    Ok(parts.join("\n\n"))
}
