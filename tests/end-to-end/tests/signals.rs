//! Interrupted, hung up on or killed at any moment: nothing half-written under any final name, and the next run works.

use locus_end_to_end::processes::child_of;
use locus_end_to_end::{Ended, Home, files, is_whole_safetensors, long_orders, order, send};
use locus_protocol::{Event, Outcome};
use rustix::process::Signal;
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for something that has to happen.
const PATIENCE: Duration = Duration::from_secs(120);
/// Within which a signal has to end the program.
const FEW_SECONDS: Duration = Duration::from_secs(10);

/// A run that can be listened to and signalled.
struct Run {
    child: Child,
    lines: Receiver<String>,
    out: String,
}

impl Run {
    fn start(mut command: Command, input: Option<&str>) -> Self {
        let mut child = command.spawn().expect("the program starts");
        if let Some(input) = input {
            // a program that is killed early reads nothing
            let _ = child.stdin.take().expect("input").write_all(input.as_bytes());
        }
        let output = BufReader::new(child.stdout.take().expect("output"));
        let (sender, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, out: String::new() }
    }

    /// Waits for a line with `text` in it.
    fn until(&mut self, text: &str) {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {text} in {}", self.out));
            self.out += &line;
            self.out.push('\n');
            if line.contains(text) {
                return;
            }
        }
    }

    fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the child").is_none()
    }

    /// Ends it at once, unless it has ended.
    fn kill(&mut self) {
        if self.is_running() {
            self.signal(Signal::KILL);
        }
    }

    fn signal(&self, signal: Signal) {
        send(signal, self.child.id());
    }

    /// Waits for the end, within `patience`.
    fn end(mut self, patience: Duration) -> Ended {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the child") {
                break status;
            }
            if start.elapsed() > patience {
                let _ = self.child.kill();
                panic!("it does not end; it told {}", self.out);
            }
            thread::sleep(Duration::from_millis(2));
        };
        let mut err = String::new();
        self.child.stderr.take().expect("errors").read_to_string(&mut err).expect("text");
        self.out.extend(self.lines.iter().map(|line| line + "\n"));
        Ended { code: status.code(), out: std::mem::take(&mut self.out), err }
    }
}

const EDIT: [&str; 6] = ["edit", "--orders", "-", "--json", "--save", "x.safetensors"];

fn edit(home: &Home, orders: &str) -> Run {
    Run::start(heeding(home, &home.command(EDIT)), Some(orders))
}

