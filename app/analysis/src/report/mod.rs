//! The report: what is said, in which order, and the formats that it is written in.

mod figures;
mod number;
mod sections;
mod table;

pub mod csv;
pub mod html;
pub mod latex;
pub mod markdown;
pub mod svg;

pub use table::{Content, Row, Table};

use crate::analysis::Analysis;
use crate::panel::Study;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use svg::Figure;

/// The report before it is text.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub title: String,
    /// Model, program, seeds, settings, facts that were left out.
    pub about: Vec<String>,
    pub sections: Vec<Section>,
}

/// A section of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// The anchor in HTML.
    pub id: &'static str,
    pub title: &'static str,
    /// Paragraphs.
    pub text: Vec<String>,
    /// Whether the paragraphs are what the report is for.
    pub lead: bool,
    pub tables: Vec<Table>,
    pub figures: Vec<Figure>,
    /// Lines of R.
    pub code: Option<&'static str>,
}

/// A file of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFile {
    pub name: String,
    pub contents: String,
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Unwritten {
    #[error("the table of rows could not be made: {0}")]
    Rows(#[from] ::csv::Error),
    #[error("the results could not be made into JSON: {0}")]
    Results(#[from] serde_json::Error),
    #[error("{}: the folder cannot be made ({error}); give a folder that can be written to", folder.display())]
    Folder { folder: PathBuf, error: std::io::Error },
    #[error(transparent)]
    File(#[from] locus_files::Refusal),
}

/// What the report says.
pub fn report(analysis: &Analysis) -> Report {
    let mut sections = sections::all(analysis);
    let mut names = BTreeSet::new();
    for section in &mut sections {
        section.tables.iter_mut().for_each(|table| table.id = own_name(&mut names, &table.id));
        section.figures.iter_mut().for_each(|figure| figure.id = own_name(&mut names, &figure.id));
    }
    let title = format!("Does localization inform editing? {}", analysis.identity.model);
    Report { title, about: sections::about(analysis), sections }
}

/// A name that is none of those before, and short enough for a file.
fn own_name(names: &mut BTreeSet<String>, wanted: &str) -> String {
    let short: String = wanted.chars().take(120).collect();
    let mut name = short.clone();
    let mut number = 2;
    while !names.insert(name.clone()) {
        name = format!("{short}-{number}");
        number += 1;
    }
    name
}

/// All files: `report.html`, `report.md`, `report.tex`, `rows.csv`, `results.json`, `again.R` and the figures.
///
/// # Errors
///
/// Where the rows or the results cannot be made into text.
pub fn files(study: &Study, analysis: &Analysis) -> Result<Vec<ReportFile>, Unwritten> {
    let report = report(analysis);
    let file = |name: &str, contents: String| ReportFile { name: name.to_owned(), contents };
    let mut files = vec![
        file("report.html", html::render(&report)),
        file("report.md", markdown::render(&report)),
        file("report.tex", latex::render(&report)),
        file("rows.csv", csv::render(study)?),
        file("results.json", serde_json::to_string_pretty(analysis)? + "\n"),
        file("again.R", sections::R.to_owned()),
    ];
    let figures = report.sections.into_iter().flat_map(|section| section.figures);
    files.extend(figures.map(|figure| ReportFile { name: format!("{}.svg", figure.id), contents: figure.svg }));
    Ok(files)
}

/// Writes all files into a folder, which is made where it is missing, and says where they are.
///
/// # Errors
///
/// Where a file cannot be made or written; those written before stay.
pub fn write(folder: &Path, study: &Study, analysis: &Analysis) -> Result<Vec<PathBuf>, Unwritten> {
    let files = files(study, analysis)?;
    std::fs::create_dir_all(folder).map_err(|error| Unwritten::Folder { folder: folder.to_owned(), error })?;
    let mut written = Vec::with_capacity(files.len());
    for file in files {
        let path = folder.join(&file.name);
        locus_files::write(&path, file.contents.as_bytes())?;
        written.push(path);
    }
    Ok(written)
}
