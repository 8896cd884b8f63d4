//! Malformed files of every kind that the program reads.

use crate::judging::{Ending, Ran};
use crate::samples::{self, Form, Sample};
use crate::spoiling::{self, Spoilt};
use crate::{Share, Tally, keeping, pool};
use anyhow::Result;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Inputs of each sample.
const OF_EACH: usize = 18;
/// The order in which the rules' inputs are drawn.
const SEED: u64 = 12;

/// Runs the campaign.
///
/// # Errors
/// A valid file is refused.
pub fn run(share: Share) -> Result<Tally> {
    let mut tally = Tally::new("malformed");
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut samples = samples::all()?;
    let mut attempts = Vec::new();
    for (place, sample) in samples.iter().enumerate() {
        let mut spoilt = spoiling::all(sample);
        spoilt.shuffle(&mut random);
        attempts.extend(spoilt.into_iter().take(OF_EACH).map(|spoilt| (place, spoilt)));
    }
    let plugin = samples::plugin_file()?;
    attempts.extend(plugins(&plugin).into_iter().map(|spoilt| (samples.len(), spoilt)));
    samples.push(plugin);
    run_all(&mut tally, samples, share.spread(attempts))?;
    Ok(tally)
}

/// Makes attempts, each with the place of its sample. Only the samples that are needed are read as they are.
///
/// # Errors
/// A valid file is refused.
pub fn run_all(tally: &mut Tally, samples: Vec<Sample>, attempts: Vec<(usize, Spoilt)>) -> Result<()> {
    let needed: BTreeSet<usize> = attempts.iter().map(|(place, _)| *place).collect();
    let (places, samples): (Vec<usize>, Vec<Sample>) =
        samples.into_iter().enumerate().filter(|(place, _)| needed.contains(place)).unzip();
    let samples: BTreeMap<usize, Sample> = places.into_iter().zip(samples::read_as_they_are(samples)?).collect();
    for (attempt, ended) in pool::each(attempts, |(place, spoilt)| attempt(&samples[&place], &spoilt)) {
        tally.count(&attempt, ended);
    }
    Ok(())
}

/// Reads one, and says how it ended.
fn attempt(sample: &Sample, spoilt: &Spoilt) -> (String, Result<&'static str, String>) {
    let ended = match sample.read(&spoilt.bytes) {
        Ok(ran) => verdict(sample, spoilt, &ran),
        Err(error) => Err(format!("{error:#}")),
    };
    let name = format!("{}, {}", sample.kind, spoilt.rule);
    let ended = ended.map_err(|fault| format!("{fault}; {}", keeping::keep(&name, &spoilt.bytes, &sample.arguments)));
    (name, ended)
}

/// Refused with a sentence, or the same numbers, or another input that is valid as well.
fn verdict(sample: &Sample, spoilt: &Spoilt, ran: &Ran) -> Result<&'static str, String> {
    match ran.ending()? {
        Ending::Refused(_) => Ok("refused with a sentence"),
        Ending::Done if ran.has_no_numbers() => Err("it succeeds with numbers that are none".to_owned()),
        Ending::Done if ran.numbers() == sample.numbers => Ok("the same numbers"),
        Ending::Done if !ran.err.is_empty() => Ok("done, with a word"),
        Ending::Done if said_in_records(ran) => Ok("done, with a word"),
        Ending::Done if sample.sealed => Err("damaged, and it succeeds with other numbers".to_owned()),
        Ending::Done if spoilt.bad => Err("it succeeds with other numbers and without a word".to_owned()),
        Ending::Done => Ok("another valid input"),
    }
}

/// Whether a warning is among the records.
fn said_in_records(ran: &Ran) -> bool {
    ran.out.lines().any(|line| line.contains("\"event\":\"log\"") && !line.contains("\"level\":\"info\""))
        || ran.out.lines().any(|line| line.contains("\"event\":\"plugin-refused\""))
}

/// What is no plugin. Its code is left alone: a flipped bit of it is another program.
fn plugins(plugin: &Sample) -> Vec<Spoilt> {
    let bytes = &plugin.bytes;
    let mut made: Vec<(String, Vec<u8>)> = Vec::new();
    for part in 0..12 {
        made.push((format!("cut to {part} twelfths"), bytes[..bytes.len() / 12 * part].to_vec()));
    }
    // the ELF header: magic, class, order, kind, machine, where its tables lie and how many entries they have
    for at in [0, 1, 4, 5, 16, 18, 32, 40, 41, 42, 52, 54, 56, 58, 60, 62] {
        let mut changed = bytes.clone();
        changed[at] ^= 0xff;
        made.push((format!("byte {at} of the header turned"), changed));
    }
    if let Some(stamp) = bytes.windows(8).position(|window| window == b"LOCUSPLG") {
        for offset in [0, 7, 8, 12, 14, 16, 24, 30, 32, 40, 60] {
            let mut changed = bytes.clone();
            changed[stamp + offset] ^= 0x55;
            made.push((format!("byte {offset} of the stamp turned"), changed));
        }
    }
    for (rule, bytes) in [
        ("a script", &b"#!/bin/sh\nexit 0\n"[..]),
        ("nothing", b""),
        ("NULs", &[0; 5000]),
        ("an archive", b"!<arch>\n"),
    ] {
        made.push((rule.to_owned(), bytes.to_vec()));
    }
    debug_assert!(plugin.form == Form::Bytes);
    made.into_iter().map(|(rule, bytes)| Spoilt { rule, bytes, bad: true }).collect()
}
