//! Too little memory, provoked by `ulimit -v`: one sentence that says what was asked and what was free, exit code 4,
//! nothing half-written, and no talk of panics or of plugins.

use locus_end_to_end::{Ended, Home, files, program};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The exit code of a device that does not do.
const DEVICE: i32 = 4;
/// Has threads share one arena of the C library: each of its own takes addresses that nothing is ever put into.
const ONE_ARENA: (&str, &str) = ("MALLOC_ARENA_MAX", "1");
/// Width and context of a model of GPT-2's shape whose tensors are larger than what an allocator has left over.
const HIDDEN: usize = 384;
const CONTEXT: usize = 256;

/// Writes a model of some layers beside the tokenizer of the built-in one.
fn make_model(home: &Home, built_in: &Path, layers: usize) {
    let folder = home.path("wide");
    std::fs::create_dir(&folder).expect("a folder");
    for name in ["tokenizer.json", "facts.json"] {
        std::fs::copy(built_in.join(name), folder.join(name)).expect("copied");
    }
    let config = std::fs::read_to_string(built_in.join("config.json")).expect("the built-in model");
    let built_in: serde_json::Value = serde_json::from_str(&config).expect("JSON");
    let vocabulary = built_in["vocab_size"].as_u64().expect("a vocabulary") as usize;
    let config = serde_json::json!({
        "model_type": "gpt2", "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "n_embd": HIDDEN,
        "n_head": HIDDEN / 64, "n_layer": layers, "n_positions": CONTEXT, "vocab_size": vocabulary,
        "eos_token_id": built_in["eos_token_id"], "bos_token_id": built_in["bos_token_id"],
    });
    std::fs::write(folder.join("config.json"), config.to_string()).expect("written");
    let mut tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
    let mut state = 1_u64;
    let mut put = |name: String, shape: &[usize], middle: f32, spread: f32| {
        let number = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            middle + spread * ((state >> 40) as f32 / (1 << 23) as f32 - 1.0)
        };
        let numbers = (0..shape.iter().product::<usize>()).map(number);
        tensors.insert(name, (shape.to_vec(), numbers.flat_map(f32::to_le_bytes).collect()));
    };
    put("transformer.wte.weight".to_owned(), &[vocabulary, HIDDEN], 0.0, 0.05);
    put("transformer.wpe.weight".to_owned(), &[CONTEXT, HIDDEN], 0.0, 0.02);
    for layer in 0..layers {
        let at = |name: &str| format!("transformer.h.{layer}.{name}");
        for norm in ["ln_1", "ln_2"] {
            put(at(&format!("{norm}.weight")), &[HIDDEN], 1.0, 0.0);
            put(at(&format!("{norm}.bias")), &[HIDDEN], 0.0, 0.0);
        }
        for (name, from, to) in [
            ("attn.c_attn", HIDDEN, 3 * HIDDEN),
            ("attn.c_proj", HIDDEN, HIDDEN),
            ("mlp.c_fc", HIDDEN, 4 * HIDDEN),
            ("mlp.c_proj", 4 * HIDDEN, HIDDEN),
        ] {
            put(at(&format!("{name}.weight")), &[from, to], 0.0, 0.1);
            put(at(&format!("{name}.bias")), &[to], 0.0, 0.0);
        }
    }
    put("transformer.ln_f.weight".to_owned(), &[HIDDEN], 1.0, 0.0);
    put("transformer.ln_f.bias".to_owned(), &[HIDDEN], 0.0, 0.0);
    let views = tensors.iter().map(|(name, (shape, bytes))| {
        (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).expect("a tensor"))
    });
    serialize_to_file(views, None, &folder.join("model.safetensors")).expect("written");
}

/// Runs the program where it may have `kibibytes` of addresses.
fn within(home: &Home, kibibytes: u64, arguments: &[&str]) -> Ended {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v \"$1\"; shift; exec \"$@\"", "sh", &kibibytes.to_string()]).arg(program());
    command.args(["--threads", "1"]).args(arguments).current_dir(home.path(""));
    command.env_clear().envs(home.environment()).env(ONE_ARENA.0, ONE_ARENA.1).stdin(Stdio::null());
    command.output().expect("the program runs").into()
}

