//! What the operating system tells about a process: its processor time and its memory, from `/proc`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;

use rustix::param::clock_ticks_per_second;

/// A process that is watched.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    folder: String,
}

impl Process {
    pub(crate) fn with_pid(pid: u32) -> Self {
        Self { folder: format!("/proc/{pid}") }
    }

    /// The tool itself.
    pub(crate) fn own() -> Self {
        Self { folder: "/proc/self".to_owned() }
    }

    /// User and system time of all threads since the process began, in seconds; `None` when it is gone.
    pub(crate) fn cpu_s(&self) -> Option<f64> {
        let stat = fs::read_to_string(format!("{}/stat", self.folder)).ok()?;
        #[expect(clippy::cast_precision_loss, reason = "a second has at most some thousand ticks")]
        let (ticks, per_second) = (cpu_ticks(&stat)? as f64, clock_ticks_per_second() as f64);
        Some(ticks / per_second)
    }

    /// Its resident memory; `None` when it is gone.
    pub(crate) fn memory(&self) -> Option<Memory> {
        let status = fs::read_to_string(format!("{}/status", self.folder)).ok()?;
        memory(&status)
    }
}

/// Resident memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) resident_kib: u64,
    /// The most that it ever was.
    pub(crate) peak_kib: u64,
}

/// The processor time of the tool's own threads at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Threads {
    /// By thread, in ticks.
    ticks: BTreeMap<OsString, u64>,
}

impl Threads {
    pub(crate) fn now() -> Self {
        let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let ticks = tasks.filter_map(|task| {
            let stat = fs::read_to_string(task.path().join("stat")).ok()?;
            Some((task.file_name(), cpu_ticks(&stat)?))
        });
        Self { ticks: ticks.collect() }
    }

    /// The part of a core that the busiest thread has used since this moment, `span_s` seconds ago.
    pub(crate) fn busiest_since(&self, span_s: f64) -> f64 {
        let busiest = self.busiest_until(&Self::now());
        #[expect(clippy::cast_precision_loss, reason = "a second has at most some thousand ticks")]
        let (busiest, per_second) = (busiest as f64, clock_ticks_per_second() as f64);
        if span_s > 0.0 { busiest / per_second / span_s } else { 0.0 }
    }

    /// The most ticks that a thread used from one moment to another.
    fn busiest_until(&self, later: &Self) -> u64 {
        let used = later.ticks.iter().map(|(thread, &ticks)| {
            ticks.saturating_sub(self.ticks.get(thread).copied().unwrap_or_default())
        });
        used.max().unwrap_or_default()
    }
}

/// Columns 14 and 15 of `/proc/PID/stat`, see proc_pid_stat(5). The second is the program's name in parentheses, which
/// may hold anything, parentheses and spaces included; so we count from the last one.
fn cpu_ticks(stat: &str) -> Option<u64> {
    /// The columns from state (3) to the one before utime (14).
    const COLUMNS_BETWEEN: usize = 11;
    let (_, columns) = stat.rsplit_once(')')?;
    let mut columns = columns.split_ascii_whitespace().skip(COLUMNS_BETWEEN);
    let user: u64 = columns.next()?.parse().ok()?;
    let system: u64 = columns.next()?.parse().ok()?;
    user.checked_add(system)
}

/// Two lines of `/proc/PID/status`, see proc_pid_status(5).
fn memory(status: &str) -> Option<Memory> {
    let kib_of = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    Some(Memory { resident_kib: kib_of("VmRSS:")?, peak_kib: kib_of("VmHWM:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "42 (a b) c) (d) S 1 42 42 0 -1 4194560 1 0 0 0 250 50 7 8 20 0 3 0 100 1 1 1";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("42 (x) S 1"), None);
    }

    #[test]
    fn the_busiest_thread_is_the_one_that_used_most_since() {
        let threads = |ticks: &[(&str, u64)]| Threads {
            ticks: ticks.iter().map(|&(thread, ticks)| (thread.into(), ticks)).collect(),
        };
        let before = threads(&[("1", 100), ("2", 7)]);
        assert_eq!(before.busiest_until(&threads(&[("1", 103), ("2", 12), ("3", 4)])), 5);
        assert_eq!(before.busiest_until(&threads(&[])), 0);
        assert!(!Threads::now().ticks.is_empty());
    }

    #[test]
    fn memory_is_what_it_is_and_what_it_was_at_most() {
        let status = "Name:\tx\nVmPeak:\t  999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(memory(status), Some(Memory { resident_kib: 1024, peak_kib: 2048 }));
        assert_eq!(memory("Name:\tkernel thread\n"), None);
    }

    #[test]
    fn the_tool_itself_can_be_watched() {
        assert!(Process::own().cpu_s().is_some());
        assert!(Process::own().memory().is_some_and(|memory| memory.resident_kib > 0));
    }
}
