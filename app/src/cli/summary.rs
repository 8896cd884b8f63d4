//! Averages over the facts of an evaluation, as a table and as a file for a spreadsheet.

use crate::cli::csv_file::CsvFile;
use crate::cli::ledger::Line;
use crate::cli::{Failure, tables};
use locus_protocol::{Average, Summary, counted};
use locus_records::averages::{Mean, harmonic_of_means};
use std::collections::{BTreeMap, BTreeSet};

/// What ROME's score is made of.
const SCORED: [&str; 3] = ["rewrite_success", "paraphrase_success", "neighborhood_success"];
/// Measures in the order of the table; what is not here comes after them by name.
const ORDER: [&str; 14] = [
    "rewrite_success",
    "paraphrase_success",
    "neighborhood_success",
    "score",
    "rewrite_magnitude",
    "paraphrase_magnitude",
    "neighborhood_magnitude",
    "rewrite_score",
    "paraphrase_score",
    "neighborhood_score",
    "relations_score",
    "essence_score",
    "overall_score",
    "harmonic_score",
];

/// Averages over all lines that were not left out.
pub fn summary<'a>(lines: impl Iterator<Item = &'a Line>) -> Summary {
    let (measured, left_out): (Vec<&Line>, Vec<&Line>) = lines.partition(|line| line.left_out.is_none());
    let names: BTreeSet<&String> = measured.iter().flat_map(|line| line.numbers.keys()).collect();
    let mut means: BTreeMap<String, Average> = BTreeMap::new();
    for name in names {
        let values: Vec<f64> = measured.iter().filter_map(|line| line.numbers.get(name).copied()).collect();
        if let Some(mean) = Mean::of(&values) {
            means.insert(name.clone(), average(mean, is_rate(name)));
        }
    }
    for when in ["before", "after"] {
        let column = |name: &str| {
            let all = |line: &&Line| SCORED.iter().all(|name| line.numbers.contains_key(&format!("{when}.{name}")));
            let value = |line: &Line| line.numbers[&format!("{when}.{name}")];
            measured.iter().copied().filter(all).map(value).collect::<Vec<f64>>()
        };
        let columns = SCORED.map(column);
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        if let Some(score) = harmonic_of_means(&columns) {
            means.insert(format!("{when}.score"), average(score, false));
        }
    }
    Summary { facts: measured.len(), left_out: left_out.len(), means }
}

/// Whether a measure is a share of prompts, so that Wilson's interval fits.
fn is_rate(name: &str) -> bool {
    ["_success", "_most_probable", "_accuracy"].iter().any(|end| name.ends_with(end))
}

fn average(mean: Mean, rate: bool) -> Average {
    Average { mean: mean.mean, half_width: mean.half_width, wilson: rate.then(|| mean.wilson()), count: mean.count }
}

/// A row for each measure: before, after, and how many facts have it.
pub fn table(summary: &Summary) -> String {
    let base = |name: &String| name.strip_prefix("before.").or(name.strip_prefix("after.")).unwrap_or(name).to_owned();
    let mut names: Vec<String> = summary.means.keys().map(base).collect();
    names.sort_by_key(|name| (ORDER.iter().position(|known| known == name).unwrap_or(ORDER.len()), name.clone()));
    names.dedup();
    let mut table = tables::table(["measure", "before", "95 %", "after", "95 %", "facts"]);
    for name in names {
        let before = summary.means.get(&format!("before.{name}"));
        let after = summary.means.get(&format!("after.{name}")).or(summary.means.get(&name));
        let value = |average: Option<&Average>| average.map_or_else(String::new, |average| number(average.mean));
        let interval = |average: Option<&Average>| match average {
            None => String::new(),
            Some(Average { wilson: Some([low, high]), .. }) => format!("{} to {}", number(*low), number(*high)),
            Some(average) => format!("± {}", number(average.half_width)),
        };
        let count = before.or(after).map_or(0, |average| average.count);
        table.add_row([name, value(before), interval(before), value(after), interval(after), count.to_string()]);
    }
    tables::numbers(&mut table);
    let left_out = match summary.left_out {
        0 => String::new(),
        count => format!(", {count} left out"),
    };
    format!("{table}\n\n{} measured{left_out}", counted(summary.facts, "fact"))
}

fn number(value: f64) -> String {
    if value.abs() < 1000.0 { format!("{value:.3}") } else { format!("{value:.1}") }
}

/// Writes one row per fact with all measures as columns into the file that was opened beforehand.
///
/// # Errors
/// The file cannot be written.
pub fn write_csv<'a>(mut file: CsvFile, lines: impl Iterator<Item = &'a Line>) -> Result<(), Failure> {
    let lines: Vec<&Line> = lines.collect();
    let names: BTreeSet<&String> = lines.iter().flat_map(|line| line.numbers.keys()).collect();
    let fixed = ["index", "case_id", "subject", "prompt", "target", "baseline", "left_out", "remarks"];
    file.add(fixed.into_iter().chain(names.iter().map(|name| name.as_str())))?;
    for line in lines {
        let case = line.case_id.map_or_else(String::new, |case| case.to_string());
        let left_out = line.left_out.clone().unwrap_or_default();
        let texts = [
            line.index.to_string(),
            case,
            line.subject.clone(),
            line.prompt.clone(),
            line.aim.target.clone(),
            line.aim.baseline.clone(),
            left_out,
            line.remarks.join("; "),
        ];
        let value = |name: &&String| line.numbers.get(*name).map_or_else(String::new, f64::to_string);
        file.add(texts.into_iter().chain(names.iter().map(value)))?;
    }
    file.finish()
}
