//! Sweeps on a real Slurm: `cargo xtask slurm` starts one of Debian's packages and runs this. Its arrays have four elements at
//! most, and its partition `urgent` pre-empts the other one.

use locus_end_to_end::processes::kill;
use locus_end_to_end::{Ended, Home};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything: elements wait for their turn, and for Slurm's own clock.
const PATIENCE: Duration = Duration::from_secs(400);

struct Cluster {
    home: Home,
    start: Instant,
}

impl Cluster {
    fn new() -> Self {
        let cluster = Self { home: Home::new(), start: Instant::now() };
        cluster.grid("tiny", 2, 1);
        cluster.grid("slow", 8, 400);
        cluster
    }

    /// Fine-tuning at twelve layers.
    fn grid(&self, name: &str, facts: usize, steps: usize) {
        let text = format!(
            "title = \"{name}\"\n[facts]\nfirst = {facts}\n[[edits]]\nmethod = \"fine-tuning\"\n\
             objectives = [\"error-injection\"]\nsettings = {{ steps = {steps} }}\n"
        );
        std::fs::write(self.home.path(&format!("{name}.toml")), text).expect("a grid");
    }

    fn say(&self, what: &str) {
        println!("{:>4} s  {what}", self.start.elapsed().as_secs());
    }

    fn locus(&self, words: &[&str]) -> Ended {
        let mut command = self.home.command(words);
        command.env("SLURM_CONF", std::env::var_os("SLURM_CONF").expect("start this by `cargo xtask slurm`"));
        command.stdin(Stdio::null()).output().expect("the program runs").into()
    }

    /// Submits a grid into a folder of its own.
    fn submit(&self, grid: &str, folder: &str, more: &[&str]) -> Vec<String> {
        let grid = format!("{grid}.toml");
        let words = ["--json", "sweep", "submit", &grid, "--out", folder, "--cpus-per-task", "1", "--mem", "900M"];
        let told = self.locus(&[&words[..], more].concat()).well();
        let told: Value = serde_json::from_str(&told.out).expect("a record");
        let jobs = told["arrays"].as_array().expect("arrays").iter();
        let jobs: Vec<String> = jobs.map(|array| array["job"].as_str().expect("a job").to_owned()).collect();
        self.say(&format!("{folder}: {} elements as jobs {}", told["submitted"], jobs.join(", ")));
        jobs
    }

