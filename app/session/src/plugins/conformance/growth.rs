//! Whether memory grows with every edit.

use super::trial;
use super::watch::Limit;
use super::{Checks, Finding};
use crate::error::Error;
use locus_engine::resident;
use locus_protocol::{EditOrder, Phase};
use std::time::{Duration, Instant};

/// Within about this time; a slower method makes fewer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Edits before memory is looked at, while caches fill; a slow method makes fewer.
const WARM: u32 = 5;
/// Parts of the edits: what leaks grows in all of them, what only settles does not.
const PARTS: usize = 4;
/// Bytes that an edit may leave behind in every part: a tenth of a small matrix.
const ALLOWED: u64 = 8 << 10;
/// Bytes by which memory may grow in every part however few edits it has: the allocator's own grain.
const GRAIN: u64 = 128 << 10;

/// Makes edit after edit.
///
/// # Errors
/// Those of a trial.
pub fn check(checks: &Checks<'_>, order: &EditOrder) -> Result<Finding, Error> {
    let Checks { job, edits, .. } = *checks;
    let start = Instant::now();
    let mut warm = 0;
    while warm < WARM && (warm == 0 || start.elapsed() < PATIENCE / 10) {
        trial::run(checks, order, Limit::default())?;
        warm += 1;
    }
    let one = start.elapsed() / warm;
    let fit = (PATIENCE.as_secs_f64() / one.as_secs_f64().max(1e-6)) as usize;
    let each = edits.div_ceil(PARTS).min(fit / PARTS).max(1);
    let mut grown = Vec::new();
    for part in 0..PARTS {
        let before = resident().unwrap_or(0);
        for edit in 0..each {
            let (done, all) = ((part * each + edit) as u64, (PARTS * each) as u64);
            job.progress(Phase::Method("repeated edits".to_owned()), done, all);
            trial::run(checks, order, Limit::default())?;
        }
        grown.push(resident().unwrap_or(0).saturating_sub(before) / each as u64);
    }
    Ok(judge(&grown, PARTS * each, edits, one))
}

/// What bytes left behind by an edit, part by part, say.
fn judge(grown: &[u64], edits: usize, wanted: usize, one: Duration) -> Finding {
    let least = grown.iter().copied().min().unwrap_or(0);
    let in_a_part = least * (edits / PARTS) as u64;
    if least > ALLOWED && in_a_part > GRAIN {
        return Err(format!(
            "memory grows by at least {} kB per edit; edits are independent, so free what an edit allocates when it ends, and keep nothing in a static",
            least >> 10
        ));
    }
    let fewer = match edits < wanted {
        true => format!(" ({wanted} would take too long at {:.1} s each)", one.as_secs_f64()),
        false => String::new(),
    };
    Ok(format!("memory does not grow over {edits} edits{fewer}"))
}

#[cfg(test)]
mod tests {
    use super::judge;
    use std::time::Duration;

    #[test]
    fn what_grows_all_the_time_leaks_and_what_settles_does_not() {
        let second = Duration::from_secs(1);
        assert!(judge(&[90_000, 0, 50_000, 0], 100, 100, second).is_ok());
        assert!(judge(&[90_000, 147_000, 146_000, 147_000], 100, 100, second).expect_err("a leak").contains("87 kB"));
        assert!(judge(&[90_000; 4], 4, 4, second).is_ok(), "so few edits say nothing");
        assert!(judge(&[290_000; 4], 4, 4, second).is_err());
        assert!(
            judge(&[0; 4], 8, 100, second).expect("few").contains("8 edits (100 would take too long at 1.0 s each)")
        );
    }
}
