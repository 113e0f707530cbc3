//! Those who have come in by a door with a ceremony, and are not clients yet.
//!
//! ```text
//!   Caller ──→ Header (PROXY protocol) ──→ Handshake (TLS) ──→ a client of the node
//!                   └ too late, gone, or not what the door demands ──→ turned away, with one line in the log
//! ```
//!
//! A handshake costs up to a millisecond of computing, so that only a few are served in a turn; those who talk already
//! go before. The node knows nothing of all this: whoever it is told of can talk.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;

use config::CertificateName;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use proto_amqp091::Peer;
use stdx::Time;

use crate::descriptors::Seat;
use crate::proxy_header::{self, ProxyHeader};
use crate::sockets::{FIRST_TOKEN, SLOTS_MAX};
use crate::tls::{Certificates, INCOMING_BYTES, Scratch, TlsStream, facts};

/// Tokens from here on are arrivals.
const FIRST_ARRIVAL: usize = FIRST_TOKEN + SLOTS_MAX;
/// A handshake's longest flight from a client, with a long chain of certificates, has about this length; what is
/// longer comes in parts.
const HANDSHAKE_READ_BYTES: usize = 16 * 1024;

/// What those have to go through who come in by a listener.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) is_proxied: bool,
    pub(crate) tls: Option<Arc<Certificates>>,
    pub(crate) certificate_name: CertificateName,
    /// How long the header of the PROXY protocol may take.
    pub(crate) header_timeout_ms: u64,
    /// How long TLS may take after that.
    pub(crate) handshake_timeout_ms: u64,
}

/// Somebody who has just come in.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) stream: TcpStream,
    pub(crate) seat: Seat,
    /// From where the connection comes.
    pub(crate) address: SocketAddr,
    pub(crate) door: Arc<Door>,
}

/// What came of an arrival.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A client for the node.
    Client { stream: TcpStream, seat: Seat, peer: Peer, tls: Option<Box<TlsStream>> },
    /// It is turned away.
    Refused { address: String, reason: String },
    /// It waits for more, and others may be served.
    Waits,
    /// It is gone without a word, as those do who only look whether somebody listens.
    Gone,
}

#[derive(Debug)]
enum Stage {
    Header,
    Handshake(Box<TlsStream>),
}

#[derive(Debug)]
struct Guest {
    arrival: Arrival,
    /// Tells it from others that have had its place.
    number: u64,
    /// Who it is as far as we know, which a proxy may have told.
    source: SocketAddr,
    stage: Stage,
    has_ended: bool,
    is_listed: bool,
    has_spoken: bool,
}

/// The arrivals of a shard.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    slots: Vec<Option<Guest>>,
    free: Vec<usize>,
    number: u64,
    /// Those that something happened to, each once.
    ready: VecDeque<usize>,
    /// When headers and handshakes are too late: one list each, because each has one time limit.
    header_due: VecDeque<(Time, usize, u64)>,
    handshake_due: VecDeque<(Time, usize, u64)>,
}

/// What a step of a guest led to.
enum Step {
    Waits,
    /// It has more to be looked at.
    Again,
    Refused(String),
    Gone,
    Done,
}

impl Arrivals {
    /// Takes somebody in.
    ///
    /// # Errors
    /// When the system cannot watch its socket.
    pub(crate) fn add(
        &mut self,
        registry: &Registry,
        mut arrival: Arrival,
        now: Time,
    ) -> io::Result<()> {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(FIRST_ARRIVAL + slot);
        if let Err(error) = registry.register(&mut arrival.stream, token, interest) {
            self.free.push(slot);
            return Err(error);
        }
        self.number += 1;
        let (number, source) = (self.number, arrival.address);
        let header_until = now.plus_millis(arrival.door.header_timeout_ms);
        let mut guest = Guest {
            arrival,
            number,
            source,
            stage: Stage::Header,
            has_ended: false,
            is_listed: false,
            has_spoken: false,
        };
        if guest.arrival.door.is_proxied {
            self.header_due.push_back((header_until, slot, number));
        } else {
            self.begin_handshake(&mut guest, slot, now);
        }
        self.slots[slot] = Some(guest);
        Ok(())
    }

