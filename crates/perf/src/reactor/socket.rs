//! One connection's socket and the client behind it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::event::epoll::EventFlags;

use super::source;
use crate::client::Client;
use crate::clock::now_ns;
use crate::failure::Failure;
use crate::ledger::Ledger;

/// How long a connection attempt may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Batches that one socket may write before the others have their turn.
const WRITES_PER_TURN: usize = 8;
/// A client with this many bytes of replies that the broker does not read gets nothing to reply to, so that
/// acknowledgements cannot grow without end.
const REPLIES_MAX_BYTES: usize = 1024 * 1024;

/// A socket, its client, and what the client could not use yet.
pub(super) struct Socket<C> {
    pub(super) stream: TcpStream,
    pub(super) client: C,
    /// The beginning of a frame whose rest has not arrived.
    carry: Vec<u8>,
    /// What the epoll is asked to tell.
    pub(super) interest: EventFlags,
    /// Whether the drive knows when there is more to send.
    pub(super) is_scheduled: bool,
    /// Whether the broker hung up.
    is_gone: bool,
    /// Whether the operating system takes no more, or it is the turn of others.
    has_more: bool,
}

impl<C: Client> Socket<C> {
    /// Connects and writes nothing yet.
    pub(super) fn connect(address: SocketAddr, client: C) -> Result<Self, Failure> {
        let connect = || {
            let stream = TcpStream::connect_timeout(&address, CONNECT_LIMIT)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        };
        let stream = connect()
            .map_err(|fault| Failure::Unreachable { endpoint: address.to_string(), fault })?;
        Ok(Self {
            stream,
            client,
            carry: Vec::new(),
            interest: EventFlags::empty(),
            is_scheduled: false,
            is_gone: false,
            has_more: false,
        })
    }

    /// Puts another connection in the place of one that is over. It may still be on its way, which a socket that does
    /// not block tells by taking nothing. `number` counts the connections of this kind.
    pub(super) fn connect_again(
        &mut self,
        address: SocketAddr,
        number: u32,
    ) -> Result<(), Failure> {
        self.stream = source::connect_from(address, number)?;
        self.carry.clear();
        self.interest = EventFlags::empty();
        self.is_gone = false;
        self.has_more = false;
        Ok(())
    }

    /// Whether there is nothing more to expect.
    pub(super) fn is_over(&self) -> bool {
        self.is_gone || self.client.connection().is_closed()
    }

    /// What the epoll should tell of it.
    pub(super) fn wanted_interest(&self) -> EventFlags {
        let mut wanted = EventFlags::empty();
        if self.client.connection().output().len() < REPLIES_MAX_BYTES {
            wanted |= EventFlags::IN;
        }
        if self.has_more {
            wanted |= EventFlags::OUT;
        }
        wanted
    }

    /// Reads once and lets the client take what it can. `buffer` is room for a frame and a read; what it holds does
    /// not matter.
    pub(super) fn read(&mut self, buffer: &mut [u8], ledger: &mut Ledger) -> Result<(), Failure> {
        let carried_len = self.carry.len();
        buffer[..carried_len].copy_from_slice(&self.carry);
        let read_len = match self.stream.read(&mut buffer[carried_len..]) {
            Ok(0) => return self.hang_up(None),
            Ok(read_len) => read_len,
            Err(fault) if is_passing(&fault) => return Ok(()),
            Err(fault) => return self.hang_up(Some(fault)),
        };
        let arrived = &buffer[..carried_len + read_len];
        let taken = self.client.receive(arrived, now_ns(), ledger)?;
        self.carry.clear();
        self.carry.extend_from_slice(&arrived[taken..]);
        Ok(())
    }

    /// Writes what the client has, until it has no more, the operating system takes no more, or the turn is over.
    pub(super) fn write(&mut self, buffer: &mut [u8], ledger: &mut Ledger) -> Result<(), Failure> {
        self.has_more = false;
        for _ in 0..WRITES_PER_TURN {
            let output = self.client.output(now_ns(), ledger);
            if output.is_empty() {
                return Ok(());
            }
            let output_len = output.len();
            match self.stream.write(output) {
                Ok(written_len) => {
                    self.client.sent(written_len);
                    if written_len < output_len {
                        break;
                    }
                }
                Err(fault) if is_passing(&fault) => break,
                Err(fault) => return self.read_last_words(fault, buffer, ledger),
            }
        }
        self.has_more = true;
        Ok(())
    }

    /// A broker that closes a connection says why before it hangs up; that is worth more than the broken pipe.
    fn read_last_words(
        &mut self,
        fault: io::Error,
        buffer: &mut [u8],
        ledger: &mut Ledger,
    ) -> Result<(), Failure> {
        /// More is not read: a broker with more to say did not hang up.
        const READS_MAX: usize = 64;
        for _ in 0..READS_MAX {
            match self.read(buffer, ledger) {
                Ok(()) if self.is_over() => return Ok(()),
                Ok(()) => {}
                Err(Failure::Lost { .. }) => break,
                Err(failure) => return Err(failure),
            }
        }
        self.hang_up(Some(fault))
    }

    /// The connection has ended, which is a failure unless it was meant to.
    fn hang_up(&mut self, fault: Option<io::Error>) -> Result<(), Failure> {
        self.is_gone = true;
        let connection = self.client.connection();
        if connection.is_closing() {
            return Ok(());
        }
        Err(Failure::Lost { during: connection.activity().to_owned(), fault })
    }
}

fn is_passing(fault: &io::Error) -> bool {
    matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
