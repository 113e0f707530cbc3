//! Looking at the messages of a queue without taking them, and calling off those that wait for their time.
//!
//! ```text
//!   Verb::Peek → what memory has → store.read_aside, one by one, for what it has not → Answer::Peeked
//! ```

use message::{Message, QueueId};
use queue::{Cursor, Peeked, Section, Unread, Whereabout};
use store::Loaded;

use crate::broker::Broker;
use crate::event::Answer;
use crate::request::Origin;
use crate::trace::Step;

/// How many messages one page shows at most.
const COUNT_MAX: usize = 256;
/// How many bytes of messages one page shows at most, and one message: of what lies behind these, nothing is read.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// How much of the tail one read brings.
const READ_BYTES: usize = 256 * 1024;

/// A page of messages.
#[derive(Clone, Debug, Default)]
pub struct PeekPage {
    /// The messages. Each has its bytes.
    pub messages: Vec<Peeked>,
    /// Where the next page begins; `None` when this was the last one.
    pub next: Option<Cursor>,
}

impl PeekPage {
    /// Leaves what lies behind so many bytes to the next page.
    fn cut(&mut self) {
        let mut bytes = 0;
        for (index, one) in self.messages.iter().enumerate() {
            if bytes >= BYTES_MAX {
                self.next = Some(one.cursor);
                return self.messages.truncate(index);
            }
            // How long one is that has to be read shows when it has been.
            let Some(message) = &one.message else { return };
            bytes += message.len_bytes();
        }
    }
}

/// What a look waits for.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// The message of one of the list.
    One(usize),
    /// Some of these.
    Tail(Unread),
}

/// A look that is not over.
#[derive(Debug)]
pub(crate) struct Peek {
    queue: QueueId,
    origin: Origin,
    section: Section,
    count_max: usize,
    bytes: usize,
    page: PeekPage,
    wanted: Option<Wanted>,
}

impl Peek {
    fn left(&self) -> usize {
        if self.bytes >= BYTES_MAX { 0 } else { self.count_max - self.page.messages.len() }
    }
}

impl Broker {
    /// Looks at some messages of a queue.
    pub(crate) fn peek(
        &mut self,
        queue: QueueId,
        origin: Origin,
        section: Section,
        cursor: Option<Cursor>,
        count: usize,
    ) {
        let page = PeekPage { messages: Vec::new(), next: cursor };
        let count_max = count.min(COUNT_MAX);
        let peek = Peek { queue, origin, section, count_max, bytes: 0, page, wanted: None };
        self.look_on(peek, true);
    }

    /// Goes on with a look: more of what memory has, then what has to be read.
    fn look_on(&mut self, mut peek: Peek, is_first: bool) {
        let Some(hosted) = self.queues.get(peek.queue) else {
            peek.page.next = None;
            return self.answer(peek.origin, Ok(Answer::Peeked(Box::new(peek.page))));
        };
        if peek.left() > 0 && (is_first || peek.page.next.is_some()) {
            let seen = hosted.queue.peek(peek.section, peek.page.next, peek.left());
            peek.page.next = seen.next;
            let lengths = seen.messages.iter().filter_map(|one| one.message.as_ref());
            peek.bytes += lengths.map(Message::len_bytes).sum::<usize>();
            peek.page.messages.extend(seen.messages);
            if let Some(tail) = seen.tail.filter(|_| peek.left() > 0) {
                return self.read_for(peek, Wanted::Tail(tail));
            }
        }
        peek.page.cut();
        match peek.page.messages.iter().position(|one| one.message.is_none()) {
            Some(index) => self.read_for(peek, Wanted::One(index)),
            None => self.answer(peek.origin, Ok(Answer::Peeked(Box::new(peek.page)))),
        }
    }

    fn read_for(&mut self, mut peek: Peek, wanted: Wanted) {
        let Some(hosted) = self.queues.get(peek.queue) else { return };
        let (lane, seq, bytes) = match wanted {
            Wanted::One(index) => {
                let one = &peek.page.messages[index];
                (one.lane, one.seq, 1)
            }
            Wanted::Tail(Unread { lane, first_seq, .. }) => (lane, first_seq, READ_BYTES),
        };
        let lane_id = hosted.definition.lane_id(lane);
        peek.wanted = Some(wanted);
        self.last_peek += 1;
        self.peeks.insert(self.last_peek, peek);
        self.store.read_aside(lane_id, seq, bytes, self.last_peek);
    }

    /// A read for a look has brought something.
    pub(crate) fn peeked(&mut self, loaded: Loaded) {
        let Some(mut peek) = self.peeks.remove(&loaded.tag) else { return };
        match peek.wanted.take() {
            Some(Wanted::One(index)) => {
                let seq = peek.page.messages[index].seq;
                let found = loaded.messages.into_iter().find(|(found, _)| *found == seq);
                let message = found.and_then(|(_, bytes)| Message::from_bytes(bytes).ok());
                match message {
                    Some(message) => {
                        peek.bytes += message.len_bytes();
                        peek.page.messages[index].message = Some(message.detached());
                    }
                    // It has gone since it was seen.
                    None => drop(peek.page.messages.remove(index)),
                }
            }
            Some(Wanted::Tail(tail)) => self.take_tail(&mut peek, tail, loaded),
            None => {}
        }
        self.look_on(peek, false);
    }

    fn take_tail(&self, peek: &mut Peek, tail: Unread, loaded: Loaded) {
        let Unread { lane, first_seq, last_seq } = tail;
        let Some(hosted) = self.queues.get(peek.queue) else { return };
        let read_to = loaded.next_seq.min(last_seq + 1);
        let mut next_seq = if read_to > first_seq { read_to } else { last_seq + 1 };
        for (seq, bytes) in loaded.messages.into_iter().take_while(|(seq, _)| *seq <= last_seq) {
            if !hosted.queue.is_in_tail(lane, seq) {
                continue;
            }
            if peek.left() == 0 {
                next_seq = seq;
                break;
            }
            let Ok(message) = Message::from_bytes(bytes) else { continue };
            peek.bytes += message.len_bytes();
            peek.page.messages.push(Peeked {
                cursor: Cursor::in_line(lane, seq),
                lane,
                seq,
                message: Some(message.detached()),
                is_redelivered: false,
                delivery_count: 0,
                whereabout: Whereabout::Ready,
            });
        }
        peek.page.next = Some(Cursor::in_line(lane, next_seq));
    }

    /// Calls a message off that waits for its time. Returns whether there was one.
    pub(crate) fn cancel_delayed(&mut self, id: QueueId, lane: u8, seq: u64) -> bool {
        let Some(hosted) = self.hosted(id) else { return false };
        let Some(gone) = hosted.queue.cancel_delayed(lane, seq) else { return false };
        if hosted.is_traced {
            self.traces.record_step(id, Step::CalledOff, Some((lane, seq)), self.now_ms);
        }
        self.remove_stored(id, lane, seq, gone.length, gone.is_stored);
        self.count_resident(id);
        self.set_deadline(id);
        true
    }
}
