//! `locus analyze`.

use crate::cli::arguments::{AnalyzeArguments, Common};
use crate::cli::tables::table;
use crate::cli::{Failure, output};
use locus_analysis::report::{self, Content, Section};
use locus_analysis::variants::logit;
use locus_analysis::{Settings, analyze};
use locus_sweep::{Ledger, score_names, study};

/// Characters of a line of text.
const WIDTH: usize = 100;

/// Computes the analysis of a sweep, prints what it says, and writes the report.
///
/// # Errors
/// The folder holds no sweep, or none that can be analyzed; the report cannot be written.
pub fn run(common: &Common, arguments: &AnalyzeArguments) -> Result<(), Failure> {
    if let Some(name) = arguments.scores.iter().find(|name| !score_names().contains(name.as_str())) {
        let known = score_names().into_iter().collect::<Vec<_>>().join(", ");
        return Err(Failure::usage(format!("--score {name}: there is no such score; available: {known}")));
    }
    let ledger = Ledger::read(&arguments.folder)?;
    let rows = ledger.rows()?;
    let mut study = study(&ledger, &rows, &arguments.scores);
    if study.panels.is_empty() {
        let message = format!("{}: no cell has a score yet; see `locus sweep status`", arguments.folder.display());
        return Err(Failure::failed(message));
    }
    let usual = Settings::default();
    let (mut margin, mut ceiling, mut folder) = (usual.margin, usual.ceiling, "analysis".to_owned());
    if arguments.logit {
        study = study.on_logit_scale();
        // a step of the score in the middle of the scale is four times as large on it
        (margin, ceiling) = (4.0 * margin, logit(ceiling));
        folder.push_str("-logit");
    }
    if arguments.without_last_layer {
        study = study.without_last_layer();
        folder.push_str("-without-last-layer");
    }
    let settings = Settings {
        seed: arguments.seed,
        resamples: arguments.resamples,
        permutations: arguments.resamples,
        margin: arguments.margin.unwrap_or(margin),
        ceiling,
        ..usual
    };
    let analysis = analyze(&study, &settings, &mut |_, _| {}).map_err(|error| Failure::usage(error.to_string()))?;
    let out = arguments.out.clone().unwrap_or_else(|| arguments.folder.join(folder));
    let written = report::write(&out, &study, &analysis)
        .map_err(|error| Failure::failed(format!("--out {}: {error}", out.display())))?;
    if common.json {
        return Ok(output::json(&analysis)?);
    }
    let report = report::report(&analysis);
    let mut texts = vec![report.title.clone(), report.about.join("\n")];
    // what is said of the first score stands for the rest, which the report has
    let first = study.panels.first().map(|panel| panel.score.clone()).filter(|_| !arguments.all);
    let shown = report.sections.iter().filter(|section| section.lead || arguments.all);
    texts.extend(shown.map(|section| text(section, first.as_deref())));
    output::print(&texts.join("\n\n"))?;
    let more = if first.is_some() { "; --all prints all scores and sections" } else { "" };
    output::complain(&format!("{} files in {}; open report.html{more}", written.len(), out.display()));
    Ok(())
}

/// A section as text, or what it says of one score.
fn text(section: &Section, score: Option<&str>) -> String {
    let mut parts = vec![format!("— {} —", section.title)];
    let spoken = score.map(|score| score.replace('_', " "));
    let is_of = |text: &&String| spoken.as_ref().is_none_or(|spoken| text.contains(spoken.as_str()));
    parts.extend(section.text.iter().filter(is_of).map(|paragraph| wrapped(paragraph)));
    // what stands first, and with all scores the parts too
    let tables = if score.is_some() { section.tables.iter().collect() } else { section.all_tables() };
    for of in tables {
        let mut shown = table(of.columns.iter().map(String::as_str));
        for row in &of.rows {
            shown.add_row(row.cells.iter().map(|cell| match cell {
                Content::Text(text) => text.clone(),
                Content::Missing(_) => "—".to_owned(),
                Content::Empty => String::new(),
            }));
        }
        shown.right(of.words..of.columns.len());
        let notes: Vec<String> = of.reading.iter().chain(&of.all_notes()).map(|note| wrapped(note)).collect();
        parts.push(format!("{}\n{shown}\n{}", of.title, notes.join("\n")).trim_end().to_owned());
    }
    parts.join("\n\n")
}

/// A paragraph in lines.
fn wrapped(text: &str) -> String {
    let (mut lines, mut length) = (String::new(), 0);
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if length > 0 && length + 1 + width > WIDTH {
            lines.push('\n');
            length = 0;
        } else if length > 0 {
            lines.push(' ');
            length += 1;
        }
        lines.push_str(word);
        length += width;
    }
    lines
}
