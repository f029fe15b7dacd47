//! ISO 8601 durations, as delivery specs write them: `PT0.5S`, `PT2M`, `P1DT1H`.

use std::time::Duration;

/// Reads a duration of weeks, days, hours, minutes and seconds; `None` for anything else (months and years have no
/// fixed length).
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('P')?;
    let (date, time) = match text.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None if text.is_empty() => return None,
        None => (text, ""),
    };
    let seconds = sum(date, &[('W', 604_800.0), ('D', 86_400.0)])?
        + sum(time, &[('H', 3_600.0), ('M', 60.0), ('S', 1.0)])?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The sum of `<number><unit>` parts, whose units must come in the given order.
fn sum(mut text: &str, units: &[(char, f64)]) -> Option<f64> {
    let mut seconds = 0.0;
    for (unit, length) in units {
        if let Some((number, rest)) = text.split_once(*unit) {
            if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit() || c == '.') {
                return None;
            }
            seconds += number.parse::<f64>().ok()? * length;
            text = rest;
        }
    }
    text.is_empty().then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_delivery_specs_write() {
        for (text, milliseconds) in [
            ("PT0.5S", 500),
            ("PT2M", 120_000),
            ("PT1H1M1S", 3_661_000),
            ("P1DT1H", 90_000_000),
            ("P1W", 604_800_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "", "P", "PT", "5s", "0.5", "PT5", "P5S", "PT1S1M", "PT-1S", "P1M", "P1Y", "PTS", "pt1s",
            "PT1.2.3S",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
