//! A sweep handed to a Slurm of a few lines of shell (`data/slurm/fake.sh`), whose arrays have four elements at most.

use locus_end_to_end::processes::{eventually, kill};
use locus_end_to_end::{Ended, Home};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Two facts at twelve layers, a second or two.
const TINY: &str = "title = \"tiny\"\n[facts]\nfirst = 2\n[[edits]]\nmethod = \"fine-tuning\"\n\
                    objectives = [\"error-injection\"]\nsettings = { steps = 1 }\n";

/// A home with the programs of Slurm.
struct Cluster {
    home: Home,
}

impl Cluster {
    fn new() -> Self {
        let cluster = Self { home: Home::new() };
        let home = &cluster.home;
        for folder in [home.path("bin"), home.path("slurm")] {
            std::fs::create_dir(folder).expect("a folder");
        }
        for name in ["sbatch", "squeue", "scontrol", "scancel", "node"] {
            let file = home.path("bin").join(name);
            std::fs::write(&file, include_str!("../data/slurm/fake.sh")).expect("a program");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("a program");
        }
        std::fs::write(home.path("tiny.toml"), TINY).expect("a grid");
        cluster
    }

    /// What the fake reads before it answers.
    fn says(&self, file: &str, text: &str) {
        std::fs::write(self.home.path("slurm").join(file), text).expect("a file");
    }

    fn variables(&self) -> Vec<(&'static str, OsString)> {
        let mut path = self.home.path("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        vec![("PATH", path), ("FAKE_SLURM", self.home.path("slurm").into_os_string())]
    }

    fn run(&self, line: &str) -> Ended {
        let mut command = self.home.command(line.split(' '));
        command.envs(self.variables()).stdin(Stdio::null());
        command.output().expect("the program runs").into()
    }

    /// One of the programs of Slurm.
    fn slurm(&self, name: &str, arguments: &[&str]) -> Child {
        let mut command = Command::new(self.home.path("bin").join(name));
        command.args(arguments).current_dir(self.home.path("")).env_clear().envs(self.home.environment());
        command.envs(self.variables()).stdin(Stdio::null()).spawn().expect("it starts")
    }

    /// Runs what is pending, and what comes back.
    fn node(&self) {
        assert!(self.slurm("node", &[]).wait().expect("the node").success());
    }

    fn status(&self, folder: &str) -> Value {
        let ended = self.run(&format!("--json sweep status {folder}")).well();
        serde_json::from_str(&ended.out).expect("a record")
    }

    /// The logs of a folder's elements, by their names.
    fn logs(&self, folder: &str) -> BTreeMap<String, String> {
        let files = std::fs::read_dir(self.home.path(folder).join("cluster/logs")).expect("logs");
        let read = |file: PathBuf| {
            let text = std::fs::read_to_string(&file).expect("a log");
            (file.file_name().expect("a name").to_string_lossy().into_owned(), text)
        };
        files.map(|file| read(file.expect("a log").path())).collect()
    }
}

/// Lines of all files of rows, and the cells among them by key.
fn cells(folder: &Path) -> (usize, BTreeMap<String, usize>) {
    let mut cells = BTreeMap::new();
    let mut lines = 0;
    let Ok(files) = std::fs::read_dir(folder.join("rows")) else { return (0, cells) };
    for file in files {
        let text = std::fs::read_to_string(file.expect("a file").path()).unwrap_or_default();
        for row in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            lines += 1;
            if row.get("layer").is_some() {
                *cells.entry(row["key"].as_str().expect("a key").to_owned()).or_default() += 1;
            }
        }
    }
    (lines, cells)
}

