//! Experts in MXFP4, as the published files of gpt-oss have them, against the same experts unpacked by transformers' steps.

use crate::folder::Folder;
use locus_engine::export;
use locus_engine::model::{Batch, Checkpoint, Model, Taps};
use locus_engine::moments::fingerprint;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

const EXPERTS: i64 = 5;
const WIDTH: i64 = 32;
/// The projections of a block's experts, and the outputs of each.
const PROJECTIONS: [(&str, i64); 2] = [("gate_up_proj", 2 * WIDTH), ("down_proj", WIDTH)];

/// Bytes from `low` to below `high` that look random, the same each time.
fn bytes(low: i64, high: i64, shape: &[i64]) -> Tensor {
    salted(0, low, high, shape)
}

fn salted(salt: i64, low: i64, high: i64, shape: &[i64]) -> Tensor {
    let numbers = Tensor::arange(shape.iter().product::<i64>(), (Kind::Int64, Device::Cpu)) + salt * 100_003;
    let mixed = (numbers * 2_654_435_761).remainder(1_i64 << 32).bitwise_right_shift_tensor_scalar(13);
    (mixed.remainder(high - low) + low).to_kind(Kind::Uint8).reshape(shape)
}

/// `convert_moe_packed_tensors` of transformers, step by step.
fn unpacked(blocks: &Tensor, scales: &Tensor, kind: Kind) -> Tensor {
    let values: [f32; 16] = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0];
    let table = Tensor::from_slice(&values).to_kind(kind);
    let of = |fours: Tensor| table.index(&[Some(fours.to_kind(Kind::Int64))]);
    let (low, high) = (of(blocks.bitwise_and(0x0f)), of(blocks.bitwise_right_shift_tensor_scalar(4)));
    let numbers = Tensor::stack(&[low, high], -1).flatten(3, 4);
    let powers = scales.to_kind(Kind::Int) - 127;
    let numbers = numbers.ldexp(&powers.unsqueeze(-1)).to_kind(kind);
    numbers.flatten(2, 3).transpose(1, 2).contiguous()
}

/// A tiny gpt-oss with experts as wide as a block of MXFP4, all plain but its experts' matrices, which are left out; and the
/// packed matrices.
fn halves() -> (Folder, BTreeMap<String, Tensor>) {
    let folder = Folder::of("gpt_oss");
    folder.set("intermediate_size", json!(WIDTH));
    let mut packed = BTreeMap::new();
    folder.change(|tensors| {
        for layer in 0..4 {
            let at = |name: &str| format!("model.layers.{layer}.mlp.experts.{name}");
            for (salt, (name, outputs)) in (2 * layer..).zip(PROJECTIONS) {
                drop(tensors.remove(&at(name)));
                let bias = salted(salt, 0, 100, &[EXPERTS, outputs]).to_kind(Kind::Float) / 200.0;
                tensors.insert(at(&format!("{name}_bias")), bias);
                packed.insert(at(&format!("{name}_blocks")), salted(salt, 0, 256, &[EXPERTS, outputs, 1, 16]));
                packed.insert(at(&format!("{name}_scales")), salted(salt, 121, 127, &[EXPERTS, outputs, 1]));
            }
        }
    });
    (folder, packed)
}

fn packed() -> Folder {
    let (folder, packed) = halves();
    folder.change(|tensors| tensors.extend(packed));
    // as the published file has it
    let kept = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"];
    folder.set("quantization_config", json!({"modules_to_not_convert": kept, "quant_method": "mxfp4"}));
    folder
}

fn plain(kind: Kind) -> Folder {
    let (folder, packed) = halves();
    folder.change(|tensors| {
        for (name, blocks) in &packed {
            let Some(whole) = name.strip_suffix("_blocks") else { continue };
            tensors.insert(whole.to_owned(), unpacked(blocks, &packed[&format!("{whole}_scales")], kind));
        }
    });
    folder
}

