//! Weights as PyTorch saves them, by files that PyTorch wrote.

use crate::folder::Folder;
use locus_engine::model::{Checkpoint, Model};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Mistral with a file of `tests/golden/pickled` in place of its weights.
fn with(name: &str) -> Folder {
    let folder = Folder::of("mistral");
    std::fs::remove_file(folder.file("model.safetensors")).expect("weights");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/pickled").join(name);
    std::fs::copy(file, folder.file("pytorch_model.bin")).expect("copied");
    folder
}

#[test]
fn a_model_that_pytorch_saved_is_the_one_of_its_safetensors() {
    let load = |folder: &Folder| Model::load(folder.path(), Device::Cpu, Kind::Float).expect("a model");
    let (ours, wanted) = (load(&with("mistral.bin")).parameters(), load(&Folder::of("mistral")).parameters());
    assert!(ours.len() > 10 && ours.len() == wanted.len());
    for ((name, ours), (same, wanted)) in ours.iter().zip(&wanted) {
        // it is stored in float16
        assert_eq!((name, ours), (same, &wanted.to_kind(Kind::Half).to_kind(Kind::Float)));
    }
}

#[test]
fn an_index_names_the_files_of_pytorch_as_it_does_others() {
    let folder = with("mistral.bin");
    let names: Vec<String> = Folder::of("mistral").tensors().into_keys().collect();
    std::fs::rename(folder.file("pytorch_model.bin"), folder.file("pytorch_model-00001-of-00001.bin"))
        .expect("renamed");
    let map: serde_json::Map<_, _> =
        names.into_iter().map(|name| (name, "pytorch_model-00001-of-00001.bin".into())).collect();
    folder.write_json("pytorch_model.bin.index.json", &serde_json::json!({"metadata": {}, "weight_map": map}));
    Model::load(folder.path(), Device::Cpu, Kind::Float).expect("a model");
    std::fs::remove_file(folder.file("pytorch_model-00001-of-00001.bin")).expect("removed");
    let error = Checkpoint::look(folder.path()).expect_err("a file that is missing").to_string();
    assert!(error.contains("which is missing"), "{error}");
}

#[test]
fn what_is_no_file_of_weights_is_said() {
    for (name, said) in [
        ("across.bin", "`across` is not stored row by row"),
        ("before-1.6.bin", "PyTorch 1.6 or newer"),
        ("list.bin", "no dictionary of tensors"),
        ("ordered.bin", "model.embed_tokens.weight` is missing"),
    ] {
        let error = Checkpoint::look(with(name).path()).expect_err(name).to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn an_adapter_beside_the_weights_of_pytorch_is_no_part_of_the_model() {
    let folder = with("mistral.bin");
    let adapter = [("lora".to_owned(), Tensor::ones([2, 2], (Kind::Float, Device::Cpu)))];
    folder.write("adapter_model.safetensors", &adapter.into());
    let model = folder.load().expect("a model");
    let note = model.notes.iter().find(|note| note.contains("`adapter_model.safetensors` is not part of the model"));
    assert!(note.is_some_and(|note| note.contains("which is pytorch_model.bin;")), "{:?}", model.notes);
    // what transformers would read first wins all the same
    folder.write("model.safetensors", &Folder::of("mistral").tensors());
    let notes = folder.load().expect("a model").notes;
    assert!(notes.iter().any(|note| note.contains("which is model.safetensors;")), "{notes:?}");
}

/// Bytes of the archive that are cut off end in a sentence; bytes that are turned into others do so as well, or in other
/// numbers, never in a panic.
#[test]
fn damaged_files_are_refused_or_read() {
    let folder = with("mistral.bin");
    let file = folder.file("pytorch_model.bin");
    let whole = std::fs::read(&file).expect("the file");
    let wanted = folder.load().expect("a model").parameters();
    let (mut refused, mut others) = (0, 0);
    for place in (0..whole.len()).step_by(whole.len() / 150) {
        std::fs::write(&file, &whole[..place]).expect("cut");
        Checkpoint::look(folder.path()).expect_err("it is cut short");
        let mut turned = whole.clone();
        turned[place] ^= 0xff;
        std::fs::write(&file, &turned).expect("turned");
        let Ok(model) = folder.load() else {
            refused += 1;
            continue;
        };
        let found = model.parameters();
        let are_same = |(ours, wanted): (&(String, Tensor), &(String, Tensor))| {
            assert_eq!((&ours.0, ours.1.size()), (&wanted.0, wanted.1.size()));
            ours.1 == wanted.1
        };
        assert_eq!(found.len(), wanted.len());
        // a byte between two members, or one that is read by nobody, changes nothing; one of a tensor changes that alone
        let changed = found.iter().zip(&wanted).filter(|pair| !are_same(*pair)).count();
        assert!(changed <= 1, "byte {place} changes {changed} tensors");
        others += changed;
    }
    assert!(refused > 0 && others > 50, "refused {refused}, other numbers {others}");
}
