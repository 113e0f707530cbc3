//! A client that publishes, as fast as it may: as the broker takes it, as a schedule says, or as confirms come back.

use wire_amqp091::frame;
use wire_amqp091::method::{self, basic};

use super::batch::Batch;
use super::connection::News;
use super::unconfirmed::Unconfirmed;
use super::{Client, Connection, Login};
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::schedule::Schedule;

/// What is published.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    /// Which part of the routing key changes from message to message.
    pub(crate) numbers: Option<Numbers>,
    pub(crate) body_len: usize,
    pub(crate) is_persistent: bool,
}

/// The decimal number in a routing key, which counts up to the number of keys and begins again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Where it begins in the key.
    pub(crate) at: usize,
    /// How many digits it has.
    pub(crate) len: usize,
    pub(crate) keys: u32,
}

/// How fast a publisher goes once it is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Messages a second of all publishers together; `None`: as many as possible.
    pub(crate) rate: Option<u64>,
    /// How many publishers share the rate.
    pub(crate) publishers: u64,
    /// Which of them this is.
    pub(crate) index: u64,
    /// How many messages it publishes before it is done.
    pub(crate) count: u64,
    /// How many of them may be unconfirmed; `None`: no confirms are asked for.
    pub(crate) window: Option<u32>,
}

/// One publisher.
pub(crate) struct Publisher {
    connection: Connection,
    publication: Publication,
    pace: Pace,
    is_started: bool,
    schedule: Option<Schedule>,
    /// Made when it is known how large frames may be.
    batch: Option<Batch>,
    published: u64,
    /// Messages that count when the broker has answered the question that was asked behind them.
    held: u64,
    unconfirmed: Option<Unconfirmed>,
}

impl Publisher {
    pub(crate) fn new(login: Login, publication: Publication, pace: Pace) -> Self {
        let mut connection = Connection::new(login, "publishing");
        if pace.window.is_some() {
            connection.ask_for_confirms();
        }
        Self {
            connection,
            publication,
            pace,
            is_started: false,
            schedule: None,
            batch: None,
            published: 0,
            held: 0,
            unconfirmed: pace.window.map(Unconfirmed::new),
        }
    }

    /// How many messages may be published, whatever the schedule says.
    fn room(&self) -> u64 {
        if !self.is_started || !self.connection.is_ready() {
            return 0;
        }
        let room = self.unconfirmed.as_ref().map_or(u64::MAX, Unconfirmed::room);
        room.min(self.pace.count - self.published)
    }

    /// How many messages to put into the next batch.
    fn allowance(&self, now_ns: u64) -> u64 {
        let due = self
            .schedule
            .map_or(u64::MAX, |schedule| schedule.due(now_ns).saturating_sub(self.published));
        self.room().min(due)
    }

    fn compose(&mut self, now_ns: u64, ledger: &mut Ledger) {
        let allowance = self.allowance(now_ns);
        if allowance == 0 {
            return;
        }
        let batch = self.batch.get_or_insert_with(|| {
            let messages_max = self.pace.count.min(self.pace.window.map_or(u64::MAX, u64::from));
            Batch::new(&self.publication, self.connection.frame_max(), messages_max)
        });
        let messages = allowance.min(batch.capacity());
        match self.schedule {
            Some(schedule) => {
                batch.fill(messages, self.published, |number| schedule.moment_ns(number));
            }
            None => batch.fill(messages, self.published, |_| now_ns),
        }
        if let Some(unconfirmed) = &mut self.unconfirmed {
            unconfirmed.publish(messages);
        }
        self.published += messages;
        if self.published == self.pace.count && self.unconfirmed.is_none() {
            self.held = messages;
            self.ask_behind_the_last();
        } else {
            ledger.publish(messages, now_ns);
        }
    }

    /// Without confirms, megabytes are in the sockets' buffers when the last message has left: they are published when
    /// the broker answers what it read behind them.
    fn ask_behind_the_last(&mut self) {
        let qos = basic::Qos { prefetch_size: 0, prefetch_count: 0, global: false };
        self.connection.ask(&qos, basic::QosOk::ID, "an answer behind the last message");
    }