fn load(folder: &Folder, kind: Kind) -> Model {
    Model::load(folder.path(), Device::Cpu, kind).expect("a model")
}

fn mark(model: &Model) -> String {
    fingerprint(model).expect("a fingerprint")
}

#[test]
fn packed_experts_are_the_same_model_as_unpacked_ones() {
    let _guard = tch::no_grad_guard();
    let packed = packed();
    for kind in [Kind::Float, Kind::BFloat16, Kind::Half, Kind::Double] {
        let (ours, theirs) = (load(&packed, kind), load(&plain(kind), kind));
        assert_eq!(mark(&ours), mark(&theirs), "{kind:?}");
        for (name, tensor) in theirs.parameters() {
            assert_eq!(ours.parameter(&name).expect(&name), tensor, "{name}");
        }
        assert!(theirs.notes.is_empty(), "{:?}", theirs.notes);
        assert!(ours.notes.len() == 1 && ours.notes[0].contains("8 tensors of experts are stored in MXFP4"));
        assert!(!ours.notes[0].contains("  "), "{}", ours.notes[0]);
    }
    let ids = Tensor::from_slice(&[5_i64, 9, 200, 31, 7]);
    let logits = |model: &Model| {
        let stream = model.forward(&ids, &Batch::whole(1, 5), &mut Taps::default()).expect("a run");
        model.logits(&stream).expect("logits")
    };
    let ours = logits(&load(&packed, Kind::Float));
    assert_eq!(ours, logits(&load(&plain(Kind::Float), Kind::Float)));
    assert!(ours.std(false).double_value(&[]) > 0.1, "experts that say something");
}

#[test]
fn what_packed_experts_take_is_known_before_and_told_while_they_are_read() {
    let (packed, plain) = (packed(), plain(Kind::BFloat16));
    let (looked, unpacked) = (Checkpoint::look(packed.path()), Checkpoint::look(plain.path()));
    let (looked, unpacked) = (looked.expect("a checkpoint"), unpacked.expect("a checkpoint"));
    for kind in [Kind::Float, Kind::BFloat16] {
        assert_eq!(looked.bytes(kind), unpacked.bytes(kind));
    }
    let stored: u64 =
        packed.tensors().values().map(|tensor| (tensor.numel() * tensor.kind().elt_size_in_bytes()) as u64).sum();
    let mut told = Vec::new();
    let mut listen = |read: locus_engine::model::ReadSoFar| {
        told.push((read.done, read.total));
        Ok(())
    };
    looked.load(Device::Cpu, Kind::Float, &mut listen).expect("a model");
    assert!(told.iter().all(|(_, total)| *total == stored));
    assert_eq!(told.last(), Some(&(stored, stored)));
    assert!(told.is_sorted());
}

#[test]
fn a_model_of_packed_experts_is_written_unpacked() {
    let _guard = tch::no_grad_guard();
    let (folder, place) = (packed(), tempfile::tempdir().expect("a folder"));
    let (model, out) = (load(&folder, Kind::Float), place.path().join("out"));
    let name = "model.layers.1.mlp.experts.down_proj";
    let changed = model.parameter(name).expect("experts") + 0.25;
    let edited = model.with_parameters(&[(name.to_owned(), changed)]).expect("a variant");
    export::model(&edited, folder.path(), &out, &mut |_, _| Ok(())).expect("written");
    let again = Model::load(&out, Device::Cpu, Kind::Float).expect("a model");
    assert!(again.notes.is_empty(), "{:?}", again.notes);
    assert_eq!(mark(&again), mark(&edited));
    let config: Value =
        serde_json::from_slice(&std::fs::read(out.join("config.json")).expect("a file")).expect("a configuration");
    assert_eq!(config.get("quantization_config"), None);
}

/// The name of a tensor of layer 1, and what takes its place; nothing does where it is taken out.
type Damage<'a> = (&'a str, Option<Tensor>);

