//! A store on a simulated disk beside a model of it.
//!
//! The model of one shard is the list of what was asked of it. A crash may forget the end of that list, never more
//! than what was not reported synced, and never anything in the middle: what recovery finds must be the state
//! after *some* prefix of the list that reaches at least to the last ticket that was reported synced.

#![allow(dead_code, reason = "each test uses a part of the world")]

use std::collections::BTreeMap;

use sim::SimDisk;
use stdx::{Random, Time};
use store::{Fault, Options, QueueId, Recovered, Store, Submission, Ticket, open_with};

/// What was asked of a store.
#[derive(Clone, Debug)]
enum Step {
    Enqueue { queue: QueueId, seq: u64 },
    Settle { queue: QueueId, seq: u64 },
    SettleThrough { queue: QueueId, seq: u64, keep: Vec<u64> },
    Forget { queue: QueueId },
    Note,
}

/// What a store should hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    live: BTreeMap<QueueId, Vec<u64>>,
    notes: u64,
}

impl State {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Enqueue { queue, seq } => self.live.entry(*queue).or_default().push(*seq),
            Step::Settle { queue, seq } => self.retain(*queue, |other| other != *seq),
            Step::SettleThrough { queue, seq, keep } => {
                self.retain(*queue, |other| other > *seq || keep.contains(&other));
            }
            Step::Forget { queue } => drop(self.live.remove(queue)),
            Step::Note => self.notes += 1,
        }
    }

    fn retain(&mut self, queue: QueueId, keep: impl Fn(u64) -> bool) {
        if let Some(live) = self.live.get_mut(&queue) {
            live.retain(|seq| keep(*seq));
            if live.is_empty() {
                self.live.remove(&queue);
            }
        }
    }
}

/// The model of one shard: the state that is surely on disk, and what was asked since.
#[derive(Clone, Debug, Default)]
struct Model {
    surely: State,
    current: State,
    since: Vec<(Step, Option<Ticket>)>,
}

impl Model {
    fn push(&mut self, step: Step, ticket: Option<Ticket>) {
        self.current.apply(&step);
        self.since.push((step, ticket));
    }

    /// What was reported synced can not be taken back.
    fn settle_down(&mut self, store: &Store) {
        let is_covered =
            |ticket: &Option<Ticket>| ticket.is_some_and(|ticket| store.synced().covers(ticket));
        let last = self.since.iter().rposition(|(_, ticket)| is_covered(ticket));
        for (step, _) in self.since.drain(..last.map_or(0, |last| last + 1)) {
            self.surely.apply(&step);
        }
    }

    /// Finds the prefix that recovery found; the model goes on from there.
    fn accept(&mut self, found: &State) -> bool {
        let mut state = self.surely.clone();
        let mut steps = self.since.drain(..);
        loop {
            if state == *found {
                break;
            }
            match steps.next() {
                Some((step, _)) => state.apply(&step),
                None => return false,
            }
        }
        drop(steps);
        self.surely = state.clone();
        self.current = state;
        true
    }
}

/// Small files, so that little work rolls, retires and recycles often.
pub(crate) fn small() -> Options {
    Options {
        journal_file_bytes: 6 << 10,
        journal_files_max: 2,
        spare_files_max: 1,
        fill_step_bytes: 1 << 10,
        segment_bytes: 700,
        read_run_bytes: 600,
        write_delay_ms: 5,
        write_bytes: 1 << 10,
        sync_delay_ms: 20,
        sync_bytes: 2 << 10,
        snapshot_note_bytes: 500,
    }
}

/// Stores, their disk, and the model.
pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) stores: Vec<Store>,
    models: Vec<Model>,
    in_flight: Vec<(usize, Submission)>,
    random: Random,
    now: Time,
    next_seq: BTreeMap<QueueId, u64>,
    next_queue: u64,
    queues: Vec<QueueId>,
}

/// The bytes of a message follow from its name, so that each can be checked by itself.
fn message(queue: QueueId, seq: u64) -> Vec<u8> {
    let mut random = Random::new(queue.number().wrapping_mul(31).wrapping_add(seq));
    let length = match random.below(20) {
        0 => 7000,
        1..4 => 400,
        _ => random.below(60),
    };
    (0..length).map(|_| random.next_u64() as u8).collect()
}

impl World {
    /// An empty directory.
    pub(crate) fn new(seed: u64, disk: SimDisk) -> Self {
        Self {
            disk,
            stores: Vec::new(),
            models: Vec::new(),
            in_flight: Vec::new(),
            random: Random::new(seed),
            now: Time::ZERO,
            next_seq: BTreeMap::new(),
            next_queue: 1,
            queues: Vec::new(),
        }
    }

    /// Opens the directory; with the power gone in the middle this fails.
    pub(crate) fn open(&mut self, shards: usize) -> Result<(), Fault> {
        let seed = self.random.next_u64();
        let recovered = open_with(&mut self.disk, shards, seed, &small())?;
        assert!(recovered.damage.is_empty(), "a crash is no damage: {:?}", recovered.damage);
        // The power stays on while the checker looks at everything.
        let fail_at = self.disk.fail_at.take();
        self.check(recovered, shards);
        self.disk.fail_at = fail_at;
        Ok(())
    }

