//! How clients come to a shard, and go on to another.
//!
//! ```text
//!   listener ──accept──→ placed on a shard ──→ arrival, if it has something to say first ──→ client
//!   another shard ──migrant──→ adopted ──→ client ──→ handed over to the shard of its queue
//! ```

use std::collections::VecDeque;

use message::{ClientId, ShardId};
use mio::net::TcpStream;
use proto_amqp091::Peer;
use stdx::Time;

use super::Reactor;
use crate::arrivals::{Arrival, Outcome, local_address};
use crate::descriptors::Seat;
use crate::listeners::{Accepted, Caller};
use crate::mailbox::Inbox;
use crate::sockets::Migrant;
use crate::tls::TlsStream;

/// How long to wait before accepting again when there was no room for a client.
const ACCEPT_PAUSE_MS: u64 = 100;
/// So many clients may be on one shard because their queue is there, whatever the others have: a queue's producer and its consumer
/// belong together.
const TOGETHER_MAX: usize = 4;
/// How long those who have just come in are served in a turn. A handshake of TLS costs up to half of it.
const ARRIVALS_MICROS: u64 = 1_000;

impl Reactor {
    pub(super) fn accept(&mut self, now: Time) {
        while let Some(caller) = self.inboxes[usize::from(self.id)].take_caller() {
            self.add(caller, now);
        }
        if !self.has_callers || self.accept_at.is_some_and(|at| at > now) {
            return;
        }
        self.accept_at = None;
        while let Some(listeners) = &mut self.listeners {
            match listeners.accept() {
                Accepted::Client(caller) => self.place(caller, now),
                Accepted::Nobody => {
                    (self.has_callers, self.is_short) = (false, false);
                    return;
                }
                Accepted::Full => return self.pause_accepting("every place is taken", now),
                Accepted::Short(error) => return self.pause_accepting(&error.to_string(), now),
            }
        }
    }

    /// Lets clients wait at the listeners. Those that are served do not notice.
    fn pause_accepting(&mut self, reason: &str, now: Time) {
        self.accept_at = Some(now.plus_millis(ACCEPT_PAUSE_MS));
        if !std::mem::replace(&mut self.is_short, true) {
            tracing::warn!(
                "no room for another client: {reason}; it waits until one goes: for more at a time, raise the limit of open files (`ulimit -n`, LimitNOFILE of systemd)"
            );
        }
    }

    /// Takes in clients that other shards have handed over.
    pub(super) fn adopt(&mut self, now: Time) {
        while let Some(migrant) = self.inboxes[usize::from(self.id)].take_migrant() {
            let (mover, stream, tls, seat) = migrant.unpack();
            let client = self.shard.adopt(mover, now);
            self.serve(stream, tls, seat, client, now);
        }
    }

    /// Hands clients over to the shards of their queues. Nothing of theirs is underway but what shard 0 counts, which may come
    /// after them.
    pub(super) fn hand_over(&mut self, now: Time) {
        while let Some((client, home)) = self.shard.poll_mover() {
            if !self.may_move(home) || !self.shard.may_hand_over(client) {
                self.shard.stay(client, now);
                self.is_busy = true;
                continue;
            }
            let Some(socket) = self.sockets.release(self.poll.registry(), client) else {
                self.lose(client, now);
                continue;
            };
            if let Some(mover) = self.shard.hand_over(client) {
                self.inboxes[usize::from(home)].put_migrant(Migrant::new(socket, mover));
            }
        }
        self.inboxes[usize::from(self.id)].set_client_count(self.shard.client_count());
    }

    /// Whether a shard may have one more client because its queue is there. If it could have many more than its share, a
    /// queue that everybody uses would leave the other shards nothing to do.
    fn may_move(&self, home: ShardId) -> bool {
        let total: usize = self.inboxes.iter().map(Inbox::client_count).sum();
        let client_count_max = TOGETHER_MAX.max(total.div_ceil(self.inboxes.len()) + 1);
        let is_sent = self.unsent.iter().all(VecDeque::is_empty);
        let has_room = self.inboxes[usize::from(home)].client_count() < client_count_max;
        has_room && is_sent && self.stop_since.is_none()
    }

    /// Gives a client to the next shard.
    fn place(&mut self, caller: Caller, now: Time) {
        let shard = self.next_shard;
        self.next_shard = (self.next_shard + 1) % self.inboxes.len();
        if shard == usize::from(self.id) {
            self.add(caller, now);
        } else {
            self.inboxes[shard].put_caller(caller);
        }
    }

    fn add(&mut self, caller: Caller, now: Time) {
        let Caller { stream, peer: address, seat, door } = caller;
        // The node gathers what it writes: waiting for more only costs time.
        if let Err(error) = stream.set_nodelay(true) {
            return tracing::debug!(peer = %address, %error, "the client was gone at once");
        }
        if let Some(door) = door {
            let arrival = Arrival { stream, seat, address, door };
            if let Err(error) = self.arrivals.add(self.poll.registry(), arrival, now) {
                tracing::warn!(peer = %address, %error, "the client cannot be served");
            }
            return;
        }
        let is_loopback = auth::is_loopback(address.ip());
        let local_address = local_address(&stream);
        let address = address.to_string();
        let peer = Peer { address, local_address, is_loopback, ..Peer::default() };
        self.welcome(stream, None, seat, peer, now);
    }

    /// Makes a client of a socket.
    fn welcome(
        &mut self,
        stream: TcpStream,
        tls: Option<Box<TlsStream>>,
        seat: Seat,
        peer: Peer,
        now: Time,
    ) {
        let client = self.shard.accept(peer, now);
        self.serve(stream, tls, seat, client, now);
    }

    /// Serves a client by its socket.
    fn serve(
        &mut self,
        stream: TcpStream,
        tls: Option<Box<TlsStream>>,
        seat: Seat,
        client: ClientId,
        now: Time,
    ) {
        let added = self.sockets.add(self.poll.registry(), stream, tls, seat, client);
        if let Err(error) = added {
            tracing::warn!(%error, "a client cannot be served");
            return self.shard.lost(client, now);
        }
        self.list_again(client);
    }

    /// Serves those who are not clients yet, for a while.
    pub(super) fn serve_arrivals(&mut self, now: Time) {
        while let Some(outcome) = self.arrivals.expire(self.poll.registry(), now) {
            self.receive_arrival(outcome, now);
        }
        if !self.arrivals.is_ready() {
            return;
        }
        let began = self.clock.now();
        while let Some(outcome) =
            self.arrivals.serve(self.poll.registry(), now, &mut self.scratch, &mut self.buffer)
        {
            self.receive_arrival(outcome, now);
            if self.clock.now().micros_since(began) >= ARRIVALS_MICROS {
                break;
            }
        }
        self.is_busy |= self.arrivals.is_ready();
    }

    fn receive_arrival(&mut self, outcome: Outcome, now: Time) {
        match outcome {
            Outcome::Client { stream, seat, peer, tls } => {
                self.welcome(stream, tls, seat, peer, now);
            }
            Outcome::Refused { address, reason } => {
                tracing::info!(client = address, "the client is refused: {reason}");
            }
            Outcome::Waits | Outcome::Gone => {}
        }
    }
}