    fn begin_handshake(&mut self, guest: &mut Guest, slot: usize, now: Time) {
        let door = &guest.arrival.door;
        let Some(certificates) = &door.tls else { return };
        match TlsStream::new(certificates.config()) {
            Ok(tls) => guest.stage = Stage::Handshake(Box::new(tls)),
            Err(error) => tracing::warn!(%error, "TLS cannot be spoken"),
        }
        let until = now.plus_millis(door.handshake_timeout_ms);
        self.handshake_due.push_back((until, slot, guest.number));
    }

    /// Something happened to the socket of a token. Returns false for a token of somebody else.
    pub(crate) fn hear(&mut self, token: Token, has_ended: bool) -> bool {
        let Some(slot) = token.0.checked_sub(FIRST_ARRIVAL) else { return false };
        if let Some(Some(guest)) = self.slots.get_mut(slot) {
            guest.has_ended |= has_ended;
            if !std::mem::replace(&mut guest.is_listed, true) {
                self.ready.push_back(slot);
            }
        }
        true
    }

    /// Whether somebody waits to be served.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When the next one is too late. One who is through already may be the cause; then nothing happens at that time.
    pub(crate) fn next_timeout(&self) -> Option<Time> {
        let first = |due: &VecDeque<(Time, usize, u64)>| due.front().map(|(until, ..)| *until);
        first(&self.header_due).into_iter().chain(first(&self.handshake_due)).min()
    }

    /// Turns the next one away that is too late.
    pub(crate) fn expire(&mut self, registry: &Registry, now: Time) -> Option<Outcome> {
        loop {
            let is_due = |due: &VecDeque<(Time, usize, u64)>| {
                due.front().is_some_and(|(until, ..)| *until <= now)
            };
            let (entry, what) = if is_due(&self.header_due) {
                (self.header_due.pop_front(), "the header of the PROXY protocol")
            } else if is_due(&self.handshake_due) {
                (self.handshake_due.pop_front(), "the TLS handshake")
            } else {
                return None;
            };
            let (_, slot, number) = entry?;
            let Some(Some(guest)) = self.slots.get(slot) else { continue };
            let is_header = matches!(guest.stage, Stage::Header);
            if guest.number != number || is_header != what.contains("PROXY") {
                continue;
            }
            let address = guest.source.to_string();
            self.remove(registry, slot);
            return Some(Outcome::Refused { address, reason: format!("{what} took too long") });
        }
    }

    /// Serves the next one that something happened to, one step. `None` when nobody is ready any more.
    pub(crate) fn serve(
        &mut self,
        registry: &Registry,
        now: Time,
        scratch: &mut Scratch,
        plain: &mut [u8],
    ) -> Option<Outcome> {
        while let Some(slot) = self.ready.pop_front() {
            let Some(mut guest) = self.slots.get_mut(slot).and_then(Option::take) else { continue };
            guest.is_listed = false;
            let step = match &mut guest.stage {
                Stage::Header => read_header(&mut guest, plain),
                Stage::Handshake(_) => shake_hands(&mut guest, scratch, plain),
            };
            let needs_tls =
                matches!(guest.stage, Stage::Header) && guest.arrival.door.tls.is_some();
            let address = guest.source.to_string();
            let is_through = matches!(step, Step::Done) && !needs_tls;
            match step {
                Step::Done if needs_tls => {
                    self.begin_handshake(&mut guest, slot, now);
                    self.list(slot, guest);
                    return Some(Outcome::Waits);
                }
                Step::Again => {
                    self.list(slot, guest);
                    return Some(Outcome::Waits);
                }
                Step::Waits => {
                    self.slots[slot] = Some(guest);
                    return Some(Outcome::Waits);
                }
                Step::Done | Step::Refused(_) | Step::Gone => {
                    self.slots[slot] = Some(guest);
                    let guest = self.remove(registry, slot)?;
                    return Some(match step {
                        Step::Refused(reason) => Outcome::Refused { address, reason },
                        _ if is_through => through(guest),
                        _ => Outcome::Gone,
                    });
                }
            }
        }
        None
    }

    fn list(&mut self, slot: usize, mut guest: Guest) {
        guest.is_listed = true;
        self.slots[slot] = Some(guest);
        self.ready.push_back(slot);
    }

