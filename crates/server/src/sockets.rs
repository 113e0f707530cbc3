//! The sockets of one shard.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use message::ClientId;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::descriptors::Seat;

/// A client's socket. The system tells of changes only (edge-triggered), so what it told is remembered here.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    _seat: Seat,
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

/// How much a client may still send while it is being closed: beyond this it has not listened anyway.
const LAST_READS_MAX: usize = 4;

/// What reading brought.
#[derive(Debug)]
pub(crate) enum Input {
    /// So many bytes.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// The client is gone.
    Gone,
}

impl Socket {
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Input {
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

    /// Writes what the system takes. `None` when the client is gone.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        match self.stream.write(bytes) {
            Ok(count) => {
                self.is_writable = count == bytes.len();
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

    /// Says that nothing more comes. What the client has sent meanwhile is read and dropped: closing over unread bytes
    /// would reset the connection, and the client might never see the last thing it was told.
    pub(crate) fn close(mut self, buffer: &mut [u8]) {
        let _ = self.stream.shutdown(Shutdown::Write);
        for _ in 0..LAST_READS_MAX {
            if !matches!(self.stream.read(buffer), Ok(count) if count > 0) {
                return;
            }
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

impl Sockets {
    /// Takes a socket over and watches it.
    pub(crate) fn add(
        &mut self,
        registry: &Registry,
        mut stream: TcpStream,
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
            _seat: seat,
            client,
            is_readable: false,
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

    pub(crate) fn remove(&mut self, client: ClientId) -> Option<Socket> {
        self.by_client(client)?;
        self.slots[slot_of(client)].take()
    }
}

const fn slot_of(client: ClientId) -> usize {
    (client.number() & SLOT_MASK) as usize
}
