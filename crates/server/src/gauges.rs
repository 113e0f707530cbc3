//! What the machine says of the process, for those who watch it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use management::{Certificate, DiskUse, Machine, Readings};

use crate::clock::Clock;
use crate::data_dir::DataDir;
use crate::descriptors::Shares;
use crate::disk_meter::DiskMeters;
use crate::free_space::free_bytes;
use crate::steward::Bounds;
use crate::tls::Certificates;

/// The process as the kernel shows it to itself.
const OPEN_FILES: &str = "/proc/self/fd";
const MEMORY: &str = "/proc/self/status";

/// Reads the machine.
#[derive(Debug)]
pub(crate) struct Gauges {
    dir: PathBuf,
    open_files_max: u64,
    bounds: Arc<Bounds>,
    certificates: Vec<Arc<Certificates>>,
    disks: DiskMeters,
}

impl Gauges {
    /// Gauges of a process that keeps its data in a directory.
    pub(crate) fn new(
        data_dir: &DataDir,
        shares: Shares,
        bounds: Arc<Bounds>,
        certificates: Vec<Arc<Certificates>>,
        disks: DiskMeters,
    ) -> Self {
        let open_files_max = shares.limit as u64;
        let dir = data_dir.path().to_owned();
        Self { dir, open_files_max, bounds, certificates, disks }
    }
}

impl Machine for Gauges {
    fn readings(&self) -> Readings {
        Readings {
            now_ms: Clock::wall_ms(),
            open_files: open_files(),
            open_files_max: self.open_files_max,
            resident_bytes: resident_bytes(),
            memory_limit_bytes: self.bounds.memory(),
            disk_free_bytes: free_bytes(&self.dir).unwrap_or_default(),
            disk_free_limit_bytes: self.bounds.disk_free(),
        }
    }

    fn disk_uses(&self) -> Vec<DiskUse> {
        self.disks.read().to_vec()
    }

    fn certificates(&self) -> Vec<Certificate> {
        let all = self.certificates.iter().flat_map(|group| group.certificates());
        all.map(|found| Certificate {
            options: found.options,
            file: found.file,
            subject: found.subject,
            not_before_s: found.not_before_s,
            not_after_s: found.not_after_s,
            is_authority: found.is_authority,
        })
        .collect()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        fill_random(bytes);
    }
}

/// Fills bytes from the system's source.
fn fill_random(mut bytes: &mut [u8]) {
    while !bytes.is_empty() {
        let filled = rustix::rand::getrandom(&mut *bytes, rustix::rand::GetRandomFlags::empty());
        let filled = filled.expect("the system gave random numbers when the process started");
        bytes = &mut bytes[filled..];
    }
}

/// How many descriptors are open; the one that is used to count them is not among them.
fn open_files() -> u64 {
    fs::read_dir(OPEN_FILES).map_or(0, |entries| (entries.count() as u64).saturating_sub(1))
}

fn resident_bytes() -> u64 {
    let text = fs::read_to_string(MEMORY).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_descriptors() {
        assert!(resident_bytes() > 100_000);
        let before = open_files();
        let file = fs::File::open(MEMORY).expect("the kernel shows it");
        assert!(before >= 1 && open_files() >= 1);
        drop(file);
    }
}
