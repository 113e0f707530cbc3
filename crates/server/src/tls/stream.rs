//! TLS between a socket and a client's plain bytes, without touching the socket.
//!
//! ```text
//!   socket ──→ incoming (the shard's) ──open──→ plain (the shard's) ──→ node
//!                 └ tail: a record that is not whole
//!   socket ←── outgoing (the shard's) ←──seal── output ←── node
//!                 └ pending: what the socket did not take
//! ```
//!
//! The large buffers belong to the shard. A stream keeps only what a turn left over, and while something is pending
//! nothing more is sealed: a client that does not read holds back its own output, as it does without TLS.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};

/// So much is read from a socket at once, at most.
pub(crate) const INCOMING_BYTES: usize = 256 * 1024;
/// A record that is not whole, and parts of a message of the handshake: what waits for its rest.
const TAIL_BYTES_MAX: usize = 96 * 1024;
/// So much is sealed at once, at most: eight full records.
const SEALED_BYTES_MAX: usize = 128 * 1024;
/// What eight records are longer than what they carry, with room for what TLS itself has to say before.
const OUTGOING_BYTES: usize = SEALED_BYTES_MAX + 32 * 1024;
/// What TLS itself may have to say while the socket takes nothing.
const PENDING_BYTES_MAX: usize = OUTGOING_BYTES + 64 * 1024;

/// A shard's buffers for bytes that are sealed.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

/// One side of a TLS connection.
pub(crate) struct TlsStream {
    tls: UnbufferedServerConnection,
    /// Sealed bytes that wait for the rest of their record.
    tail: Vec<u8>,
    /// Plain bytes that came with the end of the handshake.
    early: Vec<u8>,
    /// Sealed bytes that the socket did not take, from `written` on.
    pending: Vec<u8>,
    written: usize,
    /// The other side has said that it will send no more.
    is_closed: bool,
    /// It has sent what it must not. TLS is asked nothing any more.
    is_broken: bool,
}

impl Scratch {
    /// Room for what is read next, behind what the stream has left over.
    pub(crate) fn room(&mut self, stream: &TlsStream) -> &mut [u8] {
        self.incoming.resize(INCOMING_BYTES, 0);
        self.incoming[..stream.tail.len()].copy_from_slice(&stream.tail);
        &mut self.incoming[stream.tail.len()..]
    }
}

