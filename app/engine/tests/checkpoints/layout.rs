//! Files and tensors: what the model is, and what is wrong with a checkpoint.

use crate::folder::Folder;
use locus_engine::model::{Checkpoint, Model};
use locus_engine::moments::fingerprint;
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

fn mark(model: &Model) -> String {
    fingerprint(model).expect("a fingerprint")
}

#[test]
fn fingerprints_of_checkpoints_stay_as_they_were() {
    for (name, wanted) in [
        ("gemma2", "0ccbe366653b8e372983a8f70a11bfa3b09d3cf56241e95d14f7962bb415666b"),
        ("gpt2", "b7f5ab007ccdc3f71f1b5943440fb6f8bda36e5b579ab09fc6cb8764ae868471"),
        ("gpt_neo", "4eb220cb0ef12bafcb8602373d03c573f8e248ba6b972f2e3fc54eb041f403b8"),
        ("gpt_neox", "b1feea47ae5fcd71d3491d9aacbf635decc572c15ee945f8aa8b5ff792062b5d"),
        ("gptj", "9f8d9732338e2eb86091405ed97700f55437ba4e6d381f097d8571b7f2a051d0"),
        ("llama", "00b5620a7ed31f280aa0a22d9936b6af27b08f78f50f6fcf94209c6a76282358"),
        ("llama3_rope", "d2bd6acd36322b78b7925f8e403984ada28392054fe6e7515d46b395f7c7a3b1"),
        ("opt", "0d68b1e467de0909e39fa9e127cadced327dc50aba969004fc5b81b3e60a80ce"),
        ("phi", "6d796ca380933cf6b344a1c55216f53a2737f913bec9c1aba89ee2c33174c7cc"),
        ("qwen2", "490b282a4205b3d6807b1a9884e7e83ddf012efb0b855670336c0c740108b75b"),
    ] {
        assert_eq!(mark(&Folder::of(name).load().expect(name)), wanted, "{name}: journals and changes name it by this");
    }
}

#[test]
fn files_beside_the_model_are_told_and_change_nothing() {
    for base in ["gpt2", "llama"] {
        let folder = Folder::of(base);
        let before = mark(&folder.load().expect("a model"));
        let tripled = folder.tensors().into_iter().map(|(name, tensor)| (name, tensor * 3)).collect();
        for name in ["consolidated.safetensors", "adapter_model.safetensors", "zzz_old.safetensors"] {
            folder.write(name, &tripled);
            let model = folder.load().expect("a model");
            assert_eq!(mark(&model), before, "{base} with {name}");
            assert!(model.notes.iter().any(|note| note.contains(name)), "{base} with {name}: {:?}", model.notes);
        }
    }
}

#[test]
fn the_index_decides_also_beside_a_whole_file() {
    let folder = Folder::of("llama");
    let tripled = folder.tensors().into_iter().map(|(name, tensor)| (name, tensor * 3)).collect();
    let sharded = folder.load().expect("shards");
    folder.write("model.safetensors", &tripled);
    let model = folder.load().expect("both");
    assert_eq!(mark(&model), mark(&sharded));
    let told = &model.notes[0];
    assert!(told.contains("`model.safetensors` is not part of the model, which is what"), "{told}");
    assert!(told.contains("transformers would read model.safetensors instead"), "{told}");
}

#[test]
fn the_index_decides_and_what_it_names_must_be_there() {
    let folder = Folder::of("llama");
    let index = folder.json("model.safetensors.index.json");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = index.clone();
        change(&mut changed["weight_map"]);
        folder.write_json("model.safetensors.index.json", &changed);
    };
    with(&|map| map["model.norm.weight"] = json!("model-00009-of-00003.safetensors"));
    folder.refused(&["model-00009-of-00003.safetensors", "is missing"]);
    with(&|map| map["model.other.weight"] = json!("model-00001-of-00003.safetensors"));
    folder.refused(&["model-00001-of-00003.safetensors", "model.other.weight", "is missing"]);
    with(&|map| map["model.norm.weight"] = json!("../elsewhere.safetensors"));
    folder.refused(&["model.norm.weight", "no file name"]);
    with(&|map| drop(map.as_object_mut().expect("an object").remove("model.norm.weight")));
    folder.refused(&["model.norm.weight", "missing"]);
    folder.write_json("model.safetensors.index.json", &json!({"weight_map": 3}));
    folder.refused(&["weight_map"]);
    std::fs::remove_file(folder.file("model.safetensors.index.json")).expect("removed");
    folder.refused(&["model-00001-of-00003.safetensors", "model.safetensors.index.json"]);
}

