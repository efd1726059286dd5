//! Durations as people write them: `90`, `90s`, `5m`, `1h30m`.

use std::time::Duration;

/// The units in the order in which they may follow each other, with their seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// The longest duration that is read: a hundred years. No clock here overflows with it.
pub(crate) const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Reads a duration; a bare number is seconds. A longer one becomes [`LONGEST`]. `None` if the text is no duration.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    exact(text).map(|duration| duration.min(LONGEST))
}

fn exact(text: &str) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    let (mut rest, mut seconds, mut next_unit) = (text, 0_u64, 0);
    while !rest.is_empty() {
        let digits = rest.find(|symbol: char| !symbol.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        let symbol = rest[digits..].chars().next()?;
        let unit = next_unit + UNITS[next_unit..].iter().position(|(name, _)| *name == symbol)?;
        seconds = seconds.checked_add(count.checked_mul(UNITS[unit].1)?)?;
        next_unit = unit + 1;
        rest = &rest[digits + symbol.len_utf8()..];
    }
    (!text.is_empty()).then_some(Duration::from_secs(seconds))
}

/// Shows a duration with its two largest units: `2h10m`, `45s`.
pub(crate) fn show(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    let mut shown = String::new();
    let mut parts = 0;
    for (name, seconds) in UNITS {
        if rest >= seconds && parts < 2 {
            shown.push_str(&format!("{}{name}", rest / seconds));
            rest %= seconds;
            parts += 1;
        }
    }
    if shown.is_empty() { "0s".to_owned() } else { shown }
}

/// Writes a duration so that it is read back exactly, in whole seconds.
#[cfg(any(test, feature = "cli"))]
pub(crate) fn write(duration: Duration) -> String {
    let shown = show(duration);
    if exact(&shown) == Some(Duration::from_secs(duration.as_secs())) {
        shown
    } else {
        format!("{}s", duration.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_documented_form_is_read() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5_400), ("0", 0), ("2d", 172_800)] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "s", "-1", "1.5h", "5 m", "30m1h", "1m1m", "1é", "99999999999999999999", "18446744073709551615d"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,12}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_written_is_read_back(seconds in any::<u64>()) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(exact(&write(duration)), Some(duration));
            prop_assert_eq!(parse(&write(duration)), Some(duration.min(LONGEST)));
        }
    }
}