#[test]
fn ten_elements_in_three_arrays_do_a_sweep_once() {
    let cluster = Cluster::new();
    let told = cluster.run("sweep submit tiny.toml --out tiny --elements 10 --at-once 5 --mem 1G --time 10").well();
    for line in [
        "job 1: elements 1 to 4, by sbatch --array=0-3%2 ",
        "job 2: elements 5 to 8, by sbatch --array=0-3%2 ",
        "job 3: elements 9 to 10, by sbatch --array=0-1%1 ",
        "10 elements in 3 arrays",
    ] {
        assert!(told.out.contains(line), "no “{line}” in {}", told.out);
    }
    assert_eq!(told.err, "");
    // whoever asks before any element has begun is told so
    let status = cluster.status("tiny");
    assert_eq!((&status["complete"], &status["cluster"]["waiting"]["Resources"]), (&false.into(), &10.into()));
    assert!(cluster.run("sweep status tiny").well().out.contains("10 pending (Resources)"));
    // nor does what happens to the grid meanwhile matter to those that wait
    std::fs::write(cluster.home.path("tiny.toml"), "nonsense").expect("a grid");
    cluster.node();
    let status = cluster.status("tiny");
    assert_eq!((&status["complete"], &status["done"]), (&true.into(), &24.into()), "{:?}", cluster.logs("tiny"));
    assert_eq!(status["cluster"]["states"]["COMPLETED"], 10);
    let (_, cells) = cells(&cluster.home.path("tiny"));
    assert!(cells.len() == 24 && cells.values().all(|count| *count == 1), "{cells:?}");
    let logs = cluster.logs("tiny");
    let named = |log: &str, element: usize| {
        logs[log].contains(&format!("element {element} of 10, job {}", log.replace(".log", "")))
    };
    assert!(logs.len() == 10 && named("1_0.log", 1) && named("2_0.log", 5) && named("3_1.log", 10), "{logs:?}");
    // a squeue that does not answer takes nothing away of what the ledger says
    cluster.says("down", "");
    let status = cluster.status("tiny");
    assert!(status["cluster"]["unknown"].as_str().is_some_and(|why| why.contains("Unable to contact")), "{status}");
    assert_eq!(status["complete"], true);
}

#[test]
fn elements_that_are_told_to_stop_come_back_and_what_a_killed_one_left_is_taken_over() {
    let cluster = Cluster::new();
    let grid = TINY.replace("first = 2", "first = 8").replace("steps = 1", "steps = 10");
    std::fs::write(cluster.home.path("slow.toml"), grid).expect("a grid");
    let _ = cluster.run("sweep submit slow.toml --out slow --elements 2").well();
    let folder = cluster.home.path("slow");
    let mut node = cluster.slurm("node", &[]);
    let engines = || -> Vec<u32> {
        let files = std::fs::read_dir(folder.join("workers")).into_iter().flatten().flatten();
        let read = |file: std::fs::DirEntry| serde_json::from_slice::<Value>(&std::fs::read(file.path()).ok()?).ok();
        let lives = files.filter_map(read).filter(|sign| sign["ended"] == false);
        lives.filter_map(|sign| sign["process"].as_u64()?.try_into().ok()).collect()
    };
    eventually("both are at work", || (cells(&folder).1.len() >= 8 && engines().len() == 2).then_some(()));
    // Slurm tells the script before the time limit
    let before = engines();
    assert!(cluster.slurm("scancel", &["--signal=USR2", "--batch", "1_0"]).wait().expect("scancel").success());
    eventually("it has gone back", || cluster.logs("slow")["1_0.log"].contains("element 1 is requeued").then_some(()));
    // of those that were at work one is left: its engine dies without a word, as when memory runs out
    let left = eventually("the other one", || {
        let left: Vec<u32> = engines().into_iter().filter(|engine| before.contains(engine)).collect();
        <[u32; 1]>::try_from(left).ok()
    });
    kill(left[0]);
    assert!(node.wait().expect("the node").success());
    let (status, logs) = (cluster.status("slow"), cluster.logs("slow"));
    assert_eq!((&status["complete"], &status["done"]), (&true.into(), &96.into()), "{status} {logs:?}");
    assert_eq!(status["cluster"]["states"], serde_json::json!({ "COMPLETED": 1, "FAILED": 1 }), "{logs:?}");
    for words in
        ["cells are in the ledger; the same command resumes the sweep", "element 1 of 2, job 1_0, start 2, on "]
    {
        assert!(logs["1_0.log"].contains(words), "no “{words}” in {}", logs["1_0.log"]);
    }
    let merged = || cluster.run("sweep merge slow").well().out;
    let rows = merged();
    assert_eq!(rows.lines().filter(|line| line.contains("\"layer\":")).count(), 96);
    assert_eq!(rows, merged());
}