/// The same program started by another one.
fn through(home: &Home, starter: &[&str], program: &Command) -> Command {
    let mut command = Command::new(starter[0]);
    command.args(&starter[1..]).arg(program.get_program()).args(program.get_args());
    command.current_dir(home.path("")).env_clear().envs(home.environment());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The program as a shell starts it: whoever runs these tests may ignore hang-ups, as `nohup` does.
fn heeding(home: &Home, program: &Command) -> Command {
    through(home, &["env", "--default-signal=HUP"], program)
}

/// The same with a short corpus, so that second moments take a moment only.
fn short_edit(home: &Home, orders: &str) -> Run {
    Run::start(heeding(home, &home.command(EDIT.into_iter().chain(["--corpus-tokens", "4000"]))), Some(orders))
}

/// Nothing that carries its final name is less than whole.
fn assert_nothing_half_written(home: &Home, moment: &str) {
    let save = home.path("x.safetensors");
    if save.exists() {
        assert!(is_whole_safetensors(&std::fs::read(&save).expect("the file")), "{moment}: half a file of changes");
    }
    let finals = |path: &Path| path.extension().is_some_and(|extension| extension == "safetensors");
    for file in files(&home.cache()).into_keys().filter(|path| path.starts_with("second-moments") && finals(path)) {
        let bytes = std::fs::read(home.cache().join(&file)).expect("the file");
        assert!(is_whole_safetensors(&bytes), "{moment}: {} is half a file", file.display());
    }
    let model = home.cache().join("built-in-model");
    if model.exists() {
        let whole = Home::new().cache().join("built-in-model");
        let contents = |folder: &Path| -> Vec<(PathBuf, Vec<u8>)> {
            let read = |(name, _)| std::fs::read(folder.join(&name)).map(|bytes| (name, bytes)).expect("the file");
            files(folder).into_iter().map(read).collect()
        };
        assert!(contents(&model) == contents(&whole), "{moment}: the built-in model is not whole");
    }
}

/// A run that must end with 130 and a sentence that says that it was cancelled.
fn assert_cancelled(ended: &Ended) -> String {
    let sentence = ended.sentence(130);
    assert!(sentence.starts_with("canceled; "), "{sentence}");
    sentence
}

#[test]
fn killed_at_any_moment_of_a_first_run() {
    let home = Home::cold();
    let orders: String = (3..6).map(|layer| order(0, "rome", layer, json!({"steps": 3}))).collect();
    // the whole run once, to know how long it takes
    let start = Instant::now();
    assert_eq!(short_edit(&home, &orders).end(PATIENCE).code, Some(0));
    let whole = start.elapsed();
    const MOMENTS: u32 = 14;
    for moment in 1..=MOMENTS {
        let home = Home::cold();
        let mut run = short_edit(&home, &orders);
        thread::sleep(whole * moment / MOMENTS);
        run.kill();
        run.end(FEW_SECONDS);
        assert_nothing_half_written(&home, &format!("moment {moment} of {MOMENTS}"));
        // the next run is not troubled by what is left
        if moment % 4 == 0 {
            let ended = short_edit(&home, &orders).end(PATIENCE);
            assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
            assert_nothing_half_written(&home, "afterwards");
        }
    }
}

#[test]
fn killed_while_it_writes() {
    let orders = order(0, "rome", 3, json!({"steps": 1}));
    // names under which something is not whole yet, in the order in which they come
    let mut hits = 0;
    for unfinished in ["built-in-model/config.json", "second-moments", ".part"] {
        for delay in [0, 1, 3] {
            let home = Home::cold();
            let mut run = short_edit(&home, &orders);
            let seen = |folder: &Path| files(folder).keys().any(|path| path.to_string_lossy().contains(unfinished));
            while !seen(&home.cache()) && !seen(&home.path("")) && run.is_running() {
                thread::sleep(Duration::from_micros(200));
            }
            thread::sleep(Duration::from_millis(delay));
            hits += usize::from(run.is_running());
            run.kill();
            run.end(FEW_SECONDS);
            assert_nothing_half_written(&home, &format!("{delay} ms after {unfinished}"));
        }
    }
    assert!(hits > 2, "it was killed {hits} times only");
}

#[test]
fn killed_while_it_exports() {
    for delay in [0, 1, 2, 4] {
        let home = Home::new();
        let export = ["export", "--method", "fine-tuning", "--set", "steps=1", "--folder", "out"];
        let mut run = Run::start(home.command(export), Some(""));
        while files(&home.path("")).is_empty() && run.is_running() {
            thread::sleep(Duration::from_micros(200));
        }
        thread::sleep(Duration::from_millis(delay));
        run.kill();
        run.end(FEW_SECONDS);
        if home.path("out").exists() {
            let info = home.run(["model", "info", "--model", "out"]);
            assert_eq!(info.code, Some(0), "{delay} ms: half a model: {info:?}");
        }
    }
}

#[test]
fn every_polite_signal_cancels_an_edit_within_seconds() {
    let home = Home::new();
    for signal in [Signal::INT, Signal::HUP, Signal::TERM, Signal::USR2] {
        for moment in ["\"event\":\"hello\"", "\"event\":\"model\"", "\"event\":\"edit\"", "\"step\":7,"] {
            let mut run = edit(&home, &long_orders());
            run.until(moment);
            run.signal(signal);
            let ended = run.end(FEW_SECONDS);
            assert_cancelled(&ended);
            let records = ended.records();
            assert!(records.edits().iter().all(|edit| edit.applied.is_none()), "{signal:?} at {moment}");
            assert!(!home.path("x.safetensors").exists(), "{signal:?} at {moment}: it was saved");
            if moment.contains("step") {
                let cancelled = Outcome::Cancelled { kept: "nothing was changed".to_owned() };
                assert_eq!(records.outcomes(), [Outcome::Done, cancelled]);
            }
        }
    }
}

/// Slurm ends all processes of a job, and a batch script passes on what it gets itself.
#[test]
fn what_a_scheduler_sends_to_every_process_is_one_wish() {
    let home = Home::new();
    for signals in [[Signal::TERM, Signal::TERM], [Signal::USR2, Signal::TERM]] {
        let mut run = edit(&home, &long_orders());
        run.until("\"event\":\"hello\"");
        let engine = child_of(run.child.id());
        run.until("\"step\":7,");
        signals.iter().for_each(|signal| run.signal(*signal));
        send(signals[0], engine);
        let ended = run.end(FEW_SECONDS);
        assert_cancelled(&ended);
        let cancelled = Outcome::Cancelled { kept: "nothing was changed".to_owned() };
        assert_eq!(ended.records().outcomes().last(), Some(&cancelled), "it was told how the job ended");
    }
}

#[test]
fn a_signal_between_two_steps_is_not_lost() {
    let home = Home::new();
    let orders: String = (0..40).map(|case| order(case, "fine-tuning", 3, json!({"steps": 1}))).collect();
    // when an edit is in place, its job has no step left that could notice
    for edits_before in [1, 2, 5] {
        let mut run = edit(&home, &orders);
        for _ in 0..edits_before {
            run.until("\"event\":\"applied\"");
        }
        run.signal(Signal::INT);
        let ended = run.end(FEW_SECONDS);
        assert_cancelled(&ended);
        let applied = ended.records().edits().iter().filter(|edit| edit.applied.is_some()).count();
        assert!((edits_before..40).contains(&applied), "{applied} edits were made");
        assert!(!home.path("x.safetensors").exists(), "it was saved");
    }
}

#[test]
fn second_moments_are_cancelled_and_not_kept_in_part() {
    let home = Home::cold();
    let mut run = edit(&home, &order(0, "rome", 3, json!({})));
    run.until("collecting second moments");
    run.signal(Signal::INT);
    assert_cancelled(&run.end(FEW_SECONDS));
    // what the next run goes on from may be there, once a batch was summed up; nothing that an edit would use
    let is_state = |path: &PathBuf| path.extension().is_some_and(|end| end == "progress");
    let left = files(&home.cache()).into_keys().filter(|path| path.starts_with("second-moments") && !is_state(path));
    assert_eq!(left.collect::<Vec<PathBuf>>(), Vec::<PathBuf>::new());
}

#[test]
fn a_trace_says_which_rows_are_kept() {
    let home = Home::new();
    let mut run = Run::start(heeding(&home, &home.command(["trace", "--samples", "300", "--json"])), Some(""));
    run.until("\"event\":\"trace-row\"");
    run.signal(Signal::INT);
    let ended = run.end(FEW_SECONDS);
    let sentence = assert_cancelled(&ended);
    let is_row = |event: &&Event| matches!(event, Event::TraceRow { .. });
    let rows = ended.records().events.iter().filter(is_row).count();
    assert!(sentence.contains(&format!("; {rows} of ")), "{sentence}, and {rows} were told");
}

#[test]
fn a_signal_while_orders_are_awaited() {
    let home = Home::new();
    for signal in [Signal::INT, Signal::HUP] {
        let mut run = Run::start(heeding(&home, &home.command(EDIT)), None);
        run.until("\"event\":\"finished\"");
        thread::sleep(Duration::from_millis(100));
        run.signal(signal);
        assert_eq!(run.end(FEW_SECONDS).sentence(130), "canceled; no order was read");
    }
}

#[test]
fn what_nohup_protects_is_not_hung_up_on() {
    let home = Home::new();
    let command = through(&home, &["sh", "-c", "trap '' HUP; exec \"$0\" \"$@\""], &home.command(EDIT));
    let mut run = Run::start(command, Some(&order(0, "rome", 3, json!({}))));
    run.until("\"event\":\"step\"");
    run.signal(Signal::HUP);
    let ended = run.end(PATIENCE);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    assert!(is_whole_safetensors(&std::fs::read(home.path("x.safetensors")).expect("the file")));
}

#[test]
fn all_exit_codes() {
    let home = Home::new();
    assert_eq!(home.run(["stats"]).code, Some(0));
    assert_eq!(home.run(["model", "info", "--model", "none"]).code, Some(1));
    assert_eq!(home.run(["trace", "--case", "99999"]).code, Some(2));
    assert_eq!(home.run(["edit", "--method", "none"]).code, Some(3));
    assert_eq!(home.run(["trace", "--device", "cuda"]).code, Some(4));
    let mut run = edit(&home, &long_orders());
    run.until("\"event\":\"step\"");
    run.signal(Signal::INT);
    assert_eq!(run.end(FEW_SECONDS).code, Some(130));
}
