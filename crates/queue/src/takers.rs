//! The consumers of one queue: who may take, whose turn it is, what each has.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

use slab::Slab;

use crate::consumer::{Bar, Consumer, ConsumerId, Taker};
use crate::observe::TakerState;
use crate::rotation::Rotation;
use crate::succession::{Sharing, Succession};
use crate::unsettled::TakerKey;

/// The turn of a consumer: it takes a message or, if nobody else may take any, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) consumer: ConsumerId,
    /// Under which key it will settle, if it does.
    pub(crate) holder: Option<TakerKey>,
    window_bytes: i64,
    /// How many more it may leave unsettled.
    credit: u32,
}

impl Turn {
    #[inline]
    pub(crate) const fn may_take(&self) -> bool {
        self.window_bytes > 0 && self.credit > 0
    }

    /// It takes something that costs `bytes` of its window.
    #[inline]
    pub(crate) const fn charge(&mut self, bytes: i64) {
        self.window_bytes -= bytes;
        self.credit -= self.holder.is_some() as u32;
    }
}

/// The consumers of one queue.
#[derive(Debug, Default)]
pub(crate) struct Takers {
    table: Slab<Taker>,
    rotation: Rotation,
    /// How many wait for their sockets.
    blocked_count: usize,
    keys: BTreeMap<ConsumerId, usize>,
    succession: Succession,
    last_serial: u64,
}

