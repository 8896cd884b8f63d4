//! The long table as CSV, and beside it what its names mean.

use super::long_table::{origins, rows};
use crate::panel::{Cell, Study};

/// The names of the columns, in their order.
pub const COLUMNS: [&str; 11] = [
    "method",
    "window",
    "objective",
    "score_name",
    "localizer",
    "fact",
    "left_out",
    "layer",
    "score",
    "effect",
    "missing",
];

/// The long table as CSV. A cell without a number is empty, and `missing` says why; `left_out` says why the filter leaves
/// a fact out.
///
/// # Errors
///
/// Those of the writer, which is memory.
pub fn render(study: &Study) -> Result<Vec<u8>, ::csv::Error> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    let number = |cell: &Cell| cell.value().map(|value| value.to_string()).unwrap_or_default();
    for row in rows(study) {
        let (panel, fact) = (row.panel(), row.fact());
        writer.write_record([
            panel.method.as_str(),
            &panel.window.to_string(),
            &panel.objective,
            &panel.score,
            row.localizer(),
            &fact.id,
            fact.left_out.as_deref().unwrap_or_default(),
            &row.layer().to_string(),
            &number(row.score()),
            &number(row.effect()),
            row.missing(),
        ])?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// Model, program, facts and seeds, and the definitions of scores and localizers, each once.
///
/// # Errors
///
/// Those of the writer, which is memory.
pub fn render_origins(study: &Study) -> Result<Vec<u8>, ::csv::Error> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(["kind", "name", "meaning"])?;
    for line in origins(study) {
        writer.write_record(line)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}
