//! Signs of life, and how long to wait for them.
//!
//! With an interval of T seconds: a side that has sent nothing for T/2 sends a heartbeat; a side that has heard
//! nothing for two whole intervals takes the other for dead and drops the connection without a word. RabbitMQ looks
//! once per interval (`rabbit_heartbeat.erl`), so that it gives up after two to three; we give the third.

use stdx::Time;

/// How long the last words for a client may lie before it is given up.
const GONE_MS: u64 = 30_000;

/// The heartbeat of one connection.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    interval_ms: u64,
    heard: Time,
    spoke: Time,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Speak,
    PeerIsDead,
}

impl Heartbeat {
    pub(crate) const fn new(now: Time) -> Self {
        Self { interval_ms: 0, heard: now, spoke: now }
    }

    /// The interval is agreed on; 0 for none.
    pub(crate) fn start(&mut self, interval_s: u16, now: Time) {
        *self = Self { interval_ms: u64::from(interval_s) * 1_000, heard: now, spoke: now };
    }

    pub(crate) const fn heard(&mut self, now: Time) {
        self.heard = now;
    }

    pub(crate) const fn spoke(&mut self, now: Time) {
        self.spoke = now;
    }

    /// Whether the peer has been silent for too long.
    pub(crate) fn is_overdue(&self, now: Time) -> bool {
        self.due(now) == Due::PeerIsDead
    }

    pub(crate) const fn interval_s(&self) -> u64 {
        self.interval_ms / 1_000
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        let speak = self.spoke.plus_millis(self.interval_ms / 2);
        (self.interval_ms > 0).then(|| speak.min(self.give_up()))
    }

    pub(crate) fn due(&self, now: Time) -> Due {
        if self.interval_ms == 0 {
            Due::Nothing
        } else if now >= self.give_up() {
            Due::PeerIsDead
        } else if now >= self.spoke.plus_millis(self.interval_ms / 2) {
            Due::Speak
        } else {
            Due::Nothing
        }
    }

    /// When a client that takes nothing any more is left to itself, whether heartbeats were agreed on or not.
    pub(crate) fn gone(&self) -> Time {
        self.heard.max(self.spoke).plus_millis(GONE_MS)
    }

    const fn give_up(&self) -> Time {
        self.heard.plus_millis(self.interval_ms * 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_peer_is_dead_after_three_intervals() {
        let mut heartbeat = Heartbeat::new(Time::ZERO);
        heartbeat.start(10, Time::ZERO);
        assert_eq!(heartbeat.due(Time::from_millis(4_999)), Due::Nothing);
        assert_eq!(heartbeat.due(Time::from_millis(5_000)), Due::Speak);
        heartbeat.spoke(Time::from_millis(29_000));
        assert_eq!(heartbeat.due(Time::from_millis(29_999)), Due::Nothing);
        assert_eq!(heartbeat.due(Time::from_millis(30_000)), Due::PeerIsDead);
    }

    #[test]
    fn an_interval_of_zero_means_none() {
        let heartbeat = Heartbeat::new(Time::ZERO);
        assert_eq!(heartbeat.deadline(), None);
        assert_eq!(heartbeat.due(Time::from_millis(1 << 40)), Due::Nothing);
    }
}
