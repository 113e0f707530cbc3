//! A venue at the sockets of a server elsewhere.
//!
//! Nobody can see from outside whether a server has done all that it was asked. What is expected is waited for as long as
//! it takes; that nothing comes is taken from a while of silence. [`Patience`] says how long that is: whoever is not sure asks
//! again with more.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use testkit::{Circumstance, SocketId, Venue};

use crate::operator::Operator;

/// Between two looks at the sockets.
const PAUSE: Duration = Duration::from_millis(2);
/// How long a server may leave a socket unread before what is to be sent is given up.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
const READ_BYTES: usize = 64 * 1024;

/// How long a server gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// So long nothing must come to be taken for silence.
    pub(crate) silence: Duration,
    /// So long something that is expected may take.
    pub(crate) answer: Duration,
    /// So long what an operator changes may take to be everywhere.
    pub(crate) change: Duration,
    /// So long others may not have seen yet what one client has just been told of.
    pub(crate) spread: Duration,
}

impl Patience {
    /// Enough nearly always.
    pub(crate) const USUAL: Self = Self {
        silence: Duration::from_millis(80),
        answer: Duration::from_millis(4_500),
        change: Duration::from_millis(150),
        spread: Duration::from_millis(20),
    };
    /// Enough on a machine that is busy with other things.
    pub(crate) const LONG: Self = Self {
        silence: Duration::from_millis(500),
        answer: Duration::from_secs(10),
        change: Duration::from_secs(1),
        spread: Duration::from_millis(200),
    };
}

#[derive(Debug)]
struct Socket {
    stream: Option<TcpStream>,
    received: Vec<u8>,
}

/// The sockets of one conversation.
#[derive(Debug)]
pub(crate) struct Sockets {
    address: SocketAddr,
    /// Whoever can change things at the server besides its clients.
    operator: Option<Operator>,
    patience: Patience,
    sockets: Vec<Socket>,
    /// Who has spoken last.
    speaker: Option<SocketId>,
}

impl Sockets {
    pub(crate) const fn new(
        address: SocketAddr,
        operator: Option<Operator>,
        patience: Patience,
    ) -> Self {
        Self { address, operator, patience, sockets: Vec::new(), speaker: None }
    }

    /// Takes what has come. Returns whether there was anything.
    fn listen(&mut self) -> bool {
        let mut has_come = false;
        for socket in &mut self.sockets {
            has_come |= socket.listen();
        }
        has_come
    }
}

impl Socket {
    fn listen(&mut self) -> bool {
        let mut has_come = false;
        let mut piece = [0; READ_BYTES];
        while let Some(stream) = &mut self.stream {
            match stream.read(&mut piece) {
                Ok(0) => self.stream = None,
                Ok(count) => self.received.extend_from_slice(&piece[..count]),
                Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.stream = None,
            }
            has_come = true;
        }
        has_come
    }
}

impl Venue for Sockets {
    fn connect(&mut self, is_loopback: bool) -> Result<SocketId, String> {
        if !is_loopback {
            return Err("a real server is asked from its own machine only".to_owned());
        }
        let fault = |fault: std::io::Error| format!("{}: {fault}", self.address);
        let stream = TcpStream::connect(self.address).map_err(fault)?;
        stream.set_nodelay(true).map_err(fault)?;
        stream.set_nonblocking(true).map_err(fault)?;
        self.sockets.push(Socket { stream: Some(stream), received: Vec::new() });
        Ok(SocketId(self.sockets.len() - 1))
    }

    fn send(&mut self, socket: SocketId, mut bytes: &[u8]) {
        if self.speaker.replace(socket).is_some_and(|speaker| speaker != socket) {
            sleep(self.patience.spread);
        }
        let began = Instant::now();
        while !bytes.is_empty() && began.elapsed() < SEND_TIMEOUT {
            let Some(stream) = &mut self.sockets[socket.0].stream else { return };
            match stream.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => {
                    self.listen();
                    sleep(PAUSE);
                }
                Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
                // What the server has said before it closed the socket is still to be read.
                Err(_) => return,
            }
        }
    }

    fn take_output(&mut self, socket: SocketId) -> Vec<u8> {
        self.sockets[socket.0].listen();
        std::mem::take(&mut self.sockets[socket.0].received)
    }

    fn is_open(&self, socket: SocketId) -> bool {
        self.sockets[socket.0].stream.is_some()
    }

    fn close(&mut self, socket: SocketId) {
        self.speaker = Some(socket);
        self.sockets[socket.0].stream = None;
    }

    fn settle(&mut self, is_answered: bool) {
        let mut silent_since = Instant::now();
        while !is_answered && silent_since.elapsed() < self.patience.silence {
            if self.listen() {
                silent_since = Instant::now();
            }
            sleep(PAUSE);
        }
    }

    fn wait(&mut self, attempt: u32) -> bool {
        sleep(PAUSE);
        self.listen();
        PAUSE * attempt < self.patience.answer
    }

    fn happen(&mut self, circumstance: &Circumstance) -> Result<(), String> {
        match circumstance {
            Circumstance::Pass { ms } => {
                sleep(Duration::from_millis(*ms));
                Ok(())
            }
            Circumstance::Administer { change, is_refused } => {
                let operator = self.operator.as_mut().ok_or("nobody can change anything here")?;
                operator.change(change, *is_refused)?;
                sleep(self.patience.change);
                Ok(())
            }
            other => Err(format!("{other:?} cannot be done to a real server")),
        }
    }

    fn virtual_host(&self, name: &str) -> String {
        let own = self.operator.as_ref().map(|operator| operator.name_of(name));
        own.unwrap_or_else(|| name.to_owned())
    }

    fn translate(&self, payload: &mut [u8]) {
        let before = payload.to_vec();
        for (name, own) in self.operator.iter().flat_map(Operator::names) {
            for text in [format!("vhost '{own}'"), format!("vhost {own} ")] {
                for at in 0..before.len().saturating_sub(text.len() - 1) {
                    if before[at..].starts_with(text.as_bytes()) {
                        let name_at = at + text.rfind(own).unwrap_or_default();
                        payload[name_at] = name.as_bytes()[0];
                    }
                }
            }
        }
    }
}
