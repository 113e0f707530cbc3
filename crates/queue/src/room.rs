//! How much memory a queue may use.

/// How much memory a queue may use, and how much one call may read. Sizes are in bytes, and count what it takes to
/// hold a message besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Stored messages that wait in memory, ahead of demand. Those above stay on disk until the others are taken.
    pub window_bytes: usize,
    /// Stored messages that consumers have. Those above are read again if they come back.
    pub unsettled_bytes: usize,
    /// How many deliveries may be unsettled before consumers have to wait. Each costs memory, wherever its message is.
    pub unsettled_count: usize,
    /// Messages that are in memory only. Above this, [`Queue::wants_store`](crate::Queue::wants_store) asks for others to be
    /// stored.
    pub unstored_bytes: usize,
    /// Stored messages that wait for their time in memory. Those that are due later stay on disk until there is room.
    pub scheduled_bytes: usize,
}

/// One read asks for this much at most.
const READ_BYTES_MAX: usize = 1024 * 1024;
/// One read asks for this much at least: a call of the disk costs as much.
pub(crate) const READ_BYTES_MIN: usize = 64 * 1024;

impl Room {
    /// What a queue may use while there is enough for all.
    pub const AMPLE: Self = Self {
        window_bytes: 4 * 1024 * 1024,
        unsettled_bytes: 4 * 1024 * 1024,
        unsettled_count: 8 * 1024 * 1024,
        unstored_bytes: usize::MAX,
        scheduled_bytes: 64 * 1024 * 1024,
    };

    /// What one of so many lanes may use.
    pub(crate) fn share(&self, lane_count: usize) -> Self {
        let least_bytes = READ_BYTES_MIN.min(self.window_bytes);
        Self { window_bytes: (self.window_bytes / lane_count).max(least_bytes), ..*self }
    }

    /// How much one read asks for.
    pub(crate) fn read_bytes(&self) -> usize {
        (self.window_bytes / 4).clamp(READ_BYTES_MIN, READ_BYTES_MAX)
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::AMPLE
    }
}
