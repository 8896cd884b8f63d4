//! Runs of the program, and whether one ended as a run may end.

use locus_end_to_end::Home;
use serde_json::Value;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Longest time that an input may keep the program busy. The slowest takes a few seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Most bytes on standard error.
const MOST_SAID: usize = 4096;

/// How a run of the program ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// What is wrong with the way in which it ended, whatever it was to do.
    fault: Option<String>,
}

/// How a run may end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With exit code 0.
    Done,
    /// With another one, and this sentence.
    Refused(String),
}

fn reading(stream: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// Waits for the end of a run.
pub fn wait(child: &mut Child, patience: Duration) -> Option<std::process::ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < patience {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(3));
    }
    None
}

impl Ran {
    /// Runs a command to its end, with `input` on standard input. Paths in the home are written as `HOME`.
    pub fn of(home: &Home, mut command: Command, input: &str) -> Self {
        let spawned = command.spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => {
                let fault = Some(format!("it cannot be started ({error})"));
                return Self { code: None, out: String::new(), err: String::new(), fault };
            }
        };
        let (out, err) = (reading(child.stdout.take()), reading(child.stderr.take()));
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(input.as_bytes());
        }
        let ended = wait(&mut child, PATIENCE);
        if ended.is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let bytes = [out, err].map(|reader| reader.join().unwrap_or_default());
        let mut fault = match ended {
            None => Some(format!("it still runs after {} s", PATIENCE.as_secs())),
            Some(status) if status.code().is_none() => Some(format!("it crashed: {status}")),
            Some(_) => None,
        };
        let place = home.path("").display().to_string();
        let texts = bytes.map(|bytes| match String::from_utf8(bytes) {
            Ok(text) => text.replace(place.trim_end_matches('/'), "HOME"),
            Err(error) => {
                fault.get_or_insert_with(|| "it printed what is not UTF-8".to_owned());
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            }
        });
        let [out, err] = texts;
        Self { code: ended.and_then(|status| status.code()), out, err, fault }
    }

    /// Runs the program in a home.
    pub fn program(home: &Home, arguments: &[String], input: &str) -> Self {
        Self::of(home, home.command(arguments), input)
    }

    /// What a function of the program told, as the program would have told it.
    #[must_use]
    pub fn told(code: i32, out: String, err: String) -> Self {
        Self { code: Some(code), out, err, fault: None }
    }

    /// How it ended.
    ///
    /// # Errors
    /// It ended as no run may end: killed by a signal, hanging, with a panic, with too much said, with raw control
    /// characters, or failing without a sentence.
    pub fn ending(&self) -> Result<Ending, String> {
        if let Some(fault) = &self.fault {
            return Err(format!("{fault}: {}", first_lines(&self.err)));
        }
        // a plugin may be said to have panicked; the program never does
        for crash in ["engine panicked", "' panicked at", "please report", "RUST_BACKTRACE", "stack backtrace"] {
            for text in [&self.out, &self.err] {
                if let Some(line) = text.lines().find(|line| line.contains(crash)) {
                    return Err(format!("it says “{crash}”: {}", first_lines(line)));
                }
            }
        }
        if self.err.len() > MOST_SAID {
            return Err(format!("it says {} bytes: {}", self.err.len(), first_lines(&self.err)));
        }
        let raw = |text: &str| text.chars().find(|&sign| sign.is_control() && sign != '\n' && sign != '\t');
        if let Some(sign) = raw(&self.out).or_else(|| raw(&self.err)) {
            return Err(format!("it prints a raw control character, {}", sign.escape_unicode()));
        }
        match self.code {
            Some(0) => Ok(Ending::Done),
            Some(1..=4) => match self.err.lines().last().and_then(|line| line.strip_prefix("locus: ")) {
                Some(sentence) if sentence.len() > 10 => Ok(Ending::Refused(sentence.to_owned())),
                _ => Err(format!("it fails without a sentence: {}", first_lines(&self.err))),
            },
            code => Err(format!("it ends with {code:?}: {}", first_lines(&self.err))),
        }
    }

    /// What it printed, without what differs from run to run.
    pub fn numbers(&self) -> String {
        let mut kept = Vec::new();
        for line in self.out.lines() {
            match serde_json::from_str::<Value>(line) {
                Ok(Value::Object(mut record)) => {
                    let event = record.get("event").and_then(Value::as_str).unwrap_or_default().to_owned();
                    if !["memory", "progress", "started", "finished", "log"].contains(&event.as_str()) {
                        for varies in ["seconds", "time", "run"] {
                            record.remove(varies);
                        }
                        kept.push(Value::Object(record).to_string());
                    }
                }
                _ => kept.push(line.to_owned()),
            }
        }
        kept.join("\n")
    }

    /// Whether a number of its records is none.
    pub fn has_no_numbers(&self) -> bool {
        ["\"NaN\"", "\"inf\"", "\"-inf\""].iter().any(|none| self.out.contains(none))
    }
}

/// The beginning of a text, on one line.
pub fn first_lines(text: &str) -> String {
    let flat: String = text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    match flat.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &flat[..end]),
        None => flat,
    }
}
