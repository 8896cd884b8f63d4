//! `locus eval`.

use crate::cli::arguments::{Common, EvalArguments};
use crate::cli::client::Client;
use crate::cli::csv_file::CsvFile;
use crate::cli::ledger::{Ledger, LedgerFile};
use crate::cli::settings::file_hash;
use crate::cli::{Failure, layers, orders, output, screening, summary};
use locus_protocol::{EditOrder, EvaluateOrder, Evaluated, Event, Fact, MOST_SAID_TOKENS, Measures};
use locus_records::operations::facts_mark;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Facts that are measured together, the places of which begin at `first`.
struct Batch {
    first: usize,
    facts: Vec<Fact>,
    edit: Option<EditOrder>,
    /// Places in it of facts that are left out as duplicates of earlier records.
    again: BTreeSet<usize>,
}

impl Batch {
    /// Whether the file of the run has all of it.
    fn is_done(&self, ledger: &Ledger) -> bool {
        (self.first..self.first + self.facts.len()).all(|index| ledger.has(index))
    }

    /// What is asked of the engine; nothing where all facts are left out.
    fn order(&self, measures: &Measures) -> Option<EvaluateOrder> {
        let left = self.facts.iter().enumerate().filter(|(place, _)| !self.again.contains(place));
        let mut facts: Vec<Fact> = left.map(|(_, fact)| fact.clone()).collect();
        if facts.is_empty() {
            return None;
        }
        let edit = self.edit.clone().map(|order| {
            let fact = facts.remove(0);
            EditOrder { fact, more: std::mem::take(&mut facts), ..order }
        });
        Some(EvaluateOrder { edit, facts, measures: measures.clone() })
    }
}

/// Measures every fact, each on the unedited model, and prints averages.
///
/// # Errors
/// Those of the jobs; an output file that cannot be written or was made with other settings.
pub fn run(common: &Common, arguments: &EvalArguments) -> Result<(), Failure> {
    if arguments.batch == 0 || arguments.limit == Some(0) {
        return Err(Failure::usage("--batch and --limit must be at least 1"));
    }
    if arguments.least_probability.is_some_and(|least| !(0.0..1.0).contains(&least)) {
        return Err(Failure::usage("--least-probability must be at least 0 and below 1"));
    }
    if arguments.said_tokens > MOST_SAID_TOKENS {
        return Err(Failure::usage(format!("--said-tokens must be at most {MOST_SAID_TOKENS}")));
    }
    orders::check_free_generation(arguments.free_generation)?;
    layers::check(common, arguments.order.layers.as_deref())?;
    // what cannot be written is said before anything is computed for it
    let csv = arguments.csv.as_deref().map(CsvFile::begin).transpose()?;
    let out = arguments.out.as_deref().map(LedgerFile::take).transpose()?;
    let mut client = Client::with_model(common)?;
    let measures = arguments.measures();
    let batches = batches(&client, arguments)?;
    let filter = if arguments.correct_only { Some("--correct-only") } else { None };
    let filter = filter.or(arguments.least_probability.map(|_| "--least-probability"));
    if let Some(flag) = filter.filter(|_| batches.iter().flat_map(|batch| &batch.facts).any(Fact::has_no_true_answer)) {
        let message = "the questions of zsRE are read without a true answer; leave it out, or read them as statements";
        return Err(Failure::usage(format!("{flag}: {message} (--zsre statement)")));
    }
    let settings = settings(common, &client, arguments, &measures, &batches)?;
    let mut ledger = Ledger::open(out, &settings)?;
    let left: Vec<&Batch> = batches.iter().filter(|batch| !batch.is_done(&ledger)).collect();
    let facts: Vec<Fact> = left.iter().flat_map(|batch| batch.facts.iter().cloned()).collect();
    if !facts.is_empty() {
        let again = if arguments.order.orders.is_some() { 0 } else { screening::again(&facts).len() };
        screening::tell(&mut client, &facts, again, measures.skip_marked)?;
    }
    for batch in left {
        let done = measure(&mut client, common, batch, &measures)?;
        ledger.add(done)?;
    }
    let summary = summary::summary(ledger.lines());
    if let Some(file) = csv {
        summary::write_csv(file, ledger.lines())?;
    }
    if client.json() {
        return Ok(output::json(&Event::Summary(summary))?);
    }
    Ok(output::print(&summary::table(&summary))?)
}

