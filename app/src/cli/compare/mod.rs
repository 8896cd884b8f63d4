//! `locus compare`: edits of one fact tried side by side, with the numbers of the pane Compare. Nothing is put in place.

mod shown;
mod variants;

use crate::cli::arguments::{Common, CompareArguments, FactArguments};
use crate::cli::client::Client;
use crate::cli::{Failure, fact, layers, orders, output, picture};
use locus_files::Sink;
use locus_protocol::{Event, Fact, TriedOn, Try};
use locus_tui::{Input, Table, Workbench};
use std::io::Write;
use std::path::Path;

/// Most variants beside each other, as in the workbench.
const MOST: usize = 4;

/// Tries every variant on the unedited model and prints what each would do.
///
/// # Errors
/// Flags that make no order; a variant that fails; a file that cannot be written.
pub fn run(common: &Common, arguments: &CompareArguments) -> Result<(), Failure> {
    let target_new = arguments.target.clone().or_else(|| arguments.fact.target_new.clone());
    let given = FactArguments { target_new, ..arguments.fact.clone() };
    orders::check_fact(&given, "compare")?;
    for named in &arguments.layers {
        layers::check(common, Some(named))?;
    }
    if arguments.free_generation > 0 {
        orders::check_free_generation(Some(arguments.free_generation))?;
    }
    let file = Written::of(arguments)?;
    let mut client = Client::with_model(common)?;
    let mut fact = fact::choose(&given, &client.known.facts)?;
    if fact.target_new.is_empty() {
        return Err(Failure::usage("--new is missing: give the answer's text"));
    }
    let variants = variants::of(&client, arguments, &fact)?;
    fact::complete(&mut client, &mut fact, true)?;
    let mut pane = Pane::new(&client, &fact)?;
    let mut failures: Vec<Failure> = Vec::new();
    let count = variants.len();
    for order in variants {
        let title = order.method.clone();
        let order = locus_protocol::EditOrder { fact: fact.clone(), ..order };
        let tried = client.job(Try { order, on: TriedOn::Unedited }, &mut |event| pane.hear(event));
        match tried {
            Ok(_) => {}
            Err(failure) if failure.code == 130 => return Err(failure),
            Err(failure) => {
                output::complain(&format!("{title}: {}", failure.message));
                failures.push(failure);
            }
        }
    }
    let table = pane.table()?;
    if let Some(file) = file {
        file.write(&table)?;
    }
    if !client.json() {
        shown::print(&table, &fact, arguments.number)?;
    }
    match failures.into_iter().next() {
        None => Ok(()),
        Some(first) => {
            Err(Failure { message: format!("some of {count} variants failed, see above"), code: first.code })
        }
    }
}

/// The pane of the workbench, which hears what the engine tells: what it shows is what is printed.
struct Pane {
    workbench: Workbench,
    /// Steps of each variant that began.
    steps: Vec<u64>,
}

impl Pane {
    fn new(client: &Client, fact: &Fact) -> Result<Self, Failure> {
        let workbench = Workbench::new(&picture::options()).map_err(|error| Failure::failed(error.to_string()))?;
        let mut pane = Self { workbench, steps: Vec::new() };
        let known = &client.known;
        let plugins = known.plugins.iter().cloned().map(Event::Plugin);
        let model = known.model.iter().cloned().map(Event::Model);
        let facts = Event::Facts { source: known.facts_source.clone(), facts: vec![fact.clone()] };
        plugins.chain(model).chain([facts]).for_each(|event| pane.hear(&event));
        Ok(pane)
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::Edit(_) => self.steps.push(0),
            Event::Step(_) => self.steps.iter_mut().last().into_iter().for_each(|steps| *steps += 1),
            _ => {}
        }
        locus_tui::update(&mut self.workbench, Input::engine(event.clone()));
    }

    /// What it shows, with the steps that each variant took.
    fn table(&self) -> Result<Table, Failure> {
        let none = || Failure::failed("no variant could be tried, see above");
        let mut table = self.workbench.table_of("compare").ok_or_else(none)?;
        let mut row: Vec<serde_json::Value> = ["costs", "steps"].map(Into::into).to_vec();
        let mut steps = self.steps.iter();
        for column in table.columns.iter().skip(row.len()) {
            row.push(match shown::is_variant(column) {
                true => steps.next().map_or(serde_json::Value::Null, |steps| (*steps).into()),
                false => serde_json::Value::Null,
            });
        }
        table.rows.push(row);
        Ok(table)
    }
}

/// A file that is written at the end, opened before anything is computed for it.
struct Written {
    sink: Sink,
    flag: String,
    as_text: fn(&Table) -> String,
}

impl Written {
    fn of(arguments: &CompareArguments) -> Result<Option<Self>, Failure> {
        let (flag, file, end) = match (&arguments.csv, &arguments.export) {
            (Some(file), _) => ("--csv", file, "csv".to_owned()),
            (None, Some(file)) => ("--export", file, ending(file)),
            (None, None) => return Ok(None),
        };
        let flag = format!("{flag} {}", file.display());
        let as_text = match end.as_str() {
            "csv" => Table::comma_separated,
            "json" => Table::json,
            "md" => Table::markdown,
            "tex" => Table::latex,
            _ => return Err(Failure::usage(format!("{flag}: the name must end with .csv, .json, .md or .tex"))),
        };
        let sink = Sink::open(file).map_err(|refusal| Failure::usage(format!("{flag}: {refusal}")))?;
        Ok(Some(Self { sink, flag, as_text }))
    }

    fn write(mut self, table: &Table) -> Result<(), Failure> {
        let text = (self.as_text)(table);
        let refused = |flag: &str, why: &dyn std::fmt::Display| Failure::failed(format!("{flag}: {why}"));
        self.sink.write_all(text.as_bytes()).map_err(|error| refused(&self.flag, &error))?;
        self.sink.commit().map_err(|refusal| refused(&self.flag, &refusal))
    }
}

fn ending(file: &Path) -> String {
    file.extension().map(|end| end.to_string_lossy().to_lowercase()).unwrap_or_default()
}
