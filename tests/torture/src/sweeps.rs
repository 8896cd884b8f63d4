//! Kills of programs that share a sweep: whatever ends them and whoever takes over, every cell is computed once and says
//! what it says in a sweep that nobody disturbed.

use crate::homes::words;
use crate::judging::{Ran, wait};
use crate::{Share, Tally};
use anyhow::{Context, Result, ensure};
use locus_end_to_end::{Home, send};
use locus_protocol::SweepRow;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

const SEED: u64 = 14;
/// Programs on one folder.
const PROGRAMS: usize = 4;
const KILLS: usize = 40;
const PATIENCE: Duration = Duration::from_secs(180);
const RUN: &str = "sweep run grid.toml --out swept";
const GRID: &str = r#"
[facts]
count = 8
[measures]
free-generation = 3
[[edits]]
method = "rome"
objectives = ["error-injection", "fact-erasure"]
settings = { steps = 2, second_moment = false, contexts = 2 }
[[edits]]
method = "fine-tuning"
objectives = ["error-injection"]
settings = { steps = 2 }
[[localizers]]
kind = "causal-trace"
samples = 2
[[localizers]]
kind = "random-layer"
"#;

/// Runs the campaign.
///
/// # Errors
/// A sweep fails undisturbed.
pub fn run(share: Share) -> Result<Tally> {
    let mut tally = Tally::new("sweeps");
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let undisturbed = home()?;
    let ran = Ran::program(&undisturbed, &words(RUN), "");
    ensure!(ran.code == Some(0), "{ran:?}");
    let expected = told(&undisturbed).map_err(anyhow::Error::msg)?;
    let mut left = share.of(KILLS);
    while left > 0 {
        let disturbed = home()?;
        let killed = kills(&disturbed, left, &mut random)?;
        left -= killed.min(left);
        let ran = Ran::program(&disturbed, &words(RUN), "");
        let ended = match (ran.code, told(&disturbed)) {
            (Some(0), Ok(rows)) if rows == expected => Ok("the rows of one that nobody disturbed"),
            (Some(0), Ok(rows)) => Err(format!("{} rows, and not the same ones", rows.len())),
            (_, Err(fault)) => Err(fault),
            (code, _) => Err(format!("it ends with {code:?}: {}", ran.err)),
        };
        for _ in 1..killed {
            tally.count("a kill", ended.clone());
        }
        tally.count(&format!("after {killed} kills"), ended);
    }
    Ok(tally)
}

fn home() -> Result<Home> {
    let home = Home::new();
    std::fs::write(home.path("grid.toml"), GRID)?;
    Ok(home)
}

/// Has four programs sweep one folder and kills one after the other, each followed by another, until all cells are computed.
/// How many were killed.
fn kills(home: &Home, wanted: usize, random: &mut ChaCha8Rng) -> Result<usize> {
    let start = || -> Result<Child> {
        let mut command = home.command(words(RUN));
        Ok(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
    };
    let mut children = (0..PROGRAMS).map(|_| start()).collect::<Result<Vec<Child>>>()?;
    let mut killed = 0;
    while killed < wanted {
        sleep(Duration::from_millis(random.random_range(0..1500)));
        let victim = &mut children[random.random_range(0..PROGRAMS)];
        if victim.try_wait()?.is_some() {
            break;
        }
        send(Signal::KILL, victim.id());
        wait(victim, PATIENCE).context("it does not end")?;
        *victim = start()?;
        killed += 1;
    }
    for child in &mut children {
        wait(child, PATIENCE).context("it does not end")?;
    }
    Ok(killed)
}

/// What the rows say, by key, without when and how long.
///
/// # Errors
/// A cell is there twice.
fn told(home: &Home) -> Result<BTreeMap<String, Value>, String> {
    let rows = locus_sweep::read_rows(&home.path("swept")).map_err(|error| error.to_string())?;
    let mut told = BTreeMap::new();
    for row in rows {
        let mut value = serde_json::to_value(&row).map_err(|error| error.to_string())?;
        if let Some(fields) = value.as_object_mut() {
            fields.remove("seconds");
            fields.remove("time");
        }
        // facts are asked again by everyone
        if told.insert(row.key().to_owned(), value).is_some() && !matches!(row, SweepRow::Fact(_)) {
            return Err(format!("the cell {} is there twice", row.key()));
        }
    }
    Ok(told)
}
