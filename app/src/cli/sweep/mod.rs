//! `locus sweep`.

mod queued;
mod run;
mod status;
mod submit;

use crate::cli::arguments::Common;
use crate::cli::arguments::SweepAction;
use crate::cli::tables::table;
use crate::cli::{Failure, output};
use locus_protocol::{SweepRow, counted, did_you_mean};
use locus_sweep::{LayerRow, Ledger, Table, layer_table, merge};
use std::collections::BTreeSet;
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
            merged.damage.iter().chain(&merged.conflicts).for_each(|told| output::complain(told));
            match out {
                None => Ok(output::raw(merged.text().as_bytes())?),
                Some(out) => {
                    locus_files::write(&out, merged.text().as_bytes())
                        .map_err(|refusal| Failure::usage(format!("--out {}: {refusal}", out.display())))?;
                    let left_out = match merged.damage.len() {
                        0 => String::new(),
                        lines => format!(", {} left out", counted(lines, "line")),
                    };
                    output::complain(&format!(
                        "{} in {}; {}, {}{left_out}",
                        counted(merged.rows.len(), "row"),
                        out.display(),
                        counted(merged.doubled, "duplicate"),
                        counted(merged.conflicts.len(), "conflict")
                    ));
                    Ok(())
                }
            }
        }
        SweepAction::Table { folder, scores } => Ok(output::print(&tables(&folder, &scores)?)?),
    }
}

/// Scores by layer of a folder, a table for each edit and objective: the scores that are asked for, or the usual ones.
fn tables(folder: &Path, asked: &[String]) -> Result<String, Failure> {
    let ledger = Ledger::read(folder)?;
    let rows = ledger.rows()?;
    rows.damage().iter().for_each(|damage| output::complain(&damage.left_out()));
    check(rows.iter(), asked)?;
    let scores: Vec<&str> = if asked.is_empty() { SCORES.to_vec() } else { asked.iter().map(String::as_str).collect() };
    let tables = layer_table(rows.iter(), &scores);
    if !output::is_for_people() && !tables.is_empty() {
        return Ok(as_one(&tables, &scores).to_string());
    }
    let texts: Vec<String> = tables.iter().map(as_text).collect();
    if texts.is_empty() {
        return Err(Failure::failed(format!("{}: no cell is done yet; see `locus sweep status`", folder.display())));
    }
    Ok(texts.join("\n\n"))
}

/// Refuses a score that no row has, once there are any.
fn check<'a>(rows: impl IntoIterator<Item = &'a SweepRow>, asked: &[String]) -> Result<(), Failure> {
    if asked.is_empty() {
        return Ok(());
    }
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for row in rows {
        if let SweepRow::Cell(cell) = row {
            known.extend(cell.numbers.keys().map(String::as_str));
        }
    }
    let unknown = asked.iter().find(|name| !known.contains(name.as_str()));
    let Some(name) = unknown.filter(|_| !known.is_empty()) else { return Ok(()) };
    let meant = did_you_mean(name, known.iter().copied());
    let known = known.into_iter().collect::<Vec<_>>().join(", ");
    Err(Failure::usage(format!("--score {name}: no row has this score{meant}; available: {known}")))
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
    let mut lines = lines(of).into_iter();
    let head = lines.next().unwrap_or_default();
    let columns = head.len();
    let mut text = table(head);
    lines.for_each(|line| text.add_row(line));
    text.right(0..columns);
    format!("{} · {}\n{text}", of.edit, of.objective)
}

/// The head and the rows of a table. How many facts there are stands in one column for all scores, or beside each score
/// where they differ.
fn lines(of: &Table) -> Vec<Vec<String>> {
    let shown: Vec<usize> =
        (0..of.scores.len()).filter(|&score| of.rows.iter().any(|row| row.scores[score].is_some())).collect();
    let counts = |row: &LayerRow| row.scores.iter().flatten().map(|score| score.count).collect::<BTreeSet<usize>>();
    let differ = of.rows.iter().any(|row| counts(row).len() > 1);
    let has_failures = of.rows.iter().any(|row| row.failed > 0);
    let mut head = vec!["layer".to_owned()];
    for &score in &shown {
        head.push(of.scores[score].clone());
        head.extend(differ.then(|| "n".to_owned()));
    }
    head.extend((!differ).then(|| "n".to_owned()));
    head.extend(has_failures.then(|| "failed".to_owned()));
    let mut lines = vec![head];
    for row in &of.rows {
        let mut cells = vec![row.layer.to_string()];
        for &score in &shown {
            cells.push(match row.scores[score] {
                // one fact has no interval
                Some(score) if score.count < 2 => format!("{:.3}{:8}", score.mean, ""),
                Some(score) => format!("{:.3} ± {:.3}", score.mean, score.half_width),
                None => String::new(),
            });
            cells.extend(differ.then(|| row.scores[score].map_or_else(String::new, |score| score.count.to_string())));
        }
        cells.extend((!differ).then(|| counts(row).last().copied().unwrap_or(0).to_string()));
        cells.extend(has_failures.then(|| row.failed.to_string()));
        lines.push(cells);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{check, lines};
    use locus_protocol::{SweepRow, SweptCell};
    use locus_sweep::{LayerRow, Score, Table};

    /// A table of two scores at two layers, by how many facts have them.
    fn shown(counts: [[usize; 2]; 2]) -> Vec<Vec<String>> {
        let score = |count: usize| (count > 0).then_some(Score { mean: 0.5, half_width: 0.25, count });
        let row = |(layer, counts): (usize, [usize; 2])| {
            let scores = counts.map(score).into();
            LayerRow { layer, scores, failed: 0 }
        };
        let scores = ["rewrite_score", "paraphrase_score"].map(str::to_owned).into();
        let rows = counts.into_iter().enumerate().map(row).collect();
        lines(&Table { edit: "rome".into(), objective: "aim".into(), scores, rows })
    }

    #[test]
    fn facts_stand_beside_each_score_where_they_differ() {
        let alike = [
            vec!["layer", "rewrite_score", "paraphrase_score", "n"],
            vec!["0", "0.500 ± 0.250", "0.500 ± 0.250", "10"],
            vec!["1", "0.500 ± 0.250", "", "4"],
        ];
        assert_eq!(shown([[10, 10], [4, 0]]), alike);
        let apart = [
            vec!["layer", "rewrite_score", "n", "paraphrase_score", "n"],
            vec!["0", "0.500 ± 0.250", "10", "0.500 ± 0.250", "3"],
            vec!["1", "0.500 ± 0.250", "10", "", ""],
        ];
        assert_eq!(shown([[10, 3], [10, 0]]), apart);
    }

    #[test]
    fn a_score_that_no_row_has_is_refused() {
        let numbers = ["rewrite_score", "overall_score"].map(|name| (name.to_owned(), 0.5)).into();
        let cell = |numbers| SweepRow::Cell(SweptCell { numbers, ..SweptCell::default() });
        let (rows, failed) = ([cell(numbers)], [cell([].into())]);
        assert!(check(&rows, &[]).is_ok() && check(&rows, &["overall_score".to_owned()]).is_ok());
        let asked = ["overall_score", "rewrit_score"].map(str::to_owned);
        assert!(check(&failed, &asked).is_ok(), "nothing is known yet");
        let refused = check(&rows, &asked).expect_err("no row has it");
        let says = "--score rewrit_score: no row has this score (did you mean `rewrite_score`?); available: \
                    overall_score, rewrite_score";
        assert_eq!((refused.message.as_str(), refused.code), (says, 2));
    }
}
