//! `locus analyze`.

use crate::cli::arguments::{AnalyzeArguments, Common};
use crate::cli::tables::table;
use crate::cli::{Failure, output};
use locus_analysis::report::{self, Content, Part, Section};
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
    rows.damage().iter().for_each(|damage| output::complain(&damage.left_out()));
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
    let shown = report.sections.iter().filter(|section| section.lead || arguments.all);
    texts.extend(shown.map(|section| text(section, arguments.all)));
    output::print(&texts.join("\n\n"))?;
    let more = if arguments.all { "" } else { "; --all prints all scores and sections" };
    output::complain(&format!("{} files in {}; open report.html{more}", written.len(), out.display()));
    Ok(())
}

/// A section as text: what stands first, which is of the first score, and with all scores the parts too.
fn text(section: &Section, all: bool) -> String {
    let mut texts = vec![format!("— {} —", section.title)];
    texts.extend(section.text.iter().map(|paragraph| wrapped(paragraph)));
    texts.extend(section.tables.iter().map(table_text));
    section.parts.iter().filter(|_| all).for_each(|part| add(part, &mut texts));
    texts.join("\n\n")
}

/// Adds a part and those in it. A title stands where there are sentences below it; a table has its own.
fn add(part: &Part, texts: &mut Vec<String>) {
    texts.extend(part.text.first().map(|_| part.title.clone()));
    texts.extend(part.text.iter().map(|paragraph| wrapped(paragraph)));
    texts.extend(part.tables.iter().map(table_text));
    part.parts.iter().for_each(|inner| add(inner, texts));
}

fn table_text(of: &report::Table) -> String {
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
    format!("{}\n{shown}\n{}", of.title, notes.join("\n")).trim_end().to_owned()
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

#[cfg(test)]
mod tests {
    use super::text;
    use locus_analysis::report::{Part, Section};

    #[test]
    fn what_stands_first_is_printed_whatever_it_is_about() {
        let of_score = |score: &str| Part { text: vec![format!("By {score}.")], ..Part::new(score, true) };
        let section = Section {
            id: "answer",
            title: "The answer",
            text: vec![
                "ROME, rewrite_score, trace: no verdict, 4 facts, but 5 are needed.".into(),
                "A loss is.".into(),
            ],
            lead: true,
            tables: Vec::new(),
            figures: Vec::new(),
            parts: vec![Part { parts: vec![of_score("essence_score")], ..of_score("paraphrase_score") }],
            code: None,
        };
        let first =
            "— The answer —\n\nROME, rewrite_score, trace: no verdict, 4 facts, but 5 are needed.\n\nA loss is.";
        assert_eq!(text(&section, false), first);
        let rest = "paraphrase_score\n\nBy paraphrase_score.\n\nessence_score\n\nBy essence_score.";
        assert_eq!(text(&section, true), format!("{first}\n\n{rest}"));
    }
}
