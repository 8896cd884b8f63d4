//! Kills at random moments: nothing told as done is lost, nothing is doubled or half-written, and what was done comes
//! out with the same bits when it is done again.

use crate::homes::{contents, edits_of, operations, replays, told_as_done, whole_deltas, words};
use crate::judging::{Ending, Ran, first_lines, wait};
use crate::{Share, Tally};
use anyhow::{Context, Result, ensure};
use locus_end_to_end::{Home, PseudoTerminal, is_whole_safetensors, order, send};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

const SEED: u64 = 9;
/// Edits of one run.
const ORDERS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the campaign.
///
/// # Errors
/// A command fails undisturbed.
pub fn run(share: Share) -> Result<Tally> {
    let mut tally = Tally::new("kills");
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    tally.add(edits(share.of(24), &mut random)?);
    tally.add(evaluations(share.of(20), &mut random)?);
    tally.add(moments(share.of(20), &mut random)?);
    tally.add(exports(share.of(20), &mut random)?);
    tally.add(history(share.of(24), &mut random)?);
    tally.add(comparisons(share.of(12), &mut random)?);
    Ok(tally)
}

/// Starts a command with its output in files of the home, and kills it at a moment. `true` where it still ran.
fn killed(home: &Home, line: &str, input: &str, moment: Duration) -> Result<bool> {
    let mut command = home.command(words(line));
    command.stdout(File::create(home.path("told"))?).stderr(Stdio::null());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // one that is killed early reads nothing
        let _ = stdin.write_all(input.as_bytes());
    }
    sleep(moment);
    let runs = child.try_wait()?.is_none();
    if runs {
        send(Signal::KILL, child.id());
    }
    wait(&mut child, PATIENCE).context("it does not end")?;
    Ok(runs)
}

/// How long a command takes undisturbed.
fn whole_time(home: &Home, line: &str, input: &str) -> Result<Duration> {
    let start = Instant::now();
    let ran = Ran::program(home, &words(line), input);
    ensure!(ran.code == Some(0), "locus {line}: {ran:?}");
    Ok(start.elapsed())
}

fn moment(whole: Duration, random: &mut ChaCha8Rng) -> Duration {
    whole.mul_f64(random.random_range(0.0..1.05))
}

fn how(runs: bool) -> &'static str {
    if runs { "killed, all is well" } else { "it had ended before" }
}

/// Whole or absent; away afterwards.
fn whole_or_absent(file: &Path) -> Result<(), String> {
    match std::fs::read(file) {
        Ok(bytes) if !is_whole_safetensors(&bytes) => Err(format!("{} is half-written", file.display())),
        Ok(_) => std::fs::remove_file(file).map_err(|error| error.to_string()),
        Err(_) => Ok(()),
    }
}

fn edits(kills: usize, random: &mut ChaCha8Rng) -> Result<Tally> {
    let mut tally = Tally::new("edit");
    let home = Home::new();
    let orders: String = (0..ORDERS as u64).map(|case| order(case, "fine-tuning", 2, json!({"steps": 2}))).collect();
    let line = "edit --orders - --json --save x.safetensors";
    let whole = whole_time(&home, line, &orders)?;
    let mut recorded = edits_of(&operations(&home).map_err(anyhow::Error::msg)?);
    for kill in 0..kills {
        let moment = moment(whole, random);
        let runs = killed(&home, line, &orders, moment)?;
        let told = told_as_done(&std::fs::read_to_string(home.path("told")).unwrap_or_default());
        let mut verdict = || {
            let now = edits_of(&operations(&home)?);
            let new = now.checked_sub(recorded).ok_or("operations are lost")?;
            // the engine records before it tells, and is ahead of what was printed
            if !(told..=ORDERS).contains(&new) {
                return Err(format!("{told} edits were told as done and {new} are recorded"));
            }
            recorded = now;
            whole_deltas(&home)?;
            whole_or_absent(&home.path("x.safetensors"))?;
            Ok(how(runs))
        };
        tally.count(&format!("kill {kill} after {moment:?}"), verdict());
    }
    tally.count("all again", replays(&home).map(|()| "run again with the same bits"));
    Ok(tally)
}

