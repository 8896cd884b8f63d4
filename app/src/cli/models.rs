//! `locus models`: what --model can be given on this machine.

use crate::cli::arguments::Common;
use crate::cli::{Failure, output, tables};
use locus_hub::{Hub, snapshot_in};
use locus_protocol::{ModelSource, folder_name};
use locus_records::Places;
use locus_tui::KnownModel;
use std::path::{Path, PathBuf};

/// Bytes of a config.json at most.
const LARGEST: u64 = 1 << 20;
/// Bytes of what the workbench remembers, at most.
const LARGEST_MEMORY: u64 = 256 << 20;

/// A model that is on this machine.
#[derive(Default)]
struct Found {
    /// What --model takes; nothing for the built-in one.
    folder: Option<PathBuf>,
    name: String,
    family: String,
    bytes: u64,
    /// Bytes in memory, to run it in float32.
    needs: u64,
    lacks: Vec<String>,
}

impl Found {
    /// Why it cannot be opened, or is unlikely to be; empty where it can. `free` bytes of memory are there for it.
    fn trouble(&self, free: Option<u64>) -> String {
        let mut said = Vec::new();
        if !locus_protocol::runs(&self.family) {
            said.push("family not supported".to_owned());
        }
        if !self.lacks.is_empty() {
            said.push(format!("lacks {}", self.lacks.join(", ")));
        }
        if let Some(free) = free.filter(|free| self.needs > *free) {
            said.push(format!("needs {}, {} are free", tables::bytes(self.needs), tables::bytes(free)));
        }
        said.join("; ")
    }

    fn known(self, free: Option<u64>) -> Option<KnownModel> {
        let trouble = self.trouble(free);
        let trouble = if trouble.is_empty() { trouble } else { format!("; {trouble}") };
        Some(KnownModel {
            // it is remembered for other working folders
            source: ModelSource::Folder(whole(&self.folder?)),
            name: self.name,
            about: format!("{}, {}{trouble}", self.family, tables::bytes(self.bytes)),
        })
    }
}

/// The models that the workbench has opened, the last first, as far as they are still there.
fn opened() -> Vec<Found> {
    let remembered = || {
        let file = Places::find().ok()?.state.join("workbench.json");
        let text = locus_files::text(&file, LARGEST_MEMORY).ok()?;
        let remembered: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(remembered["opened"].as_array()?.iter().filter_map(|folder| model(Path::new(folder.as_str()?))).collect())
    };
    remembered().unwrap_or_default()
}

