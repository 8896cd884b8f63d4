//! `locus models`: what --model can be given on this machine.

use crate::cli::arguments::Common;
use crate::cli::{Failure, output, tables};
use std::path::{Path, PathBuf};

/// Bytes of a config.json at most.
const LARGEST: u64 = 1 << 20;

/// A model that lies on this machine.
struct Found {
    /// What --model takes; nothing for the built-in one.
    folder: Option<PathBuf>,
    name: String,
    family: String,
    bytes: u64,
    /// What it lacks.
    lacks: Vec<&'static str>,
}

/// Lists the built-in model, those in the cache of the Hugging Face hub, and those in and below this folder.
///
/// # Errors
/// The output is gone; the engine is on another machine.
pub fn run(common: &Common) -> Result<(), Failure> {
    crate::cli::engine::refuse_elsewhere(common, "models")?;
    let built_in = Found { folder: None, name: "built-in".into(), family: "gpt2".into(), bytes: 0, lacks: Vec::new() };
    let hub = hub();
    let mut found = vec![built_in];
    found.extend(hub.iter().flat_map(|hub| in_hub(hub)));
    found.extend(below(Path::new(".")));
    if common.json {
        return found.iter().try_for_each(|model| {
            let record = serde_json::json!({
                "name": model.name, "folder": model.folder, "family": model.family, "bytes": model.bytes,
                "lacks": model.lacks,
            });
            Ok(output::json(&record)?)
        });
    }
    let mut table = tables::table(["model", "family", "size", "state", "--model"]);
    for model in &found {
        let state = match &model.lacks[..] {
            [] => "whole".to_owned(),
            lacks => format!("lacks {}", lacks.join(", ")),
        };
        let folder = model.folder.as_ref().map_or_else(String::new, |folder| folder.display().to_string());
        let size = if model.folder.is_some() { tables::bytes(model.bytes) } else { String::new() };
        table.add_row([model.name.clone(), model.family.clone(), size, state, folder]);
    }
    table.right([2]);
    output::print(&table.to_string())?;
    let looked = hub.map_or_else(String::new, |hub| format!(" in {} and", hub.display()));
    output::below(&format!(
        "looked{looked} below this folder; `locus --model DIR` opens a model, any other folder too"
    ))?;
    Ok(())
}

/// The models of this machine, as the workbench offers them.
pub fn known() -> Vec<locus_tui::KnownModel> {
    let found = hub().iter().flat_map(|hub| in_hub(hub)).chain(below(Path::new("."))).collect::<Vec<_>>();
    let known = |model: Found| {
        let lacks = match &model.lacks[..] {
            [] => String::new(),
            lacks => format!(", lacks {}", lacks.join(", ")),
        };
        Some(locus_tui::KnownModel {
            source: locus_protocol::ModelSource::Folder(model.folder?),
            name: model.name,
            about: format!("{}, {}{lacks}", model.family, tables::bytes(model.bytes)),
        })
    };
    found.into_iter().filter_map(known).collect()
}

/// The folder in which the Hugging Face hub's library keeps what it has loaded.
fn hub() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || {
        variable("HF_HOME").or_else(|| {
            let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))?;
            Some(cache.join("huggingface"))
        })
    };
    variable("HF_HUB_CACHE").or_else(|| Some(home()?.join("hub")))
}

/// The models of a hub's cache, the newest snapshot of each.
fn in_hub(hub: &Path) -> Vec<Found> {
    let models = folders(hub).into_iter().filter_map(|folder| {
        let name = folder.file_name()?.to_str()?.strip_prefix("models--")?.replace("--", "/");
        let snapshots = folders(&folder.join("snapshots"));
        let newest = snapshots.into_iter().max_by_key(|it| it.metadata().and_then(|about| about.modified()).ok())?;
        Some(Found { name, ..model(&newest)? })
    });
    models.collect()
}

/// A folder that is a model, and those in it.
fn below(folder: &Path) -> Vec<Found> {
    model(folder).into_iter().chain(folders(folder).iter().filter_map(|folder| model(folder))).collect()
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// What a folder with a config.json is.
fn model(folder: &Path) -> Option<Found> {
    let text = locus_files::text(&folder.join("config.json"), LARGEST).ok()?;
    let config: serde_json::Value = serde_json::from_str(&text).ok()?;
    let family = config["model_type"].as_str()?.to_owned();
    let weights = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let weights = weights.filter(|file| file.extension().is_some_and(|end| end == "safetensors"));
    let sizes: Vec<u64> = weights.filter_map(|file| Some(file.metadata().ok()?.len())).collect();
    let mut lacks = Vec::new();
    if sizes.is_empty() {
        lacks.push("*.safetensors");
    }
    if !folder.join("tokenizer.json").is_file() {
        lacks.push("tokenizer.json");
    }
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Some(Found { folder: Some(folder.to_owned()), name, family, bytes: sizes.iter().sum(), lacks })
}