    fn slurm(&self, program: &str, words: &[&str]) -> String {
        let mut command = Command::new(program);
        command.args(words).current_dir(self.home.path("")).env_clear().envs(self.home.environment());
        command.env("SLURM_CONF", std::env::var_os("SLURM_CONF").expect("set"));
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{program} {words:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    fn status(&self, folder: &str) -> Value {
        let ended = self.locus(&["--json", "sweep", "status", folder]).well();
        serde_json::from_str(&ended.out).expect("a record")
    }

    fn logs(&self, folder: &str) -> BTreeMap<String, String> {
        let files = std::fs::read_dir(self.home.path(folder).join("cluster/logs")).expect("logs").flatten();
        let read = |file: std::fs::DirEntry| {
            let name = file.file_name().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(file.path()).unwrap_or_default())
        };
        files.map(read).collect()
    }

    fn until<T>(&self, folder: &str, what: &str, mut look: impl FnMut(&Value) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            let status = self.status(folder);
            if let Some(found) = look(&status) {
                self.say(&format!("{folder}: {what}"));
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "{folder}: not {what}: {status} {:?}", self.logs(folder));
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Waits until no element waits or runs, and all cells are there.
    fn complete(&self, folder: &str, cells: usize) -> Value {
        self.until(folder, "no element waits or runs", |status| {
            let left = ["PENDING", "RUNNING", "COMPLETING", "CONFIGURING"];
            let states = status["cluster"]["states"].as_object()?;
            left.iter().all(|state| !states.contains_key(*state)).then_some(())
        });
        let status = self.status(folder);
        assert_eq!(
            (&status["complete"], &status["done"]),
            (&true.into(), &cells.into()),
            "{status} {:?}",
            self.logs(folder)
        );
        self.say(&format!("{folder}: {cells} of {cells} cells; states {}", status["cluster"]["states"]));
        status
    }

    /// Engines that are at work in a folder.
    fn engines(&self, folder: &str) -> Vec<u32> {
        let files = std::fs::read_dir(self.home.path(folder).join("workers")).into_iter().flatten().flatten();
        let read = |file: std::fs::DirEntry| serde_json::from_slice::<Value>(&std::fs::read(file.path()).ok()?).ok();
        let lives = files.filter_map(read).filter(|sign| sign["ended"] == false);
        lives.filter_map(|sign| sign["process"].as_u64()?.try_into().ok()).collect()
    }
}

/// The process that started another one.
fn parent(process: u32) -> u32 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
    let fields = text.rsplit(')').next().expect("fields");
    fields.split_whitespace().nth(1).and_then(|field| field.parse().ok()).expect("its parent")
}

fn cells(text: &str) -> usize {
    text.lines().filter(|line| line.contains("\"layer\":")).count()
}

#[test]
#[ignore = "it needs a Slurm: `cargo xtask slurm`"]
fn sweeps_on_a_real_slurm() {
    let cluster = Cluster::new();
    ten_elements_one_of_which_fails(&cluster);
    time_limit(&cluster);
    killed_and_requeued(&cluster);
    preempted_and_cancelled(&cluster);
    a_preempted_step(&cluster);
    by_srun(&cluster);
}

/// Ten elements in arrays of four; the third fails before it begins, and a job that waits for all merges.
fn ten_elements_one_of_which_fails(cluster: &Cluster) {
    let fails = "[ \"$element\" -ne 3 ] || exit 9";
    let jobs = cluster.submit("tiny", "ten", &["--elements", "10", "--time", "10", "--setup", fails]);
    assert_eq!(jobs.len(), 3);
    let program = locus_end_to_end::program();
    let wrap = format!("--wrap={} sweep merge ten --out ten.jsonl", program.display());
    let after = format!("--dependency=afterany:{}", jobs.join(":"));
    let merge = cluster.slurm("sbatch", &["--parsable", "--output=merge.log", &after, &wrap]);
    cluster.say(&format!("ten: job {merge} merges after them"));
    let status = cluster.complete("ten", 24);
    let states = &status["cluster"]["states"];
    assert_eq!((&states["COMPLETED"], &states["FAILED"]), (&9.into(), &1.into()), "{status}");
    cluster.until("ten", "merged", |_| cluster.home.path("ten.jsonl").exists().then_some(()));
    let merged = std::fs::read_to_string(cluster.home.path("ten.jsonl")).expect("rows");
    assert_eq!(cells(&merged), 24);
    assert_eq!(cluster.locus(&["sweep", "merge", "ten"]).well().out, merged, "merging again gives the same bytes");
}

/// Slurm tells elements to stop before their time limit; they come back until all is done.
fn time_limit(cluster: &Cluster) {
    cluster.submit("slow", "limit", &["--elements", "2", "--time", "1", "--notice", "30"]);
    cluster.complete("limit", 96);
    let logs = cluster.logs("limit");
    let back: usize = logs.values().map(|log| log.matches("is requeued").count()).sum();
    let cancelled: usize = logs.values().map(|log| log.matches("locus: canceled; ").count()).sum();
    assert!(back >= 1 && cancelled >= 1, "{logs:?}");
    cluster.say(&format!("limit: {back} times an element went back before its time limit"));
}

/// One element is requeued by hand, the other one killed: its claim is taken over.
fn killed_and_requeued(cluster: &Cluster) {
    let jobs = cluster.submit("slow", "killed", &["--elements", "2", "--time", "20"]);
    let both = |status: &Value| (status["done"].as_u64()? > 8 && cluster.engines("killed").len() == 2).then_some(());
    cluster.until("killed", "both elements are at work", both);
    let before = cluster.engines("killed");
    cluster.slurm("scontrol", &["requeue", &format!("{}_0", jobs[0])]);
    let left = cluster.until("killed", "one was requeued by scontrol", |_| {
        let left: Vec<u32> = cluster.engines("killed").into_iter().filter(|engine| before.contains(engine)).collect();
        <[u32; 1]>::try_from(left).ok()
    });
    let front = parent(left[0]);
    kill(left[0]);
    kill(front);
    cluster.say("killed: the other one was killed with signal 9");
    let status = cluster.complete("killed", 96);
    assert_eq!(status["cluster"]["states"], serde_json::json!({ "COMPLETED": 1, "FAILED": 1 }), "{status}");
    let logs = cluster.logs("killed");
    assert!(logs[&format!("{}_0.log", jobs[0])].contains("start 2"), "{logs:?}");
}

/// A job of a better partition takes the node: the element comes back. One that somebody cancels does not.
fn preempted_and_cancelled(cluster: &Cluster) {
    cluster.grid("long", 16, 200);
    let jobs = cluster.submit("long", "preempted", &["--elements", "1", "--time", "20", "--exclusive"]);
    let log = format!("{}_0.log", jobs[0]);
    let works = |_: &Value| (cluster.engines("preempted").len() == 1).then_some(());
    cluster.until("preempted", "the element is at work", works);
    cluster.slurm("sbatch", &["--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 1"]);
    let again = |_: &Value| cluster.logs("preempted").get(&log)?.contains("start 2").then_some(());
    cluster.until("preempted", "a job of another partition took the node, and the element came back", again);
    cluster.until("preempted", "it is at work again", works);
    cluster.slurm("scancel", &[&jobs[0]]);
    cluster.until("preempted", "cancelled", |status| (status["cluster"]["states"]["CANCELLED"] == 1).then_some(()));
    std::thread::sleep(Duration::from_secs(10));
    let status = cluster.status("preempted");
    assert_eq!((&status["complete"], &status["workers"]), (&false.into(), &serde_json::json!([])), "{status}");
    let log = &cluster.logs("preempted")[&log];
    assert!(!log.contains("start 3") && log.matches("locus: canceled; ").count() == 2, "{log}");
    let claims = std::fs::read_dir(cluster.home.path("preempted/claims")).expect("claims").count();
    assert_eq!(claims, 0, "a claim is left");
}

/// Slurm tells a step at once that its job is going to be pre-empted: the element goes back by itself.
fn a_preempted_step(cluster: &Cluster) {
    let jobs =
        cluster.submit("long", "preempted-step", &["--elements", "1", "--time", "20", "--exclusive", "--srun", ""]);
    let log = format!("{}_0.log", jobs[0]);
    cluster.until("preempted-step", "the element is at work", |_| {
        (cluster.engines("preempted-step").len() == 1).then_some(())
    });
    cluster.slurm("sbatch", &["--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 1"]);
    let again = |_: &Value| {
        let log = cluster.logs("preempted-step").remove(&log)?;
        (log.contains("element 1 is requeued") && log.contains("start 2")).then_some(())
    };
    cluster.until("preempted-step", "a job of another partition took the node, and the element came back", again);
    cluster.slurm("scancel", &[&jobs[0]]);
}

/// The program as a step of its own.
fn by_srun(cluster: &Cluster) {
    cluster.submit("tiny", "step", &["--elements", "1", "--time", "10", "--srun", "--cpu-bind=none"]);
    cluster.complete("step", 24);
}