#[test]
fn one_that_is_cancelled_ends_and_stays_away() {
    let cluster = Cluster::new();
    let grid = TINY.replace("first = 2", "first = 16").replace("steps = 1", "steps = 100");
    std::fs::write(cluster.home.path("slow.toml"), grid).expect("a grid");
    let _ = cluster.run("sweep submit slow.toml --out slow --elements 1").well();
    let folder = cluster.home.path("slow");
    let mut node = cluster.slurm("node", &[]);
    eventually("it is at work", || (cells(&folder).0 > 0).then_some(()));
    // every process gets it, and the script passes it on: that is one wish, and what was begun is put down in order
    assert!(cluster.slurm("scancel", &["1"]).wait().expect("scancel").success());
    assert!(node.wait().expect("the node").success());
    let log = &cluster.logs("slow")["1_0.log"];
    assert!(log.contains("canceled; ") && !log.contains("is requeued"), "{log}");
    let status = cluster.status("slow");
    assert_eq!((&status["complete"], &status["workers"]), (&false.into(), &serde_json::json!([])), "{status}");
    assert!(std::fs::read_dir(folder.join("claims")).expect("claims").next().is_none(), "a claim is left");
}

#[test]
fn limits_of_the_cluster_are_kept() {
    let cluster = Cluster::new();
    // five jobs of one user
    cluster.says("most", "5");
    let told = cluster.run("sweep submit tiny.toml --out most --elements 10").well();
    assert!(told.out.contains("job 2: element 5, by sbatch --array=0-0 "), "{}", told.out);
    assert!(told.out.contains("5 elements in 2 arrays"), "{}", told.out);
    assert!(told.err.contains("5 of 10 elements are submitted (QOSMaxSubmitJobPerUserLimit; "), "{}", told.err);
    // of fixed parts those that nobody takes would be missing
    cluster.says("most", "7");
    let ended = cluster.run("sweep submit tiny.toml --out parts --elements 4 --sharded");
    assert!(ended.code == Some(1) && ended.err.contains("2 of 4 elements are submitted"), "{ended:?}");
    let sentence = cluster.run("sweep submit tiny.toml --out none --elements 2").sentence(1);
    assert!(sentence.starts_with("`sbatch` refuses: QOSMaxSubmitJobPerUserLimit; "), "{sentence}");
    assert!(!cluster.home.path("none/cluster/1.sh").exists(), "nothing was submitted by this script");
    // no arrays at all
    cluster.says("largest", "0");
    cluster.says("most", "100");
    let told = cluster.run("sweep submit tiny.toml --out single --elements 2").well();
    assert!(told.out.contains("element 1, by sbatch /") && told.out.contains("element 2, by sbatch /"), "{}", told.out);
}

#[test]
fn no_more_run_at_once_where_an_array_is_divided() {
    let cluster = Cluster::new();
    cluster.says("largest", "1000");
    cluster.says("most", "8");
    let told = cluster.run("sweep submit tiny.toml --out tiny --elements 12 --at-once 4").well();
    // twelve are refused: six and six, two of each at once; of the second six the first of three that run one by one
    for line in ["job 1: elements 1 to 6, by sbatch --array=0-5%2 ", "job 2: element 7, by sbatch --array=0-0 "] {
        assert!(told.out.contains(line), "no “{line}” in {}", told.out);
    }
    let says =
        "7 of 12 elements are submitted (--at-once 4 cannot be kept over a further array); they do the whole work";
    assert!(told.err.contains(says), "{}", told.err);
}

