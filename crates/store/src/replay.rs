//! Reading the journal of one shard back, batch by batch.
//!
//! ```text
//!   files      │ 5: batches 100.. │ 6: batches 140.. │ 7: 181.., void from 175 │
//!
//!   expect n ──► batch n is whole ───────────────► its records are applied, expect n + 1
//!      │
//!      ├──► a later file says that n is void ────► go on in that file
//!      ├──► the next file starts with n ─────────► go on there
//!      └──► batch n is bad or missing
//!             ├── a later batch calls n synced ──► damage: what validates is applied, the rest is reported
//!             └── none does ─────────────────────► torn tail: n and all behind it are void
//! ```
//!
//! The file that the next run begins says from where on batches are void, so a second recovery decides the same.

use std::collections::VecDeque;
use std::ops::Range;

use crate::batch::{BATCH_ALIGN, BATCH_HEADER_BYTES, BatchHeader};
use crate::disk::Disk;
use crate::fault::{Blame, Damage, Fault};
use crate::header::{Header, Magic};
use crate::journal::Restart;
use crate::journal_file::{JOURNAL_HEADER_PAGE, JournalFile};
use crate::options::Options;
use crate::paths;
use crate::queue_id::QueueId;
use crate::record::{Kind, RECORD_HEADER_BYTES, Record, Seal, u32_at, u64_at};
use crate::reserve::Spare;
use crate::scan::{Found, Records};
use crate::seeded::{Bug, is_seeded};
use crate::ticket::{Synced, Ticket};

/// Takes what the journal says, in order.
pub(crate) trait Apply {
    /// A record at this offset of a file.
    fn apply(&mut self, file: &Header, offset: u32, record: &Record<'_>);
    /// Whether there may be such a message; for reports only.
    fn knows(&self, queue: QueueId) -> bool;
}

/// What a journal is after it was read back.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) files: VecDeque<JournalFile>,
    pub(crate) spares: Vec<Spare>,
    pub(crate) restart: Restart,
    pub(crate) damage: Vec<Damage>,
}

/// A journal file with a good header.
#[derive(Debug)]
struct OpenFile {
    header: Header,
    path: String,
    length: u32,
}

/// What the batch headers in a stretch say.
#[derive(Clone, Copy, Debug, Default)]
struct Witness {
    synced: u64,
    number: u64,
}

impl Witness {
    fn hear(&mut self, header: &BatchHeader) {
        self.synced = self.synced.max(header.synced);
        self.number = self.number.max(header.number);
    }
}

/// Reads back the journal of one shard.
pub(crate) fn replay(
    disk: &mut dyn Disk,
    shard: usize,
    options: &Options,
    apply: &mut dyn Apply,
) -> Result<Replayed, Fault> {
    let mut walk = Walk {
        disk,
        apply,
        files: Vec::new(),
        damage: Vec::new(),
        heard: Witness::default(),
        expected: 0,
        is_cut: false,
        unwitnessed: VecDeque::new(),
    };
    let mut spares = Vec::new();
    let last_file = walk.open_files(shard, options, &mut spares)?;
    let void_from = walk.walk()?;
    // Above every number that was ever used, also in files of which only the header survived.
    let begun = walk.files.iter().map(|file| file.header.first).max().unwrap_or(0);
    let first_batch = walk.expected.max(walk.heard.number + 1).max(begun);
    walk.rewrite_unwitnessed()?;
    let unsure = walk.files.iter().filter(|_| !is_seeded(Bug::CacheTrusted));
    let paths: Vec<String> = unsure.map(|file| file.path.clone()).collect();
    let synced = Synced::after_syncing(walk.disk, &paths, Ticket::of_batch(first_batch - 1))?;
    let expected = if is_seeded(Bug::VoidForgotten) { first_batch } else { walk.expected };
    let restart = Restart {
        file: last_file + 1,
        first_batch,
        void_from: expected.max(1),
        has_void_files: void_from < walk.files.len(),
        synced,
    };
    let files = walk.files.iter().map(|f| JournalFile::sealed(&f.header, f.length)).collect();
    Ok(Replayed { files, spares, restart, damage: walk.damage })
}

