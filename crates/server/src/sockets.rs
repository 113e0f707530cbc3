//! The sockets of one shard.

use std::io::{self, IoSlice, Read, Write};
use std::iter;
use std::net::Shutdown;

use message::ClientId;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use node::Mover;

use crate::descriptors::Seat;
use crate::tls::{Scratch, TlsStream};

/// A client's socket. The system tells of changes only (edge-triggered), so what it told is remembered here.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    /// Between the socket and the client's plain bytes.
    tls: Option<Box<TlsStream>>,
    seat: Seat,
    pub(crate) client: ClientId,
    pub(crate) is_readable: bool,
    pub(crate) is_writable: bool,
    /// Whether the client has sent its last byte, which may not be read yet.
    pub(crate) has_ended: bool,
    /// Whether it is listed to be read.
    pub(crate) is_listed: bool,
    /// Whether it is among those that must not be read for now.
    pub(crate) is_held: bool,
}

/// In how many pieces a socket is written to at most.
const PIECES_MAX: usize = 64;
/// How much a client may still send while it is being closed: beyond this it has not listened anyway.
const LAST_READS_MAX: usize = 4;

/// A client on its way to another shard, with its socket.
#[derive(Debug)]
pub(crate) struct Migrant {
    socket: Socket,
    mover: Mover,
}

impl Migrant {
    pub(crate) fn new(socket: Socket, mover: Mover) -> Self {
        Self { socket, mover }
    }

    /// The client, its stream, what may lie between them, and its place.
    pub(crate) fn unpack(self) -> (Mover, TcpStream, Option<Box<TlsStream>>, Seat) {
        let Socket { stream, tls, seat, .. } = self.socket;
        (self.mover, stream, tls, seat)
    }
}

/// What reading brought.
#[derive(Debug)]
pub(crate) enum Input {
    /// So many bytes.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// The client is gone.
    Gone,
    /// What the client sends is not what TLS allows.
    Broken(rustls::Error),
}

