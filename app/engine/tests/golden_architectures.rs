//! Logits and taps of every supported architecture against the golden forward passes.

mod support;

use locus_engine::model::{Batch, Model, Site, Tap, Taps, families};
use std::path::Path;
use support::{cases, deviation, golden, json, name, tensors};
use tch::{Device, Kind, Tensor};

/// Tolerances of the golden set's README.
const RELATIVE: f64 = 2e-5;
const ABSOLUTE: f64 = 1e-4;
const LOGITS: f64 = 2e-4;

#[test]
fn architectures_equal_the_golden_forward_passes() {
    let _guard = tch::no_grad_guard();
    let mut ran = 0;
    for case in cases(&golden().join("arch")) {
        let config = json(&case.join("model/config.json"));
        let family = config["model_type"].as_str().expect("model_type");
        if !families::FAMILIES.iter().any(|(known, _)| *known == family) {
            let error = Model::load(&case.join("model"), Device::Cpu, Kind::Float).expect_err("unknown family");
            assert!(error.to_string().contains("not supported"), "{error}");
            println!("{}: family {family} is not supported yet, refused by name", name(&case));
            continue;
        }
        let worst = compare(&case);
        println!("{}: largest deviation of logits {worst:.1e} (tolerance {LOGITS:.0e})", name(&case));
        ran += 1;
    }
    assert!(ran > 0, "no golden architecture found");
}

/// Compares every prompt of one architecture; the largest deviation of its logits.
fn compare(case: &Path) -> f64 {
    let model = Model::load(&case.join("model"), Device::Cpu, Kind::Float).expect("model");
    let golden = tensors(&case.join("golden.safetensors"));
    let manifest = json(&case.join("golden.json"));
    let mut worst: f64 = 0.0;
    for prompt in manifest["prompts"].as_array().expect("prompts") {
        let index = prompt["index"].as_i64().expect("index");
        let at = |field: &str| format!("p{index}.{field}");
        let ids = model.tokenizer.encode(prompt["text"].as_str().expect("text")).expect("ids");
        // the golden runs cut long prompts
        let length = prompt["n_tokens"].as_u64().expect("n_tokens") as usize;
        let ids = Tensor::from_slice(&ids[..length]);
        assert_eq!(ids, golden[&at("input_ids")], "{} prompt {index}: token ids", name(case));
        let batch = Batch::whole(1, ids.size()[0]);
        let layers = model.architecture.layers;
        let sites = |site: fn(usize) -> Site| (0..layers).map(move |layer| Tap::capture(site(layer)));
        let mut taps = Taps::new(
            sites(Site::Residual)
                .chain(sites(Site::AttentionOut))
                .chain(sites(Site::MlpOut))
                .chain(sites(Site::MlpKey))
                .collect(),
        );
        let tapped = model.forward(&ids, &batch, &mut taps);
        for (group, field) in ["block_out", "attn_out", "mlp_out", "mlp_key"].into_iter().enumerate() {
            let Some(expected) = golden.get(&at(field)) else { continue };
            let captured: Vec<_> = (0..layers)
                .map(|layer| taps.captured(group * layers + layer).expect("captured").shallow_clone())
                .collect();
            let ours = Tensor::stack(&captured, 0);
            let largest = expected.abs().max().double_value(&[]);
            let off = deviation(&ours, expected);
            assert!(off <= ABSOLUTE && off <= RELATIVE * largest.max(1.0), "{} {}: {off:e}", name(case), at(field));
        }
        let untapped = model.forward(&ids, &batch, &mut Taps::default());
        assert_eq!(tapped, untapped, "{}: taps changed the run", name(case));
        let logits = model.logits(&untapped);
        let off = deviation(&logits, &golden[&at("logits")]);
        assert!(off <= LOGITS, "{} {}: {off:e}", name(case), at("logits"));
        let last = logits.get(-1).argmax(None, false).int64_value(&[]);
        assert_eq!(last, prompt["argmax_last"].as_i64().expect("argmax"), "{} prompt {index}", name(case));
        worst = worst.max(off);
    }
    worst
}
