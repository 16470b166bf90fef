//! Figures for people.

/// An amount of bytes.
pub(crate) fn size(bytes: f64) -> String {
    let mut value = bytes;
    let mut units = ["B", "KiB", "MiB", "GiB", "TiB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if value < 1000.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    if unit == "B" || value >= 100.0 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// A length of time, given in nanoseconds, in three digits or so.
pub(crate) fn time(nanoseconds: u64) -> String {
    let (value, unit) = match nanoseconds {
        0..1_000_000 => (nanoseconds as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (nanoseconds as f64 / 1e6, "ms"),
        _ => (nanoseconds as f64 / 1e9, "s"),
    };
    match value {
        ..10.0 => format!("{value:.2} {unit}"),
        ..100.0 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// A number of things.
pub(crate) fn many(number: u64, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0.0, "0 B"),
            (999.0, "999 B"),
            (1000.0, "1.0 KiB"),
            (1536.0, "1.5 KiB"),
            (123.0 * 1024.0, "123 KiB"),
            (5.25 * 1024.0 * 1024.0, "5.2 MiB"),
            (3e9, "2.8 GiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn times_have_their_unit() {
        for (nanoseconds, text) in [
            (0, "0.00 µs"),
            (1_500, "1.50 µs"),
            (99_940, "99.9 µs"),
            (999_499, "999 µs"),
            (1_000_000, "1.00 ms"),
            (12_345_678, "12.3 ms"),
            (1_000_000_000, "1.00 s"),
            (61_000_000_000, "61.0 s"),
        ] {
            assert_eq!(time(nanoseconds), text);
        }
    }
}
