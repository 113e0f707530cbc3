//! The part of a run that the figures are about.
//!
//! ```text
//!   start        warm-up over                                     end
//!     │               │ ◀───────────── measured ──────────────────▶ │
//!     ▼               ▼ Mark                                   Mark ▼
//!   ──┴───────────────┴─────────────────────────────────────────────┴──▶
//! ```

use crate::clock::now_ns;
use crate::ledger::Sum;
use crate::process::Process;

/// Everything that grows, at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) at_ns: u64,
    pub(crate) sum: Sum,
    /// The broker's processor time in seconds; `None` when it is not watched, or gone.
    pub(crate) broker_cpu_s: Option<f64>,
    /// The tool's own.
    pub(crate) tool_cpu_s: f64,
}

/// The processes that a run watches.
#[derive(Debug)]
pub(crate) struct Watch {
    broker: Option<Process>,
    tool: Process,
    /// The broker's peak before the run.
    earlier_peak_kib: u64,
    /// The most seen in the run.
    peak_kib: u64,
}

impl Watch {
    /// # Errors
    /// There is no such process, or it does not show its memory.
    pub(crate) fn new(pid: Option<u32>) -> Result<Self, String> {
        let broker = pid.map(Process::with_pid);
        let mut earlier_peak_kib = 0;
        if let Some(process) = &broker {
            let memory = process.memory().ok_or("--pid names no running process")?;
            earlier_peak_kib = memory.peak_kib;
        }
        Ok(Self { broker, tool: Process::own(), earlier_peak_kib, peak_kib: 0 })
    }

    /// Looks at the broker's memory.
    pub(crate) fn look(&mut self) {
        if let Some(memory) = self.broker.as_ref().and_then(Process::memory) {
            // The kernel's own peak misses nothing between two looks, but knows no run.
            let is_higher = memory.peak_kib > self.earlier_peak_kib;
            let seen_kib = if is_higher { memory.peak_kib } else { memory.resident_kib };
            self.peak_kib = self.peak_kib.max(seen_kib);
        }
    }

    /// The most memory that the broker had in the run; `None` when it is not watched.
    pub(crate) fn peak_kib(&self) -> Option<u64> {
        self.broker.as_ref().map(|_| self.peak_kib)
    }

    /// The memory that the broker has now; `None` when it is not watched, or gone.
    pub(crate) fn resident_kib(&self) -> Option<u64> {
        Some(self.broker.as_ref()?.memory()?.resident_kib)
    }

    /// Writes down everything that grows.
    pub(crate) fn mark(&self, sum: Sum) -> Mark {
        Mark {
            at_ns: now_ns(),
            sum,
            broker_cpu_s: self.broker.as_ref().and_then(Process::cpu_s),
            tool_cpu_s: self.tool.cpu_s().unwrap_or_default(),
        }
    }
}