impl Socket {
    pub(crate) fn read(&mut self, buffer: &mut [u8], scratch: &mut Scratch) -> Input {
        if let Some(tls) = &mut self.tls {
            let (input, is_readable) = read_sealed(&mut self.stream, tls, buffer, scratch);
            self.is_readable = is_readable || self.has_ended;
            return input;
        }
        match self.stream.read(buffer) {
            Ok(0) => Input::Gone,
            Ok(count) => {
                // A short read has emptied the socket: the system will tell when there is more. But if the end came
                // with what was read, it has told so already.
                self.is_readable = count == buffer.len() || self.has_ended;
                Input::Bytes(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.is_readable = false;
                Input::Nothing
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Input::Nothing,
            Err(_) => Input::Gone,
        }
    }

    /// Writes of `pieces` what the system takes. `None` when the client is gone.
    pub(crate) fn write<'b>(
        &mut self,
        mut pieces: impl Iterator<Item = &'b [u8]>,
        scratch: &mut Scratch,
    ) -> Option<usize> {
        let first = pieces.next().unwrap_or_default();
        if let Some(tls) = &mut self.tls {
            let taken = tls.write(scratch, first, &mut self.stream);
            self.is_writable = !tls.has_pending();
            return taken.ok();
        }
        let (written, len) = match pieces.next() {
            None => (self.stream.write(first), first.len()),
            Some(second) => write_pieces(&mut self.stream, [first, second], pieces),
        };
        match written {
            Ok(count) => {
                self.is_writable = count == len;
                Some(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.is_writable = false;
                Some(0)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Some(0),
            Err(_) => None,
        }
    }

    /// Whether bytes of the client's wait here, sealed, that it has been told were sent.
    pub(crate) fn has_pending(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_pending())
    }

    /// Says that nothing more comes. What the client has sent meanwhile is read and dropped: closing over unread bytes
    /// would reset the connection, and the client might never see the last thing it was told.
    pub(crate) fn close(mut self, buffer: &mut [u8], scratch: &mut Scratch) {
        if let Some(tls) = &mut self.tls {
            tls.close(scratch, &mut self.stream);
        }
        let _ = self.stream.shutdown(Shutdown::Write);
        for _ in 0..LAST_READS_MAX {
            if !matches!(self.stream.read(buffer), Ok(count) if count > 0) {
                return;
            }
        }
    }
}

/// Writes pieces with one call, and tells how long those that it is about are together.
fn write_pieces<'b>(
    stream: &mut TcpStream,
    [first, second]: [&'b [u8]; 2],
    others: impl Iterator<Item = &'b [u8]>,
) -> (io::Result<usize>, usize) {
    let mut slices = [IoSlice::new(first); PIECES_MAX];
    let (mut used, mut len) = (1, first.len());
    let behind = iter::once(second).chain(others);
    for (slice, piece) in slices.iter_mut().skip(1).zip(behind) {
        *slice = IoSlice::new(piece);
        (used, len) = (used + 1, len + piece.len());
    }
    (stream.write_vectored(&slices[..used]), len)
}

/// Reads, opens, and tells whether there may be more.
fn read_sealed(
    stream: &mut TcpStream,
    tls: &mut TlsStream,
    buffer: &mut [u8],
    scratch: &mut Scratch,
) -> (Input, bool) {
    let early = tls.take_early(buffer);
    if early > 0 {
        return (Input::Bytes(early), true);
    }
    if tls.is_closed() {
        return (Input::Gone, true);
    }
    let room = scratch.room(tls);
    let room_bytes = room.len();
    let count = match stream.read(room) {
        Ok(0) => return (Input::Gone, true),
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (Input::Nothing, false),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => return (Input::Nothing, true),
        Err(_) => return (Input::Gone, true),
    };
    let is_readable = count == room_bytes;
    match tls.open(scratch, count, buffer) {
        Ok(0) => (Input::Nothing, is_readable || tls.is_closed()),
        Ok(plain_count) => (Input::Bytes(plain_count), is_readable || tls.is_closed()),
        Err(error) => {
            // The last word, as far as the socket takes it.
            let _ = tls.flush(stream);
            (Input::Broken(error), true)
        }
    }
}

/// Sockets by the slots of their clients.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    slots: Vec<Option<Socket>>,
}

/// Tokens below this are not sockets.
pub(crate) const FIRST_TOKEN: usize = 1_024;
/// A client's slot: see `node`, whose client numbers carry it in their low 24 bits.
const SLOT_MASK: u64 = (1 << 24) - 1;
/// Tokens from [`FIRST_TOKEN`] on, this many, are sockets.
pub(crate) const SLOTS_MAX: usize = 1 << 24;

impl Sockets {
    /// Takes a socket over and watches it.
    pub(crate) fn add(
        &mut self,
        registry: &Registry,
        mut stream: TcpStream,
        tls: Option<Box<TlsStream>>,
        seat: Seat,
        client: ClientId,
    ) -> io::Result<()> {
        let slot = slot_of(client);
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut stream, Token(FIRST_TOKEN + slot), interest)?;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots[slot] = Some(Socket {
            stream,
            // Something may have come with the end of the handshake: then nobody tells of it.
            is_readable: tls.is_some(),
            tls,
            seat,
            client,
            is_writable: true,
            has_ended: false,
            is_listed: false,
            is_held: false,
        });
        Ok(())
    }

    /// The socket that an event's token speaks of.
    pub(crate) fn by_token(&mut self, token: Token) -> Option<&mut Socket> {
        self.slots.get_mut(token.0.checked_sub(FIRST_TOKEN)?)?.as_mut()
    }

    pub(crate) fn by_client(&mut self, client: ClientId) -> Option<&mut Socket> {
        let socket = self.slots.get_mut(slot_of(client))?.as_mut()?;
        (socket.client == client).then_some(socket)
    }

    /// Lets go of a socket, which is watched no more. `None` if there is none, or the system does not agree.
    pub(crate) fn release(&mut self, registry: &Registry, client: ClientId) -> Option<Socket> {
        let mut socket = self.remove(client)?;
        registry.deregister(&mut socket.stream).ok().map(|()| socket)
    }

    pub(crate) fn remove(&mut self, client: ClientId) -> Option<Socket> {
        self.by_client(client)?;
        self.slots[slot_of(client)].take()
    }
}

const fn slot_of(client: ClientId) -> usize {
    (client.number() & SLOT_MASK) as usize
}
