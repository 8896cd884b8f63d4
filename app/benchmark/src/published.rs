//! What `cargo xtask bench-published` gives to the published Python code: folders of models, the jobs, what they give here, and
//! the processor time that they took.

use crate::methods::{Editing, fine_tuning_settings, made_up, memit_settings, rome_settings};
use crate::spent::spent;
use crate::{Suited, evaluation, moments, shape, tracing};
use anyhow::Result;
use locus_engine::model::Model;
use locus_engine::moments::{Corpus, collect};
use locus_engine::trace::{Kind, rows_at_once};
use locus_plugin::{Edited, Form};
use serde_json::json;
use std::path::Path;
use tch::{Device, Tensor};

/// Writes two folders into `folder`, a random model of GPT-2's shape and the built-in one, each with its `jobs.json` and the
/// `tensors.safetensors` that belong to them.
pub fn hand_over(folder: &Path, shape: [i64; 3], corpus_tokens: usize) -> Result<()> {
    let [random, built_in] = shape::both(folder, shape)?;
    jobs(&random, corpus_tokens)?;
    jobs(&built_in, 8 * corpus_tokens)
}

fn jobs(folder: &Path, corpus_tokens: usize) -> Result<()> {
    let model = Model::load(folder, Device::Cpu, tch::Kind::Float)?;
    let suited = Suited::to(&model);
    let (traced, at_once) = (tracing::request(&model)?, rows_at_once(&model));
    let (hidden, hidden_time) = spent(|| tracing::engine(&model, &traced, Kind::Hidden, 1, at_once))?;
    let (outputs, outputs_time) = spent(|| tracing::engine(&model, &traced, Kind::Mlp, suited.window, at_once))?;
    let second_moments = made_up(&model)?;
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    for layer in 0..model.architecture.layers {
        tensors.extend(second_moments.mean(layer)?.map(|mean| (format!("moment.{layer}"), mean.shallow_clone())));
    }
    let editing = Editing::new(&model, second_moments)?;
    let mut rome = Vec::new();
    for layer in suited.rome {
        let (edited, time) = editing.rome_here(layer)?;
        tensors.extend(changes("rome", &edited)?);
        rome.push(json!({"layer": layer, "seconds": time.as_secs_f64()}));
    }
    let (edited, memit_time) = editing.memit_here(&suited.memit)?;
    tensors.extend(changes("memit", &edited)?);
    let (edited, fine_tuning_time) = editing.fine_tuning_here(suited.fine_tuning)?;
    tensors.extend(changes("fine-tuning", &edited)?);
    let fact = evaluation::fact();
    let (scores, scores_time) = spent(|| evaluation::engine(&model, &fact))?;
    let documents = moments::documents(&model, corpus_tokens)?;
    let corpus = Corpus::from_documents(documents.clone(), "benchmark".to_owned())?;
    let (made, moments_time) = spent(|| Ok(collect(&model, &corpus, &mut |_, _| Ok(()))?))?;
    for layer in 0..model.architecture.layers {
        tensors.extend(made.mean(layer)?.map(|mean| (format!("collected.{layer}"), mean.shallow_clone())));
    }
    let facts = editing.batch().iter();
    let facts = facts.map(|edit| json!({"prompt": edit.template, "subject": edit.subject, "target": edit.target}));
    let prompts = std::iter::once(fact.prompt()).chain(fact.paraphrases.clone()).chain(fact.neighborhood.clone());
    let jobs = json!({
        "trace": {
            "prompt": tracing::PROMPT, "subject": tracing::SUBJECT, "samples": tracing::SAMPLES, "noise": tracing::NOISE,
            "window": suited.window,
            "hidden": {"seconds": hidden_time.as_secs_f64(), "scores": hidden},
            "mlp": {"seconds": outputs_time.as_secs_f64(), "scores": outputs},
        },
        "facts": facts.collect::<Vec<_>>(),
        "rome": {"settings": rome_settings(), "edits": rome},
        "memit": {"settings": memit_settings(1), "layers": suited.memit, "seconds": memit_time.as_secs_f64()},
        "fine-tuning": {
            "settings": fine_tuning_settings(), "layer": suited.fine_tuning, "seconds": fine_tuning_time.as_secs_f64(),
        },
        "scores": {
            "prompts": prompts.collect::<Vec<_>>(), "targets": [fact.target_new, fact.target_true],
            "log_probabilities": scores, "seconds": scores_time.as_secs_f64(),
        },
        "moments": {"documents": documents, "seconds": moments_time.as_secs_f64()},
    });
    Tensor::write_safetensors(&tensors, folder.join("tensors.safetensors"))?;
    std::fs::write(folder.join("jobs.json"), jobs.to_string())?;
    Ok(())
}

/// The changes of an edit's parameters, whole, under the names that the published code has for them.
fn changes(method: &str, edited: &Edited) -> Result<Vec<(String, Tensor)>> {
    let whole = |form: &Form| match form {
        Form::LowRank { left, right } => left.f_matmul(right),
        Form::Dense(change) => Ok(change.shallow_clone()),
    };
    edited
        .deltas
        .iter()
        .map(|delta| Ok((format!("{method}.{}", delta.parameter), whole(&delta.form)?.contiguous())))
        .collect()
}
