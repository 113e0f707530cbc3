//! Stores, their disk, and the model: verbs go in, submissions come out, their calls reach the disk one at a time.

use std::collections::BTreeMap;

use stdx::{Random, Time};
use store::{Completion, Fault, Options, QueueId, Store, Submission};

use crate::SimDisk;
use crate::crashes::model::{Body, Live, Model, Step};
use crate::disk::{Call, Tape};

/// Submissions whose calls are mixed.
const MIXED_MAX: u64 = 3;

/// Rounds after which the background must have come to its end, and the time between them.
const ROUNDS_MAX: usize = 1000;
const ROUND_MS: u64 = 1000;
/// Rounds without work after which there is none: delays begin when a store is asked for work.
const IDLE_ROUNDS: u32 = 3;

/// Nothing more can be asked of the stores.
#[derive(Debug)]
pub enum Stopped {
    /// The power went.
    PowerLost,
    /// A store says that the disk failed.
    Fault(Fault),
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Sees the world before each call of the disk that changes something, and after the last call of a submission.
pub(super) type Watch<'a> = &'a mut dyn FnMut(&World);

/// A message that a consumer would have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Nth {
    Oldest,
    Newest,
    Any,
}

/// Stores, their disk, and the model.
#[derive(Debug)]
pub struct World {
    /// The disk.
    pub disk: SimDisk,
    /// One per shard; none before the directory is opened.
    pub stores: Vec<Store>,
    pub(super) models: Vec<Model>,
    pub(super) in_flight: Vec<(usize, Submission)>,
    pub(super) random: Random,
    pub(super) now: Time,
    pub(super) next_seq: BTreeMap<QueueId, u64>,
    pub(super) queues: Vec<QueueId>,
    /// Sizes and delays of the stores.
    pub options: Options,
    next_queue: u64,
    last_message: u64,
}

/// Small files, so that little work rolls, retires and recycles often.
pub fn small() -> Options {
    Options {
        journal_file_bytes: 6 << 10,
        journal_files_max: 2,
        spare_files_max: 3,
        fill_step_bytes: 1 << 10,
        segment_bytes: 700,
        read_run_bytes: 600,
        write_delay_ms: 5,
        write_bytes: 1 << 10,
        sync_delay_ms: 20,
        sync_bytes: 2 << 10,
        snapshot_note_bytes: 500,
        table_bytes_max: 300,
        sweep_delay_ms: 4,
        retry_delay_ms: 10,
    }
}

impl World {
    /// An empty directory.
    pub fn new(seed: u64, disk: SimDisk) -> Self {
        Self {
            disk,
            stores: Vec::new(),
            models: Vec::new(),
            in_flight: Vec::new(),
            random: Random::new(seed),
            now: Time::ZERO,
            next_seq: BTreeMap::new(),
            queues: Vec::new(),
            options: small(),
            next_queue: 1,
            last_message: 0,
        }
    }

    /// What a crash leaves: this disk, and what everybody remembers.
    pub(super) fn fallen(&self, disk: SimDisk, random: Random) -> Self {
        Self {
            disk,
            stores: Vec::new(),
            models: self.models.clone(),
            in_flight: Vec::new(),
            random,
            now: self.now,
            next_seq: BTreeMap::new(),
            queues: self.queues.clone(),
            options: self.options.clone(),
            next_queue: self.next_queue,
            last_message: self.last_message,
        }
    }

    /// One random verb on a random store.
    pub fn step(&mut self) {
        if self.queues.len() < 3 || self.random.chance(1, 60) {
            self.add_queue();
        }
        let at = self.random.below(self.queues.len() as u64) as usize;
        let queue = self.queues[at];
        match self.random.below(100) {
            0..45 => {
                let length = match self.random.below(20) {
                    0 => 7000,
                    1..4 => 400,
                    _ => self.random.below(60) as usize,
                };
                match self.random.below(12) {
                    0 => self.spill(queue, length),
                    chance => self.enqueue(queue, length, chance < 5),
                }
            }
            45..75 => {
                let nth = if self.random.chance(2, 3) { Nth::Oldest } else { Nth::Any };
                self.settle(queue, nth);
            }
            75..78 => self.purge_most(queue),
            78..80 => self.forget(queue),
            80..88 => self.note(),
            88..92 if self.stores[0].wants_snapshot() || self.random.chance(1, 8) => {
                self.snapshot();
            }
            92..96 => self.read(queue),
            _ => self.now = self.now.plus_millis(self.random.below(12)),
        }
    }

