//! A queue that lives on this shard.

use std::sync::Arc;

use message::{Message, Value};
use metadata::{Queue as Definition, QueueKind};
use queue::{Queue, Sharing};

use crate::publisher::Confirm;
use crate::queue_arguments::SINGLE_ACTIVE;

const LAG_BEGINS_BYTES: usize = 1024 * 1024;
const LAG_ENDS_BYTES: usize = 256 * 1024;

/// Which of its messages a queue keeps on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// None: it does not survive a restart itself.
    Nothing,
    /// Those that their producers asked to be kept.
    Persistent,
    /// All.
    Everything,
}

impl Keeps {
    fn of(definition: &Definition) -> Self {
        match (definition.is_durable, QueueKind::of(&definition.arguments)) {
            (false, _) => Self::Nothing,
            (true, QueueKind::Quorum) => Self::Everything,
            (true, QueueKind::Classic) => Self::Persistent,
        }
    }

    #[inline]
    pub(crate) fn keeps(self, message: &Message) -> bool {
        match self {
            Self::Nothing => false,
            Self::Persistent => message.is_persistent(),
            Self::Everything => true,
        }
    }
}

/// A queue and what the broker must know of it at every step.
#[derive(Debug)]
pub(crate) struct Hosted {
    pub(crate) definition: Arc<Definition>,
    pub(crate) queue: Queue,
    /// Which messages go to disk.
    pub(crate) keeps: Keeps,
    /// Whether it waits in the broker's list of queues to be dispatched.
    pub(crate) is_dirty: bool,
    /// Whether it is deleted here, and the topology does not yet say so: nothing may go in.
    pub(crate) is_deleted: bool,
    /// Messages that came after it was deleted, to be confirmed when its end is on disk: until then it might come
    /// back without them.
    pub(crate) late: Vec<Confirm>,
    /// Whether its consumers are willing and do not keep up.
    pub(crate) is_lagging: bool,
    /// What `queue.resident_bytes()` was when the broker last added it up.
    pub(crate) counted_bytes: usize,
}

impl Hosted {
    pub(crate) fn new(definition: Arc<Definition>, mut queue: Queue) -> Self {
        queue.set_sharing(sharing(&definition));
        Self {
            keeps: Keeps::of(&definition),
            definition,
            queue,
            is_dirty: false,
            is_deleted: false,
            late: Vec::new(),
            is_lagging: false,
            counted_bytes: 0,
        }
    }

    /// The queue's type, on which depends who may consume.
    pub(crate) fn kind(&self) -> QueueKind {
        QueueKind::of(&self.definition.arguments)
    }

    /// Whether only one of its consumers gets messages at a time.
    pub(crate) fn is_single_active(&self) -> bool {
        sharing(&self.definition) != Sharing::All
    }

    /// Looks whether the queue lags: a consumer waits for its socket while messages pile up in memory. It has caught up
    /// only when much less is left, so that the answer does not flicker.
    pub(crate) fn look_for_lag(&mut self) -> bool {
        let bytes = self.queue.waiting_bytes();
        self.is_lagging = if self.is_lagging {
            bytes > LAG_ENDS_BYTES && self.queue.consumer_count() > 0
        } else {
            bytes > LAG_BEGINS_BYTES && self.queue.has_blocked_consumer()
        };
        self.is_lagging
    }
}

/// Which of a queue's consumers get messages. Only its own arguments say so, never a policy: it cannot change.
fn sharing(definition: &Definition) -> Sharing {
    let arguments = &definition.arguments;
    let is_single_active = arguments.get(SINGLE_ACTIVE) == Some(&Value::Bool(true));
    match (is_single_active, QueueKind::of(arguments)) {
        (false, _) => Sharing::All,
        (true, QueueKind::Classic) => Sharing::One,
        (true, QueueKind::Quorum) => Sharing::Foremost,
    }
}