/// Addresses that a run takes at most in one of its processes, in KiB.
fn peak(home: &Home, arguments: &[&str]) -> u64 {
    let mut command = home.command(arguments);
    command.env(ONE_ARENA.0, ONE_ARENA.1).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    let front = child.id();
    let mut most = 0;
    while child.try_wait().expect("its state").is_none() {
        let engines = std::fs::read_to_string(format!("/proc/{front}/task/{front}/children")).unwrap_or_default();
        for process in engines.split_whitespace().map(str::to_owned).chain([front.to_string()]) {
            let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let size = text.lines().find_map(|line| line.strip_prefix("VmPeak:"));
            most = most.max(size.and_then(|size| size.split_whitespace().next()?.parse().ok()).unwrap_or(0));
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(child.wait().expect("its end").success(), "{arguments:?}");
    assert!(most > 0, "{arguments:?} was never seen");
    most
}

/// The files there are besides the journal.
fn there(home: &Home) -> BTreeSet<PathBuf> {
    let all = files(&home.path("")).into_iter().chain(files(&home.cache()));
    all.map(|(name, _)| name).filter(|name| !name.starts_with("state")).collect()
}

/// Whether a line is what a library of libtorch says, after an empty line, where it runs short itself.
fn is_of_a_library(line: &str) -> bool {
    line.is_empty() || ["libgomp: ", "Intel oneMKL "].iter().any(|words| line.starts_with(words))
}

/// Runs a command under limits between what the program takes before it has a model and what the command takes; it has
/// to end well or with the sentence, and with the sentence at least once.
fn runs_short(home: &Home, arguments: &[&str]) {
    let least = peak(home, &["stats"]);
    let most = peak(home, arguments);
    let mut short = 0;
    // where a limit meets a run changes with the machine: enough of them that each phase is met somewhere
    for part in [8, 28, 48, 68, 88] {
        let before = there(home);
        let ended = within(home, least + (most - least) * part / 100, arguments);
        if ended.code == Some(0) {
            continue;
        }
        let (libraries, ours): (Vec<&str>, Vec<&str>) = ended.err.lines().partition(|line| is_of_a_library(line));
        let is_ended_by_one = !libraries.is_empty()
            && ours.last().is_some_and(|last| last.starts_with("locus: the engine ended with exit code"));
        let ended = Ended { err: ours.join("\n"), ..ended };
        // warnings come before it: of batches that were halved until a single item ran short, of singular second moments
        let (_, sentence) = ended.warnings_and_sentence(DEVICE);
        if !is_ended_by_one {
            assert!(
                sentence.contains("out of memory") || sentence.contains("cannot start the engine thread"),
                "{sentence}"
            );
            // a method may run short in what it computes itself; what a service asks for is not laid to it
            let is_method_s = sentence.starts_with("out of memory while the plugin `rome` computed");
            assert!(sentence.contains(" free") && (is_method_s || !sentence.contains("plugin")), "{sentence}");
        }
        let now = there(home);
        // how far a pass over a corpus came may be kept
        let new = now.difference(&before).find(|name| name.extension().is_none_or(|end| end != "progress"));
        assert_eq!(new, None, "{arguments:?}");
        short += 1;
    }
    assert!(short > 0, "{arguments:?} was never short of memory between {least} and {most} KiB");
}

/// A home with a cache of its own, in which no other test puts a file meanwhile.
fn home_with_model(layers: usize) -> Home {
    let home = Home::cold();
    make_model(&home, &Home::new().cache().join("built-in-model"), layers);
    home
}

#[test]
fn loading_a_model() {
    runs_short(&home_with_model(16), &["model", "info", "--model", "wide"]);
}

#[test]
fn tracing_with_many_samples() {
    runs_short(&home_with_model(4), &["trace", "--model", "wide", "--case", "0", "--samples", "300"]);
}

#[test]
fn collecting_second_moments() {
    let home = home_with_model(4);
    runs_short(&home, &["stats", "collect", "--model", "wide", "--corpus-tokens", "600"]);
}

#[test]
fn editing_with_services_that_run_short() {
    let home = home_with_model(4);
    let edit =
        ["edit", "--model", "wide", "--method", "rome", "--case", "0", "--layers", "1", "--corpus-tokens", "600"];
    runs_short(&home, &edit);
}

#[test]
fn measuring_facts() {
    let home = home_with_model(4);
    runs_short(&home, &["eval", "--model", "wide", "--limit", "3", "--essence", "--fluency"]);
}

/// More than any machine has: told before anything is computed, with how much was asked.
#[test]
fn more_samples_than_there_is_memory_for() {
    let home = Home::new();
    let before = there(&home);
    let ended = home.run(["trace", "--case", "0", "--samples", "100000000000000"]);
    // there is a bound before any memory is asked for
    let sentence = ended.sentence(1);
    assert!(sentence.contains("samples"), "{sentence}");
    assert_eq!(there(&home), before);
}
