//! Numbers as panes show them: few digits and a fixed width, so that a cell changes when its text does.

use std::time::Duration;

/// A probability in five cells.
#[must_use]
pub fn probability(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value >= 0.0005 || value == 0.0 {
        format!("{value:.3}")
    } else if value >= 1e-9 {
        format!("{value:.0e}")
    } else {
        "<1e-9".to_owned()
    }
}

/// A number with its sign in six cells.
#[must_use]
pub fn signed(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    // No minus sign before a zero.
    format!("{:+.3}", if value.abs() < 0.0005 { 0.0 } else { value })
}

/// A positive ratio or a loss in about six cells.
#[must_use]
pub fn ratio(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        format!("{value}")
    } else if size == 0.0 {
        "0".to_owned()
    } else if !(1e-4..1e4).contains(&size) {
        format!("{value:.1e}")
    } else if size >= 100.0 {
        format!("{value:.1}")
    } else if size >= 1.0 {
        format!("{value:.3}")
    } else {
        format!("{value:.4}")
    }
}

/// Bytes with a unit.
#[must_use]
pub fn bytes(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let count = count as f64;
    let (divisor, unit) = match count {
        _ if count < 1024.0 * 1024.0 => (1024.0, "KiB"),
        _ if count < 1024.0 * 1024.0 * 1024.0 => (1024.0 * 1024.0, "MiB"),
        _ => (1024.0 * 1024.0 * 1024.0, "GiB"),
    };
    let number = count / divisor;
    if number >= 100.0 { format!("{number:.0} {unit}") } else { format!("{number:.1} {unit}") }
}

/// A count with a unit: 1.55 M.
#[must_use]
pub fn count(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    let number = count as f64;
    match number {
        _ if number < 1e4 => format!("{count}"),
        _ if number < 1e6 => format!("{:.0} k", number / 1e3),
        _ if number < 1e9 => format!("{:.3} M", number / 1e6),
        _ => format!("{:.2} G", number / 1e9),
    }
}

/// A duration in whole seconds, minutes or hours.
#[must_use]
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A time that lies ahead: never nothing.
#[must_use]
pub fn ahead(time: Duration) -> String {
    if time < Duration::from_secs(1) { "<1 s".to_owned() } else { duration(time) }
}

/// Seconds as a result states them.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    match Duration::try_from_secs_f64(seconds) {
        Ok(_) if seconds < 0.995 => format!("{seconds:.2} s"),
        Ok(_) if seconds < 59.5 => format!("{seconds:.1} s"),
        Ok(time) => duration(time),
        Err(_) => "? s".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, count, duration, probability, ratio, signed};
    use std::time::Duration;

    #[test]
    fn numbers_keep_their_width() {
        for value in [0.0, 0.9734, 1.0, 0.0004, 3.2e-7, 1e-30, f64::NAN] {
            assert!(probability(value).len() <= 5, "{}", probability(value));
        }
        assert_eq!((signed(-0.0001), signed(0.71)), ("+0.000".into(), "+0.710".into()));
        assert_eq!((ratio(0.01234), ratio(1.5), ratio(1e-7)), ("0.0123".into(), "1.500".into(), "1.0e-7".into()));
        assert_eq!(ratio(f64::INFINITY), "inf");
    }

    #[test]
    fn quantities_have_units() {
        assert_eq!(
            (bytes(3 << 20), bytes(217 << 20), bytes(80 << 30)),
            ("3.0 MiB".into(), "217 MiB".into(), "80.0 GiB".into())
        );
        assert_eq!((count(812), count(1_550_000)), ("812".into(), "1.550 M".into()));
        assert_eq!(duration(Duration::from_secs(75)), "1 min 15 s");
    }
}
