//! `locus stats`: second moments that are kept, and what can be done with them.

use crate::cli::arguments::{Common, StatsAction};
use crate::cli::client::Client;
use crate::cli::{Failure, layers, output, settings, tables};
use locus_protocol::{
    Event, Inspect, Inspected, KeptMoments, Reuse, SecondMomentsReport, SecondMomentsTarget, SecondMomentsTask,
};
use locus_records::Places;
use std::path::PathBuf;
use std::time::Duration;

/// Does what the arguments say.
///
/// # Errors
/// The job's; a check that finds something wrong.
pub fn run(common: &Common, action: Option<&StatsAction>) -> Result<(), Failure> {
    let Some(action) = action else { return list(common) };
    let (mut keep_every, mut reuse) = (None, Reuse::Taken);
    let task = match action.clone() {
        StatsAction::Show => return list(common),
        StatsAction::Collect { keep_every: seconds, anew } => {
            let every = Duration::try_from_secs_f64(seconds).ok();
            keep_every =
                Some(every.ok_or_else(|| Failure::usage("--keep-every must be a number of seconds, 0 or more"))?);
            reuse = if anew { Reuse::Replaced } else { Reuse::Taken };
            SecondMomentsTask::Collect
        }
        StatsAction::Verify { file } => SecondMomentsTask::Verify { file },
        StatsAction::Import { path, layer } => SecondMomentsTask::Import { path, layer },
        StatsAction::Export { to, from, layers, sample_size } => {
            let layers = layers.as_deref().map(settings::layers).transpose()?.unwrap_or_default();
            SecondMomentsTask::Export { file: from, layers, target: target(to, sample_size)? }
        }
    };
    let mut client = Client::with_model_and(common, |options| {
        options.moments.keep_every = keep_every;
        options.moments.reuse = reuse;
        options.open_plugins = locus_protocol::OpenPlugins::WhenNeeded;
    })?;
    if let SecondMomentsTask::Export { layers, .. } = &task {
        layers::are_there(&client, "--layers", layers)?;
    }
    let mut report = None;
    client.job(task.clone(), &mut |event| {
        if let Event::SecondMoments(told) = event {
            report = Some(told.clone());
        }
    })?;
    let report = report.ok_or_else(|| Failure::failed("the engine sent no second moments; please report it"))?;
    if !client.json() {
        output::print(&text(&task, &report))?;
    }
    let problems = problems(&report);
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Failure::failed(format!("{}: {}", report.file.display(), problems.join("; "))))
    }
}

fn target(to: PathBuf, sample_size: Option<u64>) -> Result<SecondMomentsTarget, Failure> {
    if sample_size.is_some_and(|size| i64::try_from(size).is_err()) {
        return Err(Failure::usage("--sample-size must be a number that fits into 63 bits"));
    }
    let end = to.extension().map(|end| end.to_string_lossy().into_owned()).unwrap_or_default();
    match end.as_str() {
        "safetensors" if sample_size.is_some() => {
            Err(Failure::usage("--sample-size goes with .npz files only; leave it out, or name a folder"))
        }
        "safetensors" => Ok(SecondMomentsTarget::Safetensors { file: to }),
        "npz" => Err(Failure::usage(format!(
            "{}: name a folder; each layer gets an .npz file of its own, named after it",
            to.display()
        ))),
        _ => Ok(SecondMomentsTarget::Archives { folder: to, sample_size }),
    }
}

/// What is wrong, with the layer where it belongs to one.
fn problems(report: &SecondMomentsReport) -> Vec<String> {
    let of_layers = report.layers.iter().flat_map(|layer| {
        let problems = layer.check.iter().flat_map(|check| &check.problems);
        problems.map(|problem| format!("layer {}: {problem}", layer.layer))
    });
    report.problems.iter().cloned().chain(of_layers).collect()
}

