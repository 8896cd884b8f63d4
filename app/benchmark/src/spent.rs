//! Processor time: what others do on the machine meanwhile moves it less than the clock.

use crate::processor;
use anyhow::Result;
use std::time::Duration;

/// Work is done again until it has taken so long, so that short work is told from noise.
const ENOUGH: Duration = Duration::from_secs(2);

/// Result and processor time of a piece of work, the mean over as many times as it takes to tell.
pub fn spent<T>(mut work: impl FnMut() -> Result<T>) -> Result<(T, Duration)> {
    let begun = processor();
    let mut times = 0;
    loop {
        let result = work()?;
        times += 1;
        let all = processor().saturating_sub(begun);
        if all >= ENOUGH {
            return Ok((result, all / times));
        }
    }
}
