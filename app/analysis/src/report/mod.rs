//! The report: what is said, in which order, and the formats that it is written in.

mod figures;
mod lines;
mod number;
mod sections;
mod table;

pub mod csv;
pub mod html;
pub mod latex;
pub mod long_table;
pub mod markdown;
pub mod parquet;
pub mod png;
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
    pub text: Vec<String>,
    /// Whether the section is what the report is for.
    pub lead: bool,
    pub tables: Vec<Table>,
    pub figures: Vec<Figure>,
    /// The rest, part by part.
    pub parts: Vec<Part>,
    /// R code that computes the tables again; `None` in most sections.
    pub code: Option<&'static str>,
}

/// A part of a section: what belongs to one score, one localizer, or one method and objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub title: String,
    /// Whether a page shows it only when it is asked for.
    pub folded: bool,
    pub text: Vec<String>,
    pub tables: Vec<Table>,
    pub figures: Vec<Figure>,
    pub parts: Vec<Part>,
}

impl Part {
    /// A part without contents.
    pub fn new(title: impl Into<String>, folded: bool) -> Self {
        let (text, tables, figures, parts) = Default::default();
        Self { title: title.into(), folded, text, tables, figures, parts }
    }
}

/// Calls `each` with the tables and figures of each place of a section, in the order in which they are read.
pub fn visit<'a>(section: &'a Section, each: &mut dyn FnMut(&'a [Table], &'a [Figure])) {
    fn part<'a>(own: &'a Part, each: &mut dyn FnMut(&'a [Table], &'a [Figure])) {
        each(&own.tables, &own.figures);
        own.parts.iter().for_each(|inner| part(inner, each));
    }
    each(&section.tables, &section.figures);
    section.parts.iter().for_each(|own| part(own, each));
}

impl Section {
    /// All tables, those of the parts too.
    pub fn all_tables(&self) -> Vec<&Table> {
        let mut all = Vec::new();
        visit(self, &mut |tables, _| all.extend(tables));
        all
    }

    /// All figures, those of the parts too.
    pub fn all_figures(&self) -> Vec<&Figure> {
        let mut all = Vec::new();
        visit(self, &mut |_, figures| all.extend(figures));
        all
    }
}

/// A file of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFile {
    pub name: String,
    pub contents: Vec<u8>,
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Unwritten {
    #[error("the table of rows could not be created: {0}")]
    Rows(#[from] ::csv::Error),
    #[error("the table of rows could not be converted to Parquet: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    #[error("figure {name}: {error}")]
    Figure { name: String, error: png::Undrawn },
    #[error("the results could not be written as JSON: {0}")]
    Results(#[from] serde_json::Error),
    #[error("{}: the folder cannot be created ({error}); give a writable folder", folder.display())]
    Folder { folder: PathBuf, error: std::io::Error },
    #[error(transparent)]
    File(#[from] locus_files::Refusal),
}

/// What the report says.
pub fn report(analysis: &Analysis) -> Report {
    let mut sections = sections::all(analysis);
    let mut names = BTreeSet::new();
    for section in &mut sections {
        own_names(&mut names, &mut section.tables, &mut section.figures, &mut section.parts);
    }
    let title = format!("Does localization inform editing? {}", analysis.identity.model);
    Report { title, about: sections::about(analysis), sections }
}

/// Gives every table and figure a name of its own.
fn own_names(names: &mut BTreeSet<String>, tables: &mut [Table], figures: &mut [Figure], parts: &mut [Part]) {
    tables.iter_mut().for_each(|table| table.id = own_name(names, &table.id));
    figures.iter_mut().for_each(|figure| figure.id = own_name(names, &figure.id));
    parts.iter_mut().for_each(|own| own_names(names, &mut own.tables, &mut own.figures, &mut own.parts));
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

/// All files: `report.html`, `report.md`, `report.tex`, `rows.csv`, `rows.parquet`, `origins.csv`, `results.json`, `again.R`,
/// and each figure as SVG and PNG.
///
/// # Errors
///
/// Where the rows or the results cannot be made into text, or a figure cannot be drawn.
pub fn files(study: &Study, analysis: &Analysis) -> Result<Vec<ReportFile>, Unwritten> {
    let report = report(analysis);
    let file = |name: &str, contents: Vec<u8>| ReportFile { name: name.to_owned(), contents };
    let mut files = vec![
        file("report.html", html::render(&report).into_bytes()),
        file("report.md", markdown::render(&report).into_bytes()),
        file("report.tex", latex::render(&report).into_bytes()),
        file("rows.csv", csv::render(study)?),
        file("rows.parquet", parquet::render(study)?),
        file("origins.csv", csv::render_origins(study)?),
        file("results.json", (serde_json::to_string_pretty(analysis)? + "\n").into_bytes()),
        file("again.R", sections::R.as_bytes().to_vec()),
    ];
    let figures: Vec<&Figure> = report.sections.iter().flat_map(Section::all_figures).collect();
    files.extend(figures.iter().map(|own| file(&format!("{}.svg", own.id), own.svg.clone().into_bytes())));
    files.extend(pictures(&figures)?);
    Ok(files)
}

/// The figures as PNG. A large study has hundreds, so that all cores draw.
fn pictures(figures: &[&Figure]) -> Result<Vec<ReportFile>, Unwritten> {
    let draw = |own: &&Figure| {
        let name = format!("{}.png", own.id);
        match png::render(&own.svg) {
            Ok(contents) => Ok(ReportFile { name, contents }),
            Err(error) => Err(Unwritten::Figure { name, error }),
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let chunks = figures.chunks(figures.len().div_ceil(cores).max(1));
    std::thread::scope(|scope| {
        let drawing: Vec<_> = chunks.map(|own| scope.spawn(move || own.iter().map(draw).collect::<Vec<_>>())).collect();
        let drawn = drawing.into_iter().flat_map(|one| match one.join() {
            Ok(pictures) => pictures,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        drawn.collect()
    })
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
        locus_files::write(&path, &file.contents)?;
        written.push(path);
    }
    Ok(written)
}
