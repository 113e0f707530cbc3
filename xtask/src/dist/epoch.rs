//! The time that everything which is packed bears: that of the last change, so that packing again gives the same bytes.

use std::env;
use std::path::Path;
use std::process::Command;

/// What <https://reproducible-builds.org/specs/source-date-epoch/> says.
const VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// Seconds since 1970: what `SOURCE_DATE_EPOCH` says, or else the time of the last commit.
///
/// # Errors
/// The variable is no number, or is missing where there is no repository.
pub(super) fn seconds(root: &Path) -> Result<u64, String> {
    if let Ok(text) = env::var(VARIABLE) {
        return text.parse().map_err(|_| format!("{VARIABLE}={text} is no number of seconds"));
    }
    let output = Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(root).output();
    output
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok()?.trim().parse().ok())
        .ok_or_else(|| {
            format!("this is no git repository: set {VARIABLE} to the time of the release")
        })
}

/// As RFC 3339 writes it, in UTC. After Howard Hinnant's description of the Gregorian calendar in days since 1970.
pub(super) fn rfc3339(seconds: u64) -> String {
    const ERA_DAYS: u64 = 146_097;
    // Years begin in March, so that the day that some of them lack is their last.
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_a_date() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), date);
        }
    }
}