impl Takers {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = ConsumerId> + '_ {
        self.keys.keys().copied()
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = TakerState> + '_ {
        self.keys.iter().map(|(&consumer, &key)| {
            let taker = &self.table[key];
            TakerState {
                consumer,
                is_active: !taker.is_barred(Bar::Inactive),
                unsettled_count: taker.unsettled_count.into(),
                is_blocked: taker.is_blocked(),
                is_willing: taker.may_take(),
            }
        })
    }

    pub(crate) const fn blocked_count(&self) -> usize {
        self.blocked_count
    }

    /// Says who may take. Not while there are consumers: a queue is made so.
    pub(crate) fn set_sharing(&mut self, sharing: Sharing) {
        assert!(self.table.is_empty(), "who may take is settled before anybody does");
        self.succession.sharing = sharing;
    }

    pub(crate) const fn sharing(&self) -> Sharing {
        self.succession.sharing
    }

    /// The one that has the queue for itself.
    pub(crate) fn exclusive(&self) -> Option<ConsumerId> {
        let found = self.table.iter().map(|(_, taker)| &taker.consumer);
        found.filter(|consumer| consumer.is_exclusive).map(|consumer| consumer.id).next()
    }

    /// The one that takes, where only one does.
    pub(crate) fn active(&self) -> Option<ConsumerId> {
        self.succession.active.map(|key| self.table[key].consumer.id)
    }

    pub(crate) fn add(&mut self, consumer: Consumer) {
        let (id, priority) = (consumer.id, consumer.priority);
        self.last_serial += 1;
        let serial = NonZeroU64::new(self.last_serial).expect("it counts from 1");
        let key = self.table.insert(Taker::new(consumer, serial));
        let before = self.keys.insert(id, key);
        assert!(before.is_none(), "a front-end numbers its consumers apart");
        if self.succession.sharing == Sharing::All {
            self.offer(key);
        } else {
            self.table[key].bar(Bar::Inactive);
            self.succession.ranks.insert((Reverse(priority), serial, key));
            self.succeed();
        }
    }

    /// Takes one out. `None` when there is no such consumer.
    pub(crate) fn remove(&mut self, id: ConsumerId) -> Option<()> {
        let key = self.keys.remove(&id)?;
        self.withdraw(key);
        let taker = self.table.remove(key);
        self.blocked_count -= usize::from(taker.is_blocked());
        if self.succession.sharing != Sharing::All {
            self.succession.ranks.remove(&(Reverse(taker.consumer.priority), taker.serial, key));
            if self.succession.active == Some(key) {
                self.succession.active = None;
                self.succeed();
            }
        }
        Some(())
    }

    /// A socket has taken `bytes` of what was on the way to it.
    pub(crate) fn credit(&mut self, id: ConsumerId, bytes: i64) {
        if let Some(&key) = self.keys.get(&id) {
            self.widen(key, bytes);
            if !self.table[key].is_waiting {
                self.offer(key);
            }
        }
    }

    /// What a consumer was handed, at a cost of `bytes` of its window, is not on the way to it.
    pub(crate) fn refund(&mut self, holder: TakerKey, bytes: i64) {
        if self.consumer(holder).is_some() {
            self.widen(holder.slot as usize, bytes);
        }
    }

    fn widen(&mut self, key: usize, bytes: i64) {
        let taker = &mut self.table[key];
        let was_blocked = taker.is_blocked();
        taker.window_bytes += bytes;
        self.blocked_count -= usize::from(was_blocked && !taker.is_blocked());
    }

    /// Has a consumer get nothing, or get messages again.
    pub(crate) fn set_paused(&mut self, id: ConsumerId, is_paused: bool) {
        if let Some(&key) = self.keys.get(&id) {
            let taker = &mut self.table[key];
            if is_paused {
                taker.bar(Bar::Paused);
                self.withdraw(key);
            } else {
                taker.unbar(Bar::Paused);
                if !taker.is_waiting {
                    self.offer(key);
                }
            }
        }
    }

    /// Whether somebody may take a message.
    #[inline]
    pub(crate) fn is_anyone_willing(&self) -> bool {
        !self.rotation.is_empty()
    }

    /// Whose turn it is.
    #[inline]
    pub(crate) fn next(&self) -> Option<usize> {
        self.rotation.next()
    }

    /// Whether just one of the highest priority may take a message.
    #[inline]
    pub(crate) fn is_one_willing(&self) -> bool {
        self.rotation.is_one()
    }

    /// The turn of the one whose turn it is. [`Takers::end_turn`] ends it, once something was taken.
    #[inline]
    pub(crate) fn begin_turn(&self, key: usize) -> Turn {
        let taker = &self.table[key];
        Turn {
            consumer: taker.consumer.id,
            holder: taker.key(key),
            window_bytes: taker.window_bytes,
            credit: taker.credit(),
        }
    }

    /// What the one whose turn it was has taken counts from here on, and it is the next one's turn.
    #[inline]
    pub(crate) fn end_turn(&mut self, key: usize, turn: &Turn) {
        let taker = &mut self.table[key];
        taker.unsettled_count += taker.credit() - turn.credit;
        taker.window_bytes = turn.window_bytes;
        self.blocked_count += usize::from(taker.is_blocked());
        taker.is_waiting = taker.may_take();
        if taker.is_waiting {
            self.rotation.turn();
        } else {
            self.rotation.leave();
        }
    }

    /// Who holds a delivery, unless that one is gone.
    pub(crate) fn consumer(&self, holder: TakerKey) -> Option<&Consumer> {
        let taker = self.table.get(holder.slot as usize)?;
        (taker.serial == holder.serial).then_some(&taker.consumer)
    }

    /// A consumer has settled one of its deliveries. It may be gone, and another one be in its slot.
    #[inline]
    pub(crate) fn settled(&mut self, holder: TakerKey) {
        let key = holder.slot as usize;
        if let Some(taker) = self.table.get_mut(key).filter(|taker| taker.serial == holder.serial) {
            taker.unsettled_count -= 1;
            if !taker.is_waiting {
                self.offer(key);
            }
        }
    }

    /// Lets a consumer that does not stand in the rotation stand there, if it may take something.
    fn offer(&mut self, key: usize) {
        let taker = &mut self.table[key];
        if taker.may_take() {
            taker.is_waiting = true;
            self.rotation.join(key, taker.consumer.priority);
        } else if taker.is_barred(Bar::Inactive) && self.succession.active == Some(key) {
            self.succeed();
        }
    }

    /// Takes a consumer out of the rotation, if it stands there.
    fn withdraw(&mut self, key: usize) {
        let taker = &mut self.table[key];
        if std::mem::take(&mut taker.is_waiting) {
            self.rotation.remove(key, taker.consumer.priority);
        }
    }

    /// Looks who should be active now. See the file `succession.rs`.
    fn succeed(&mut self) {
        let Some(foremost) = self.succession.foremost() else { return };
        if let Some(active) = self.succession.active {
            let priority = self.table[foremost].consumer.priority;
            let taker = &mut self.table[active];
            let is_outranked =
                self.succession.sharing == Sharing::Foremost && priority > taker.consumer.priority;
            if !is_outranked && !taker.is_barred(Bar::Inactive) {
                return;
            }
            taker.bar(Bar::Inactive);
            let has_unsettled = taker.unsettled_count > 0;
            self.withdraw(active);
            if has_unsettled {
                return;
            }
        }
        self.succession.active = Some(foremost);
        self.table[foremost].unbar(Bar::Inactive);
        self.offer(foremost);
    }
}