    fn check(&mut self, recovered: Recovered, shards: usize) {
        let Recovered { stores, snapshot, notes, queues, .. } = recovered;
        self.stores = stores;
        self.in_flight.clear();
        let noted =
            snapshot.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().expect("8 bytes")));
        for (at, note) in notes.iter().enumerate() {
            assert_eq!(note.as_slice(), (noted + at as u64 + 1).to_le_bytes(), "notes in order");
        }
        let mut found = vec![State::default(); shards];
        found[0].notes = noted + notes.len() as u64;
        self.next_seq.clear();
        for queue in &queues {
            let shard = queue.id.shard(shards);
            let live = self.load(shard, queue.id);
            assert_eq!((live.len() as u64, live.first().copied()), {
                let first = (queue.live_count > 0).then_some(queue.first_seq);
                (queue.live_count, first)
            });
            assert!(live.last().is_none_or(|last| *last < queue.next_seq));
            self.next_seq.insert(queue.id, queue.next_seq);
            if !live.is_empty() {
                found[shard].live.insert(queue.id, live);
            }
        }
        self.accept(found, shards);
        for queue in queues {
            if !self.queues.contains(&queue.id) {
                self.stores[queue.id.shard(shards)].forget(queue.id);
            }
        }
    }

    /// Each shard of the run before must have ended in a state that its model allows.
    fn accept(&mut self, found: Vec<State>, shards: usize) {
        if self.models.len() == shards {
            for (model, found) in self.models.iter_mut().zip(&found) {
                let before = model.clone();
                assert!(model.accept(found), "\nfound {found:?}\nmodel {before:#?}");
            }
        } else {
            let olds = std::mem::take(&mut self.models);
            let count = olds.len();
            for (at, mut old) in olds.into_iter().enumerate() {
                let mut part = State::default();
                for (queue, live) in found.iter().flat_map(|state| &state.live) {
                    if queue.shard(count) == at {
                        part.live.insert(*queue, live.clone());
                    }
                }
                part.notes = if at == 0 { found[0].notes } else { 0 };
                let before = old.clone();
                assert!(old.accept(&part), "\nfound {part:?}\nmodel {before:#?}");
            }
            self.models = found
                .into_iter()
                .map(|state| Model { surely: state.clone(), current: state, since: Vec::new() })
                .collect();
        }
        // A queue whose end was lost in the crash is there again, as the metadata would have it.
        for model in &self.models {
            for queue in model.surely.live.keys() {
                if !self.queues.contains(queue) {
                    self.queues.push(*queue);
                }
            }
        }
    }

    /// Reads a whole queue, and checks every byte.
    fn load(&mut self, shard: usize, queue: QueueId) -> Vec<u64> {
        let mut live = Vec::new();
        let mut from = 0;
        loop {
            self.stores[shard].read(queue, from, 300);
            while let Some(submission) = self.stores[shard].poll_submission(self.now) {
                let completion = submission.execute(&mut self.disk);
                self.stores[shard].complete(completion).expect("the power is on");
            }
            assert_eq!(self.stores[shard].poll_damage(), None);
            let loaded = self.stores[shard].poll_loaded().expect("a read has an answer");
            if loaded.next_seq == from {
                return live;
            }
            from = loaded.next_seq;
            for (seq, bytes) in loaded.messages {
                assert_eq!(bytes, message(queue, seq), "message {seq} of {queue:?}");
                live.push(seq);
            }
        }
    }

    /// One random verb on a random store.
    pub(crate) fn step(&mut self) {
        let shards = self.stores.len();
        if self.queues.len() < 3 || self.random.chance(1, 60) {
            let home = self.random.below(256) as u8;
            self.queues.push(QueueId::new(self.next_queue, home));
            self.next_queue += 1;
        }
        let at = self.random.below(self.queues.len() as u64) as usize;
        let queue = self.queues[at];
        let shard = queue.shard(shards);
        let live = self.models[shard].current.live.get(&queue).cloned().unwrap_or_default();
        match self.random.below(100) {
            0..45 => self.enqueue(shard, queue),
            45..75 if !live.is_empty() => {
                let nth =
                    if self.random.chance(2, 3) { 0 } else { self.random.below(live.len() as u64) };
                let seq = live[nth as usize];
                self.stores[shard].settle(queue, seq, message(queue, seq).len() as u32);
                self.models[shard].push(Step::Settle { queue, seq }, None);
            }
            75..78 if !live.is_empty() => {
                let seq = live[self.random.below(live.len() as u64) as usize];
                let keep: Vec<u64> =
                    live.iter().copied().filter(|_| self.random.chance(1, 4)).collect();
                let kept: Vec<(u64, u32)> =
                    keep.iter().map(|seq| (*seq, message(queue, *seq).len() as u32)).collect();
                self.stores[shard].settle_through(queue, seq, &kept);
                self.models[shard].push(Step::SettleThrough { queue, seq, keep }, None);
            }
            78..80 => {
                self.queues.swap_remove(at);
                self.stores[shard].forget(queue);
                self.models[shard].push(Step::Forget { queue }, None);
            }
            80..88 => {
                let ticket = self.stores[0].note(&(self.models[0].current.notes + 1).to_le_bytes());
                self.models[0].push(Step::Note, Some(ticket));
            }
            88..92 if self.stores[0].wants_snapshot() || self.random.chance(1, 8) => {
                let notes = self.models[0].current.notes;
                self.stores[0].snapshot(notes.to_le_bytes().to_vec());
            }
            92..96 => {
                let from = live.first().map_or(0, |first| first + self.random.below(3));
                self.stores[shard].read(queue, from, 500);
            }
            _ => self.now = self.now.plus_millis(self.random.below(12)),
        }
    }

    fn enqueue(&mut self, shard: usize, queue: QueueId) {
        let next = self.next_seq.entry(queue).or_insert(1);
        let seq = *next + u64::from(self.random.chance(1, 10));
        *next = seq + 1;
        let is_awaited = self.random.chance(1, 3);
        let ticket = self.stores[shard].enqueue(queue, seq, &message(queue, seq), is_awaited);
        self.models[shard].push(Step::Enqueue { queue, seq }, Some(ticket));
    }

    /// The end of a turn: submissions go out, some come back, in any order.
    pub(crate) fn turn(&mut self) -> Result<(), Fault> {
        for shard in 0..self.stores.len() {
            while let Some(submission) = self.stores[shard].poll_submission(self.now) {
                self.in_flight.push((shard, submission));
            }
        }
        while !self.in_flight.is_empty() && self.random.chance(2, 3) {
            let at = self.random.below(self.in_flight.len() as u64) as usize;
            let (shard, submission) = self.in_flight.swap_remove(at);
            self.finish(shard, submission)?;
        }
        Ok(())
    }

    fn finish(&mut self, shard: usize, submission: Submission) -> Result<(), Fault> {
        let completion = submission.execute(&mut self.disk);
        self.stores[shard].complete(completion)?;
        self.models[shard].settle_down(&self.stores[shard]);
        assert_eq!(self.stores[shard].poll_damage(), None);
        while let Some(loaded) = self.stores[shard].poll_loaded() {
            let live = self.models[shard].current.live.get(&loaded.queue);
            assert!(loaded.messages.is_sorted_by_key(|(seq, _)| *seq));
            for (seq, bytes) in loaded.messages {
                assert!(live.is_some_and(|live| live.contains(&seq)), "{seq} is settled");
                assert_eq!(bytes, message(loaded.queue, seq));
            }
        }
        Ok(())
    }

    /// A run of `steps` verbs; an error when the power went.
    pub(crate) fn run(&mut self, steps: u64) -> Result<(), Fault> {
        for _ in 0..steps {
            self.step();
            if self.random.chance(1, 3) {
                self.turn()?;
            }
        }
        Ok(())
    }

    /// Shuts down in order.
    pub(crate) fn close(&mut self) -> Result<(), Fault> {
        self.stores.iter_mut().for_each(Store::close);
        for shard in 0..self.stores.len() {
            while let Some(at) = self.in_flight.iter().position(|(other, _)| *other == shard) {
                let (_, submission) = self.in_flight.swap_remove(at);
                self.finish(shard, submission)?;
            }
            while let Some(submission) = self.stores[shard].poll_submission(self.now) {
                self.finish(shard, submission)?;
            }
            assert!(self.stores[shard].is_idle());
            let model = &mut self.models[shard];
            model.surely = model.current.clone();
            model.since.clear();
        }
        Ok(())
    }

    /// The power goes, or only the process dies.
    pub(crate) fn crash(&mut self) {
        self.disk = match self.random.below(4) {
            0 => self.disk.kill(),
            _ => self.disk.crash(&mut self.random),
        };
    }

    /// Everything that the models say is live can be read.
    pub(crate) fn audit(&mut self) {
        for shard in 0..self.stores.len() {
            let expected = self.models[shard].current.live.clone();
            for (queue, live) in expected {
                assert_eq!(self.stores[shard].live(queue).0, live.len() as u64);
            }
        }
    }

    /// A random number for the test itself.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }
}

/// Recovers, with the power going in the middle of it up to three times.
fn recover(world: &mut World, shards: usize) {
    for _ in 0..3 {
        if world.below(3) == 0 {
            break;
        }
        let at = world.below(60);
        world.disk.fail_at = Some(at);
        match world.open(shards) {
            Ok(()) => {
                world.disk.fail_at = None;
                return;
            }
            Err(_) => world.crash(),
        }
    }
    world.disk.fail_at = None;
    world.open(shards).expect("a directory can be opened after a crash");
}

/// Several lives of one directory, each ended by a crash at a random call.
pub(crate) fn lives(seed: u64, disk: SimDisk, steps: u64) {
    let mut world = World::new(seed, disk);
    let mut shards = 1 + (seed % 3) as usize;
    recover(&mut world, shards);
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
        recover(&mut world, shards);
    }
}
