//! What is printed of a comparison.

use crate::cli::arguments::Number;
use crate::cli::{Failure, output, tables};
use locus_protocol::Fact;
use locus_protocol::shown::{self, message};
use locus_tui::Table;
use serde_json::Value;

/// Columns of a row that stand before those of the variants: part, name, layer, effect, before.
const PART: usize = 0;
const NAME: usize = 1;
const LAYER: usize = 2;
const BEFORE: usize = 4;

/// Whether a column holds a variant, and no difference of two.
pub fn is_variant(column: &str) -> bool {
    matches!(column.as_bytes(), [b'A'..=b'Z'])
}

/// Prints variants, numbers, settings that differ, and one number by layer; a program that reads along gets one table.
///
/// # Errors
/// The output is gone.
pub fn print(table: &Table, fact: &Fact, number: Number) -> Result<(), Failure> {
    let pane = Shown::of(table);
    let mut numbers = tables::table(["name", "before"].into_iter().chain(pane.heads.iter().map(String::as_str)));
    let layers = pane.layers(number.names());
    if !output::is_for_people() {
        let texts = ["verdict", "next token", "says"].into_iter().filter_map(|name| pane.named("text", name));
        let rows = texts.chain(pane.numbers()).chain(pane.settings(1)).chain(layers);
        rows.for_each(|row| numbers.add_row(row));
        return Ok(output::print(&numbers.to_string())?);
    }
    let (prompt, new) = (fact.marked(), message(&fact.target_new).into_owned());
    output::print(&format!("{} of “{}” → “{}”\n", table.title, shown::shown(&message(&prompt)), new))?;
    let texts = |name| pane.named("text", name).unwrap_or_default();
    let (verdicts, says) = (texts("verdict"), texts("says"));
    for (place, head) in pane.heads.iter().enumerate() {
        let of = |texts: &[String]| texts.get(place + FIRST).map(|text| one_line(text)).unwrap_or_default();
        output::print(&format!("{head}: {}", of(&verdicts)))?;
        if !of(&says).is_empty() {
            output::print(&format!("  says: {}", of(&says)))?;
        }
    }
    // a setting that one method alone has tells nothing beside the others
    pane.numbers().into_iter().chain(pane.settings(2)).for_each(|row| numbers.add_row(row));
    numbers.right(1..FIRST + pane.heads.len());
    output::print(&format!("\n{numbers}\n"))?;
    let mut by_layer = tables::table(["by layer", "before"].into_iter().chain(pane.heads.iter().map(String::as_str)));
    layers.into_iter().for_each(|row| by_layer.add_row(row));
    by_layer.right(1..FIRST + pane.heads.len());
    Ok(output::print(&by_layer.to_string())?)
}

/// Cells of a printed row before those of the variants.
const FIRST: usize = 2;

/// The pane's table by variants.
struct Shown<'a> {
    table: &'a Table,
    /// Places of the variants' columns.
    columns: Vec<usize>,
    /// Letter and method of each variant, as in `A rome`.
    heads: Vec<String>,
}

impl<'a> Shown<'a> {
    fn of(table: &'a Table) -> Self {
        let columns: Vec<usize> =
            (0..table.columns.len()).filter(|&column| is_variant(&table.columns[column])).collect();
        let mut shown = Self { table, columns, heads: Vec::new() };
        let methods = shown.named("setting", "method").unwrap_or_default();
        let letters = shown.columns.iter().map(|&column| table.columns[column].as_str());
        shown.heads = letters.zip(methods.iter().skip(FIRST)).map(|(letter, id)| format!("{letter} {id}")).collect();
        shown
    }

    /// A printed row: its name, the number before, and a cell for each variant.
    fn row(&self, name: String, row: &[Value]) -> Vec<String> {
        let cells = self.columns.iter().map(|&column| text(&row[column]));
        [name, text(&row[BEFORE])].into_iter().chain(cells).collect()
    }

    fn named(&self, part: &str, name: &str) -> Option<Vec<String>> {
        let row = self.table.rows.iter().find(|row| text(&row[PART]) == part && text(&row[NAME]) == name)?;
        Some(self.row(name.to_owned(), row))
    }

    /// Scores and costs that some variant has.
    fn numbers(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for row in &self.table.rows {
            let (part, name) = (text(&row[PART]), text(&row[NAME]));
            let name = match part.as_str() {
                "text" | "layer" | "setting" => continue,
                _ if self.columns.iter().all(|&column| row[column].is_null()) => continue,
                "costs" => cost_name(&name),
                "scores" => format!("{name} score"),
                part => format!("{part} {name}"),
            };
            rows.push(self.row(name, row));
        }
        rows
    }

    /// Settings in which variants differ, of those that at least so many have.
    fn settings(&self, at_least: usize) -> Vec<Vec<String>> {
        let settings = self.table.rows.iter().filter(|row| text(&row[PART]) == "setting");
        let rows = settings.map(|row| self.row(text(&row[NAME]), row));
        let differs = |row: &Vec<String>| {
            let given = row[FIRST..].iter().filter(|value| !value.is_empty()).count();
            given >= at_least && row[FIRST..].iter().any(|value| *value != row[FIRST])
        };
        rows.filter(differs).collect()
    }

    /// A number by layer, which has two names: in the pane's table, and as it is printed.
    fn layers(&self, (known, printed): (&str, &str)) -> Vec<Vec<String>> {
        let is_wanted = |row: &&Vec<Value>| text(&row[PART]) == "layer" && text(&row[NAME]) == known;
        let row = |row: &Vec<Value>| self.row(format!("{printed} at {}", text(&row[LAYER])), row);
        self.table.rows.iter().filter(is_wanted).map(row).collect()
    }
}

/// A text as one line of a terminal.
fn one_line(text: &str) -> String {
    shown::shown(&message(text.trim())).into_owned()
}

fn cost_name(name: &str) -> String {
    match name {
        "weights" => "largest ‖ΔW‖/‖W‖".to_owned(),
        "time" => "seconds".to_owned(),
        "memory" => "bytes of changes".to_owned(),
        "steps" => "steps taken".to_owned(),
        name => name.to_owned(),
    }
}

/// A cell; a number with four digits.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(count), _) => count.to_string(),
            (None, Some(number)) if number.fract() == 0.0 && number.abs() >= 1e4 => format!("{number:.0}"),
            (None, Some(number)) if number != 0.0 && number.abs() < 1e-3 => format!("{number:.1e}"),
            (None, Some(number)) => format!("{number:.3}"),
            (None, None) => number.to_string(),
        },
        value => value.to_string(),
    }
}
