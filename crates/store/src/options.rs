//! Sizes and delays of a store. The defaults are for disks of today; tests make them small.

/// Sizes and delays of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length of a journal file.
    pub journal_file_bytes: u32,
    /// How many full journal files are kept before the oldest one is retired into segments.
    pub journal_files_max: usize,
    /// How many retired journal files are kept for reuse.
    pub spare_files_max: usize,
    /// How far ahead of its tail a fresh journal file is filled with zeros.
    pub fill_step_bytes: u32,
    /// Length at which a segment is full. One message larger than this still gets a segment, alone.
    pub segment_bytes: u32,
    /// Longest run of a file that is read in one call, unless one message is longer.
    pub read_run_bytes: u32,
    /// How long a record that nobody awaits may stay in memory.
    pub write_delay_ms: u64,
    /// Bytes of such records that are written without waiting.
    pub write_bytes: usize,
    /// How long a record that nobody awaits may stay unsynced.
    pub sync_delay_ms: u64,
    /// Bytes of such records that are synced without waiting.
    pub sync_bytes: usize,
    /// Bytes of notes after which a snapshot is wanted.
    pub snapshot_note_bytes: usize,
    /// Memory for the tables of segments that are being read.
    pub table_bytes_max: usize,
    /// How often the store looks for segments of which little is live, and, if nothing was stored since, empties its
    /// journal into segments.
    pub sweep_delay_ms: u64,
    /// How long to wait before what found the disk full is tried again.
    pub retry_delay_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            journal_file_bytes: 64 << 20,
            journal_files_max: 4,
            spare_files_max: 3,
            fill_step_bytes: 2 << 20,
            segment_bytes: 16 << 20,
            read_run_bytes: 1 << 20,
            write_delay_ms: 5,
            write_bytes: 256 << 10,
            sync_delay_ms: 200,
            sync_bytes: 4 << 20,
            snapshot_note_bytes: 1 << 20,
            table_bytes_max: 32 << 20,
            sweep_delay_ms: 15_000,
            retry_delay_ms: 500,
        }
    }
}