/// What is missing, unknown or of another shape by the configuration are cases of `tests/golden/options.json`.
#[test]
fn tensors_that_cannot_be_read_as_weights_are_named() {
    let turned = |tensors: &mut std::collections::BTreeMap<String, Tensor>| {
        let turned = tensors["h.0.mlp.c_proj.weight"].tr();
        tensors.insert("h.0.mlp.c_proj.weight".to_owned(), turned);
    };
    Folder::of("gpt2").change(turned).refused(&["h.0.mlp.c_proj.weight", "[32, 128]", "[128, 32]"]);
    let put = |name: &'static str, value: Tensor| {
        let folder = Folder::of("gpt2");
        folder.change(|tensors| drop(tensors.insert(name.to_owned(), value)));
        folder
    };
    let ones = |sides: &[i64], kind| Tensor::ones(sides, (kind, Device::Cpu));
    put("h.0.mlp.c_fc.weight", ones(&[32, 128], Kind::Int8)).refused(&["h.0.mlp.c_fc.weight", "I8", "quantized"]);
    put("wte.weight", ones(&[591, 32], Kind::Int64)).refused(&["wte.weight", "I64"]);
    put("ln_f.weight", ones(&[32], Kind::Float) * f64::NAN).refused(&["ln_f.weight", "not finite"]);
    put("ln_f.bias", ones(&[32], Kind::Float) * f64::INFINITY).refused(&["ln_f.bias", "not finite"]);
    put("h.0.attn.masked_bias", ones(&[1], Kind::Int64)).load().expect("a buffer of older files");
}

#[test]
fn numbers_that_the_format_of_the_run_cannot_hold_are_told_apart() {
    let folder = Folder::of("gpt2");
    folder.change(|tensors| {
        drop(tensors.insert("ln_f.bias".to_owned(), Tensor::ones([32], (Kind::Float, Device::Cpu)) * 1e6))
    });
    folder.load().expect("fits into float32");
    let error = Model::load(folder.path(), Device::Cpu, Kind::Half).expect_err("too large").to_string();
    assert!(error.contains("ln_f.bias") && error.contains("float16") && !error.contains("copy"), "{error}");
}

#[test]
fn a_parameter_that_is_tied_or_never_read_is_not_changed_in_silence() {
    let folder = Folder::of("gpt2");
    folder.change(|tensors| {
        let same = tensors["wte.weight"].copy();
        tensors.insert("lm_head.weight".to_owned(), same);
    });
    let model = folder.load().expect("a model");
    let one = |model: &Model| {
        let data = |name| model.parameter(name).expect("a parameter").data_ptr();
        data("wte.weight") == data("lm_head.weight")
    };
    assert!(one(&model), "one tensor in memory");
    // neither the head nor the masks, which are computed, count as parameters of their own
    let without = Folder::of("gpt2").change(|tensors| tensors.retain(|name, _| !name.ends_with(".attn.bias"))).load();
    let entries: usize = without.expect("a model").parameters().iter().map(|(_, tensor)| tensor.numel()).sum();
    assert_eq!(model.parameter_count(), entries as u64);
    let other = &model.parameter("wte.weight").expect("the embedding") + 1.0;
    for name in ["lm_head.weight", "transformer.wte.weight"] {
        let variant = model.with_parameters(&[(name.to_owned(), other.shallow_clone())]).expect("a variant");
        for read in ["wte.weight", "lm_head.weight"] {
            assert_eq!(variant.parameter(read).expect("it"), other, "{read} after a change of {name}");
        }
        assert!(one(&variant), "one tensor after a change of {name}");
    }
    let both = ["lm_head.weight", "wte.weight"].map(|name| (name.to_owned(), other.shallow_clone()));
    let error = model.with_parameters(&both).expect_err("one parameter, two values");
    assert!(error.to_string().contains("two values"), "{error}");
    let mask = model.parameter("h.0.attn.bias").expect("a mask of older files");
    let error = model.with_parameters(&[("h.0.attn.bias".to_owned(), mask)]).expect_err("never read");
    assert!(error.to_string().contains("never read"), "{error}");
}

/// A folder of the hub's cache holds nothing but links, whose own sizes say nothing.
#[test]
fn what_weights_take_in_memory_is_known_before_they_are_read() {
    let (folder, linked) = (Folder::of("llama"), tempfile::tempdir().expect("a folder"));
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        let file = entry.expect("a file").path();
        std::os::unix::fs::symlink(&file, linked.path().join(file.file_name().expect("a name"))).expect("a link");
    }
    let all = folder.tensors().values().map(Tensor::numel).sum::<usize>() as u64;
    // pieces of a tensor: its bytes, what is made of them, and what that is converted to
    let pieces = 3 * (1 << 20);
    for path in [folder.path(), linked.path()] {
        let looked = Checkpoint::look(path).expect("a checkpoint");
        assert_eq!(looked.bytes(Kind::Float), 4 * all + pieces);
        assert_eq!(looked.bytes(Kind::BFloat16), 2 * all + pieces);
    }
}

#[test]
fn a_gguf_file_is_refused_with_the_command_that_unpacks_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("model-Q4_K_M.gguf");
    std::fs::write(&file, "GGUF").expect("written");
    for named in [folder.path(), &file] {
        let said = Checkpoint::look(named).expect_err("packed").to_string();
        for word in ["model-Q4_K_M.gguf", "from_pretrained(", "gguf_file='model-Q4_K_M.gguf'", "save_pretrained('OUT')"]
        {
            assert!(said.contains(word), "{said}");
        }
    }
    // beside weights that are read it is none of the model
    let whole = Folder::of("gpt2");
    std::fs::copy(&file, whole.path().join("model.gguf")).expect("copied");
    Checkpoint::look(whole.path()).expect("a checkpoint");
}