    fn receive_frame(
        &mut self,
        frame: frame::Frame<'_>,
        ledger: &mut Ledger,
    ) -> Result<(), Failure> {
        if frame.kind == frame::Kind::Method {
            match (method::split(frame.payload)?, &mut self.unconfirmed) {
                ((basic::Ack::ID, fields), Some(unconfirmed)) => {
                    let ack = basic::Ack::decode(fields)?;
                    ledger.confirmed += unconfirmed.settle(ack.delivery_tag, ack.multiple)?;
                    return Ok(());
                }
                ((basic::Nack::ID, fields), Some(unconfirmed)) => {
                    let nack = basic::Nack::decode(fields)?;
                    ledger.refused += unconfirmed.settle(nack.delivery_tag, nack.multiple)?;
                    return Ok(());
                }
                _ => {}
            }
        }
        if let Some(News::Blocked { is_blocked }) = self.connection.receive(frame)? {
            ledger.block(is_blocked);
        }
        Ok(())
    }
}

impl Client for Publisher {
    fn receive(
        &mut self,
        bytes: &[u8],
        now_ns: u64,
        ledger: &mut Ledger,
    ) -> Result<usize, Failure> {
        let mut taken = 0;
        while let Some((frame, len)) = frame::parse(&bytes[taken..], self.connection.payload_max())?
        {
            self.receive_frame(frame, ledger)?;
            taken += len;
        }
        if self.held > 0 && self.connection.is_ready() {
            ledger.publish(std::mem::take(&mut self.held), now_ns);
        }
        Ok(taken)
    }

    fn output(&mut self, now_ns: u64, ledger: &mut Ledger) -> &[u8] {
        let is_batch_gone = self.batch.as_ref().is_none_or(|batch| batch.output().is_empty());
        if is_batch_gone && self.connection.output().is_empty() {
            self.compose(now_ns, ledger);
        }
        match &self.batch {
            Some(batch) if !batch.output().is_empty() => batch.output(),
            _ => self.connection.output(),
        }
    }

    fn sent(&mut self, len: usize) {
        match &mut self.batch {
            Some(batch) if !batch.output().is_empty() => batch.sent(len),
            _ => self.connection.sent(len),
        }
    }

    fn start(&mut self, at_ns: u64) {
        let Pace { rate, publishers, index, .. } = self.pace;
        self.schedule = rate.map(|rate| Schedule::new(at_ns, rate, publishers, index));
        self.is_started = true;
    }

    fn due_ns(&self) -> Option<u64> {
        let schedule = self.schedule?;
        (self.room() > 0).then(|| schedule.moment_ns(self.published))
    }

    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn close(&mut self) {
        self.connection.close();
    }
}

#[cfg(test)]
mod tests {
    use wire_amqp091::Method;

    use super::super::CHANNEL;
    use super::super::script::{self, confirm, hear, log_in, said};
    use super::*;

    const PACE: Pace = Pace { rate: None, publishers: 1, index: 0, count: u64::MAX, window: None };
    const MS: u64 = 1_000_000;

    fn publisher(pace: Pace, ledger: &mut Ledger) -> Publisher {
        let publication = Publication {
            exchange: String::new(),
            routing_key: "q".to_owned(),
            numbers: None,
            body_len: 16,
            is_persistent: false,
        };
        let mut publisher = Publisher::new(script::login(), publication, pace);
        log_in(&mut publisher, ledger);
        if pace.window.is_some() {
            let select_ok = method::confirm::SelectOk {};
            hear(&mut publisher, &script::method(CHANNEL, &select_ok), 0, ledger);
        }
        assert!(publisher.connection.is_ready());
        publisher
    }

    fn messages(bytes: &[u8]) -> usize {
        let methods = script::methods(bytes);
        let is_last = |method: &Method<'_>| matches!(method, Method::BasicQos(_));
        let messages = methods.iter().take_while(|method| !is_last(method));
        messages.inspect(|method| assert!(matches!(method, Method::BasicPublish(_)))).count()
    }

    #[test]
    fn nothing_is_published_before_the_start() {
        let mut ledger = script::ledger();
        let mut publisher = publisher(Pace { count: 5, ..PACE }, &mut ledger);
        assert!(said(&mut publisher, 0, &mut ledger).is_empty());
        publisher.start(0);
        assert_eq!(messages(&said(&mut publisher, 0, &mut ledger)), 5);
        assert_eq!(ledger.published, 0, "they may be in a buffer of the operating system");
        hear(&mut publisher, &script::method(CHANNEL, &basic::QosOk {}), 0, &mut ledger);
        assert_eq!(ledger.published, 5);
    }

