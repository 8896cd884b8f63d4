//! Localizations: every localizer of the grid on a fact, which share its runs.

use crate::error::Error;
use crate::pace::RunningJob;
use locus_engine::localize::{Asked, Found, Settings, Shared, localizer};
use locus_protocol::{Fact, Localized, SweepRow};
use locus_records::operations::now;
use locus_sweep::{Grid, Localization, fact_mark};
use std::time::Instant;

/// Computes localizations, those of one fact one after the other. One that fails is a row with its reason.
///
/// # Errors
/// The user stopped it; what `keep` returns.
pub fn compute(
    job: RunningJob<'_>,
    grid: &Grid,
    facts: &[Fact],
    wanted: &[&Localization],
    keep: &mut dyn FnMut(SweepRow) -> Result<(), Error>,
) -> Result<(), Error> {
    let loaded = job.loaded;
    for of_fact in wanted.chunk_by(|one, other| one.fact == other.fact) {
        let fact = &facts[of_fact[0].fact];
        let shared = Shared::default();
        for localization in of_fact {
            let axis = &grid.localizers[localization.localizer];
            let start = Instant::now();
            let find = || -> Result<Found, Error> {
                let found = localizer(&axis.kind, &axis.settings)?;
                let asked = Asked {
                    model: loaded.stack.base(),
                    fact,
                    facts: &loaded.facts,
                    deviation: loaded.embedding_deviation(&fact.subject)?,
                    shared: &shared,
                    settings: Settings(&axis.settings),
                };
                Ok((found.find)(&asked, &mut || job.check_cancel())?)
            };
            let (found, failed) = match find() {
                Ok(found) if found.effects.iter().any(|effect| !effect.is_finite()) => {
                    (Found::default(), Some("an effect is not finite".to_owned()))
                }
                Ok(found) => (found, None),
                Err(error) if error.is_cancelled() => return Err(error),
                Err(error) => (Found::default(), Some(error.to_string())),
            };
            keep(SweepRow::Localized(Localized {
                key: localization.key.clone(),
                fact: fact_mark(fact),
                localizer: axis.label(),
                kind: axis.kind.clone(),
                settings: axis.settings.clone(),
                effects: found.effects,
                halves: found.halves,
                numbers: found.numbers,
                failed,
                seconds: start.elapsed().as_secs_f64(),
                time: now(),
            }))?;
        }
    }
    Ok(())
}