    /// Declares a queue.
    pub(super) fn add_queue(&mut self) {
        let home = self.random.below(256) as u8;
        self.queues.push(QueueId::new(self.next_queue, home));
        self.next_queue += 1;
    }

    pub(super) fn shard_of(&self, queue: QueueId) -> usize {
        queue.shard(self.stores.len())
    }

    pub(super) fn live(&self, queue: QueueId) -> Option<&Live> {
        self.models[self.shard_of(queue)].current.live.get(&queue)
    }

    /// The number and bytes of the next message; `None` when there is no room for it.
    fn next_message(&mut self, queue: QueueId, length: usize) -> Option<(u64, Vec<u8>)> {
        if self.stores[self.shard_of(queue)].is_full() {
            return None;
        }
        let next = self.next_seq.entry(queue).or_insert(1);
        let seq = *next + u64::from(self.random.chance(1, 10));
        *next = seq + 1;
        self.last_message += 1;
        Some((seq, message(self.last_message, length)))
    }

    pub(super) fn enqueue(&mut self, queue: QueueId, length: usize, is_awaited: bool) {
        let Some((seq, message)) = self.next_message(queue, length) else { return };
        let shard = self.shard_of(queue);
        let ticket = self.stores[shard].enqueue(queue, seq, &message, is_awaited);
        let body = Body::of(&message);
        self.models[shard].push(Step::Enqueue { queue, seq, body }, Some(ticket));
    }

    fn spill(&mut self, queue: QueueId, length: usize) {
        let Some((seq, message)) = self.next_message(queue, length) else { return };
        let shard = self.shard_of(queue);
        self.stores[shard].spill(queue, seq, &message);
        let body = Body::of(&message).spilled();
        self.models[shard].push(Step::Enqueue { queue, seq, body }, None);
    }

    pub(super) fn settle(&mut self, queue: QueueId, nth: Nth) {
        let count = self.live(queue).map_or(0, Live::len);
        if count == 0 {
            return;
        }
        let at = match nth {
            Nth::Oldest => 0,
            Nth::Newest => count - 1,
            Nth::Any => self.random.below(count as u64) as usize,
        };
        let found = self.live(queue).and_then(|live| live.iter().nth(at));
        let (seq, body) = found.map(|(seq, body)| (*seq, *body)).expect("it was counted");
        let shard = self.shard_of(queue);
        self.stores[shard].settle(queue, seq, body.length);
        self.models[shard].push(Step::Settle { queue, seq }, None);
    }

    fn purge_most(&mut self, queue: QueueId) {
        let Some(live) = self.live(queue).cloned() else { return };
        let kept = live.into_iter().filter(|_| self.random.chance(1, 4));
        let kept: Vec<(u64, u32)> = kept.map(|(seq, body)| (seq, body.length)).collect();
        self.purge(queue, &kept);
    }

    pub(super) fn purge(&mut self, queue: QueueId, kept: &[(u64, u32)]) {
        let shard = self.shard_of(queue);
        self.stores[shard].purge(queue, kept);
        let keep = kept.iter().map(|(seq, _)| *seq).collect();
        self.models[shard].push(Step::Purge { queue, keep }, None);
    }

    pub(super) fn forget(&mut self, queue: QueueId) {
        self.queues.retain(|other| *other != queue);
        let shard = self.shard_of(queue);
        self.stores[shard].forget(queue);
        self.models[shard].push(Step::Forget { queue }, None);
    }

