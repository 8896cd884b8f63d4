//! Random changes of valid files: bytes that are others, gone, new, or moved.

use crate::samples::{self, Form, Sample};
use crate::spoiling::Spoilt;
use crate::{Share, Tally, malformed};
use anyhow::Result;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Mutations of each sample.
const OF_EACH: usize = 34;
/// What they are drawn with.
const SEED: u64 = 2026;
/// Beginning of a binary file, where its header lies and half of the changes go.
const HEADER: usize = 2048;

/// Runs the campaign.
///
/// # Errors
/// A valid file is refused.
pub fn run(share: Share) -> Result<Tally> {
    let mut tally = Tally::new("mutations");
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let samples = samples::all()?;
    let mut attempts = Vec::new();
    for (place, sample) in samples.iter().enumerate() {
        for number in 0..OF_EACH {
            let spoilt = mutated(sample, number, &mut random);
            if spoilt.bytes != sample.bytes {
                attempts.push((place, spoilt));
            }
        }
    }
    malformed::run_all(&mut tally, samples, share.spread(attempts))?;
    Ok(tally)
}

fn mutated(sample: &Sample, number: usize, random: &mut ChaCha8Rng) -> Spoilt {
    let mut bytes = sample.bytes.clone();
    for _ in 0..random.random_range(1..=4) {
        let binary = matches!(sample.form, Form::Tensors | Form::Bytes);
        let most = if binary && random.random_bool(0.5) { bytes.len().min(HEADER) } else { bytes.len() };
        if most == 0 {
            break;
        }
        let at = random.random_range(0..most);
        match random.random_range(0..6) {
            0 => bytes[at] = random.random(),
            1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, random.random()),
            4 => {
                let end = (at + random.random_range(1..64)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                let to = random.random_range(0..=bytes.len());
                bytes.splice(to..to, part);
            }
            _ => {
                let end = (at + random.random_range(1..16)).min(bytes.len());
                bytes.drain(at..end);
            }
        }
    }
    // a change may make a valid file of another one; only a checksum tells
    Spoilt { rule: format!("mutation {number}"), bytes, bad: false }
}
