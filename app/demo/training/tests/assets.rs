//! The shipped files are the ones this code writes, and the shipped model knows its facts.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use locus_demo::{assets, materialize};
use locus_demo_training::corpus::Corpus;
use locus_demo_training::network::Network;
use locus_demo_training::train::SEED;
use locus_demo_training::world::World;
use locus_demo_training::{evaluate, export, facts, tokenizer};

fn shipped(name: &str) -> &'static [u8] {
    assets().iter().find(|(there, _)| *there == name).unwrap().1
}

#[test]
fn shipped_tokenizer_and_facts_are_what_the_sources_give() {
    let world = World::read(SEED).unwrap();
    let tokenizer = tokenizer::train(&world).unwrap();
    assert!(tokenizer.to_string(true).unwrap().as_bytes() == shipped("tokenizer.json"), "tokenizer.json is stale");
    let records: Vec<facts::Record> = serde_json::from_slice(shipped("facts.json")).unwrap();
    let fresh = facts::records(&world, SEED);
    assert_eq!(serde_json::to_value(records).unwrap(), serde_json::to_value(fresh).unwrap(), "facts.json is stale");
    let corpus = String::from_utf8(shipped("corpus.txt").to_vec()).unwrap();
    let tokens: usize = corpus.lines().map(|line| tokenizer.encode_fast(line, false).unwrap().len()).sum();
    assert!(tokens >= export::CORPUS_TOKENS);
    let seed = SEED ^ locus_demo_training::train::MOMENTS_STREAM;
    assert!(
        Corpus::new(&world, &tokenizer, seed).text(export::CORPUS_TOKENS).unwrap() == corpus,
        "corpus.txt is stale"
    );
}

#[test]
fn shipped_model_recalls_its_facts_and_forgets_them_under_noise() {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    let model = materialize(&folder.path().join("demo")).unwrap();
    let world = World::read(SEED).unwrap();
    let tokenizer = tokenizer::train(&world).unwrap();
    let mut network = Network::new(tch::Device::Cpu).unwrap();
    export::load(&mut network, &model.join("model.safetensors")).unwrap();
    let recall = evaluate::recall(&network, &world, &tokenizer).unwrap();
    assert!(recall.trained >= 0.98, "{recall:?}");
    assert!(recall.held_out >= 0.95, "{recall:?}");
    let trace = evaluate::trace(&network, &world, &tokenizer, 20, 5).unwrap();
    assert!(trace.clean > 0.9 && trace.corrupted < 0.5 * trace.clean, "{trace:?}");
    let (early, late) = (trace.last_subject[..6].iter().sum::<f64>(), trace.last_subject[6..].iter().sum::<f64>());
    assert!(early > late, "the last subject token has no early site: {trace:?}");
    let (early, late) = (trace.last[..6].iter().sum::<f64>(), trace.last[6..].iter().sum::<f64>());
    assert!(late > early, "the last token has no late site: {trace:?}");
}

#[test]
fn materializing_is_idempotent_and_mends_a_broken_folder() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("deep").join("demo");
    materialize(&folder).unwrap();
    let weights = folder.join("model.safetensors");
    let written = fs::metadata(&weights).unwrap().modified().unwrap();
    materialize(&folder).unwrap();
    assert_eq!(fs::metadata(&weights).unwrap().modified().unwrap(), written, "an intact folder was rewritten");
    fs::write(&weights, b"half").unwrap();
    materialize(&folder).unwrap();
    for (name, bytes) in assets() {
        assert!(fs::read(folder.join(name)).unwrap() == *bytes, "{name}");
    }
    let names = |folder: &Path| fs::read_dir(folder).unwrap().count();
    assert_eq!(names(folder.parent().unwrap()), 1, "leftovers beside the folder");
    assert_eq!(names(&folder), assets().len());
}