    pub(super) fn note(&mut self) {
        let ticket = self.stores[0].note(&(self.models[0].current.notes + 1).to_le_bytes());
        self.models[0].push(Step::Note, Some(ticket));
    }

    pub(super) fn snapshot(&mut self) {
        let notes = self.models[0].current.notes;
        self.stores[0].snapshot(notes.to_le_bytes().to_vec());
    }

    fn read(&mut self, queue: QueueId) {
        let first = self.live(queue).and_then(|live| live.first_key_value()).map(|(seq, _)| *seq);
        let from = first.map_or(0, |first| first + self.random.below(3));
        let shard = self.shard_of(queue);
        self.stores[shard].read(queue, from, 500);
    }

    /// Takes from the stores what is due.
    pub(super) fn submit(&mut self) {
        for shard in 0..self.stores.len() {
            while let Some(submission) = self.stores[shard].poll_submission(self.now) {
                self.in_flight.push((shard, submission));
            }
        }
    }

    /// The end of a turn: submissions go out, some come back, in any order.
    pub(super) fn turn(&mut self, watch: Watch<'_>) -> Result<(), Stopped> {
        self.submit();
        while !self.in_flight.is_empty() && self.random.chance(2, 3) {
            let mut under_way = Vec::new();
            for _ in 0..1 + self.random.below(MIXED_MAX) {
                if !self.in_flight.is_empty() {
                    let at = self.random.below(self.in_flight.len() as u64) as usize;
                    under_way.push(self.in_flight.swap_remove(at));
                }
            }
            self.perform(under_way, watch)?;
        }
        Ok(())
    }

    /// Executes submissions at the same time: their calls reach the disk one at a time, in any order between them.
    pub(super) fn perform(
        &mut self,
        submissions: Vec<(usize, Submission)>,
        watch: Watch<'_>,
    ) -> Result<(), Stopped> {
        if self.disk.is_failing() {
            for (shard, submission) in submissions {
                let completion = submission.execute(&mut self.disk);
                self.complete(shard, completion)?;
            }
            return Ok(());
        }
        let mut scripts = Vec::new();
        let mut completions = Vec::new();
        for (shard, submission) in submissions {
            let mut scratch = self.disk.clone();
            scratch.fail_at = None;
            let mut tape = Tape::new(&mut scratch);
            completions.push((shard, submission.execute(&mut tape)));
            scripts.push(tape.calls.into_iter());
        }
        self.play(scripts, watch)?;
        watch(self);
        for (shard, completion) in completions {
            self.complete(shard, completion)?;
        }
        Ok(())
    }

    /// What different lanes do does not depend on each other, so that it can be taken down apart and mixed here.
    fn play(
        &mut self,
        mut scripts: Vec<std::vec::IntoIter<Call>>,
        watch: Watch<'_>,
    ) -> Result<(), Stopped> {
        while !scripts.is_empty() {
            let at = self.random.below(scripts.len() as u64) as usize;
            match scripts[at].next() {
                Some(call) => {
                    watch(self);
                    call.execute(&mut self.disk).map_err(|_| Stopped::PowerLost)?;
                }
                None => drop(scripts.swap_remove(at)),
            }
        }
        Ok(())
    }

    fn complete(&mut self, shard: usize, completion: Completion) -> Result<(), Stopped> {
        self.stores[shard].complete(completion)?;
        self.models[shard].settle_down(&self.stores[shard]);
        assert_eq!(self.stores[shard].poll_damage(), None);
        while let Some(loaded) = self.stores[shard].poll_loaded() {
            let live = self.models[shard].current.live.get(&loaded.queue);
            assert!(loaded.messages.is_sorted_by_key(|(seq, _)| *seq));
            for (seq, bytes) in loaded.messages {
                let body =
                    live.and_then(|live| live.get(&seq)).expect("settled messages stay away");
                let found = Body::of(&bytes);
                let found = if body.is_spilled { found.spilled() } else { found };
                assert_eq!(found, *body, "message {seq} of {:?}", loaded.queue);
            }
        }
        Ok(())
    }