/// A report for people.
fn text(task: &SecondMomentsTask, report: &SecondMomentsReport) -> String {
    let mut pairs = vec![
        ("file", report.file.display().to_string()),
        ("model", short(&report.model)),
        ("corpus", format!("{} ({})", report.corpus_name, short(&report.corpus))),
        ("sums in", report.precision.clone()),
    ];
    pairs.extend(report.written.iter().map(|file| ("wrote", file.display().to_string())));
    let checked = report.layers.iter().any(|layer| layer.check.is_some());
    let head: &[&str] = match checked {
        true => &["layer", "tokens", "dead keys", "off float64", "asymmetry", "smallest", "largest", "condition"],
        false => &["layer", "tokens", "dead keys", "off float64"],
    };
    let mut table = tables::table(head.iter().copied());
    let number = |value: Option<f64>, none: &str| value.map_or_else(|| none.to_owned(), |value| format!("{value:.1e}"));
    for layer in &report.layers {
        let mut row = vec![
            layer.layer.to_string(),
            if layer.tokens > 0 { layer.tokens.to_string() } else { "?".to_owned() },
            layer.dead_keys.to_string(),
            number(layer.deviation, "-"),
        ];
        if let Some(check) = &layer.check {
            row.push(format!("{:.1e}", check.asymmetry));
            row.push(number(check.smallest, "singular"));
            row.push(format!("{:.1e}", check.largest));
            row.push(number(check.condition, "infinite"));
        }
        table.add_row(row);
    }
    tables::numbers(&mut table);
    let mut text = format!("{}\n\n{table}", tables::pairs(pairs));
    if matches!(task, SecondMomentsTask::Import { .. }) {
        text += "\n\nEdits of this model use these from now on, unless --corpus is given or a layer that the edit \
                 needs is missing. Remove the file to use the corpus again.";
    }
    if checked && problems(report).is_empty() {
        text += "\n\nno problems found";
    }
    text
}

fn short(hash: &str) -> String {
    if hash.is_empty() { "?".to_owned() } else { hash.chars().take(16).collect() }
}

/// Lists what is kept.
fn list(common: &Common) -> Result<(), Failure> {
    let cache = Places::find()?.cache;
    let Inspected::SecondMoments(kept) = Client::inspect(common, Inspect::SecondMoments)? else {
        return Err(Failure::failed("the engine sent something else; please report it"));
    };
    if common.json {
        return kept.iter().try_for_each(|kept| Ok(output::json(&record(kept))?));
    }
    let mut table = tables::table(["model", "corpus", "its name", "tokens", "layers", "sums in", "bytes", "state"]);
    for file in &kept {
        let (model, corpus) = names(file);
        let tokens = file.unfinished.or_else(|| file.layers.iter().map(|layer| layer.tokens).min());
        let state = match (file.unfinished, file.trouble.as_str()) {
            (Some(_), _) => "unfinished; `locus stats collect` resumes it".to_owned(),
            (None, "") => "complete".to_owned(),
            (None, _) => "damaged; delete it".to_owned(),
        };
        table.add_row(vec![
            model,
            corpus,
            file.corpus_name.clone(),
            tokens.map_or_else(|| "?".to_owned(), |tokens| tokens.to_string()),
            if file.layers.is_empty() { String::new() } else { file.layers.len().to_string() },
            file.precision.clone(),
            file.bytes.to_string(),
            state,
        ]);
    }
    output::print(&table.to_string())?;
    let folder = cache.join("second-moments");
    let folder = folder.display();
    Ok(output::below(&match kept.is_empty() {
        true => format!(
            "no second moments in {folder} yet; an edit that needs them collects them, or `locus stats collect`"
        ),
        false => format!("second moments in {folder}"),
    })?)
}

/// Model and corpus as the name of the file gives them.
fn names(kept: &KeptMoments) -> (String, String) {
    let name = kept.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let (model, corpus) = name.split_once('-').unwrap_or((&name, ""));
    (model.to_owned(), corpus.to_owned())
}

fn record(kept: &KeptMoments) -> serde_json::Value {
    let (model, corpus) = names(kept);
    serde_json::json!({
        "file": kept.file, "model": model, "corpus": corpus, "bytes": kept.bytes, "corpus_name": kept.corpus_name,
        "precision": kept.precision, "layers": kept.layers, "unfinished": kept.unfinished, "trouble": kept.trouble,
    })
}
