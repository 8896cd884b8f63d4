//! Logits of a model for prompts, with the edits of files in place: `logits MODEL PROMPTS OUT [EDITS...]`.
//!
//! What is to be told of the model goes to the error stream, a line each. PROMPTS is a JSON list of texts. OUT gets, for prompt `n`, the tensors `n.ids` and `n.logits`.

use locus_engine::edit::{DeltaFile, EditStack};
use locus_engine::model::{Batch, Model, Taps};
use locus_engine::moments::fingerprint;
use locus_engine::tensor_files;
use locus_protocol::ModelMark;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use tch::{Device, Kind, Tensor};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [folder, prompts, out, files @ ..] = &arguments[..] else {
        return Err("usage: logits MODEL PROMPTS OUT [EDITS...]".into());
    };
    let _guard = tch::no_grad_guard();
    let base = Model::load(folder, Device::Cpu, Kind::Float)?;
    let mark = ModelMark { name: folder.display().to_string(), fingerprint: fingerprint(&base)? };
    for note in &base.notes {
        eprintln!("note: {note}");
    }
    let mut stack = EditStack::new(base);
    for file in files {
        let read = DeltaFile::read(file)?;
        read.fits(file, stack.base(), &mark)?;
        for edit in read.edits {
            stack.apply(edit)?;
        }
    }
    let model = stack.model();
    let prompts: Vec<String> = serde_json::from_str(&std::fs::read_to_string(prompts)?)?;
    let mut tensors = Vec::new();
    for (index, prompt) in prompts.iter().enumerate() {
        let ids = Tensor::from_slice(&model.tokenizer.encode(prompt)?);
        let batch = Batch::whole(1, ids.size()[0]);
        let logits = model.logits(&model.forward(&ids, &batch, &mut Taps::default())?)?;
        tensors.push((format!("{index}.ids"), ids));
        tensors.push((format!("{index}.logits"), logits));
    }
    tensor_files::keep(&tensor_files::bytes(&tensors, &[])?, out)?;
    Ok(())
}
