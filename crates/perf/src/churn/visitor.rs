//! A client that connects, logs in, opens a channel and says goodbye, again and again.
//!
//! ```text
//!             ready, started            close-ok            another connection
//!   login ──────────────────▶ goodbye ──────────▶ a pair more ─────────────────▶ login
//! ```
//!
//! The first connection of each client is made before the load begins, and counts for nothing.

use wire_amqp091::frame;

use crate::client::{Client, Connection, Login};
use crate::failure::Failure;
use crate::ledger::Ledger;

const PURPOSE: &str = "churn of connections";

/// The client and the connection that it has at the moment.
pub(super) struct Visitor {
    login: Login,
    connection: Connection,
    is_started: bool,
    /// When this connection began; `None` for the first one.
    since_ns: Option<u64>,
    /// Connections that it has to begin.
    left: u64,
}

impl Visitor {
    /// A client that connects `pairs` times, once it is started.
    pub(super) fn new(login: Login, pairs: u64) -> Self {
        let connection = Connection::new(login.clone(), PURPOSE);
        Self { login, connection, is_started: false, since_ns: None, left: pairs }
    }
}

impl Client for Visitor {
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
            self.connection.receive(frame)?;
        }
        if self.is_started && self.connection.is_ready() {
            self.connection.close();
        }
        if self.connection.is_closed()
            && let Some(since_ns) = self.since_ns.take()
        {
            ledger.consume(1, now_ns);
            ledger.time(since_ns, now_ns);
        }
        Ok(taken)
    }

    fn sent(&mut self, len: usize) {
        self.connection.sent(len);
    }

    fn start(&mut self, _at_ns: u64) {
        self.is_started = true;
        self.connection.close();
    }

    fn connection(&self) -> &Connection {
        &self.connection
    }

    /// A connection that is being made is finished as the others are: it is not the broker's fault that the time is up.
    fn close(&mut self) {
        self.left = 0;
        self.is_started = true;
        if self.connection.is_ready() {
            self.connection.close();
        }
    }

    fn begin_again(&mut self, now_ns: u64) -> bool {
        if self.left == 0 || !self.is_started {
            return false;
        }
        self.left -= 1;
        self.connection = Connection::new(self.login.clone(), PURPOSE);
        self.since_ns = Some(now_ns);
        true
    }
}

#[cfg(test)]
mod tests {
    use wire_amqp091::method::connection;

    use super::*;
    use crate::client::script::{hear, ledger, log_in, login, method, names, said};

    #[test]
    fn a_pair_is_a_connection_from_its_beginning_to_its_end() {
        let (mut client, mut ledger) = (Visitor::new(login(), 1), ledger());
        log_in(&mut client, &mut ledger);
        client.start(1_000);
        assert_eq!(names(&said(&mut client, 1_000, &mut ledger)), ["connection.close"]);
        let close_ok = method(0, &connection::CloseOk {});
        hear(&mut client, &close_ok, 2_000, &mut ledger);
        assert_eq!(ledger.consumed, 0, "the first one was there before");

        assert!(client.begin_again(2_000));
        log_in(&mut client, &mut ledger);
        assert!(client.connection().is_closing(), "it leaves as soon as it is ready");
        hear(&mut client, &close_ok, 9_000, &mut ledger);
        assert_eq!(ledger.consumed, 1);
        assert_eq!(ledger.latency.quantile_us(1.0).map(f64::round), Some(7.0));
        assert!(!client.begin_again(9_000), "there are enough");
    }

    #[test]
    fn who_is_not_started_does_not_come_again() {
        let mut client = Visitor::new(login(), 1);
        log_in(&mut client, &mut ledger());
        assert!(!client.begin_again(1_000));
    }
}
