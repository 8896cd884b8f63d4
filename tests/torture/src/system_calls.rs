//! Commands of which every system call fails once: `tests/fixtures/failing-calls` has the n-th call on the home fail
//! that opens, reads, writes, flushes, renames, maps or makes something.

use crate::homes::{contents, lay_out, operations, whole_deltas, words};
use crate::judging::{Ending, Ran, first_lines};
use crate::{Share, Tally, pool};
use anyhow::{Context, Result, ensure};
use locus_end_to_end::{Home, program};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Most calls of one command that are failed; of longer ones so many, spread over all.
const MOST: usize = 90;

/// A command, and what it leaves.
#[derive(Clone, Copy)]
struct Subject {
    line: &'static str,
    /// Files and folders that it makes or adds to.
    products: &'static [&'static str],
    /// Operations that it records.
    records: usize,
    /// Whether it starts from an empty cache.
    cold: bool,
    /// In which of the processes calls fail, one after the other.
    sides: &'static [Side],
}

/// A process of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// The front, from its start to its end; it starts no engine.
    Front,
    /// The front, once it has started the engine.
    FrontBesideEngine,
    /// The engine.
    Engine,
}

const BOTH: &[Side] = &[Side::Engine, Side::FrontBesideEngine];

const QUICK: &str = "--method fine-tuning --set steps=1 --layers 2";

const SUBJECTS: [Subject; 8] = [
    Subject {
        line: "edit --case 3 QUICK --json --save x.safetensors",
        products: &["x.safetensors"],
        records: 1,
        cold: false,
        sides: &[Side::Engine],
    },
    Subject {
        line: "eval --limit 2 --said-tokens 0 --out e.jsonl --csv e.csv",
        products: &["e.jsonl", "e.csv"],
        records: 0,
        cold: false,
        sides: BOTH,
    },
    Subject {
        line: "export --case 3 QUICK --folder out",
        products: &["out"],
        records: 1,
        cold: false,
        sides: &[Side::Engine],
    },
    Subject {
        line: "trace --samples 2 --csv t.csv --journal j.jsonl",
        products: &["t.csv"],
        records: 0,
        cold: false,
        sides: BOTH,
    },
    Subject { line: "undo", products: &[], records: 1, cold: false, sides: &[Side::Front] },
    Subject { line: "redo 2", products: &[], records: 1, cold: false, sides: &[Side::Front] },
    Subject { line: "stats collect --corpus-tokens 40", products: &[], records: 0, cold: true, sides: &[Side::Engine] },
    Subject { line: "model info", products: &[], records: 0, cold: true, sides: &[Side::Engine] },
];

/// Runs the campaign.
///
/// # Errors
/// The library of failing calls cannot be built; a command fails undisturbed.
pub fn run(share: Share) -> Result<Tally> {
    let folder = tempfile::tempdir()?;
    let library = folder.path().join("failing_calls.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/failing-calls/failing_calls.c");
    let built =
        Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl").status();
    ensure!(built.context("cannot start cc: install a C compiler")?.success(), "cc failed on {}", source.display());

    // a home in which something was done before
    let before = Home::new();
    for line in ["edit --case 0 QUICK", "edit --case 1 QUICK", "redo 1"] {
        let line = line.replace("QUICK", QUICK);
        let ran = Ran::program(&before, &words(&line), "");
        ensure!(ran.code == Some(0), "locus {line}: {ran:?}");
    }
    let before = contents(&before.path("state"));
    let mut tally = Tally::new("failing system calls");
    for subject in SUBJECTS {
        for &side in subject.sides {
            let (library, reports, before) = (library.clone(), folder.path().to_owned(), before.clone());
            tally.add(Bench { subject, side, library, reports, before }.run(share)?);
        }
    }
    Ok(tally)
}

struct Bench {
    subject: Subject,
    side: Side,
    library: PathBuf,
    reports: PathBuf,
    before: BTreeMap<PathBuf, Vec<u8>>,
}

/// What a run left of the products, and how many operations are recorded.
type Left = BTreeMap<PathBuf, Vec<u8>>;

impl Bench {
    fn line(&self) -> String {
        self.subject.line.replace("QUICK", QUICK)
    }

    fn home(&self) -> Result<Home> {
        let home = if self.subject.cold { Home::cold() } else { Home::new() };
        lay_out(&home.path("state"), &self.before)?;
        Ok(home)
    }

