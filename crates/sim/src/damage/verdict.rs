//! Whether a directory with an injury keeps its promises.

use std::collections::BTreeSet;

use stdx::Random;
use store::{Damage, FaultKind, QueueId};

use crate::SimDisk;
use crate::crashes::{Body, Inventory};
use crate::damage::chart::{Kind, Record};
use crate::damage::injury::Injury;
use crate::damage::repairing;
use crate::damage::specimen::Specimen;
use crate::damage::toll::Toll;

/// One injury, and what was found after it.
struct Case<'a> {
    specimen: &'a Specimen,
    injury: &'a Injury,
    damage: Vec<Damage>,
    lost: BTreeSet<(QueueId, u64)>,
    /// What is void because nothing bears witness that it was synced.
    unwitnessed: Vec<&'a Record>,
}

/// Recovers an injured directory, reads everything, and holds it against what was there.
pub(super) fn examine(
    specimen: &Specimen,
    mut disk: SimDisk,
    injury: &Injury,
    random: &mut Random,
    toll: &mut Toll,
) {
    toll.injuries[injury.wound as usize][injury.file] += 1;
    let seed = random.next_u64();
    let injured = disk.clone();
    let found = match Inventory::of(&mut disk, specimen.shards, seed, &specimen.options) {
        Ok(found) => found,
        Err(fault) => {
            let is_right = match &fault.kind {
                FaultKind::DamagedSnapshot => is_only_snapshot(&specimen.disk, &injury.path),
                FaultKind::UnknownFormat(_) => injury.path == "format",
                _ => false,
            };
            assert!(is_right, "{injury:?} stops the broker: {fault}");
            (toll.refused, toll.reported) = (toll.refused + 1, toll.reported + 1);
            return;
        }
    };
    let unwitnessed = specimen.chart.unwitnessed(&injury.path, &injury.range);
    let lost = specimen.whole.live.keys().filter(|key| !found.live.contains_key(key));
    let lost = lost.copied().collect();
    let case = Case { specimen, injury, damage: found.damage.clone(), lost, unwitnessed };
    case.judge(&found, toll);
    if random.chance(1, 4) {
        let is_repaired = repairing::examine(specimen, injured, &found, injury, random);
        toll.repaired += u64::from(is_repaired);
    }
    if random.chance(1, 8) {
        let mut disk = disk.kill();
        let again = Inventory::of(&mut disk, specimen.shards, seed + 1, &specimen.options);
        let again = again.expect("what was opened can be opened again");
        assert_eq!(again.live, found.live, "{injury:?}: the second recovery finds something else");
        assert_eq!(again.notes, found.notes, "{injury:?}: the second recovery knows other notes");
    }
}

/// Of a save that was interrupted there may be only one of two copies.
fn is_only_snapshot(disk: &SimDisk, path: &str) -> bool {
    let is_snapshot = |path: &str| path.ends_with(".snap") || path.ends_with(".copy");
    is_snapshot(path) && disk.paths().filter(|path| is_snapshot(path)).count() == 1
}

impl Case<'_> {
    fn judge(&self, found: &Inventory, toll: &mut Toll) {
        let whole = &self.specimen.whole;
        assert_eq!(found.twice, [], "{self}: messages come twice");
        let mut is_same = whole.notes == found.notes && self.lost.is_empty();
        for (queue, seq) in &self.lost {
            self.judge_lost(*queue, *seq, toll);
        }
        for ((queue, seq), body) in &found.live {
            match whole.live.get(&(*queue, *seq)) {
                Some(right) => assert_eq!(right, body, "{self}: wrong bytes of {queue:?} {seq}"),
                None => {
                    is_same = false;
                    toll.returned += 1;
                    self.judge_returned(*queue, *seq, *body);
                }
            }
        }
        for note in whole.notes.iter().filter(|note| !found.notes.contains(note)) {
            let is_void = self.unwitnessed.iter().any(|r| (r.kind, r.seq) == (Kind::Note, *note));
            assert!(is_void || self.is_journal_damaged("journal/0"), "{self}: note {note} is lost");
        }
        self.count(is_same, toll);
    }

    fn count(&self, is_same: bool, toll: &mut Toll) {
        let is_hit = |key: &(QueueId, u64)| {
            let mut places = self.specimen.chart.message(key.0, key.1);
            places.any(|record| record.is_hit(&self.injury.path, &self.injury.range))
        };
        let whole = &self.specimen.whole.live;
        toll.undamaged[self.injury.wound as usize] +=
            whole.keys().filter(|key| !is_hit(key)).count() as u64;
        if !self.damage.is_empty() {
            toll.reported += 1;
        } else if is_same {
            toll.harmless += 1;
        } else {
            toll.unwitnessed += 1;
        }
    }

    fn judge_lost(&self, queue: QueueId, seq: u64, toll: &mut Toll) {
        let chart = &self.specimen.chart;
        let places: Vec<&Record> = chart.message(queue, seq).collect();
        let Injury { path, range, .. } = self.injury;
        let is_void =
            self.unwitnessed.iter().any(|void| places.iter().any(|at| at.range == void.range));
        if !is_void && !places.iter().any(|place| place.is_hit(path, range)) {
            toll.collateral[self.injury.wound as usize] += 1;
        }
        let is_named = self.damage.iter().any(|damage| {
            damage
                .messages
                .is_some_and(|(of, first, last)| of == queue && (first..=last).contains(&seq))
        });
        let is_in_file = places.iter().any(|place| {
            let dir = place.path.rsplit_once('/').map_or("", |(dir, _)| dir);
            let is_journal = place.path.ends_with(".log") && self.is_journal_damaged(dir);
            is_journal || self.damage.iter().any(|damage| damage.path == place.path)
        });
        assert!(
            is_named || is_in_file || is_void,
            "{self}: message {seq} of {queue:?} is lost in silence"
        );
    }

    /// A settled message may come back only when it is said that it may.
    fn judge_returned(&self, queue: QueueId, seq: u64, body: Body) {
        let chart = &self.specimen.chart;
        let is_known = chart.message(queue, seq).any(|record| Body::of(&record.payload) == body);
        assert!(is_known, "{self}: message {seq} of {queue:?} was never stored like this");
        let journal = format!("journal/{}", queue.shard(self.specimen.shards));
        let is_told = self.is_journal_damaged(&journal)
            || self.damage.iter().any(|damage| {
                damage.path.ends_with(".live")
                    && damage.messages.is_some_and(|(of, first, last)| {
                        of == queue && (first..=last).contains(&seq)
                    })
            });
        let is_void = self.unwitnessed.iter().any(|record| record.settles(queue, seq));
        assert!(is_told || is_void, "{self}: message {seq} of {queue:?} is back in silence");
    }

    /// Whether damage of a journal is reported that may be anything: without a message, or with one of which anybody can
    /// see that it is there, or never was. A rotten record may claim to be any message.
    fn is_journal_damaged(&self, dir: &str) -> bool {
        self.damage.iter().filter(|damage| damage.path.starts_with(dir)).any(|damage| {
            damage.messages.is_none_or(|(queue, seq, _)| {
                let is_lost = self.lost.contains(&(queue, seq));
                !is_lost
            })
        })
    }
}

impl std::fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}, reported {:?}", self.injury, self.damage)
    }
}
