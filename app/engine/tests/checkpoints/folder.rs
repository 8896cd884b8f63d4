//! Tiny checkpoints, made of the golden ones.

use locus_engine::Error;
use locus_engine::model::Model;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};
use tempfile::TempDir;

/// A copy of a golden checkpoint that may be changed.
pub struct Folder(TempDir);

impl Folder {
    /// A copy of `tests/golden/arch/NAME/model`.
    pub fn of(name: &str) -> Self {
        let copy = tempfile::tempdir().expect("a folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/arch").join(name).join("model");
        for entry in std::fs::read_dir(source).expect("a golden checkpoint") {
            let file = entry.expect("a file").path();
            std::fs::copy(&file, copy.path().join(file.file_name().expect("a name"))).expect("a copy");
        }
        Self(copy)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Changes the configuration; the text `<take out>` takes a field out.
    pub fn configure(&self, changes: &Map<String, Value>) -> &Self {
        let mut config = self.json("config.json");
        let fields = config.as_object_mut().expect("an object");
        for (name, value) in changes {
            match value.as_str() {
                Some("<take out>") => drop(fields.remove(name)),
                _ => drop(fields.insert(name.clone(), value.clone())),
            }
        }
        self.write_json("config.json", &config)
    }

    /// Sets one field of the configuration.
    pub fn set(&self, name: &str, value: Value) -> &Self {
        self.configure(&Map::from_iter([(name.to_owned(), value)]))
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.file(name)).expect("a file")).expect("JSON")
    }

    pub fn write_json(&self, name: &str, value: &Value) -> &Self {
        std::fs::write(self.file(name), value.to_string()).expect("written");
        self
    }

    /// All tensors of all files.
    pub fn tensors(&self) -> BTreeMap<String, Tensor> {
        let files = std::fs::read_dir(self.path()).expect("a folder").map(|entry| entry.expect("a file").path());
        let files = files.filter(|file| file.extension().is_some_and(|end| end == "safetensors"));
        files.flat_map(|file| Tensor::read_safetensors(file).expect("tensors")).collect()
    }

    /// Writes the tensors as one `model.safetensors` in place of what there is.
    pub fn store(&self, tensors: &BTreeMap<String, Tensor>) -> &Self {
        for entry in std::fs::read_dir(self.path()).expect("a folder") {
            let file = entry.expect("a file").path();
            if file.to_string_lossy().contains(".safetensors") {
                std::fs::remove_file(file).expect("removed");
            }
        }
        self.write("model.safetensors", tensors)
    }

    pub fn write(&self, name: &str, tensors: &BTreeMap<String, Tensor>) -> &Self {
        let list: Vec<(&str, Tensor)> =
            tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.contiguous())).collect();
        Tensor::write_safetensors(&list, self.file(name)).expect("written");
        self
    }

    /// Changes the tensors.
    pub fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Tensor>)) -> &Self {
        let mut tensors = self.tensors();
        change(&mut tensors);
        self.store(&tensors)
    }

    pub fn load(&self) -> Result<Model, Error> {
        Model::load(self.path(), Device::Cpu, Kind::Float)
    }

    /// The sentence by which the checkpoint is refused; it names all of `words`.
    pub fn refused(&self, words: &[&str]) -> String {
        let sentence = self.load().expect_err(&format!("refused for {words:?}")).to_string();
        for word in words {
            assert!(sentence.contains(word), "`{word}` is not in: {sentence}");
        }
        assert!(!sentence.contains('\n') && sentence.len() < 600, "no single sentence: {sentence}");
        sentence
    }
}