    /// A run of `steps` verbs.
    ///
    /// # Errors
    /// The power went, or the disk failed.
    pub fn run(&mut self, steps: u64) -> Result<(), Stopped> {
        self.run_watched(steps, &mut |_| {})
    }

    pub(super) fn run_watched(&mut self, steps: u64, watch: Watch<'_>) -> Result<(), Stopped> {
        for _ in 0..steps {
            self.step();
            if self.random.chance(1, 3) {
                self.turn(watch)?;
            }
        }
        Ok(())
    }

    /// Gives background work some turns of its own.
    ///
    /// # Errors
    /// The power went.
    pub fn catch_up(&mut self, turns: u64) -> Result<(), Stopped> {
        for _ in 0..turns {
            self.now = self.now.plus_millis(1);
            self.turn(&mut |_| {})?;
        }
        Ok(())
    }

    /// Time passes until everything is written and synced, and there is no more work in the background.
    ///
    /// # Errors
    /// The power went, or the disk failed.
    ///
    /// # Panics
    /// There is no end to the work.
    pub fn rest(&mut self) -> Result<(), Stopped> {
        let mut idle_rounds = 0;
        for _ in 0..ROUNDS_MAX {
            self.now = self.now.plus_millis(ROUND_MS);
            if self.stores[0].wants_snapshot() {
                self.snapshot();
            }
            self.submit();
            let under_way = std::mem::take(&mut self.in_flight);
            idle_rounds = if under_way.is_empty() { idle_rounds + 1 } else { 0 };
            if idle_rounds == IDLE_ROUNDS {
                return Ok(());
            }
            self.perform(under_way, &mut |_| {})?;
        }
        panic!("there is no end to the work in the background");
    }

    /// Shuts down in order.
    ///
    /// # Errors
    /// The power went, or the disk failed.
    pub fn close(&mut self) -> Result<(), Stopped> {
        self.stores.iter_mut().for_each(Store::close);
        let under_way = std::mem::take(&mut self.in_flight);
        self.perform(under_way, &mut |_| {})?;
        loop {
            self.submit();
            if self.in_flight.is_empty() {
                break;
            }
            let under_way = std::mem::take(&mut self.in_flight);
            self.perform(under_way, &mut |_| {})?;
        }
        assert!(self.stores.iter().all(Store::is_idle));
        self.models.iter_mut().for_each(Model::settle_all);
        Ok(())
    }

    /// The power goes, or only the process dies.
    pub fn crash(&mut self) {
        self.disk = match self.random.below(4) {
            0 => self.disk.kill(),
            _ => self.disk.crash(&mut self.random),
        };
    }

    /// Everything that the models say is live is known to the stores.
    pub fn audit(&mut self) {
        for (store, model) in self.stores.iter().zip(&self.models) {
            for (queue, live) in &model.current.live {
                assert_eq!(store.live(*queue).0, live.len() as u64);
            }
        }
    }

    /// A random number for the test itself.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }
}

/// The bytes of the `number`th message of a world.
pub(super) fn message(number: u64, length: usize) -> Vec<u8> {
    let mut random = Random::new(number);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&random.next_u64().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Several lives of one directory, each ended by a crash at a random call.
pub fn lives(seed: u64, disk: SimDisk, steps: u64) {
    let mut world = World::new(seed, disk);
    let mut shards = 1 + (seed % 3) as usize;
    world.recover(shards);
    for _ in 0..3 {
        let calls = world.disk.calls() + 1 + world.below(steps);
        world.disk.fail_at = Some(calls);
        if world.run(steps).is_ok() {
            world.disk.fail_at = None;
            world.audit();
            if world.below(3) == 0 {
                world.close().expect("the power is on");
            }
        } else {
            assert!(world.disk.is_off(), "only a power loss is a reason to fail");
        }
        world.crash();
        if world.below(6) == 0 {
            shards = 1 + world.below(3) as usize;
        }
        world.recover(shards);
    }
}
