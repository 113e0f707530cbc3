//! A connection that logs in, opens its channels, and stays.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::{Resource, getrlimit, setrlimit};
use wire_amqp091::frame;
use wire_amqp091::method::{Encode, channel};

use crate::client::{CHANNEL, Connection, Login};
use crate::failure::Failure;
use crate::uri::Uri;

/// From one address there are about 28,000 ports to connect from.
const CONNECTIONS_PER_SOURCE: usize = 25_000;
/// Descriptors that are needed beside those of connections.
const OTHER_DESCRIPTORS: u64 = 64;
/// What is asked of the operating system with one read. An answer to a login has some hundred bytes.
const READ_BYTES: usize = 4096;

/// Where the broker is, and how many addresses there are to connect from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    address: SocketAddr,
    has_many_sources: bool,
}

impl Place {
    /// Looks the broker up, and makes room for that many connections.
    ///
    /// # Errors
    /// The host is not known, or the operating system does not allow so many.
    pub(super) fn find(uri: &Uri, connections: usize) -> Result<Self, Failure> {
        let unreachable = |fault| Failure::Unreachable { endpoint: uri.endpoint(), fault };
        let mut addresses = (uri.host.as_str(), uri.port)
            .to_socket_addrs()
            .map_err(unreachable)?
            .collect::<Vec<_>>();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        let address = addresses.first().copied();
        let nowhere = || unreachable(io::Error::other("the host's name has no address"));
        let address = address.ok_or_else(nowhere)?;
        let has_many_sources = address.is_ipv4() && address.ip().is_loopback();
        if connections > CONNECTIONS_PER_SOURCE && !has_many_sources {
            return Err(Failure::Usage(format!(
                "more than {CONNECTIONS_PER_SOURCE} connections need several addresses to come from, which there are \
                 to a broker on 127.0.0.1 only"
            )));
        }
        make_room(connections as u64 + OTHER_DESCRIPTORS)?;
        Ok(Self { address, has_many_sources })
    }

    fn connect(&self, index: usize) -> io::Result<TcpStream> {
        let source = index / CONNECTIONS_PER_SOURCE;
        let stream = if self.has_many_sources && source > 0 {
            let stream = socket(AddressFamily::INET, SocketType::STREAM, None)?;
            let last = u8::try_from(1 + source).map_err(io::Error::other)?;
            bind(&stream, &SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0))?;
            connect(&stream, &self.address)?;
            TcpStream::from(stream)
        } else {
            TcpStream::connect(self.address)?
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Raises the soft limit of descriptors as far as needed.
fn make_room(wanted: u64) -> Result<(), Failure> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    if let Some(max) = limit.maximum.filter(|max| *max < wanted) {
        return Err(Failure::Usage(format!(
            "{wanted} open files are needed, and the system allows {max}: raise the limit (`ulimit -n {wanted}`, as root \
             if need be), here and where the broker is started"
        )));
    }
    limit.current = Some(wanted);
    setrlimit(Resource::Nofile, limit).map_err(|errno| Failure::System {
        during: "raising the limit of open files",
        fault: errno.into(),
    })
}

/// A connection and its socket.
pub(super) struct Guest {
    stream: TcpStream,
    connection: Connection,
    /// The beginning of a frame whose rest has not arrived.
    carry: Vec<u8>,
}

impl Guest {
    /// Connects, and has the protocol header ready to be sent.
    pub(super) fn connect(
        place: &Place,
        index: usize,
        login: &Login,
        channels: u16,
    ) -> Result<Self, Failure> {
        let endpoint = || place.address.to_string();
        let stream = place
            .connect(index)
            .map_err(|fault| Failure::Unreachable { endpoint: endpoint(), fault })?;
        let mut connection = Connection::new(login.clone(), "doing nothing");
        for number in CHANNEL + 1..=channels {
            let mut bytes = Vec::new();
            frame::write_method(&mut bytes, number, &channel::Open { reserved_1: "" });
            let about = format!("channel {number}");
            connection.ask_encoded(bytes, channel::OpenOk::ID, about);
        }
        Ok(Self { stream, connection, carry: Vec::new() })
    }

    /// The same, until everything is there.
    pub(super) fn enter(
        place: &Place,
        index: usize,
        login: &Login,
        channels: u16,
    ) -> Result<Self, Failure> {
        let mut guest = Self::connect(place, index, login, channels)?;
        while !guest.is_ready() {
            guest.step()?;
        }
        Ok(guest)
    }

    /// Whether everything that it asked for is there.
    pub(super) fn is_ready(&self) -> bool {
        self.connection.is_ready()
    }

    /// Writes what it has to say, and reads an answer if there is one to come.
    pub(super) fn step(&mut self) -> Result<(), Failure> {
        self.write()?;
        if !self.is_ready() { self.read() } else { Ok(()) }
    }

    /// Adds a method that has no answer.
    pub(super) fn say(&mut self, method: &impl Encode) {
        frame::write_method(self.connection.out(), CHANNEL, method);
    }

    /// See [`Connection::ask_about_queue`].
    pub(super) fn ask_about_queue(&mut self, name: &str) {
        self.connection.ask_about_queue(name);
    }

    /// Writes everything that it has to say.
    pub(super) fn write(&mut self) -> Result<(), Failure> {
        let output = self.connection.output();
        let len = output.len();
        if len > 0 {
            if let Err(fault) = self.stream.write_all(output) {
                return Err(self.lost(Some(fault)));
            }
            self.connection.sent(len);
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), Failure> {
        let carried = self.carry.len();
        self.carry.resize(carried + READ_BYTES, 0);
        let count = match self.stream.read(&mut self.carry[carried..]) {
            Ok(0) => return Err(self.lost(None)),
            Ok(count) => count,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => 0,
            Err(fault) => return Err(self.lost(Some(fault))),
        };
        self.carry.truncate(carried + count);
        let mut taken = 0;
        while let Some((frame, len)) =
            frame::parse(&self.carry[taken..], self.connection.payload_max())?
        {
            taken += len;
            self.connection.receive(frame)?;
        }
        self.carry.drain(..taken);
        self.carry.shrink_to_fit();
        Ok(())
    }

    fn lost(&self, fault: Option<io::Error>) -> Failure {
        Failure::Lost { during: self.connection.activity().to_owned(), fault }
    }

    /// Says goodbye.
    pub(super) fn leave(mut self) -> Result<(), Failure> {
        self.connection.close();
        self.write()?;
        while !self.connection.is_closed() {
            self.read()?;
        }
        Ok(())
    }
}