    fn remove(&mut self, registry: &Registry, slot: usize) -> Option<Guest> {
        let mut guest = self.slots.get_mut(slot)?.take()?;
        self.free.push(slot);
        // A socket that cannot be let go of is watched for nothing until it is closed.
        let _ = registry.deregister(&mut guest.arrival.stream);
        Some(guest)
    }

    /// Sends everybody away.
    pub(crate) fn close(&mut self) {
        *self = Self::default();
    }
}

/// A guest that is through, as a client.
fn through(guest: Guest) -> Outcome {
    let Guest { arrival, source, stage, .. } = guest;
    let Arrival { stream, seat, address, door } = arrival;
    // A proxy on this machine may speak for somebody elsewhere, and one elsewhere for somebody on its own machine.
    let is_loopback = auth::is_loopback(source.ip()) && auth::is_loopback(address.ip());
    let local_address = local_address(&stream);
    let mut peer =
        Peer { address: source.to_string(), local_address, is_loopback, ..Peer::default() };
    let tls = match stage {
        Stage::Header => None,
        Stage::Handshake(tls) => {
            let (facts, name) = facts(tls.connection(), door.certificate_name);
            (peer.tls, peer.certificate_name) = (Some(Box::new(facts)), name);
            Some(tls)
        }
    };
    Outcome::Client { stream, seat, peer, tls }
}

/// The address that a connection has come in by, for people.
pub(crate) fn local_address(stream: &TcpStream) -> String {
    stream.local_addr().map_or_else(|_| "?".to_owned(), |local| local.to_string())
}

/// Looks at the first bytes, and takes the header off when it is whole.
fn read_header(guest: &mut Guest, buffer: &mut [u8]) -> Step {
    let stream = &mut guest.arrival.stream;
    let seen = match stream.peek(&mut buffer[..proxy_header::BYTES_MAX]) {
        Ok(0) => return Step::Gone,
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Step::Waits,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => return Step::Again,
        Err(_) => return Step::Gone,
    };
    match ProxyHeader::parse(&buffer[..seen]) {
        Ok(Some(header)) => {
            // It lies there, whole, so that one read takes it.
            if stream.read_exact(&mut buffer[..header.bytes]).is_err() {
                return Step::Gone;
            }
            guest.source = header.source.unwrap_or(guest.source);
            Step::Done
        }
        Ok(None) if guest.has_ended => Step::Gone,
        Ok(None) => Step::Waits,
        Err(reason) => Step::Refused(reason.to_string()),
    }
}

/// Takes the next bytes of a TLS handshake, and answers.
fn shake_hands(guest: &mut Guest, scratch: &mut Scratch, plain: &mut [u8]) -> Step {
    let Stage::Handshake(tls) = &mut guest.stage else { return Step::Gone };
    let stream = &mut guest.arrival.stream;
    let room = scratch.room(tls);
    let room_bytes = room.len().min(HANDSHAKE_READ_BYTES).min(INCOMING_BYTES);
    let count = match stream.read(&mut room[..room_bytes]) {
        Ok(0) if guest.has_spoken => {
            return Step::Refused("it left during the handshake".to_owned());
        }
        Ok(0) => return Step::Gone,
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => return Step::Again,
        Err(error) if guest.has_spoken => return Step::Refused(error.to_string()),
        Err(_) => return Step::Gone,
    };
    if count == 0 {
        // The socket may have room again for what we have to say.
        return if tls.flush(stream).is_err() { Step::Gone } else { Step::Waits };
    }
    let is_amqp = !guest.has_spoken && room.starts_with(b"AMQP");
    guest.has_spoken = true;
    let opened = tls.open(scratch, count, plain);
    let flushed = tls.flush(stream);
    match opened {
        Err(_) if is_amqp => {
            Step::Refused("it speaks AMQP without TLS; use another port".to_owned())
        }
        Err(error) => Step::Refused(format!("no TLS: {}", ::management::why_no_tls(&error))),
        Ok(_) if flushed.is_err() => Step::Refused("it left during the handshake".to_owned()),
        Ok(plain_count) => {
            tls.keep_early(&plain[..plain_count]);
            if !tls.is_handshaking() {
                return Step::Done;
            }
            if count == room_bytes || guest.has_ended { Step::Again } else { Step::Waits }
        }
    }
}
