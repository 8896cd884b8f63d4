//! A random layer for each fact: what a localizer has to beat.

use super::{Asked, Found, Listen, Localizer};
use crate::error::Result;
use crate::evaluate::fact_seed;
use crate::noise::LegacyRandom;

pub const LOCALIZER: Localizer = Localizer {
    kind: "random-layer",
    about: "a random number for each layer",
    settings: &[("seed", "seed of the draws; 0")],
    find,
};

fn find(asked: &Asked<'_>, _: Listen<'_>) -> Result<Found> {
    let seed = asked.settings.count("seed", 0, 0..=u32::MAX as usize)? as u64;
    let mut random = LegacyRandom::new(fact_seed(asked.fact, "random layer", seed));
    let effects = (0..asked.model.architecture.layers).map(|_| random.uniform()).collect();
    Ok(Found { effects, ..Found::default() })
}
