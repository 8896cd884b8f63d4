//! Times as Slurm writes them.

/// The seconds of a time limit (manual page of sbatch, `--time`). `None` where it is none, or has no bound, as 0 has not.
pub fn seconds(text: &str) -> Option<u64> {
    read(text).filter(|seconds| *seconds > 0)
}

/// The seconds of `minutes`, `minutes:seconds`, `hours:minutes:seconds`, `days-hours`, `days-hours:minutes` or
/// `days-hours:minutes:seconds`.
fn read(text: &str) -> Option<u64> {
    let (days, rest) = match text.trim().split_once('-') {
        Some((days, rest)) => (Some(days.parse::<u64>().ok()?), rest),
        None => (None, text.trim()),
    };
    let parts: Vec<u64> = rest.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = match (days, &parts[..]) {
        (None, [minutes]) => [0, *minutes, 0],
        (None, [minutes, seconds]) => [0, *minutes, *seconds],
        (Some(_), [hours]) => [*hours, 0, 0],
        (Some(_), [hours, minutes]) => [*hours, *minutes, 0],
        (_, [hours, minutes, seconds]) => [*hours, *minutes, *seconds],
        _ => return None,
    };
    let units = [(days.unwrap_or(0), 86_400), (hours, 3600), (minutes, 60), (seconds, 1)];
    units.iter().try_fold(0_u64, |sum, (count, unit)| sum.checked_add(count.checked_mul(*unit)?))
}

/// Whether a text is a time limit at all.
pub fn is_limit(text: &str) -> bool {
    let word = text.trim().to_ascii_lowercase();
    ["unlimited", "infinite"].contains(&word.as_str()) || read(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::{is_limit, seconds};

    #[test]
    fn every_form_of_the_manual_is_read() {
        for (text, expected) in
            [("10", 600), ("1:30", 90), ("2:00:00", 7200), ("1-0", 86_400), ("1-2:30", 86_400 + 9000), ("0-0:0:5", 5)]
        {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["", "two hours", "1:2:3:4", "1-", "-1", "99999999999999999-0", "1h"] {
            assert_eq!(seconds(text), None, "{text}");
            assert!(!is_limit(text), "{text}");
        }
        assert!(is_limit("UNLIMITED"));
        for text in ["0", "0:00", "0-0"] {
            assert!(is_limit(text) && seconds(text).is_none(), "{text} has no bound");
        }
    }
}
