//! A client that makes and removes one thing on its connection, again and again.
//!
//! ```text
//!             start           answer             answer
//!   Waiting ────────▶ Making ────────▶ Unmaking ────────▶ a pair more; Making, or Waiting when there are enough
//! ```

use wire_amqp091::{Frame, Kind, frame, method};

use super::cycle::{Cycle, Step};
use crate::client::{Client, Connection, Login};
use crate::failure::Failure;
use crate::ledger::Ledger;

/// How far a pair is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is asked for.
    Waiting,
    Making {
        since_ns: u64,
    },
    Unmaking {
        since_ns: u64,
    },
}

/// The client and what it repeats.
pub(super) struct Repeater {
    connection: Connection,
    cycle: Cycle,
    phase: Phase,
    /// Pairs that it has to begin.
    left: u64,
}

impl Repeater {
    /// A client that does `pairs` of them, once it is started.
    pub(super) fn new(login: Login, cycle: Cycle, pairs: u64) -> Self {
        let connection = Connection::new(login, "churn");
        Self { connection, cycle, phase: Phase::Waiting, left: pairs }
    }

    fn begin(&mut self, now_ns: u64) {
        if self.left == 0 {
            self.phase = Phase::Waiting;
            return;
        }
        self.left -= 1;
        self.connection.out().extend_from_slice(&self.cycle.make.bytes);
        self.phase = Phase::Making { since_ns: now_ns };
    }

    fn hear(&mut self, frame: Frame<'_>, now_ns: u64, ledger: &mut Ledger) -> Result<(), Failure> {
        match self.phase {
            Phase::Making { since_ns } if self.is_answer(frame, &self.cycle.make) => {
                self.connection.out().extend_from_slice(&self.cycle.unmake.bytes);
                self.phase = Phase::Unmaking { since_ns };
                Ok(())
            }
            Phase::Unmaking { since_ns } if self.is_answer(frame, &self.cycle.unmake) => {
                ledger.consume(1, now_ns);
                ledger.time(since_ns, now_ns);
                self.begin(now_ns);
                Ok(())
            }
            _ => self.connection.receive(frame).map(drop).map_err(|failure| self.named(failure)),
        }
    }

    fn is_answer(&self, frame: Frame<'_>, step: &Step) -> bool {
        frame.kind == Kind::Method
            && frame.channel == self.cycle.channel
            && method::split(frame.payload).is_ok_and(|(id, _)| id == step.answer)
    }

    /// A refusal in the middle of a pair is one of the pair.
    fn named(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Closed { code, text, .. } if self.phase != Phase::Waiting => {
                Failure::Closed { during: self.cycle.about.clone(), code, text }
            }
            other => other,
        }
    }
}

impl Client for Repeater {
    fn receive(
        &mut self,
        bytes: &[u8],
        now_ns: u64,
        ledger: &mut Ledger,
    ) -> Result<usize, Failure> {
        let mut taken = 0;
        while let Some((frame, len)) = frame::parse(&bytes[taken..], self.connection.payload_max())?
        {
            taken += len;
            self.hear(frame, now_ns, ledger)?;
        }
        Ok(taken)
    }

    fn sent(&mut self, len: usize) {
        self.connection.sent(len);
    }

    fn start(&mut self, at_ns: u64) {
        self.begin(at_ns);
    }

    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn close(&mut self) {
        self.phase = Phase::Waiting;
        self.left = 0;
        self.connection.close();
    }
}

#[cfg(test)]
mod tests {
    use wire_amqp091::method::channel;

    use super::super::cycle::Plan;
    use super::super::options::Subject;
    use super::*;
    use crate::client::script::{hear, ledger, log_in, login, method, names, said};

    fn repeater(pairs: u64) -> Repeater {
        let cycle = Plan::new(Subject::Channel, false, 1, 7).cycles.remove(0);
        Repeater::new(login(), cycle, pairs)
    }

    #[test]
    fn a_pair_is_one_method_after_the_other() {
        let (mut client, mut ledger) = (repeater(2), ledger());
        log_in(&mut client, &mut ledger);
        client.start(1_000);
        assert_eq!(names(&said(&mut client, 1_000, &mut ledger)), ["channel.open"]);
        hear(&mut client, &method(2, &channel::OpenOk { reserved_1: b"" }), 3_000, &mut ledger);
        assert_eq!(names(&said(&mut client, 3_000, &mut ledger)), ["channel.close"]);
        assert_eq!(ledger.consumed, 0);
        hear(&mut client, &method(2, &channel::CloseOk {}), 5_000, &mut ledger);
        assert_eq!(ledger.consumed, 1);
        assert_eq!(ledger.latency.quantile_us(1.0).map(f64::round), Some(4.0));
        assert_eq!(names(&said(&mut client, 5_000, &mut ledger)), ["channel.open"]);
    }

    #[test]
    fn it_ends_when_there_are_enough() {
        let (mut client, mut ledger) = (repeater(1), ledger());
        log_in(&mut client, &mut ledger);
        client.start(1_000);
        hear(&mut client, &method(2, &channel::OpenOk { reserved_1: b"" }), 3_000, &mut ledger);
        said(&mut client, 3_000, &mut ledger);
        hear(&mut client, &method(2, &channel::CloseOk {}), 5_000, &mut ledger);
        assert!(said(&mut client, 5_000, &mut ledger).is_empty());
    }
}
