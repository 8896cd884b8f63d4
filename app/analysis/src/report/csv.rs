//! The long table: one row per fact, layer, localizer, method, objective and score. Everything in the report can be
//! computed from it.

use crate::panel::{Cell, Study};

/// The names of the columns, in their order.
pub const COLUMNS: [&str; 17] = [
    "model",
    "program",
    "facts_file",
    "sweep_seed",
    "method",
    "window",
    "objective",
    "score_name",
    "score_definition",
    "localizer",
    "localizer_definition",
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
pub fn render(study: &Study) -> Result<String, ::csv::Error> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    let number = |cell: &Cell| cell.value().map(|value| value.to_string()).unwrap_or_default();
    let reason = |cell: &Cell| match cell {
        Cell::Value(_) => None,
        Cell::Missing(reason) => Some(reason.clone()),
    };
    let identity = &study.identity;
    let seed = identity.seed.to_string();
    for panel in &study.panels {
        for localizer in &panel.localizers {
            for (place, fact) in panel.facts.iter().enumerate() {
                for (column, layer) in panel.layers.iter().enumerate() {
                    let (score, effect) = (&panel.scores[place][column], &localizer.effects[place][column]);
                    let missing = reason(score).or_else(|| reason(effect)).unwrap_or_default();
                    writer.write_record([
                        identity.model.as_str(),
                        &identity.program,
                        &identity.facts,
                        &seed,
                        &panel.method,
                        &panel.window.to_string(),
                        &panel.objective,
                        &panel.score,
                        &panel.score_definition,
                        &localizer.name,
                        &localizer.definition,
                        &fact.id,
                        fact.left_out.as_deref().unwrap_or_default(),
                        &layer.to_string(),
                        &number(score),
                        &number(effect),
                        &missing,
                    ])?;
                }
            }
        }
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