struct Walk<'a> {
    disk: &'a mut dyn Disk,
    apply: &'a mut dyn Apply,
    files: Vec<OpenFile>,
    damage: Vec<Damage>,
    heard: Witness,
    /// The batch that comes next; 0 until the first file was opened.
    expected: u64,
    is_cut: bool,
    /// Where the batches lie of which no batch says that they were synced.
    unwitnessed: VecDeque<Stretch>,
}

/// A batch that was applied: its number, and where it lies.
struct Stretch {
    batch: u64,
    file: usize,
    range: Range<usize>,
}

impl Walk<'_> {
    /// Finds the files in order, removes what was not finished, and says the highest number.
    fn open_files(
        &mut self,
        shard: usize,
        options: &Options,
        spares: &mut Vec<Spare>,
    ) -> Result<u64, Fault> {
        let dir = paths::shard_dir(shard);
        let mut last_file = 0;
        for name in self.disk.list(&dir).reading(&dir)? {
            let path = format!("{dir}/{name}");
            if let Some(number) = paths::number_of(&name, ".log") {
                last_file = last_file.max(number);
                self.open_file(shard, number, path)?;
            } else if let Some((number, is_filled)) = spare_number(&name) {
                last_file = last_file.max(number);
                let length = self.disk.len(&path).reading(&path)?;
                let is_regular = length == u64::from(options.journal_file_bytes);
                if is_regular && spares.len() < options.spare_files_max {
                    spares.push(Spare { path, is_filled });
                } else {
                    self.disk.remove(&path).writing(&path)?;
                }
            } else if name.ends_with(paths::NEW) {
                self.disk.remove(&path).writing(&path)?;
            }
        }
        self.disk.sync_dir(&dir).syncing(&dir)?;
        Ok(last_file)
    }

    fn open_file(&mut self, shard: usize, number: u64, path: String) -> Result<(), Fault> {
        let length = self.disk.len(&path).reading(&path)?;
        let is_ours = |header: &Header| header.owner == shard as u64 && header.number == number;
        let found = Header::find(self.disk, &path, length, Magic::Journal, is_ours)?;
        let reason = match (&found, u32::try_from(length)) {
            (Some((header, is_copy)), Ok(length)) => {
                let header = *header;
                self.files.push(OpenFile { header, path: path.clone(), length });
                is_copy.then_some("the first header of a journal file does not match its checksum")
            }
            _ => Some("both headers of a journal file do not match their checksums"),
        };
        if let Some(reason) = reason {
            self.damage.push(Damage { path, messages: None, reason: reason.to_owned() });
        }
        Ok(())
    }

    fn load(&mut self, at: usize) -> Result<Vec<u8>, Fault> {
        let file = &self.files[at];
        let mut bytes = vec![0; file.length as usize];
        let read = self.disk.read(&file.path, 0, &mut bytes).reading(&file.path)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Applies what is valid; says from which file on everything is void.
    fn walk(&mut self) -> Result<usize, Fault> {
        let mut at = 0;
        while at < self.files.len() && !self.is_cut {
            let bytes = self.load(at)?;
            let header = self.files[at].header;
            if self.expected == 0 || (header.second..header.first).contains(&self.expected) {
                self.expected = header.first;
            }
            if self.expected < header.first {
                let start = JOURNAL_HEADER_PAGE as usize;
                if !self.is_damage(at, &bytes, start)? {
                    return Ok(at);
                }
                let last = header.first - 1;
                let reason =
                    format!("batches {} to {last} before this file are missing", self.expected);
                self.report(at, None, reason);
                self.expected = header.first;
            }
            self.walk_file(at, &bytes)?;
            at = self.next_file(at);
        }
        Ok(if self.is_cut { at } else { self.files.len() })
    }

    /// The file that says that the expected batch is void, or else the next one.
    fn next_file(&self, at: usize) -> usize {
        self.voiding_file(at).unwrap_or(at + 1)
    }

    fn voiding_file(&self, at: usize) -> Option<usize> {
        (at + 1..self.files.len()).find(|later| {
            let header = &self.files[*later].header;
            (header.second..header.first).contains(&self.expected)
        })
    }

    fn walk_file(&mut self, at: usize, bytes: &[u8]) -> Result<(), Fault> {
        let header = self.files[at].header;
        let seal = header.seal();
        let mut position = JOURNAL_HEADER_PAGE as usize;
        while self.voiding_file(at).is_none() {
            let batch = batch_at(seal, bytes, position);
            if let Some(batch) = batch.filter(|batch| batch.number == self.expected) {
                let end = position + batch.bytes();
                let records = position + BATCH_HEADER_BYTES;
                let found = Records::new(
                    seal,
                    records as u32,
                    &bytes[records..records + batch.length as usize],
                );
                let mut found: Vec<Found<'_>> = found.collect();
                if is_seeded(Bug::SettleBeforeMessage) {
                    found.reverse();
                }
                self.heard.hear(&batch);
                let is_whole = found.iter().all(|found| matches!(found, Found::Record(..)))
                    || is_seeded(Bug::TornBatchApplied);
                if !is_whole && !self.is_damage(at, bytes, position)? {
                    return Ok(());
                }
                self.apply_all(at, &bytes[..records + batch.length as usize], &found);
                self.remember(at, batch.number, position..end.min(bytes.len()));
                self.expected += 1;
                position = end;
                continue;
            }
            let Some((end, next)) = next_batch(seal, bytes, position, self.expected) else { break };
            if !self.is_damage(at, bytes, position)? {
                return Ok(());
            }
            let found: Vec<Found<'_>> =
                Records::new(seal, position as u32, &bytes[position..end]).collect();
            self.apply_all(at, &bytes[..end], &found);
            self.expected = next;
            position = end;
        }
        self.end_of_file(at, bytes, position)
    }

    /// Behind the last good batch of a file: is the next file the place to go on, or was something lost here?
    fn end_of_file(&mut self, at: usize, bytes: &[u8], position: usize) -> Result<(), Fault> {
        let is_continued = self.voiding_file(at).is_some()
            || self.files.get(at + 1).is_some_and(|next| next.header.first == self.expected);
        if !is_continued && at + 1 < self.files.len() && self.is_damage(at, bytes, position)? {
            // The next file reports how much is missing; what validates here is kept.
            let seal = self.files[at].header.seal();
            let rest = bytes.get(position..).unwrap_or_default();
            let found: Vec<Found<'_>> = Records::new(seal, position as u32, rest)
                .filter(|found| matches!(found, Found::Record(..)))
                .collect();
            self.apply_all(at, bytes, &found);
        }
        Ok(())
    }

    /// Whether the expected batch was known to be synced. If not, it and all behind it are cut off.
    fn is_damage(&mut self, at: usize, bytes: &[u8], position: usize) -> Result<bool, Fault> {
        if self.heard.synced >= self.expected && !is_seeded(Bug::DamageCutOff) {
            return Ok(true);
        }
        self.listen(at, bytes, position);
        for later in at + 1..self.files.len() {
            let bytes = self.load(later)?;
            self.listen(later, &bytes, JOURNAL_HEADER_PAGE as usize);
        }
        self.is_cut = self.heard.synced < self.expected || is_seeded(Bug::DamageCutOff);
        Ok(!self.is_cut)
    }

    fn remember(&mut self, file: usize, batch: u64, range: Range<usize>) {
        self.unwitnessed.push_back(Stretch { batch, file, range });
        let synced = self.heard.synced;
        while self.unwitnessed.front().is_some_and(|stretch| stretch.batch <= synced) {
            self.unwitnessed.pop_front();
        }
    }

    /// Writes the end of the journal once more, as it was read. A process that a failed sync has stopped may have left bytes
    /// in memory that the system takes for written: it would say that they are synced, and they would be gone with the
    /// power.
    fn rewrite_unwitnessed(&mut self) -> Result<(), Fault> {
        let synced = self.heard.synced;
        let unwitnessed = std::mem::take(&mut self.unwitnessed);
        for Stretch { file, range, .. } in unwitnessed.into_iter().filter(|s| s.batch > synced) {
            let Some(OpenFile { path, .. }) = self.files.get(file) else { continue };
            let mut bytes = vec![0; range.len()];
            let offset = range.start as u64;
            let read = self.disk.read(path, offset, &mut bytes).reading(path)?;
            self.disk.write(path, offset, &bytes[..read]).writing(path)?;
        }
        Ok(())
    }

    fn listen(&mut self, at: usize, bytes: &[u8], from: usize) {
        let seal = self.files[at].header.seal();
        for position in (from..bytes.len()).step_by(BATCH_ALIGN) {
            if let Some(batch) = batch_at(seal, bytes, position) {
                self.heard.hear(&batch);
            }
        }
    }

    /// Applies what was found; `bytes` is the file up to where that ends.
    fn apply_all(&mut self, at: usize, bytes: &[u8], found: &[Found<'_>]) {
        for (nth, one) in found.iter().enumerate() {
            match one {
                Found::Record(offset, record) => {
                    self.apply.apply(&self.files[at].header, *offset, record);
                }
                Found::Bad(offset) => {
                    let end = match found.get(nth + 1) {
                        Some(Found::Record(next, _) | Found::Bad(next)) => *next as usize,
                        None => bytes.len(),
                    };
                    self.report_bad(at, *offset, &bytes[*offset as usize..end]);
                }
            }
        }
    }

    /// Tells about bytes that were records. If they are as long as the message that they claim to be, that is all that
    /// was there.
    fn report_bad(&mut self, at: usize, offset: u32, bytes: &[u8]) {
        let claimed = self.claimed(bytes);
        if let Some((message, _)) = claimed {
            let reason = format!("a synced record at {offset} does not match its checksum");
            self.report(at, Some(message), reason);
        }
        if claimed.is_none_or(|(_, length)| length != bytes.len()) {
            let length = bytes.len();
            let reason = format!("{length} synced bytes at {offset} do not match their checksums");
            self.report(at, None, reason);
        }
    }

    /// The message that a bad record claims to be, if that is believable, and the length of the record.
    fn claimed(&self, bytes: &[u8]) -> Option<((QueueId, u64, u64), usize)> {
        let header = bytes.first_chunk::<RECORD_HEADER_BYTES>()?;
        let (queue, seq) = (QueueId::from_number(u64_at(header, 12)), u64_at(header, 20));
        let is_message = header[8] == Kind::Enqueue as u8 && self.apply.knows(queue);
        let length = RECORD_HEADER_BYTES.saturating_add(u32_at(header, 4) as usize);
        is_message.then_some(((queue, seq, seq), length))
    }

    fn report(&mut self, at: usize, messages: Option<(QueueId, u64, u64)>, reason: String) {
        self.damage.push(Damage { path: self.files[at].path.clone(), messages, reason });
    }
}

/// The number in the name of a spare file, and whether all its bytes were written before.
fn spare_number(name: &str) -> Option<(u64, bool)> {
    let filled = paths::number_of(name, ".spare").map(|number| (number, true));
    filled.or_else(|| paths::number_of(name, ".fresh").map(|number| (number, false)))
}

/// The batch header at `position`, if its records lie within the file.
fn batch_at(seal: Seal, bytes: &[u8], position: usize) -> Option<BatchHeader> {
    let batch = BatchHeader::parse(seal, u32::try_from(position).ok()?, bytes.get(position..)?)?;
    let end = position.checked_add(BATCH_HEADER_BYTES)?.checked_add(batch.length as usize)?;
    (end <= bytes.len()).then_some(batch)
}

/// The first batch behind `position` with at least this number: where it starts, and its number.
fn next_batch(seal: Seal, bytes: &[u8], position: usize, number: u64) -> Option<(usize, u64)> {
    (position..bytes.len()).step_by(BATCH_ALIGN).find_map(|position| {
        let batch = batch_at(seal, bytes, position).filter(|batch| batch.number >= number)?;
        Some((position, batch.number))
    })
}
