//! `locus sweep`.

mod queued;
mod run;
mod status;
mod submit;

use crate::cli::arguments::Common;
use crate::cli::arguments::SweepAction;
use crate::cli::tables::table;
use crate::cli::{Failure, output};
use locus_sweep::{Ledger, Table, layer_table, merge};
use std::path::Path;

/// The scores of Hase et al. (2023), and what the model says freely where that was measured.
const SCORES: [&str; 6] = [
    "rewrite_score",
    "paraphrase_score",
    "neighborhood_score",
    "overall_score",
    "after.rewrite_says",
    "neighborhood_kept",
];

/// Does what was asked.
///
/// # Errors
/// A folder that holds no sweep; those of the sweep itself.
pub fn run(common: &Common, action: SweepAction) -> Result<(), Failure> {
    match action {
        SweepAction::Run(asked) => run::run(common, &asked),
        SweepAction::Submit(asked) => submit::run(common, &asked),
        SweepAction::Status { folder } => status::run(common, &folder),
        SweepAction::Merge { folders, out } => {
            let merged = merge(&folders)?;
            for conflict in &merged.conflicts {
                output::complain(conflict);
            }
            match out {
                None => Ok(output::raw(merged.text().as_bytes())?),
                Some(out) => {
                    locus_files::write(&out, merged.text().as_bytes())
                        .map_err(|refusal| Failure::usage(format!("--out {}: {refusal}", out.display())))?;
                    output::complain(&format!(
                        "{} rows in {}; {} duplicates, {} conflicts",
                        merged.rows.len(),
                        out.display(),
                        merged.doubled,
                        merged.conflicts.len()
                    ));
                    Ok(())
                }
            }
        }
        SweepAction::Table { folder, scores } => {
            let scores: Vec<&str> =
                if scores.is_empty() { SCORES.to_vec() } else { scores.iter().map(String::as_str).collect() };
            Ok(output::print(&tables(&folder, &scores)?)?)
        }
    }
}

/// Scores by layer of a folder, a table for each edit and objective.
fn tables(folder: &Path, scores: &[&str]) -> Result<String, Failure> {
    let ledger = Ledger::read(folder)?;
    let rows = ledger.rows()?;
    let tables = layer_table(rows.iter(), scores);
    if !output::is_for_people() && !tables.is_empty() {
        return Ok(as_one(&tables, scores).to_string());
    }
    let texts: Vec<String> = tables.iter().map(as_text).collect();
    if texts.is_empty() {
        return Err(Failure::failed(format!("{}: no cell is done yet; see `locus sweep status`", folder.display())));
    }
    Ok(texts.join("\n\n"))
}

/// All tables as one, which a program reads: each score, half of its interval, and over how many facts.
fn as_one(tables: &[Table], scores: &[&str]) -> crate::cli::tables::Table {
    let of_scores =
        scores.iter().flat_map(|score| [(*score).to_owned(), format!("{score}_half_width"), format!("{score}_n")]);
    let mut all = table(
        ["edit", "objective", "layer"].map(str::to_owned).into_iter().chain(of_scores).chain(["failed".to_owned()]),
    );
    for of in tables {
        for row in &of.rows {
            let mut cells = vec![of.edit.clone(), of.objective.clone(), row.layer.to_string()];
            cells.extend(row.scores.iter().flat_map(|score| match score {
                Some(score) if score.count < 2 => [score.mean.to_string(), String::new(), score.count.to_string()],
                Some(score) => [score.mean.to_string(), score.half_width.to_string(), score.count.to_string()],
                None => [const { String::new() }; 3],
            }));
            cells.push(row.failed.to_string());
            all.add_row(cells);
        }
    }
    all
}

/// One table, scores without any number left out.
pub fn as_text(of: &Table) -> String {
    let shown: Vec<usize> =
        (0..of.scores.len()).filter(|&score| of.rows.iter().any(|row| row.scores[score].is_some())).collect();
    let mut head = vec!["layer".to_owned()];
    head.extend(shown.iter().map(|&score| of.scores[score].clone()));
    head.push("n".to_owned());
    let has_failures = of.rows.iter().any(|row| row.failed > 0);
    if has_failures {
        head.push("failed".to_owned());
    }
    let columns = head.len();
    let mut text = table(head);
    for row in &of.rows {
        let mut cells = vec![row.layer.to_string()];
        cells.extend(shown.iter().map(|&score| match row.scores[score] {
            // one fact has no interval
            Some(score) if score.count < 2 => format!("{:.3}{:8}", score.mean, ""),
            Some(score) => format!("{:.3} ± {:.3}", score.mean, score.half_width),
            None => String::new(),
        }));
        cells.push(row.scores.iter().flatten().map(|score| score.count).max().unwrap_or(0).to_string());
        if has_failures {
            cells.push(row.failed.to_string());
        }
        text.add_row(cells);
    }
    text.right(0..columns);
    format!("{} · {}\n{text}", of.edit, of.objective)
}