#[test]
fn packed_experts_that_are_not_whole_are_refused_by_their_names() {
    let damaged = |damages: &[Damage<'_>], words: &[&str]| {
        let folder = packed();
        folder.change(|tensors| {
            for (name, value) in damages {
                let name = format!("model.layers.1.mlp.experts.{name}");
                match value {
                    Some(value) => drop(tensors.insert(name, value.shallow_clone())),
                    None => drop(tensors.remove(&name)),
                }
            }
        });
        folder.refused(words);
    };
    let (blocks, scales) = ("gate_up_proj_blocks", "gate_up_proj_scales");
    let (outputs, groups) = (2 * WIDTH, 1);
    damaged(&[(scales, None)], &["gate_up_proj_blocks` is stored without `", "gate_up_proj_scales`"]);
    damaged(&[(blocks, None)], &["gate_up_proj_scales` is stored without `", "gate_up_proj_blocks`"]);
    damaged(&[(blocks, None), (scales, None)], &["gate_up_proj` is missing"]);
    damaged(&[("gate_up_proj", Some(bytes(0, 2, &[1])))], &["gate_up_proj` and `", "gate_up_proj_blocks` are stored"]);
    let narrow = bytes(0, 256, &[EXPERTS, outputs, groups, 8]);
    damaged(
        &[(blocks, Some(narrow))],
        &["gate_up_proj_blocks` has shape [5, 64, 1, 8]", "[experts, outputs, blocks, 16]"],
    );
    let flat = bytes(0, 256, &[EXPERTS, outputs, 16]);
    damaged(&[(blocks, Some(flat))], &["gate_up_proj_blocks` has shape [5, 64, 16]"]);
    let more = bytes(120, 130, &[EXPERTS, outputs, 2]);
    damaged(&[(scales, Some(more))], &["gate_up_proj_scales` has shape [5, 64, 2]", "[5, 64, 1]"]);
    let signed = bytes(0, 100, &[EXPERTS, outputs, 1]).to_kind(Kind::Int8);
    damaged(&[(scales, Some(signed))], &["gate_up_proj_scales` is stored as I8"]);
    // whole, and none of this configuration
    let (few, fewer) = (bytes(0, 256, &[4, outputs, 1, 16]), bytes(120, 130, &[4, outputs, 1]));
    damaged(
        &[(blocks, Some(few)), (scales, Some(fewer))],
        &["gate_up_proj` has shape [4, 32, 64] unpacked", "[5, 32, 64]"],
    );
    // a scale that says that there is no number
    let none = bytes(121, 127, &[EXPERTS, outputs, 1]);
    let _ = none.get(3).get(2).fill_(255);
    damaged(&[(scales, Some(none.shallow_clone()))], &["gate_up_proj` contains numbers that are not finite"]);
    let _ = none.get(3).get(2).fill_(200);
    let folder = packed();
    folder.change(|tensors| drop(tensors.insert(format!("model.layers.1.mlp.experts.{scales}"), none)));
    folder.load().expect("float32 holds them");
    let narrow = Model::load(folder.path(), Device::Cpu, Kind::Half).expect_err("too large").to_string();
    assert!(narrow.contains("gate_up_proj` contains numbers that float16 cannot represent"), "{narrow}");
}

#[test]
fn only_experts_of_gpt_oss_are_packed_so() {
    let llama = Folder::of("llama");
    llama.set("quantization_config", json!({"quant_method": "mxfp4"})).refused(&["quantized (method mxfp4)"]);
    let folder = packed();
    let method = |more: Value| {
        let mut settings = json!({"quant_method": "mxfp4"});
        settings.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        folder.set("quantization_config", settings);
        &folder
    };
    method(json!({"modules_to_not_convert": null, "dequantize": true})).load().expect("a model");
    method(json!({"modules_to_not_convert": "lm_head"})).refused(&["quantization_config.modules_to_not_convert"]);
    method(json!({"group_size": 16})).refused(&["quantization_config.group_size", "no such field"]);
    // nothing is unpacked that config.json does not call packed
    folder.set("quantization_config", Value::Null).refused(&["experts"]);
}
