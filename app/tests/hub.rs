//! Models by their ids, on a server that plays the hub.

#[path = "../hub/tests/support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{COMMIT, Faults, MODEL, Server, files};

/// A home whose variables name the server.
struct Home {
    folder: tempfile::TempDir,
    server: Server,
}

impl Home {
    fn new(faults: Faults) -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), server: Server::start(files(), faults) }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_locus"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        let endpoint = format!("http://127.0.0.1:{}", self.server.port);
        command.env("HOME", self.folder.path()).env("HF_HOME", "~/hf").env("HF_ENDPOINT", endpoint);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("locus runs")
    }

    fn snapshot(&self) -> PathBuf {
        self.folder.path().join("hf/hub/models--org--tiny/snapshots").join(COMMIT)
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn well(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

/// The sentence of a command that failed.
fn sentence(output: &Output) -> &str {
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{output:?}");
    text(&output.stderr)
}

#[test]
fn a_download_prints_the_folder_and_the_list_has_it() {
    let home = Home::new(Faults::default());
    let output = home.run(&["model", "download", MODEL]);
    assert_eq!(well(&output), format!("{}\n", home.snapshot().display()));
    assert!(text(&output.stderr).starts_with("locus: downloading org/tiny: 293.0 KiB\n"), "{output:?}");
    assert_eq!(home.server.bodies().len(), 4);
    let again = home.run(&["model", "download", MODEL, "--json"]);
    let record: serde_json::Value = serde_json::from_str(well(&again)).expect("JSON");
    assert_eq!((record["commit"].as_str(), record["bytes"].as_u64()), (Some(COMMIT), Some(300_000)), "{record}");
    assert_eq!(home.server.bodies(), [], "nothing is new");
    assert_eq!(text(&again.stderr), "");
    let list = home.run(&["model", "list", "--json"]);
    let listed = well(&list).lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let found: Vec<serde_json::Value> = listed.filter(|model| model["name"] == MODEL).collect();
    assert_eq!(found.len(), 1, "{list:?}");
    assert_eq!((found[0]["family"].as_str(), found[0]["bytes"].as_u64()), (Some("gpt2"), Some(300_000)));
    assert_eq!(found[0]["folder"].as_str().map(Path::new), Some(home.snapshot().as_path()));
    assert_eq!(well(&home.run(&["models"])), well(&home.run(&["model", "list"])));
}

#[test]
fn a_download_outlives_a_cut_connection_and_says_damage() {
    let home = Home::new(Faults { cut: Some(("model.safetensors", 1000, 1)), ..Faults::default() });
    well(&home.run(&["model", "download", MODEL]));
    let weights = home.server.bodies().into_iter().filter(|(name, ..)| name == "model.safetensors");
    let ranges: Vec<_> = weights.map(|(_, range, _)| range).collect();
    assert_eq!(ranges, [None, Some("bytes=1000-".to_owned())]);
    let home = Home::new(Faults { damaged: Some("model.safetensors"), ..Faults::default() });
    let damaged = home.run(&["model", "download", MODEL]);
    assert!(!damaged.status.success() && text(&damaged.stderr).contains("its SHA-256 is"), "{damaged:?}");
    assert!(!home.snapshot().join("model.safetensors").exists());
}

#[test]
fn the_model_comes_before_the_engine_is_started() {
    let home = Home::new(Faults::default());
    let missing = home.run(&["model", "info", "--model", "org/tyni"]);
    let said = sentence(&missing);
    let begins =
        "locus: --model org/tyni: there is no such folder, and as an id of the hub: the hub has no model org/tyni";
    assert!(said.starts_with(begins), "{said}");
    assert!(!home.snapshot().exists());
    // what is no model ends there or in the engine
    let refused = home.run(&["model", "info", "--model", MODEL]);
    assert!(!refused.status.success(), "{refused:?}");
    assert_eq!(std::fs::read(home.snapshot().join("config.json")).expect("downloaded"), files()["config.json"]);
    // and a wrong flag comes first
    let home = Home::new(Faults::default());
    let usage = home.run(&["model", "info", "--model", MODEL, "--threads", "0"]);
    assert_eq!(usage.status.code(), Some(2), "{usage:?}");
    assert_eq!(home.server.asked(), []);
}

#[test]
fn the_variables_of_users_are_heard() {
    let home = Home::new(Faults::default());
    let with = |name: &str, value: &str| home.command(&["model", "download", MODEL]).env(name, value).output();
    let offline = with("HF_HUB_OFFLINE", "1").expect("locus runs");
    assert!(sentence(&offline).contains("HF_HUB_OFFLINE forbids downloading it"), "{offline:?}");
    assert_eq!(home.server.asked(), []);
    let elsewhere = home.folder.path().join("elsewhere");
    let there = with("HF_HUB_CACHE", elsewhere.to_str().expect("text")).expect("locus runs");
    assert!(Path::new(well(&there).trim_end()).starts_with(&elsewhere), "{there:?}");
    home.server.asked();
    well(&with("HF_TOKEN", "hf_mine").expect("locus runs"));
    let tokens: Vec<_> = home.server.asked().into_iter().filter_map(|asked| asked.token).collect();
    assert!(!tokens.is_empty() && tokens.iter().all(|token| token == "Bearer hf_mine"), "{tokens:?}");
    let wrong = with("HF_ENDPOINT", "mirror").expect("locus runs");
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    assert!(text(&wrong.stderr).contains("HF_ENDPOINT: `mirror` is not the address"), "{wrong:?}");
}
