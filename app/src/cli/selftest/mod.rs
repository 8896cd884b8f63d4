//! `locus selftest`: whether this machine computes what it should, and how fast it is.

mod plan;
mod rates;
mod run;

use crate::cli::arguments::{Common, SelftestArguments};
use crate::cli::client::Client;
use crate::cli::{Failure, engine, output, tables};
use locus_protocol::{Reuse, Role};
use plan::Plan;
use run::Measured;
use serde_json::json;

/// Runs the built-in model through everything, compares with what was recorded in float64, and measures rates.
///
/// # Errors
/// Flags that change what is compared; a job that fails; a number that is off by more than it may be.
pub fn run(common: &Common, arguments: &SelftestArguments) -> Result<(), Failure> {
    refuse_other_inputs(common)?;
    if !arguments.rates_only {
        // the edited model is written and read here
        engine::refuse_elsewhere(common, "selftest")?;
    }
    let plan = Plan::read()?;
    let mut client = Client::with_model_and(common, |start| {
        start.corpus_tokens = Some(plan.corpus_tokens);
        // numbers of another device may be kept, and this one's are not the user's
        start.moments.reuse = Reuse::LeftAlone;
        start.role = Role::Reader;
    })?;
    let mut failed = Vec::new();
    if !arguments.rates_only {
        let measured = run::all(&mut client, &plan)?;
        if let Some(file) = &arguments.record {
            return plan.record(&measured, file);
        }
        failed = compared(&client, &plan, &measured)?;
    }
    if !arguments.no_rates {
        rates::run(&mut client, arguments.shape.as_deref())?;
    }
    match &failed[..] {
        [] => Ok(()),
        some => Err(Failure::failed(format!(
            "this machine computes wrong results: {}; please report it with the output of `locus doctor`",
            some.join(", ")
        ))),
    }
}

/// Refuses flags that name another model, other facts or another corpus than those of the recorded numbers.
fn refuse_other_inputs(common: &Common) -> Result<(), Failure> {
    let flags = [
        ("--model", common.model.is_some()),
        ("--with-edits", !common.with_edits.is_empty()),
        ("--apply", !common.apply.is_empty()),
        ("--facts", common.facts.is_some()),
        ("--corpus", common.corpus.is_some()),
        ("--corpus-tokens", common.corpus_tokens.is_some()),
        ("--corpus-column", common.corpus_column.is_some()),
        ("--corpus-sample", common.corpus_sample.is_some()),
        ("--float64-sums", common.float64_sums),
    ];
    let given: Vec<&str> = flags.into_iter().filter_map(|(flag, is_given)| is_given.then_some(flag)).collect();
    if given.is_empty() {
        return Ok(());
    }
    let given = given.join(" and ");
    Err(Failure::usage(format!("selftest runs the built-in model with its own facts and corpus: leave {given} out")))
}

/// Prints a line for each thing that was measured; the names of those that are off.
fn compared(client: &Client, plan: &Plan, measured: &Measured) -> Result<Vec<String>, Failure> {
    let format = client.known.model.as_ref().map_or("float32", |model| model.number_format.as_str());
    let mut table = tables::table(["what", "numbers", "largest deviation", "allowed", ""]);
    table.right([1, 2, 3]);
    let mut failed = Vec::new();
    for (name, values) in measured {
        let deviation = plan.deviation(name, values);
        let allowed = plan.allowed(format, name);
        let verdict = match (deviation, allowed) {
            (Some(off), Some(allowed)) if off <= allowed => "ok",
            (Some(_), Some(_)) => "off",
            _ => "not recorded",
        };
        if verdict != "ok" {
            failed.push(name.clone());
        }
        if client.json() {
            output::json(&json!({
                "event": "selftest", "what": name, "numbers": values.len(), "deviation": deviation, "allowed": allowed,
                "number_format": format, "verdict": verdict,
            }))?;
            continue;
        }
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1e}"));
        let count = values.len().to_string();
        table.add_row([name.as_str(), &count, &number(deviation), &number(allowed), verdict]);
    }
    if !client.json() {
        output::print(&format!("{format}, against float64\n\n{table}"))?;
    }
    Ok(failed)
}
