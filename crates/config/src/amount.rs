//! How much memory or disk: in bytes, or as a share of the machine's memory.

/// The most digits behind the point of a share.
const SHARE_DECIMALS_MAX: usize = 6;
const MILLION: u64 = 1_000_000;
/// The largest share in whole times of the machine's memory.
const SHARE_TIMES_MAX: u64 = 1_000;

/// An amount of memory or disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many bytes.
    Bytes(u64),
    /// So many millionths of the machine's memory.
    OfMemory {
        /// A million for all of it.
        millionths: u64,
    },
}

impl Amount {
    pub(crate) const EXPECTED_BYTES: &'static str = "bytes, for example 2GB, 512MiB or 1000000000";
    pub(crate) const EXPECTED_SHARE: &'static str = "a share of the memory, for example 0.6";

    /// The amount in bytes on a machine with `memory_bytes` of memory.
    pub fn bytes(self, memory_bytes: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::OfMemory { millionths } => {
                let bytes = u128::from(memory_bytes) * u128::from(millionths) / u128::from(MILLION);
                u64::try_from(bytes).unwrap_or(u64::MAX)
            }
        }
    }

    /// Reads `1000`, `50MB`, `2GiB`. A unit counts by thousands, one with an `i` by 1024, as RabbitMQ 4.3 has it
    /// (`rabbit_resource_monitor_misc.erl`), which knows some of them in one spelling only.
    pub(crate) fn parse_bytes(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.to_ascii_lowercase();
        let (base, power): (u64, u32) = match unit.as_str() {
            "" => (1, 0),
            unit => {
                let power = "kmgtp".find(unit.chars().next()?)? as u32 + 1;
                match &unit[1..] {
                    "" | "b" => (1_000, power),
                    "i" | "ib" => (1_024, power),
                    _ => return None,
                }
            }
        };
        number.parse::<u64>().ok()?.checked_mul(base.checked_pow(power)?).map(Self::Bytes)
    }

    /// Reads `0.6` or `2`.
    pub(crate) fn parse_share(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) || decimals.len() > SHARE_DECIMALS_MAX {
            return None;
        }
        let whole = whole.parse::<u64>().ok().filter(|&whole| whole <= SHARE_TIMES_MAX)?;
        let millionths = format!("{decimals:0<SHARE_DECIMALS_MAX$}").parse::<u64>().ok()?;
        Some(Self::OfMemory { millionths: whole * MILLION + millionths })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_count_by_thousands_and_those_with_an_i_by_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("50000000", 50_000_000),
            ("50MB", 50_000_000),
            ("1k", 1_000),
            ("1kB", 1_000),
            ("1ki", 1_024),
            ("1KiB", 1_024),
            ("3MiB", 3 << 20),
            ("1Gi", 1 << 30),
            ("2g", 2_000_000_000),
            ("1TB", 1_000_000_000_000),
            ("1PiB", 1 << 50),
        ] {
            assert_eq!(Amount::parse_bytes(text), Some(Amount::Bytes(bytes)), "{text}");
        }
        for text in ["", "x", "1.5GB", "1 GB", "-1", "1e3", "1b", "GB", "1GBs", "1ü", "99999999PB"]
        {
            assert_eq!(Amount::parse_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn a_share_is_of_the_memory() {
        let bytes = |text| Amount::parse_share(text).map(|amount| amount.bytes(1_000_000_000));
        assert_eq!(bytes("0.6"), Some(600_000_000));
        assert_eq!(bytes("2.0"), Some(2_000_000_000));
        assert_eq!(bytes("0"), Some(0));
        assert_eq!(bytes("0.000001"), Some(1_000));
        for text in ["", ".5", "1.", "-1", "0.6x", "1001", "0.0000001", "60%"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
