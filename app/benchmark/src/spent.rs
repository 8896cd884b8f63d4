//! Processor time: what others do on the machine meanwhile moves it less than the clock.

use anyhow::Result;
use procfs::process::Process;
use std::time::Duration;

/// Work is done again until it has taken so long: the system counts in hundredths of a second.
const ENOUGH: Duration = Duration::from_secs(2);

/// Result and processor time of a piece of work, the mean over as many times as it takes to tell.
pub fn spent<T>(mut work: impl FnMut() -> Result<T>) -> Result<(T, Duration)> {
    let begun = so_far()?;
    let mut times = 0;
    loop {
        let result = work()?;
        times += 1;
        let all = so_far()?.saturating_sub(begun);
        if all >= ENOUGH {
            return Ok((result, all / times));
        }
    }
}

/// Processor time of this process, in all its threads.
pub fn so_far() -> Result<Duration> {
    let stat = Process::myself()?.stat()?;
    Ok(Duration::from_secs_f64((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64))
}