/// Measures the facts of a batch. With `--skip-bad` a fact that cannot be measured or edited is left out.
fn measure(
    client: &mut Client,
    common: &Common,
    batch: &Batch,
    measures: &Measures,
) -> Result<Vec<(usize, Evaluated)>, Failure> {
    let mut heard: Vec<Evaluated> = Vec::new();
    let ended = match batch.order(measures) {
        None => Ok(()),
        Some(order) => client
            .job(order, &mut |event| {
                if let Event::Evaluated(evaluated) = event {
                    heard.push(evaluated.clone());
                }
            })
            .map(drop),
    };
    let trouble = match ended {
        Ok(()) => None,
        // the request or the plugin is to blame, not the user or the device
        Err(failure) if common.skip_bad && matches!(failure.code, 1 | 3) && !failure.message.is_empty() => {
            output::complain(&format!("{}: {}; left out", batch.facts[0].prompt(), failure.message));
            Some(failure.message)
        }
        Err(failure) if failure.code == 1 || failure.code == 3 => {
            let message =
                format!("{} (at “{}”; --skip-bad leaves such facts out)", failure.message, batch.facts[0].prompt());
            return Err(Failure { message, ..failure });
        }
        Err(failure) => return Err(failure),
    };
    // filtered facts are told first; equal facts are told in their order
    let place = |(offset, fact): (usize, &Fact)| {
        if batch.again.contains(&offset) {
            let left_out = Some(locus_sweep::TWICE.to_owned());
            return (batch.first + offset, Evaluated { fact: fact.clone(), left_out, ..Evaluated::default() });
        }
        let told = heard.iter().position(|evaluated| evaluated.fact == *fact).map(|index| heard.remove(index));
        let evaluated = told.unwrap_or_else(|| Evaluated {
            fact: fact.clone(),
            left_out: Some(trouble.clone().unwrap_or_else(|| "it was not measured".to_owned())),
            ..Evaluated::default()
        });
        (batch.first + offset, evaluated)
    };
    Ok(batch.facts.iter().enumerate().map(place).collect())
}

fn batches(client: &Client, arguments: &EvalArguments) -> Result<Vec<Batch>, Failure> {
    let mut batches: Vec<Batch> = Vec::new();
    if let Some(file) = &arguments.order.orders {
        let mut first = 0;
        for order in orders::of_file(client, file, arguments.order.parity.as_deref())? {
            let facts: Vec<Fact> = order.facts().cloned().collect();
            let count = facts.len();
            batches.push(Batch { first, facts, edit: Some(order), again: BTreeSet::new() });
            first += count;
        }
        return Ok(batches);
    }
    let facts = &client.known.facts;
    let facts = &facts[..arguments.limit.unwrap_or(facts.len()).min(facts.len())];
    let template = match &arguments.order.method {
        None => None,
        Some(_) => Some(orders::template(client, &arguments.order)?),
    };
    let again = if arguments.skip_marked { screening::again(facts) } else { BTreeSet::new() };
    for (index, facts) in facts.chunks(arguments.batch).enumerate() {
        let first = index * arguments.batch;
        let again = again.range(first..first + facts.len()).map(|place| place - first).collect();
        let edit =
            template.clone().map(|order| EditOrder { fact: facts[0].clone(), more: facts[1..].to_vec(), ..order });
        batches.push(Batch { first, facts: facts.to_vec(), edit, again });
    }
    Ok(batches)
}

/// Everything that a fact's numbers depend on.
fn settings(
    common: &Common,
    client: &Client,
    arguments: &EvalArguments,
    measures: &Measures,
    batches: &[Batch],
) -> Result<Value, Failure> {
    let model = client.known.model.as_ref();
    let version = |id: &str| {
        let plugin = client.known.plugins.iter().find(|plugin| plugin.id == id);
        plugin.map_or_else(String::new, |plugin| {
            let file = file_hash(plugin).unwrap_or_else(|| "unknown file".to_owned());
            format!("{id} {} ({})", plugin.version, file.get(..16).unwrap_or(&file))
        })
    };
    let mut orders = Sha256::new();
    let failed = |error: serde_json::Error| Failure::failed(error.to_string());
    let facts = facts_mark(&client.known.facts_source, &client.known.facts)?;
    for order in batches.iter().filter(|_| arguments.order.orders.is_some()) {
        orders.update(serde_json::to_vec(&order.edit).map_err(failed)?);
    }
    let edit = batches.first().and_then(|batch| batch.edit.as_ref()).filter(|_| arguments.order.orders.is_none());
    Ok(json!({
        "program": env!("CARGO_PKG_VERSION"),
        "model": model.map(|model| &model.name),
        "parameters": model.map(|model| model.parameters),
        "weights": model.map(|model| &model.fingerprint),
        "number_format": model.map(|model| &model.number_format),
        "device": model.map(|model| &model.device.name),
        "reproducible": model.map(|model| model.reproducible),
        // what is measured comes on top of these; their hashes tell edits of one title apart
        "in_place": client.known.in_place.iter().map(|edit| &edit.title).collect::<Vec<_>>(),
        "in_place_weights": client.known.weights,
        "facts": facts.sha256.get(..16),
        "method": edit.map(|order| version(&order.method)),
        "objective": edit.map(|order| version(&order.objective)),
        "layers": edit.map(|order| &order.layers),
        "method_settings": edit.map(|order| &order.method_settings),
        "objective_settings": edit.map(|order| &order.objective_settings),
        "orders": arguments.order.orders.is_some().then(|| locus_records::hex(&orders.finalize()[..8])),
        "seed": arguments.order.seed,
        "batch": arguments.batch,
        // the last batch of some facts holds others than the same batch of all
        "limit": if arguments.batch > 1 { arguments.limit } else { None },
        "corpus": common.corpus,
        "corpus_tokens": common.corpus_tokens,
        "corpus_column": common.corpus_column,
        "corpus_sample": common.corpus_sample,
        "float64_sums": common.float64_sums,
        "measures": measures,
    }))
}