#[test]
fn bad_requests_are_one_sentence_each() {
    let cluster = Cluster::new();
    let _ = cluster.run("sweep submit tiny.toml --out tiny --elements 1").well();
    std::fs::create_dir(cluster.home.path("else")).expect("a folder");
    std::fs::write(cluster.home.path("else/thesis.tex"), "").expect("a file");
    std::fs::write(cluster.home.path("bad.toml"), "[[edits]]\nmethod = \"rome\"\nobjectives = []\n").expect("a grid");
    std::fs::write(cluster.home.path("other.toml"), TINY.replace("steps = 1", "steps = 2")).expect("a grid");
    for (line, says) in [
        ("tiny.toml --out a --gres gpu:1 --mem 8G --mem-per-gpu 8G", "--mem and --mem-per-gpu contradict each other"),
        ("tiny.toml --out a --gres gpu:1 --gpus-per-node 1", "both ask for GPUs"),
        ("tiny.toml --out a --time 1 --notice 90", "ends before the 90 s of --notice begin"),
        ("tiny.toml --out a --sbatch array=0-9", "is set by locus itself"),
        ("tiny.toml --out a --partition one --sbatch partition=two", "`partition` is given twice"),
        ("tiny.toml --out a --elements 0", "--elements must be from 1"),
        ("tiny.toml --out a --elements 10 --at-once 2", "ask for at most 8 elements"),
        ("tiny.toml --out a --facts none.json", "there is no such file"),
        ("tiny.toml --out a --journal j.jsonl", "only one program at a time can write a journal"),
        ("tiny.toml --out a --engine ./none", "there is no such program"),
        ("bad.toml --out a", "has no objective"),
        ("none.toml --out a", "the grid cannot be read"),
        ("other.toml --out tiny", "the folder contains another sweep: its grid (cluster/1.toml) differs"),
        ("tiny.toml --out else", "contains something other than a sweep"),
        ("--out a", "there is no sweep in this folder"),
    ] {
        let sentence = cluster.run(&format!("sweep submit {line}")).sentence(2);
        assert!(sentence.contains(says), "{line}: {sentence}");
        assert!(!cluster.home.path("a/cluster").exists(), "{line} left something behind");
    }
    cluster.says("refuse", "sbatch: error: invalid partition specified: nope\nsbatch: error: Batch job submission failed: Invalid partition name specified\n");
    let sentence = cluster.run("sweep submit tiny.toml --out a --partition nope").sentence(1);
    assert_eq!(
        sentence,
        "`sbatch` refuses: invalid partition specified: nope; Batch job submission failed: Invalid partition name specified"
    );
    let mut command = cluster.home.command(["sweep", "submit", "tiny.toml", "--out", "a"]);
    let ended = Ended::from(command.env("PATH", cluster.home.path("none")).output().expect("it runs"));
    assert!(ended.sentence(1).starts_with("there is no `sbatch` on the PATH"), "no sbatch");
    // the script can be had all the same
    let mut command = cluster.home.command(["sweep", "submit", "tiny.toml", "--out", "b", "--write-only"]);
    let ended = Ended::from(command.env("PATH", cluster.home.path("none")).output().expect("it runs"));
    assert!(ended.code == Some(0) && ended.out.contains("to submit: sbatch --array=0-3 /"), "{ended:?}");

    // each element starts an engine of its own, by a program that is named in full
    let program = cluster.home.path("bin/sbatch");
    for (command, says) in [("locus-engine --stdio --join", "so that each starts its own"), ("'a", "is not closed")] {
        let words = ["sweep", "submit", "tiny.toml", "--out", "c", "--write-only", "--engine", command];
        let sentence = cluster.home.run(words).sentence(2);
        assert!(sentence.contains(says), "{command}: {sentence}");
    }
    for (command, says) in
        [("bin/sbatch --x 'a b'", format!("{} --x", program.display())), ("on-node --stdio", "on-node".into())]
    {
        let words = ["sweep", "submit", "tiny.toml", "--out", "d", "--write-only", "--engine", command];
        let _ = cluster.home.run(words).well();
        let number = if command.starts_with("bin") { 1 } else { 2 };
        let script = std::fs::read_to_string(cluster.home.path(&format!("d/cluster/{number}.sh"))).expect("a script");
        assert!(script.contains("--engine") && script.contains(&says), "{command}: {script}");
    }
    // the id of a model is for the engine's own machine to find
    let words =
        ["sweep", "submit", "tiny.toml", "--out", "e", "--write-only", "--engine", "on-node", "--model", "org/name"];
    let _ = cluster.home.run(words).well();
    let script = std::fs::read_to_string(cluster.home.path("e/cluster/1.sh")).expect("a script");
    assert!(script.contains("--model org/name"), "{script}");
}