/// Bytes of memory that are free for a model; nobody knows where a GPU may take it.
fn free() -> Option<u64> {
    if Path::new("/proc/driver/nvidia").exists() {
        return None;
    }
    let text = locus_files::text(Path::new("/proc/meminfo"), LARGEST).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Lists the built-in model, those that the workbench has opened, those in the cache of the Hugging Face hub, and those in and below this folder.
///
/// # Errors
/// The output is gone; the engine is on another machine.
pub fn run(common: &Common) -> Result<(), Failure> {
    crate::cli::engine::refuse_elsewhere(common, "models")?;
    let built_in = Found { name: "built-in".into(), family: "gpt2".into(), ..Found::default() };
    let free = free();
    let hub = Hub::from_environment().ok();
    let mut found = vec![built_in];
    for model in opened().into_iter().chain(hub.iter().flat_map(in_hub)).chain(below(Path::new("."))) {
        let is_same = |known: &Found| known.folder.as_deref().map(whole) == model.folder.as_deref().map(whole);
        if !found.iter().any(is_same) {
            found.push(model);
        }
    }
    if common.json {
        return found.iter().try_for_each(|model| {
            let record = serde_json::json!({
                "name": model.name, "folder": model.folder, "family": model.family, "bytes": model.bytes,
                "lacks": model.lacks, "needs": model.needs, "trouble": model.trouble(free),
            });
            Ok(output::json(&record)?)
        });
    }
    let mut table = tables::table(["model", "family", "size", "state", "--model"]);
    for model in &found {
        let state = match model.trouble(free) {
            trouble if trouble.is_empty() => "complete".to_owned(),
            trouble => trouble,
        };
        let folder = model.folder.as_ref().map_or_else(String::new, |folder| folder.display().to_string());
        let size = if model.folder.is_some() { tables::bytes(model.bytes) } else { String::new() };
        table.add_row([model.name.clone(), model.family.clone(), size, state, folder]);
    }
    table.right([2]);
    output::print(&table.to_string())?;
    let looked = hub.map_or_else(String::new, |hub| format!(" in {} and", hub.cache.display()));
    output::below(&format!(
        "searched{looked} below this folder; `locus --model DIR` opens a model in any folder, and `--model ORG/NAME` \
         one of the Hugging Face hub"
    ))?;
    Ok(())
}

/// The models of this machine, as the workbench offers them.
pub fn known() -> Vec<KnownModel> {
    let hub = Hub::from_environment().ok();
    let found = hub.iter().flat_map(in_hub).chain(below(Path::new("."))).collect::<Vec<_>>();
    let free = free();
    found.into_iter().filter_map(|model| model.known(free)).collect()
}

/// The model in one folder.
pub fn known_in(folder: &Path) -> Option<KnownModel> {
    model(folder)?.known(free())
}

/// The models of a hub's cache, every snapshot of each, by the ids that --model takes.
fn in_hub(hub: &Hub) -> Vec<Found> {
    let found = hub.cached().into_iter();
    found.filter_map(|cached| Some(Found { name: cached.id(), ..model(&cached.folder)? })).collect()
}

/// A folder that is a model, and those in it.
fn below(folder: &Path) -> Vec<Found> {
    let inside = folders(folder).into_iter().map(|folder| snapshot_in(&folder).unwrap_or(folder));
    model(folder).into_iter().chain(inside.filter_map(|folder| model(&folder))).collect()
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// A folder by its full path.
fn whole(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

/// What a folder with a config.json is.
fn model(folder: &Path) -> Option<Found> {
    let text = locus_files::text(&folder.join("config.json"), LARGEST).ok()?;
    let config: serde_json::Value = serde_json::from_str(&text).ok()?;
    let family = config["model_type"].as_str()?.to_owned();
    let locus_hub::Contents { bytes, lacks } = locus_hub::contents(folder);
    let name = folder_name(&folder.canonicalize().unwrap_or_else(|_| folder.to_owned()));
    // and a quarter of it to run it, as the engine counts
    let needs = in_float32(&config, bytes).saturating_mul(5) / 4;
    Some(Found { folder: Some(folder.to_owned()), name, family, bytes, needs, lacks })
}

/// Bytes that weights take in float32, of which the files have `bytes`.
fn in_float32(config: &serde_json::Value, bytes: u64) -> u64 {
    let wider = if number_format(config).ends_with("16") { 2 } else { 1 };
    if config["quantization_config"]["quant_method"] != "mxfp4" {
        return bytes.saturating_mul(wider);
    }
    // gpt-oss: three matrices an expert, 32 numbers in 17 bytes
    let sides = ["num_hidden_layers", "num_local_experts", "hidden_size", "intermediate_size"];
    let packed = sides.iter().fold(3, |product: u64, side| product.saturating_mul(config[side].as_u64().unwrap_or(0)));
    let rest = bytes.saturating_sub(packed / 32 * 17);
    packed.saturating_mul(4).saturating_add(rest.saturating_mul(wider))
}

/// The number format that a configuration names: of the model itself, or of its text part where it has others as well.
fn number_format(config: &serde_json::Value) -> &str {
    // transformers 5 calls the field dtype
    let parts = [config, &config["text_config"]].into_iter();
    let mut named = parts.flat_map(|part| ["dtype", "torch_dtype"].into_iter().map(move |name| &part[name]));
    named.find_map(serde_json::Value::as_str).unwrap_or("float32")
}

#[cfg(test)]
mod tests {
    use super::{in_float32, number_format};
    use serde_json::json;

    #[test]
    fn packed_weights_count_as_what_they_are_unpacked() {
        assert_eq!(in_float32(&json!({"torch_dtype": "bfloat16"}), 100), 200);
        // gpt-oss-20b: 20.9 billion numbers in a file of 13.8 GB
        let config = json!({
            "torch_dtype": "bfloat16", "num_hidden_layers": 24, "num_local_experts": 32, "hidden_size": 2880,
            "intermediate_size": 2880, "quantization_config": {"quant_method": "mxfp4"}
        });
        let needed = in_float32(&config, 13_761_300_984) as f64;
        assert!((needed / (4.0 * 20_914_757_184.0) - 1.0).abs() < 0.001, "{needed}");
    }

    #[test]
    fn the_number_format_is_that_of_the_text_part_where_the_whole_names_none() {
        for (config, format) in [
            (json!({"model_type": "gpt2"}), "float32"),
            (json!({"dtype": "bfloat16"}), "bfloat16"),
            (json!({"torch_dtype": "float16", "text_config": {"torch_dtype": "float32"}}), "float16"),
            (json!({"model_type": "gemma3", "text_config": {"torch_dtype": "bfloat16"}}), "bfloat16"),
            (json!({"torch_dtype": null, "text_config": {"dtype": "bfloat16"}}), "bfloat16"),
        ] {
            assert_eq!(number_format(&config), format, "{config}");
        }
    }
}
