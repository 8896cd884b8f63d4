//! `locus-torture`: runs the campaigns, prints their figures, and fails where one found a fault.

use anyhow::{Result, bail};
use locus_torture::{CAMPAIGNS, Share};
use std::time::Instant;

const USAGE: &str =
    "usage: cargo xtask torture -- [--share N] [kills | sweeps | system-calls | malformed | mutations | hostile]…";

fn main() -> Result<()> {
    let mut share = Share(1);
    let mut chosen = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--share" => match arguments.next().and_then(|text| text.parse().ok()).filter(|share| *share > 0) {
                Some(one_in) => share = Share(one_in),
                None => bail!("--share must be a whole number from 1 on: one attempt in so many is made"),
            },
            name if CAMPAIGNS.iter().any(|(known, _)| *known == name) => chosen.push(argument),
            other => bail!("unknown argument `{other}`; {USAGE}"),
        }
    }
    let mut faults = 0;
    for (name, run) in CAMPAIGNS {
        if chosen.is_empty() || chosen.iter().any(|chosen| chosen == name) {
            let start = Instant::now();
            let tally = run(share)?;
            println!("{tally}\n  {:.0} s", start.elapsed().as_secs_f64());
            faults += tally.faults.len();
        }
    }
    if faults > 0 {
        bail!("{faults} faults");
    }
    println!("no panic, no silent success, nothing lost or doubled, no wrong bit");
    Ok(())
}
