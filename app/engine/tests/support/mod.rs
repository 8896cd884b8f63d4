//! Finds the golden files and compares with them.

#![allow(dead_code)] // every test binary uses a part of it

pub mod instructions;
pub mod numbers;

use locus_engine::Error;
use locus_engine::model::Model;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// `LOCUS_GOLDEN`, or the project's own copy. What is compared with it is computed by the instructions that
/// [`instructions::settle`] says.
pub fn golden() -> PathBuf {
    instructions::settle();
    std::env::var_os("LOCUS_GOLDEN")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden"), PathBuf::from)
}

/// Sub-folders of `folder`, in order; empty where the set has no such part.
pub fn cases(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// All tensors of a safetensors file by name.
pub fn tensors(file: &Path) -> HashMap<String, Tensor> {
    Tensor::read_safetensors(file).expect("golden tensors").into_iter().collect()
}

/// A down-projection of `layer`: that of its MLP, or of its first expert, or the tensor of all experts.
pub fn down(model: &Model, layer: usize) -> String {
    model.architecture.down_projection(layer).expect("a layer").replace("{}", "0")
}

/// A JSON file.
pub fn json(file: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(file).expect("golden json")).expect("golden json")
}

/// How far a number may be off: what the set allows everywhere, or, where the case is worse conditioned than that, ten
/// times what separates the published float32 run from its own float64 run.
pub fn allowed(everywhere: f64, rounding: Option<f64>) -> f64 {
    everywhere.max(10.0 * rounding.unwrap_or_default())
}

/// Largest absolute difference.
pub fn deviation(ours: &Tensor, golden: &Tensor) -> f64 {
    assert_eq!(ours.size(), golden.size(), "shape");
    (ours.to_kind(Kind::Double) - golden.to_kind(Kind::Double)).abs().max().double_value(&[])
}

/// The golden architectures by name, with the rows of tokens that come with them.
pub fn architectures() -> Vec<(String, Model, Vec<Vec<i64>>)> {
    tch::set_num_threads(1);
    let open = |folder: PathBuf| {
        let model = match Model::load(&folder.join("model"), Device::Cpu, Kind::Float) {
            // a family that is not there yet
            Err(Error::Config { .. }) => return None,
            model => model.expect("model"),
        };
        let prompts = json(&folder.join("golden.json"));
        let prompts = prompts["prompts"].as_array().expect("prompts").iter();
        let rows = prompts.map(|prompt| serde_json::from_value(prompt["input_ids"].clone()).expect("ids")).collect();
        Some((name(&folder), model, rows))
    };
    let found: Vec<_> = cases(&golden().join("arch")).into_iter().filter_map(open).collect();
    assert!(!found.is_empty(), "no golden architecture");
    found
}

/// Last component of a path.
pub fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
