//! How much memory the process may take.

use std::fs;

/// Where a control group of its own says what a process may have, in containers and in services.
const GROUP_LIMIT: &str = "/sys/fs/cgroup/memory.max";

/// The machine's memory in bytes, or that of the process's control group if it is less.
pub(crate) fn memory_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    let machine = u128::from(info.totalram) * u128::from(info.mem_unit);
    let machine = u64::try_from(machine).unwrap_or(u64::MAX);
    let group = fs::read_to_string(GROUP_LIMIT).ok().and_then(|text| group_bytes(&text));
    group.map_or(machine, |group| group.min(machine))
}

/// A number, or `max` for none.
fn group_bytes(text: &str) -> Option<u64> {
    text.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_group_has_a_limit_or_none() {
        assert_eq!(group_bytes("536870912\n"), Some(512 << 20));
        assert_eq!(group_bytes("max\n"), None);
    }
}
