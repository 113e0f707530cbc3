//! What a bare number counts.

/// The unit of a number. With one, RabbitMQ's suffixes are understood: `64MB`, `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    None,
    Bytes,
    Milliseconds,
    Seconds,
}

/// The suffixes of times, longer ones first, in milliseconds.
const TIMES: [(&str, u64); 7] = [
    ("ms", 1),
    ("f", 1_209_600_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
];

impl Unit {
    /// How messages say it, behind the range.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Bytes => " (bytes, or with a unit like 64MB)",
            Self::Milliseconds => " (milliseconds, or with a unit like 30s)",
            Self::Seconds => " (seconds, or with a unit like 5m)",
        }
    }

    /// Reads digits, perhaps with a sign as in RabbitMQ, and what the unit understands.
    pub(crate) fn parse(self, text: &str) -> Option<u64> {
        if let Ok(number) = text.parse() {
            return Some(number);
        }
        match self {
            Self::None => None,
            Self::Bytes => match crate::Amount::parse_bytes(text)? {
                crate::Amount::Bytes(bytes) => Some(bytes),
                crate::Amount::OfMemory { .. } => None,
            },
            Self::Milliseconds => parse_time_ms(text),
            // A part of a second is rounded up: 0 often means "never".
            Self::Seconds => parse_time_ms(text).map(|ms| ms.div_ceil(1_000)),
        }
    }
}

/// Reads `1h30m`, `500ms`: whole numbers with a unit each.
fn parse_time_ms(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut sum_ms = 0_u64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..end].parse().ok()?;
        let (suffix, factor) = TIMES.iter().find(|(suffix, _)| rest[end..].starts_with(suffix))?;
        sum_ms = sum_ms.checked_add(number.checked_mul(*factor)?)?;
        rest = &rest[end + suffix.len()..];
    }
    (!text.is_empty()).then_some(sum_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units() {
        for (unit, text, number) in [
            (Unit::None, "17", Some(17)),
            (Unit::None, "17s", None),
            (Unit::Milliseconds, "17", Some(17)),
            (Unit::Milliseconds, "17s", Some(17_000)),
            (Unit::Milliseconds, "1h30m", Some(5_400_000)),
            (Unit::Milliseconds, "1m500ms", Some(60_500)),
            (Unit::Milliseconds, "1f", Some(1_209_600_000)),
            (Unit::Milliseconds, "s", None),
            (Unit::Milliseconds, "1h30", None),
            (Unit::Milliseconds, "", None),
            (Unit::Milliseconds, "99999999999999999999d", None),
            (Unit::Seconds, "5m", Some(300)),
            (Unit::Seconds, "1ms", Some(1)),
            (Unit::Bytes, "64MB", Some(64_000_000)),
            (Unit::Bytes, "64MiB", Some(64 << 20)),
            (Unit::Bytes, "0.4", None),
        ] {
            assert_eq!(unit.parse(text), number, "{unit:?} {text}");
        }
    }
}
