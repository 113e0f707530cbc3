//! Opening a directory, and holding what is found there against the models of the run before.

use store::{Fault, QueueId, Recovered, RecoveredQueue, open_with};

use crate::crashes::model::{Body, Live, Model, State};
use crate::crashes::world::World;
use crate::disk::{Call, Tape};

/// How often the power goes while one recovery is under way.
const REPEATS_MAX: u64 = 3;

impl World {
    /// Opens the directory and looks at everything in it.
    ///
    /// # Errors
    /// The disk failed, or the power went in the middle.
    ///
    /// # Panics
    /// What is found is not what a crash may leave.
    pub fn open(&mut self, shards: usize) -> Result<(), Fault> {
        let seed = self.random.next_u64();
        let recovered = open_with(&mut self.disk, shards, seed, &self.options)?;
        // The power stays on while the checker looks at everything.
        let fail_at = self.disk.fail_at.take();
        self.check(recovered, shards);
        self.disk.fail_at = fail_at;
        Ok(())
    }

    /// Opens the directory, and says which calls of the disk that took.
    pub(super) fn open_on_tape(&mut self, shards: usize) -> Vec<Call> {
        let seed = self.random.next_u64();
        let mut tape = Tape::new(&mut self.disk);
        let recovered = open_with(&mut tape, shards, seed, &self.options);
        let calls = tape.calls;
        let recovered = recovered.unwrap_or_else(|fault| panic!("a failed boot: {fault}"));
        self.check(recovered, shards);
        calls
    }

    /// Opens the directory, with the power going in the middle of it up to three times.
    ///
    /// # Panics
    /// As [`open`](Self::open), and when the directory cannot be opened.
    pub fn recover(&mut self, shards: usize) {
        for _ in 0..REPEATS_MAX {
            if self.below(3) == 0 {
                break;
            }
            self.disk.fail_at = Some(self.disk.calls() + self.below(60));
            match self.open(shards) {
                Ok(()) => {
                    self.disk.fail_at = None;
                    return;
                }
                Err(_) => self.crash(),
            }
        }
        self.disk.fail_at = None;
        self.open(shards).expect("a directory can be opened after a crash");
    }

    fn check(&mut self, recovered: Recovered, shards: usize) {
        let Recovered { stores, snapshot, notes, queues, damage } = recovered;
        assert!(damage.is_empty(), "a crash is no damage: {damage:?}");
        self.stores = stores;
        self.in_flight.clear();
        let mut found = vec![State::default(); shards];
        found[0].notes = noted(snapshot, &notes);
        self.next_seq.clear();
        for queue in &queues {
            let shard = queue.id.shard(shards);
            let live = self.load(shard, queue.id);
            check_counts(queue, &live);
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
                assert!(model.accept(found), "\nfound {found:#?}\nmodel {model:#?}");
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
                assert!(old.accept(&part), "\nfound {part:#?}\nmodel {old:#?}");
            }
            self.models = found.into_iter().map(Model::found).collect();
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

    /// Reads a whole queue.
    fn load(&mut self, shard: usize, queue: QueueId) -> Live {
        let mut live = Live::new();
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
                assert!(live.insert(seq, Body::of(&bytes)).is_none(), "message {seq} comes twice");
            }
        }
    }
}

/// The number of notes, which are numbers themselves and come in order.
fn noted(snapshot: Option<Vec<u8>>, notes: &[Vec<u8>]) -> u64 {
    let noted = snapshot.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().expect("8 bytes")));
    for (at, note) in notes.iter().enumerate() {
        assert_eq!(note.as_slice(), (noted + at as u64 + 1).to_le_bytes(), "notes in order");
    }
    noted + notes.len() as u64
}

fn check_counts(queue: &RecoveredQueue, live: &Live) {
    let first = live.keys().next().copied().unwrap_or(queue.next_seq);
    assert_eq!((queue.live_count, queue.first_seq), (live.len() as u64, first));
    assert!(live.keys().next_back().is_none_or(|last| *last < queue.next_seq));
}
