//! The golden models with their second moments, and the plugins beside this test.

use crate::support::{cases, golden, name, tensors};
use locus_engine::model::Model;
use locus_engine::moments::{Corpus, SecondMoments, collect};
use locus_plugin_host::{Registry, SearchPaths};
use std::path::{Path, PathBuf};
use tch::{Device, Kind};

/// The plugins beside this test.
pub fn plugins() -> Registry {
    let test = std::env::current_exe().expect("test");
    let mut registry = Registry::new(SearchPaths::new(test.parent(), None, None, &[]));
    let (_, refused) = registry.scan();
    assert!(refused.is_empty(), "{refused:?}");
    registry
}

/// One golden model.
pub struct Bench {
    /// Its folder.
    pub folder: PathBuf,
    /// The model.
    pub model: Model,
    /// Its second moments, of the golden corpus.
    pub moments: SecondMoments,
}

/// All golden models.
pub fn benches() -> Vec<Bench> {
    tch::set_num_threads(1);
    let open = |folder: PathBuf| {
        let model = Model::load(&folder.join("model"), Device::Cpu, Kind::Float).expect("model");
        let golden = tensors(&folder.join("cov/second_moment.safetensors"));
        let ids = Vec::<i64>::try_from(&golden["corpus.token_ids"]).expect("ids");
        let offsets = Vec::<i64>::try_from(&golden["corpus.doc_offsets"]).expect("offsets");
        let documents = offsets.windows(2).map(|pair| ids[pair[0] as usize..pair[1] as usize].to_vec()).collect();
        let corpus = Corpus::from_documents(documents, "golden".to_owned()).expect("corpus");
        let moments = collect(&model, &corpus, &mut |_, _| Ok(())).expect("second moments");
        Bench { folder, model, moments }
    };
    cases(&golden().join("methods")).into_iter().map(open).collect()
}

impl Bench {
    /// Files of one kind of case, without the float64 runs.
    pub fn files(&self, kind: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.folder.join(kind)) else { return Vec::new() };
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.expect("entry").path())
            .filter(|path| path.extension().is_some_and(|end| end == "json") && !name(path).contains(".f64."))
            .collect();
        files.sort();
        files
    }

    /// Model and file as the lists name them.
    pub fn label(&self, file: &Path) -> String {
        let kind = file.parent().map(name).unwrap_or_default();
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        format!("{} {kind}/{stem}", name(&self.folder))
    }
}
