//! Where and when it was measured.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The machine, as far as it matters to figures.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Machine {
    /// `2026-11-26`, UTC.
    pub(super) date: String,
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) memory_gib: f64,
    pub(super) kernel: String,
    /// Of the directory in which brokers keep their data.
    pub(super) filesystem: String,
    /// The load of the last minute, before the suite began: what else ran here.
    pub(super) load_before: String,
}

impl Machine {
    /// The machine that this runs on; `dir` is where the data go.
    pub(super) fn of(dir: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        Self {
            date: date(elapsed.as_secs() / 86_400),
            processor: value_of(&read("/proc/cpuinfo"), "model name")
                .unwrap_or("unknown")
                .to_owned(),
            cores: thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_gib: memory_gib(&read("/proc/meminfo")).unwrap_or_default(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            filesystem: filesystem(&read("/proc/self/mounts"), &dir)
                .unwrap_or("unknown")
                .to_owned(),
            load_before: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
        }
    }
}

/// The value of a line `name : value`.
fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

fn memory_gib(meminfo: &str) -> Option<f64> {
    let kib: f64 = value_of(meminfo, "MemTotal")?.split(' ').next()?.parse().ok()?;
    Some((kib / 1_048_576.0).round())
}

/// The type of the file system that holds `dir`: of the mount with the longest path above it, and the last of those.
fn filesystem<'a>(mounts: &'a str, dir: &Path) -> Option<&'a str> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut columns = line.split(' ').skip(1);
            Some((columns.next()?, columns.next()?))
        })
        .filter(|(point, _)| dir.starts_with(point))
        .max_by_key(|(point, _)| point.len())
        .map(|(_, kind)| kind)
}

/// Days since 1970 as a date of the Gregorian calendar.
fn date(days: u64) -> String {
    // Counted from the first of March of the year 0, so that a leap day is the last of its year.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        let dates = [0, 59, 789, 11_016, 20_783].map(date);
        assert_eq!(dates, ["1970-01-01", "1970-03-01", "1972-02-29", "2000-02-29", "2026-11-26"]);
    }

    #[test]
    fn the_nearest_mount_holds_the_directory() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmporary xfs rw 0 0\n";
        assert_eq!(filesystem(mounts, Path::new("/tmp/x")), Some("tmpfs"));
        assert_eq!(filesystem(mounts, Path::new("/var")), Some("ext4"));
    }

    #[test]
    fn what_the_kernel_tells_is_understood() {
        let text = "processor\t: 0\nmodel name\t: A B (C)\nMemTotal:       25165824 kB\n";
        assert_eq!(value_of(text, "model name"), Some("A B (C)"));
        assert_eq!(memory_gib(text), Some(24.0));
    }
}