fn evaluations(kills: usize, random: &mut ChaCha8Rng) -> Result<Tally> {
    let mut tally = Tally::new("eval --out");
    let line = "eval --limit 6 --method fine-tuning --set steps=1 --said-tokens 0 --out e.jsonl";
    let undisturbed = Home::new();
    let whole = whole_time(&undisturbed, line, "")?;
    let expected = std::fs::read(undisturbed.path("e.jsonl"))?;
    let mut home = Home::new();
    for kill in 0..kills {
        let moment = moment(whole, random);
        let runs = killed(&home, line, "", moment)?;
        let text = std::fs::read(home.path("e.jsonl")).unwrap_or_default();
        // a kill may cut one line, which the next run mends
        let whole_lines = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let ended = match expected.starts_with(&text[..whole_lines]) {
            true => Ok(how(runs)),
            false => Err("its lines are not those of an undisturbed run".to_owned()),
        };
        tally.count(&format!("kill {kill} after {moment:?}"), ended);
        if text == expected || kill % 4 == 3 || kill + 1 == kills {
            let ran = Ran::program(&home, &words(line), "");
            let same = std::fs::read(home.path("e.jsonl")).is_ok_and(|bytes| bytes == expected);
            let ended = match ran.ending() {
                Ok(Ending::Done) if same => Ok("gone on to the same bytes"),
                other => Err(format!("gone on to something else: {other:?}")),
            };
            tally.count(&format!("after kill {kill}"), ended);
            home = Home::new();
        }
    }
    Ok(tally)
}

/// Finished second moments of a home.
fn finished(home: &Home) -> Vec<Vec<u8>> {
    let is_finished = |name: &Path| name.extension().is_some_and(|end| end == "safetensors");
    contents(&home.cache().join("second-moments"))
        .into_iter()
        .filter(|(name, _)| is_finished(name))
        .map(|(_, it)| it)
        .collect()
}

fn moments(kills: usize, random: &mut ChaCha8Rng) -> Result<Tally> {
    let mut tally = Tally::new("stats collect");
    let line = "stats collect --keep-every 0 --corpus-tokens 6000";
    let undisturbed = Home::cold();
    let whole = whole_time(&undisturbed, line, "")?;
    let expected = finished(&undisturbed);
    ensure!(expected.len() == 1, "{} files of second moments", expected.len());
    let mut home = Home::cold();
    for kill in 0..kills {
        let moment = moment(whole, random);
        let runs = killed(&home, line, "", moment)?;
        let found = finished(&home);
        let ended = if found.is_empty() || found == expected { Ok(how(runs)) } else { Err("wrong bits".to_owned()) };
        tally.count(&format!("kill {kill} after {moment:?}"), ended);
        if !found.is_empty() || kill % 6 == 5 || kill + 1 == kills {
            let ran = Ran::program(&home, &words(line), "");
            let ended = match ran.ending() {
                Ok(Ending::Done) if finished(&home) == expected => Ok("gone on to the same bits"),
                other => Err(format!("gone on to other bits: {other:?}: {}", first_lines(&ran.err))),
            };
            tally.count(&format!("after kill {kill}"), ended);
            home = Home::cold();
        }
    }
    Ok(tally)
}

