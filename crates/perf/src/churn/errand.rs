//! A client that makes what a run needs before it, and removes it afterwards.

use wire_amqp091::frame;

use super::cycle::Preparation;
use crate::client::{Client, Connection, Login};
use crate::failure::Failure;
use crate::ledger::Ledger;

/// One connection that is ready when everything it was asked for is done.
pub(super) struct Errand {
    connection: Connection,
}

impl Errand {
    pub(super) fn new(login: Login) -> Self {
        Self { connection: Connection::new(login, "waiting for the run to end") }
    }

    /// Asks for each, one after the other.
    pub(super) fn ask_all(&mut self, preparations: &[Preparation]) {
        for Preparation { bytes, answer, about } in preparations {
            self.connection.ask_encoded(bytes.clone(), *answer, about.clone());
        }
    }
}

impl Client for Errand {
    fn receive(
        &mut self,
        bytes: &[u8],
        _now_ns: u64,
        _ledger: &mut Ledger,
    ) -> Result<usize, Failure> {
        let mut taken = 0;
        while let Some((frame, len)) = frame::parse(&bytes[taken..], self.connection.payload_max())?
        {
            taken += len;
            self.connection.receive(frame)?;
        }
        Ok(taken)
    }

    fn sent(&mut self, len: usize) {
        self.connection.sent(len);
    }

    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn close(&mut self) {
        self.connection.close();
    }
}
