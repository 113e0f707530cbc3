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
    pub(crate) body_len: usize,
    pub(crate) is_persistent: bool,
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
        ledger.publish(messages, now_ns);
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
        _now_ns: u64,
        ledger: &mut Ledger,
    ) -> Result<usize, Failure> {
        let mut taken = 0;
        while let Some((frame, len)) = frame::parse(&bytes[taken..], self.connection.payload_max())?
        {
            self.receive_frame(frame, ledger)?;
            taken += len;
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
