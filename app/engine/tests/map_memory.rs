//! What a heat map takes of memory, against the formula that is stated for it, in a process of its own for each map: what a
//! process has held once stays in its peak.

use locus_engine::model::{Model, Tokenizer};
use locus_engine::run::seeded_noise;
use locus_engine::trace::{Kind, MapSize, Request, Runs, TracedQuestion, heat_map, map_bytes};
use procfs::process::Process;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tch::Device;

fn model(config: &Value) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/assets");
    let tokenizer = Tokenizer::read(&folder).expect("the built-in tokenizer");
    Model::random(config, Arc::new(tokenizer), Device::Cpu, tch::Kind::Float).expect("model")
}

/// Greatest resident memory of this process so far, in bytes.
fn peak() -> u64 {
    1024 * Process::myself().and_then(|process| process.status()).expect("status").vmhwm.expect("a peak")
}

/// Names the map that a process makes.
const MAP: &str = "LOCUS_TEST_MAP";

/// A map: the model, tokens, samples, rows at once, what is restored.
type Map = (Value, i64, i64, usize, Kind);

fn maps() -> Vec<Map> {
    let gpt = |hidden: i64, layers: i64, vocabulary: i64| {
        json!({
            "model_type": "gpt2", "activation_function": "gelu_new", "n_embd": hidden, "n_head": hidden / 32,
            "n_layer": layers, "n_positions": 64, "vocab_size": vocabulary,
        })
    };
    let llama = json!({
        "model_type": "llama", "hidden_act": "silu", "hidden_size": 128, "intermediate_size": 512, "num_attention_heads": 8,
        "num_key_value_heads": 2, "num_hidden_layers": 6, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "max_position_embeddings": 64, "vocab_size": 2048,
    });
    vec![
        (gpt(128, 6, 2048), 16, 40, 2, Kind::Hidden),
        (gpt(64, 4, 50_257), 12, 60, 2, Kind::Hidden),
        (gpt(192, 6, 2048), 16, 30, 5, Kind::Mlp),
        (llama.clone(), 16, 60, 3, Kind::Attention),
        (llama, 24, 40, 1, Kind::Hidden),
        (gpt(32, 24, 2048), 40, 10, 1, Kind::Mlp),
    ]
}

#[test]
fn a_heat_map_takes_no_more_memory_than_the_formula_says() {
    if let Some(map) = std::env::var(MAP).ok().and_then(|map| map.parse().ok()) {
        return make(maps().remove(map));
    }
    for map in 0..maps().len() {
        let mut again = Command::new(std::env::current_exe().expect("this program"));
        let name = "a_heat_map_takes_no_more_memory_than_the_formula_says";
        let output =
            again.args([name, "--exact", "--nocapture"]).env(MAP, map.to_string()).output().expect("a process");
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        print!(
            "{}",
            told.lines()
                .filter(|line| line.contains("of at most"))
                .map(|line| line.to_owned() + "\n")
                .collect::<String>()
        );
        assert!(output.status.success(), "map {map}: {told}");
    }
}

fn make((config, tokens, samples, at_once, kind): Map) {
    tch::set_num_threads(1);
    let model = model(&config);
    let prompt: Vec<i64> = (0..tokens).map(|position| 31 * position % 300 + 5).collect();
    let run = |samples: i64, prompt: &[i64]| {
        let question = TracedQuestion { prompt: prompt.to_vec(), answer: vec![7], subject: 1..2 };
        let noise = seeded_noise(1, 0.1, samples, 1, model.architecture.hidden).expect("noise");
        let request = Request::with_noise(&model, question, noise).expect("request");
        let runs = Runs::new(&model, &request).expect("runs");
        heat_map(&model, &runs, kind, 3, at_once, &mut |_| Ok(())).expect("map");
    };
    // code that is read for the first time, and what libraries keep for themselves
    run(1, &prompt[..4]);
    let before = peak();
    run(samples, &prompt);
    let taken = peak() - before;
    let size = MapSize {
        tokens: prompt.len(),
        first: 1,
        samples: usize::try_from(samples).expect("samples"),
        answer: 1,
        at_once,
        number: 4,
    };
    let most = map_bytes(&model.architecture, size);
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!("{kind:?}, {samples} samples: {:.1} MB of at most {:.1} MB", megabytes(taken), megabytes(most));
    assert!(taken <= most, "{taken} bytes were taken, and the formula says {most}");
    assert!(taken >= most / 6, "{taken} bytes were taken: a formula that says {most} says nothing");
}
