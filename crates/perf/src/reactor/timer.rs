//! A timer that wakes an epoll to the microsecond, which the timeout of `epoll_wait` cannot: that one counts in
//! milliseconds.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

const NANOS_PER_S: u64 = 1_000_000_000;

/// A timer that can be waited for like a socket. It is readable from its moment on until it is set again.
#[derive(Debug)]
pub(super) struct Timer {
    fd: OwnedFd,
    /// The moment it is set to; `None` when it is off.
    moment_ns: Option<u64>,
}

impl Timer {
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self { fd: timerfd_create(TimerfdClockId::Monotonic, flags)?, moment_ns: None })
    }

    /// Sets it to a moment on the clock of [`crate::clock`], or off.
    pub(super) fn set(&mut self, moment_ns: Option<u64>) -> io::Result<()> {
        if self.moment_ns == moment_ns {
            return Ok(());
        }
        // A moment of 0 would mean "off".
        let value = timespec(moment_ns.map_or(0, |moment_ns| moment_ns.max(1)));
        let once = Itimerspec { it_interval: timespec(0), it_value: value };
        timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &once)?;
        self.moment_ns = moment_ns;
        Ok(())
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn timespec(nanos: u64) -> Timespec {
    let part = |part: u64| i64::try_from(part).expect("a 64-bit clock in seconds has 35 bits");
    Timespec { tv_sec: part(nanos / NANOS_PER_S), tv_nsec: part(nanos % NANOS_PER_S) }
}