fn exports(kills: usize, random: &mut ChaCha8Rng) -> Result<Tally> {
    let mut tally = Tally::new("export");
    let line = "export --case 0 --method fine-tuning --set steps=1 --layers 2 --folder out";
    let undisturbed = Home::new();
    let whole = whole_time(&undisturbed, line, "")?;
    let expected = contents(&undisturbed.path("out"));
    let home = Home::new();
    for kill in 0..kills {
        let moment = moment(whole, random);
        let runs = killed(&home, line, "", moment)?;
        let found = contents(&home.path("out"));
        let ended = match home.path("out").exists() && found != expected {
            true => Err(format!("half an export: {:?}", found.keys().collect::<Vec<_>>())),
            false => Ok(how(runs)),
        };
        tally.count(&format!("kill {kill} after {moment:?}"), ended);
        if home.path("out").exists() {
            std::fs::remove_dir_all(home.path("out"))?;
        }
    }
    let ran = Ran::program(&home, &words(line), "");
    let same = contents(&home.path("out")) == expected;
    let ended = match ran.ending() {
        Ok(Ending::Done) if same => Ok("the next export is whole"),
        other => Err(format!("the next export is not whole: {other:?}")),
    };
    tally.count("after all", ended);
    Ok(tally)
}

/// Undo and redo of the list that the workbench starts with.
fn history(kills: usize, random: &mut ChaCha8Rng) -> Result<Tally> {
    let mut tally = Tally::new("undo, redo");
    let home = Home::new();
    for case in 0..3 {
        whole_time(&home, &format!("edit --case {case} --method fine-tuning --set steps=2 --layers 2"), "")?;
    }
    whole_time(&home, "redo 1", "")?;
    let whole = whole_time(&home, "redo 2", "")?;
    let in_place = |operations: &[Value]| operations.last().map(|last| last["in_place"].clone()).unwrap_or_default();
    for kill in 0..kills {
        let before = operations(&home).map_err(anyhow::Error::msg)?;
        let edit = 1 + kill as u64 % 3;
        let is_there = in_place(&before).as_array().is_some_and(|list| list.contains(&json!(edit)));
        let line = format!("{} {edit}", if is_there { "undo" } else { "redo" });
        let moment = moment(whole, random);
        let runs = killed(&home, &line, "", moment)?;
        let verdict = || {
            let after = operations(&home)?;
            let is_there_now = in_place(&after).as_array().is_some_and(|list| list.contains(&json!(edit)));
            match after.len().checked_sub(before.len()) {
                Some(0) if is_there_now == is_there => Ok(how(runs)),
                Some(1) if is_there_now != is_there => Ok(how(runs)),
                None => Err("operations are lost".to_owned()),
                Some(new) => Err(format!("{new} operations, and edit {edit} is in place: {is_there_now}")),
            }
        };
        tally.count(&format!("kill {kill} of {line} after {moment:?}"), verdict());
    }
    tally.count("all again", replays(&home).map(|()| "run again with the same bits"));
    Ok(tally)
}

/// The workbench while it compares.
fn comparisons(kills: usize, random: &mut ChaCha8Rng) -> Result<Tally> {
    let mut tally = Tally::new("comparison");
    let home = Home::new();
    for case in [0, 1] {
        whole_time(&home, &format!("edit --case {case} --method fine-tuning --set steps=2 --layers 2"), "")?;
        // what a command made is put in place for the workbench, by the number that it has
        let edit = operations(&home).map_err(anyhow::Error::msg)?.len();
        whole_time(&home, &format!("redo {edit}"), "")?;
    }
    for kill in 0..kills {
        let before = operations(&home).map_err(anyhow::Error::msg)?;
        let mut terminal = PseudoTerminal::start(&home, (40, 120), &["demo"], &[]);
        terminal.until_shown("next token");
        terminal.press("C");
        terminal.press("r");
        sleep(Duration::from_millis(random.random_range(0..4000)));
        terminal.press("p");
        sleep(Duration::from_millis(random.random_range(0..100)));
        terminal.signal(Signal::KILL);
        terminal.end(Duration::from_secs(20));
        let verdict = || {
            let after = operations(&home)?;
            whole_deltas(&home)?;
            if !after.starts_with(&before) {
                return Err("operations of before are gone".to_owned());
            }
            Ok("killed, all is well")
        };
        tally.count(&format!("kill {kill}"), verdict());
    }
    tally.count("all again", replays(&home).map(|()| "run again with the same bits"));
    Ok(tally)
}