impl TlsStream {
    /// A connection whose client has said nothing yet.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub(crate) fn new(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self {
            tls: UnbufferedServerConnection::new(config)?,
            tail: Vec::new(),
            early: Vec::new(),
            pending: Vec::new(),
            written: 0,
            is_closed: false,
            is_broken: false,
        })
    }

    pub(crate) const fn connection(&self) -> &UnbufferedServerConnection {
        &self.tls
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Whether the other side has ended its half, after all that has been opened.
    pub(crate) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether sealed bytes wait for the socket.
    pub(crate) const fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Keeps plain bytes for the one who asks next.
    pub(crate) fn keep_early(&mut self, bytes: &[u8]) {
        self.early.extend_from_slice(bytes);
    }

    /// Takes the plain bytes that came with the end of the handshake.
    pub(crate) fn take_early(&mut self, plain: &mut [u8]) -> usize {
        let count = self.early.len().min(plain.len());
        plain[..count].copy_from_slice(&self.early[..count]);
        self.early.drain(..count);
        if self.early.is_empty() {
            self.early = Vec::new();
        }
        count
    }

    /// Opens what was read into [`Scratch::room`], `count` bytes; returns how many plain bytes that gave. `plain` has
    /// room for as many as a shard reads at once.
    ///
    /// # Errors
    /// When the bytes are not what TLS allows. What the other side has to be told of that is pending.
    pub(crate) fn open(
        &mut self,
        scratch: &mut Scratch,
        count: usize,
        plain: &mut [u8],
    ) -> Result<usize, rustls::Error> {
        if self.is_broken {
            return Err(rustls::Error::General("it has failed before".to_owned()));
        }
        let end = self.tail.len() + count;
        let incoming = &mut scratch.incoming[..end];
        let (start, plain_count, outcome) = self.process(incoming, plain);
        if let Err(error) = outcome {
            self.queue_alert();
            (self.is_broken, self.tail) = (true, Vec::new());
            return Err(error);
        }
        let rest = &incoming[start..];
        if rest.len() > TAIL_BYTES_MAX {
            self.is_broken = true;
            return Err(rustls::Error::General("a record is too long".to_owned()));
        }
        if rest.is_empty() {
            self.tail = Vec::new();
        } else {
            self.tail.clear();
            self.tail.extend_from_slice(rest);
        }
        if self.pending.len() > PENDING_BYTES_MAX {
            return Err(rustls::Error::General("the client asks and does not read".to_owned()));
        }
        Ok(plain_count)
    }

    fn process(
        &mut self,
        incoming: &mut [u8],
        plain: &mut [u8],
    ) -> (usize, usize, Result<(), rustls::Error>) {
        let (mut start, mut count) = (0, 0);
        loop {
            let UnbufferedStatus { mut discard, state } =
                self.tls.process_tls_records(&mut incoming[start..]);
            let mut is_over = false;
            match state {
                Err(error) => return (start + discard, count, Err(error)),
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = match record {
                            Ok(record) => record,
                            Err(error) => return (start + discard, count, Err(error)),
                        };
                        let end = count + record.payload.len();
                        plain[count..end].copy_from_slice(record.payload);
                        count = end;
                        discard += record.discard;
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut message)) => {
                    encode(&mut message, &mut self.pending);
                }
                // What is pending is as good as sent: it goes before all that follows.
                Ok(ConnectionState::TransmitTlsData(transmitted)) => transmitted.done(),
                Ok(ConnectionState::PeerClosed) => self.is_closed = true,
                Ok(ConnectionState::Closed) => (self.is_closed, is_over) = (true, true),
                Ok(_) => is_over = true,
            }
            start += discard;
            if is_over {
                return (start, count, Ok(()));
            }
        }
    }

    /// What TLS has to say of an error goes to what is pending. It is asked only while it has something: it would look at
    /// the bytes that it has failed on again, and fail at that.
    fn queue_alert(&mut self) {
        while self.tls.wants_write() {
            let state = self.tls.process_tls_records(&mut []).state;
            let Ok(ConnectionState::EncodeTlsData(mut message)) = state else { return };
            encode(&mut message, &mut self.pending);
        }
    }

    /// Writes what is pending. Whatever the socket does not take stays.
    ///
    /// # Errors
    /// As the socket, except that taking nothing is no error.
    pub(crate) fn flush(&mut self, to: &mut impl Write) -> io::Result<()> {
        while self.written < self.pending.len() {
            match to.write(&self.pending[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        // Most streams never have anything pending again: the memory is given back.
        (self.pending, self.written) = (Vec::new(), 0);
        Ok(())
    }

    /// Seals and writes as many plain bytes as make sense at once; returns how many. 0 while something is pending.
    ///
    /// # Errors
    /// As the socket, and when TLS can send no more.
    pub(crate) fn write(
        &mut self,
        scratch: &mut Scratch,
        plain: &[u8],
        to: &mut impl Write,
    ) -> io::Result<usize> {
        self.flush(to)?;
        if self.has_pending() || plain.is_empty() {
            return Ok(0);
        }
        let plain = &plain[..plain.len().min(SEALED_BYTES_MAX)];
        scratch.outgoing.resize(OUTGOING_BYTES, 0);
        let sealed = self.seal(Some(plain), &mut scratch.outgoing)?;
        self.send(&scratch.outgoing[..sealed], to)?;
        Ok(plain.len())
    }

    /// Says that nothing more comes, as far as the socket takes it.
    pub(crate) fn close(&mut self, scratch: &mut Scratch, to: &mut impl Write) {
        scratch.outgoing.resize(OUTGOING_BYTES, 0);
        if let Ok(sealed) = self.seal(None, &mut scratch.outgoing) {
            let _ = self.send(&scratch.outgoing[..sealed], to);
        }
    }

    /// Writes sealed bytes after what is pending, and keeps what the socket does not take.
    fn send(&mut self, sealed: &[u8], to: &mut impl Write) -> io::Result<()> {
        let mut taken = 0;
        while taken < sealed.len() && !self.has_pending() {
            match to.write(&sealed[taken..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => taken += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.pending.extend_from_slice(&sealed[taken..]);
        Ok(())
    }

    /// Seals plain bytes, or without any the end. Returns how long that is.
    fn seal(&mut self, plain: Option<&[u8]>, outgoing: &mut [u8]) -> io::Result<usize> {
        let mut sealed = 0;
        if self.is_broken {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        loop {
            // What waits for its rest has to be shown again: the connection counts from its beginning.
            let UnbufferedStatus { discard, state } = self.tls.process_tls_records(&mut self.tail);
            let mut outcome = None;
            match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    let room = &mut outgoing[sealed..];
                    let count = match plain {
                        Some(plain) => traffic.encrypt(plain, room),
                        None => traffic.queue_close_notify(room),
                    };
                    outcome = Some(count.map(|count| sealed + count).map_err(refused));
                }
                Ok(ConnectionState::EncodeTlsData(mut message)) => {
                    match message.encode(&mut outgoing[sealed..]) {
                        Ok(count) => sealed += count,
                        Err(EncodeError::AlreadyEncoded) => {}
                        Err(error) => return Err(io::Error::other(error.to_string())),
                    }
                }
                Ok(ConnectionState::TransmitTlsData(transmitted)) => transmitted.done(),
                Ok(ConnectionState::PeerClosed) => self.is_closed = true,
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        self.early.extend_from_slice(record.payload);
                    }
                }
                _ => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
            self.tail.drain(..discard);
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
    }
}

/// Neither keys nor what is sealed with them.
impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("is_closed", &self.is_closed).finish_non_exhaustive()
    }
}

fn encode<D>(message: &mut rustls::unbuffered::EncodeTlsData<'_, D>, into: &mut Vec<u8>) {
    // The message says how much room it wants.
    let Err(EncodeError::InsufficientSize(wanted)) = message.encode(&mut []) else { return };
    let start = into.len();
    into.resize(start + wanted.required_size, 0);
    message.encode(&mut into[start..]).expect("there is as much room as was asked for");
}

fn refused(error: EncryptError) -> io::Error {
    io::Error::other(error.to_string())
}
