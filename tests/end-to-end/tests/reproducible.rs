//! `--reproducible`: the same bits whatever instructions the processor has, recorded, and told where a replay differs.

use locus_end_to_end::{Ended, Home, operations};
use locus_protocol::Event;
use std::path::Path;

/// What keeps the libraries to the instructions of an older processor, where nobody says otherwise.
const OLDER: [(&str, &str); 4] = [
    ("MKL_ENABLE_INSTRUCTIONS", "SSE4_2"),
    ("ATEN_CPU_CAPABILITY", "default"),
    ("ONEDNN_MAX_CPU_ISA", "SSE41"),
    ("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX2,-FMA"),
];
/// Enough text for second moments that differ by their last bits.
const EDIT: [&str; 9] = ["edit", "--method", "rome", "--layers", "3", "--case", "0", "--corpus-tokens", "600"];

fn run(home: &Home, variables: &[(&str, &str)], more: &[&str]) -> Ended {
    let mut command = home.command(EDIT.iter().chain(more));
    command.envs(variables.iter().copied());
    Ended::from(command.output().expect("it runs")).well()
}

fn bytes(home: &Home, name: &str) -> Vec<u8> {
    std::fs::read(home.path(name)).expect("the file")
}

#[test]
fn an_edit_has_the_same_bits_whatever_instructions_there_are() {
    let saved = |variables: &[(&str, &str)], flags: &[&str]| {
        // each collects its own second moments, which an edit rests on
        let home = Home::cold();
        run(&home, variables, &[flags, &["--save", "x.safetensors"]].concat());
        bytes(&home, "x.safetensors")
    };
    let reproducible = ["--reproducible"];
    let own = saved(&[], &reproducible);
    assert!(own == saved(&OLDER, &reproducible), "the bits depend on the processor");
    // without the flag they do, where the processor has more than the oldest
    if std::is_x86_feature_detected!("avx2") {
        assert!(saved(&[], &[]) != saved(&OLDER, &[]), "these instructions make no difference: the test shows nothing");
    }
}

#[test]
fn second_moments_of_the_other_mode_are_not_taken() {
    let home = Home::cold();
    run(&home, &[], &["--save", "plain.safetensors"]);
    run(&home, &[], &["--reproducible", "--save", "after.safetensors"]);
    let alone = Home::cold();
    run(&alone, &[], &["--reproducible", "--save", "alone.safetensors"]);
    assert!(bytes(&home, "after.safetensors") == bytes(&alone, "alone.safetensors"), "it used those of the other mode");
}

#[test]
fn the_mode_is_recorded_and_a_replay_says_when_it_differs() {
    let home = Home::new();
    let told = run(&home, &[], &["--reproducible", "--json"]).records().events;
    assert!(matches!(told[0], Event::Hello { reproducible: true, .. }), "{:?}", told[0]);
    let model = told.iter().find_map(|event| if let Event::Model(model) = event { Some(model) } else { None });
    assert!(model.expect("a model").reproducible);
    assert!(operations(&home)[0].reproducible);
    let replay = |flags: &[&str]| home.run(["replay", "1", "--corpus-tokens", "600"].iter().chain(flags));
    let same = replay(&["--reproducible"]).well();
    assert!(!same.out.contains("reproducible"), "{same:?}");
    let other = replay(&[]);
    assert!(other.out.contains("computed with --reproducible then, without it now; give the flag"), "{other:?}");
    run(&home, &[], &[]);
    assert!(!operations(&home)[1].reproducible);
}

#[test]
fn the_workbench_takes_the_mode_from_its_settings() {
    let home = Home::new();
    let settings = home.path("config/locus/workbench.toml");
    std::fs::create_dir_all(settings.parent().map(Path::to_owned).expect("a folder")).expect("made");
    std::fs::write(&settings, "reproducible = true\n").expect("written");
    // without a terminal the demo is the same run as text
    let told = home.run(["demo", "--json"]).well().records().events;
    assert!(matches!(told[0], Event::Hello { reproducible: true, .. }), "{:?}", told[0]);
    std::fs::write(&settings, "reproducible = maybe\n").expect("written");
    let sentence = home.run(["demo", "--json"]).sentence(1);
    assert!(sentence.contains("workbench.toml") && sentence.contains("reproducible"), "{sentence}");
}

#[test]
fn more_threads_than_one_are_refused() {
    let home = Home::new();
    let mut command = home.command(["model", "info", "--reproducible"]);
    // the home's own `--threads 1` comes first
    command.args(["--device", "cpu"]);
    let _ = Ended::from(command.output().expect("it runs")).well();
    let mut command = std::process::Command::new(locus_end_to_end::program());
    command.args(["model", "info", "--reproducible", "--threads", "2"]).env_clear().envs(home.environment());
    let sentence = Ended::from(command.output().expect("it runs")).sentence(2);
    assert!(sentence.contains("--threads") && sentence.contains("--reproducible"), "{sentence}");
}
