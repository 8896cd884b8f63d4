//! Logits and taps of every supported architecture against the golden forward passes.

mod support;

use locus_engine::model::{Batch, Model, Site, Tap, Taps, families};
use std::collections::BTreeSet;
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

/// Names of what is captured in a block, in the order in which it is computed.
const FIELDS: [&str; 4] = ["attn_out", "mlp_key", "mlp_out", "block_out"];

/// Ours against the golden tensor, by the size of everything that the golden files have of that name.
fn close(ours: &Tensor, expected: &Tensor, all: &Tensor, what: &dyn Fn() -> String) {
    let allowed = ABSOLUTE.min(RELATIVE * all.abs().max().double_value(&[]).max(1.0));
    let off = deviation(ours, expected);
    assert!(off <= allowed, "{} is off by {off:e}, allowed is {allowed:e}", what());
}

#[test]
fn every_family_has_a_golden_checkpoint() {
    // a set from elsewhere may hold what it likes
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/arch");
    let type_of = |case: &Path| json(&case.join("model/config.json"))["model_type"].as_str().map(str::to_owned);
    let there: BTreeSet<String> = cases(&own).iter().filter_map(|case| type_of(case)).collect();
    let known: BTreeSet<String> = families::FAMILIES.iter().map(|(family, _)| (*family).to_owned()).collect();
    let lacking: Vec<_> = known.symmetric_difference(&there).collect();
    assert!(
        lacking.is_empty(),
        "FAMILIES and the checkpoints in tests/golden/arch differ by {lacking:?}; \
         tests/transformers/golden_architecture.py makes one"
    );
}

/// transformers keeps the factor as a number of the run's format, so that bfloat16 products are those of two such numbers.
#[test]
fn gemma_scales_embeddings_by_a_number_of_the_format_of_the_run() {
    let folder = golden().join("arch/gemma2/model");
    let ids = Tensor::from_slice(&[5_i64, 17, 80]);
    for kind in [Kind::Float, Kind::BFloat16] {
        let model = Model::load(&folder, Device::Cpu, kind).expect("model");
        let ours = model.embed(&ids, &Batch::whole(1, 3), &mut Taps::default()).expect("libtorch");
        let factor = Tensor::from((model.architecture.hidden as f64).sqrt()).to_kind(kind).to_kind(Kind::Double);
        let wanted = (model.token_embeddings(&ids).expect("libtorch").to_kind(Kind::Double) * factor).to_kind(kind);
        assert_eq!(ours, wanted, "{kind:?}");
    }
}

/// Routers share out in float32, sinks take part in a float32 softmax: what comes out is of the format of the run.
#[test]
fn experts_run_in_half_precision() {
    let _guard = tch::no_grad_guard();
    let ids = Tensor::from_slice(&[5_i64, 17, 80, 33, 9]);
    for family in ["mixtral", "qwen3_moe", "olmoe", "gpt_oss"] {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/arch");
        let folder = own.join(family).join("model");
        for kind in [Kind::BFloat16, Kind::Double] {
            let model = Model::load(&folder, Device::Cpu, kind).expect("model");
            let stream = model.forward(&ids, &Batch::whole(1, 5), &mut Taps::default()).expect("libtorch");
            let logits = model.logits(&stream).expect("libtorch");
            assert_eq!(logits.kind(), kind, "{family}");
            assert!(logits.isfinite().all().int64_value(&[]) == 1, "{family} {kind:?}");
        }
    }
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
            sites(Site::AttentionOut)
                .chain(sites(Site::MlpKey))
                .chain(sites(Site::MlpOut))
                .chain(sites(Site::Residual))
                .collect(),
        );
        let tapped = model.forward(&ids, &batch, &mut taps).expect("libtorch");
        // in the order in which they are computed, so that the first that is off says where to look
        if let Some(expected) = golden.get(&at("embed_out")) {
            close(&model.embed(&ids, &batch, &mut Taps::default()).expect("libtorch"), expected, expected, &|| {
                format!("{} {}, the input of block 0", name(case), at("embed_out"))
            });
        }
        for layer in 0..layers {
            for (group, field) in FIELDS.into_iter().enumerate() {
                let Some(expected) = golden.get(&at(field)) else { continue };
                let ours = taps.captured(group * layers + layer).expect("captured");
                close(ours, &expected.get(layer as i64), expected, &|| {
                    format!("{} {}, layer {layer}; all before agrees", name(case), at(field))
                });
            }
        }
        let untapped = model.forward(&ids, &batch, &mut Taps::default()).expect("libtorch");
        assert_eq!(tapped, untapped, "{}: taps changed the run", name(case));
        let logits = model.logits(&untapped).expect("libtorch");
        let off = deviation(&logits, &golden[&at("logits")]);
        assert!(off <= LOGITS, "{} {}: {off:e}", name(case), at("logits"));
        let last = logits.get(-1).argmax(None, false).int64_value(&[]);
        assert_eq!(last, prompt["argmax_last"].as_i64().expect("argmax"), "{} prompt {index}", name(case));
        worst = worst.max(off);
    }
    worst
}