    /// Runs the command with its n-th call failing; what failed, and how many calls there were, and renames among them.
    fn disturbed(&self, home: &Home, nth: usize) -> (Ran, Option<String>, [usize; 2]) {
        let report = self.reports.join(format!("{nth}-{}", home.path("").display().to_string().replace('/', "-")));
        let variables = [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("LOCUS_FAIL_UNDER", home.path("").display().to_string()),
            ("LOCUS_FAIL_NTH", nth.to_string()),
            ("LOCUS_FAIL_REPORT", report.display().to_string()),
        ];
        let mut arguments = words(&self.line());
        if self.side == Side::Engine {
            let set: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let engine = program().with_file_name("locus-engine");
            arguments.extend(["--engine".to_owned(), format!("env {} {} --stdio", set.join(" "), engine.display())]);
        }
        let mut command = home.command(arguments);
        if self.side != Side::Engine {
            command.envs(variables);
        }
        if self.side == Side::FrontBesideEngine {
            command.env("LOCUS_FAIL_LATE", "1");
        }
        let ran = Ran::of(home, command, "");
        let told = std::fs::read_to_string(&report).unwrap_or_default();
        let place = home.path("").display().to_string();
        let failed = told.lines().find_map(|line| line.strip_prefix("failed ")).map(|it| it.replace(&place, ""));
        let count =
            |what| told.lines().rev().find_map(|line| line.strip_prefix(what)?.parse().ok()).unwrap_or_default();
        (ran, failed, ["calls ", "renames "].map(count))
    }

    fn run(&self, share: Share) -> Result<Tally> {
        let mut tally = Tally::new(&format!("{}, {:?}", self.line(), self.side));
        let home = self.home()?;
        let (ran, failed, [calls, renames]) = self.disturbed(&home, 0);
        ensure!(ran.code == Some(0) && failed.is_none(), "locus {}: {ran:?}", self.line());
        ensure!(calls > 0, "locus {}: no call was seen", self.line());
        // what goes past the C library is not seen, and never fails
        let writes = self.side != Side::FrontBesideEngine && !self.subject.products.is_empty();
        let by_front =
            self.subject.products.iter().all(|product| product.ends_with(".csv") || product.ends_with(".jsonl"));
        ensure!(renames > 0 || !writes || by_front, "locus {}: no rename was seen", self.line());
        let expected = self.left(&home);
        // one beyond the last: untouched to its end
        let all: Vec<usize> = (1..=calls + 1).rev().collect();
        let chosen = Share(all.len().div_ceil(MOST).max(1) * share.0.max(1)).spread(all);
        let chosen = chosen.into_iter().enumerate().collect();
        for (nth, failed, ended) in pool::each(chosen, |(place, nth)| self.attempt(place, nth, &expected)) {
            tally.count(&format!("call {nth}, {}", failed.unwrap_or_else(|| "none failed".to_owned())), ended);
        }
        Ok(tally)
    }

    fn attempt(
        &self,
        place: usize,
        nth: usize,
        expected: &Left,
    ) -> (usize, Option<String>, Result<&'static str, String>) {
        let home = match self.home() {
            Ok(home) => home,
            Err(error) => return (nth, None, Err(format!("{error:#}"))),
        };
        let (ran, failed, _) = self.disturbed(&home, nth);
        let ended = self.verdict(&home, &ran, expected, place);
        (nth, failed, ended)
    }

    fn left(&self, home: &Home) -> Left {
        let mut left = contents(&home.path(""));
        let outside = |name: &Path| !["state", "cache"].iter().any(|folder| name.starts_with(folder));
        left.retain(|name, _| outside(name) && name != Path::new("j.jsonl"));
        left
    }

    fn verdict(&self, home: &Home, ran: &Ran, expected: &Left, place: usize) -> Result<&'static str, String> {
        let ending = ran.ending()?;
        let left = self.left(home);
        let recorded = operations(home)?.len();
        let before = 3;
        whole_deltas(home)?;
        match &ending {
            Ending::Done => {
                let differing: Vec<&PathBuf> = expected
                    .iter()
                    .filter(|(name, bytes)| left.get(*name) != Some(bytes))
                    .map(|(name, _)| name)
                    .collect();
                if !differing.is_empty() {
                    return Err(format!("a silent success: {differing:?} are not what they should be"));
                }
                if recorded != before + self.subject.records {
                    return Err(format!(
                        "a silent success: {recorded} operations are recorded: {}",
                        first_lines(&ran.err)
                    ));
                }
            }
            Ending::Refused(_) => {
                if recorded > before + self.subject.records {
                    return Err(format!("doubled: {recorded} operations are recorded"));
                }
            }
        }
        for (name, bytes) in &left {
            let product = self.subject.products.iter().any(|product| name.starts_with(product));
            let whole = expected.get(name) == Some(bytes);
            // lines are added one by one, each whole
            let lines = name.extension().is_some_and(|end| end == "jsonl")
                && expected.get(name).is_some_and(|expected| expected.starts_with(bytes));
            if !product {
                return Err(format!("{} is left behind ({ending:?})", name.display()));
            }
            if !whole && !lines {
                return Err(format!("{} is half-written ({ending:?})", name.display()));
            }
        }
        // what is left is not in the way of the next run; the first of all is the one that nothing disturbs
        if place % 5 == 1 && ending != Ending::Done {
            let exports = self.subject.line.starts_with("export") && home.path("out").exists();
            let again = Ran::program(home, &words(&self.line()), "");
            if again.ending()? != Ending::Done && !exports {
                return Err(format!("the next run fails: {}", first_lines(&again.err)));
            }
        }
        Ok(match ending {
            Ending::Done => "really succeeded",
            Ending::Refused(_) => "failed with a sentence, nothing half-written",
        })
    }
}
