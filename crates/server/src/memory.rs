//! How much memory the process may take.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the control groups of the machine are, or, in a container, those that it sees.
const GROUPS: &str = "/sys/fs/cgroup";
/// Which of them is this process's.
const OWN_GROUP: &str = "/proc/self/cgroup";

/// The machine's memory in bytes, or that of the process's control group if it is less: containers and services may have
/// less than the machine.
pub(crate) fn memory_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    let machine = u128::from(info.totalram) * u128::from(info.mem_unit);
    let machine = u64::try_from(machine).unwrap_or(u64::MAX);
    let limits = groups(&fs::read_to_string(OWN_GROUP).unwrap_or_default());
    let limits = limits.iter().filter_map(|file| group_bytes(&fs::read_to_string(file).ok()?));
    limits.fold(machine, u64::min)
}

/// The files with the limits of a process's control group and of all around it, each of which holds. `own` is what the
/// system says of its groups; of the lines, that of version 2 begins with `0::`.
fn groups(own: &str) -> Vec<PathBuf> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
    let group = Path::new(GROUPS).join(path.trim_start_matches('/'));
    let within = group.ancestors().take_while(|folder| folder.starts_with(GROUPS));
    within.map(|folder| folder.join("memory.max")).collect()
}

/// A number, or `max` for none.
fn group_bytes(text: &str) -> Option<u64> {
    text.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_around_a_service_count_too() {
        let files = groups("1:name=systemd:/x\n0::/system.slice/leveret.service\n");
        let wanted = [
            "/sys/fs/cgroup/system.slice/leveret.service/memory.max",
            "/sys/fs/cgroup/system.slice/memory.max",
            "/sys/fs/cgroup/memory.max",
        ];
        assert_eq!(files, wanted.map(PathBuf::from));
        // A container takes its own for the outermost one.
        assert_eq!(groups("0::/\n"), [PathBuf::from("/sys/fs/cgroup/memory.max")]);
        assert_eq!(groups(""), [PathBuf::from("/sys/fs/cgroup/memory.max")]);
    }

    #[test]
    fn a_control_group_has_a_limit_or_none() {
        assert_eq!(group_bytes("536870912\n"), Some(512 << 20));
        assert_eq!(group_bytes("max\n"), None);
    }
}