    #[test]
    fn without_a_rate_a_batch_follows_the_other() {
        let mut ledger = script::ledger();
        let mut publisher = publisher(PACE, &mut ledger);
        publisher.start(0);
        let len = publisher.output(1, &mut ledger).len();
        assert!(len > 50_000);
        // A batch that is partly sent is finished first.
        publisher.sent(1_000);
        assert_eq!(publisher.output(2, &mut ledger).len(), len - 1_000);
        publisher.sent(len - 1_000);
        assert_eq!(publisher.output(3, &mut ledger).len(), len);
    }

    #[test]
    fn the_window_holds_publishing_back_until_confirms_come() {
        let mut ledger = script::ledger();
        let mut publisher = publisher(Pace { window: Some(10), ..PACE }, &mut ledger);
        publisher.start(0);
        assert_eq!(messages(&said(&mut publisher, 0, &mut ledger)), 10);
        hear(&mut publisher, &[confirm(2, false), confirm(4, true)].concat(), 0, &mut ledger);
        assert_eq!(ledger.confirmed, 4);
        assert_eq!(messages(&said(&mut publisher, 0, &mut ledger)), 4);
        let nack = basic::Nack { delivery_tag: 5, multiple: false, requeue: false };
        hear(&mut publisher, &script::method(CHANNEL, &nack), 0, &mut ledger);
        assert_eq!((ledger.confirmed, ledger.refused), (4, 1));
        assert_eq!(messages(&said(&mut publisher, 0, &mut ledger)), 1);
    }

    #[test]
    fn a_confirm_of_what_was_not_published_is_a_failure() {
        let mut ledger = script::ledger();
        let mut publisher = publisher(Pace { window: Some(10), ..PACE }, &mut ledger);
        assert!(publisher.receive(&confirm(1, false), 0, &mut ledger).is_err());
    }

    #[test]
    fn a_schedule_tells_when_to_wake_and_what_is_due() {
        let mut ledger = script::ledger();
        let mut publisher = publisher(Pace { rate: Some(1_000), ..PACE }, &mut ledger);
        assert_eq!(publisher.due_ns(), None);
        publisher.start(10 * MS);
        assert_eq!(publisher.due_ns(), Some(10 * MS));
        assert!(said(&mut publisher, 9 * MS, &mut ledger).is_empty());
        assert_eq!(messages(&said(&mut publisher, 10 * MS, &mut ledger)), 1);
        assert_eq!(publisher.due_ns(), Some(11 * MS));
        // Held up for three intervals, it sends at once what should have left.
        assert_eq!(messages(&said(&mut publisher, 13 * MS, &mut ledger)), 3);
        assert_eq!(publisher.due_ns(), Some(14 * MS));
    }

    #[test]
    fn what_is_held_back_by_the_window_keeps_its_intended_moment() {
        let mut ledger = script::ledger();
        let pace = Pace { rate: Some(1_000), window: Some(1), ..PACE };
        let mut publisher = publisher(pace, &mut ledger);
        publisher.start(10 * MS);
        said(&mut publisher, 10 * MS, &mut ledger);
        assert_eq!(publisher.due_ns(), None, "the window is full");
        hear(&mut publisher, &confirm(1, false), 15 * MS, &mut ledger);
        let late = said(&mut publisher, 15 * MS, &mut ledger);
        let stamp = (11 * MS).to_le_bytes();
        assert!(late.windows(stamp.len()).any(|bytes| bytes == stamp));
    }

    #[test]
    fn the_goodbye_comes_after_the_batch_that_is_underway() {
        let mut ledger = script::ledger();
        let mut publisher = publisher(Pace { count: 3, ..PACE }, &mut ledger);
        publisher.start(0);
        let len = publisher.output(0, &mut ledger).len();
        publisher.sent(len / 2);
        publisher.close();
        let rest = said(&mut publisher, 0, &mut ledger);
        assert_eq!(script::names(&rest[len - len / 2..]), ["basic.qos", "connection.close"]);
    }

    #[test]
    fn a_blocked_publisher_is_counted() {
        let mut ledger = script::ledger();
        let mut publisher = publisher(PACE, &mut ledger);
        let blocked = method::connection::Blocked { reason: "low on memory" };
        hear(&mut publisher, &script::method(0, &blocked), 0, &mut ledger);
        let tally = crate::ledger::Tally::default();
        tally.show(&ledger);
        assert_eq!(crate::ledger::Sum::of([&tally]).blocked, 1);
    }
}
