//! How many messages have died, by reason, by the type of their queue, and by what the queue does with its dead.

use message::Reason;
use metadata::{DeadLetterStrategy, QueueKind};

/// What a queue does with its dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// It forgets them.
    Disabled,
    /// It sends each on, once.
    AtMostOnce,
    /// It sends each on until a queue has it.
    AtLeastOnce,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Disabled, Self::AtMostOnce, Self::AtLeastOnce];

    /// What is said of queues that send their dead on.
    pub(crate) const fn of(strategy: DeadLetterStrategy) -> Self {
        match strategy {
            DeadLetterStrategy::AtMostOnce => Self::AtMostOnce,
            DeadLetterStrategy::AtLeastOnce => Self::AtLeastOnce,
        }
    }

    /// RabbitMQ's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::AtMostOnce => "at_most_once",
            Self::AtLeastOnce => "at_least_once",
        }
    }
}

/// How many messages have died since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Burials {
    /// By reason, type of queue and strategy.
    died: [[[u64; 3]; 2]; 4],
    /// Of those whose queues send them on until they are taken: have been taken. By type of queue.
    confirmed: [u64; 2],
}

impl Burials {
    /// One more has died.
    pub(crate) const fn count(&mut self, kind: QueueKind, strategy: Strategy, reason: Reason) {
        self.died[row(reason)][column(kind)][strategy as usize] += 1;
    }

    /// One has been taken by all queues that it went to.
    pub(crate) const fn confirm(&mut self, kind: QueueKind) {
        self.confirmed[column(kind)] += 1;
    }

    /// How many have died.
    pub const fn died(&self, kind: QueueKind, strategy: Strategy, reason: Reason) -> u64 {
        self.died[row(reason)][column(kind)][strategy as usize]
    }

    /// How many of those that are sent on until they are taken have been.
    pub const fn confirmed(&self, kind: QueueKind) -> u64 {
        self.confirmed[column(kind)]
    }
}

impl std::ops::AddAssign for Burials {
    fn add_assign(&mut self, other: Self) {
        let (here, there) = (self.died.as_flattened_mut(), other.died.as_flattened());
        let (here, there) = (here.as_flattened_mut(), there.as_flattened());
        here.iter_mut().zip(there).for_each(|(sum, count)| *sum += count);
        self.confirmed.iter_mut().zip(other.confirmed).for_each(|(sum, count)| *sum += count);
    }
}

const fn row(reason: Reason) -> usize {
    match reason {
        Reason::Rejected => 0,
        Reason::Expired => 1,
        Reason::MaxLength => 2,
        Reason::DeliveryLimit => 3,
    }
}

pub(crate) const fn column(kind: QueueKind) -> usize {
    match kind {
        QueueKind::Classic => 0,
        QueueKind::Quorum => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_death_has_a_place_of_its_own() {
        let mut sum = Burials::default();
        let reasons = [Reason::Rejected, Reason::Expired, Reason::MaxLength, Reason::DeliveryLimit];
        for reason in reasons {
            for kind in [QueueKind::Classic, QueueKind::Quorum] {
                for strategy in Strategy::ALL {
                    let mut one = Burials::default();
                    one.count(kind, strategy, reason);
                    sum += one;
                    assert_eq!(sum.died(kind, strategy, reason), 1);
                }
            }
        }
        assert!(sum.died.as_flattened().as_flattened().iter().all(|count| *count == 1));
    }
}
