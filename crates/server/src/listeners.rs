//! Listening sockets, and the clients that come in by them.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::arrivals::Door;
use crate::descriptors::{Seat, Seats};

/// The listening sockets of a server. Shard 0 watches them and gives each shard its share of clients.
#[derive(Debug)]
pub(crate) struct Listeners {
    listeners: Vec<(TcpListener, Option<Arc<Door>>)>,
    seats: Seats,
}

/// Where to listen.
#[derive(Debug)]
pub(crate) struct Entrance {
    /// Hosts and ports.
    pub(crate) addresses: Vec<(String, u16)>,
    /// The option that asks for them.
    pub(crate) option: &'static str,
    pub(crate) door: Option<Arc<Door>>,
}

/// A client that has just come in.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) seat: Seat,
    /// What it has to go through before it is a client; absent for nothing.
    pub(crate) door: Option<Arc<Door>>,
}

/// What came of an accept.
#[derive(Debug)]
pub(crate) enum Accepted {
    Client(Caller),
    /// Nobody waits.
    Nobody,
    /// Every place is taken. Whoever waits goes on waiting: try again a little later.
    Full,
    /// Somebody waits, and the system has no room (file descriptors, memory): try again a little later.
    Short(io::Error),
}

impl Listeners {
    /// Opens a listening socket on each address of each host and port. They let nobody in before
    /// [`set_clients_max`](Self::set_clients_max).
    ///
    /// # Errors
    /// What cannot be listened on, why, and what to do.
    pub(crate) fn open(wanted: Vec<Entrance>, backlog: i32) -> Result<Self, String> {
        let mut listeners = Vec::new();
        for Entrance { addresses, option, door } in wanted {
            for listener in open_all(&addresses, backlog, option)? {
                listeners.push((TcpListener::from_std(listener), door.clone()));
            }
        }
        Ok(Self { listeners, seats: Seats::new(0) })
    }

    /// How many clients may be connected at a time.
    pub(crate) fn set_clients_max(&mut self, clients_max: usize) {
        self.seats = Seats::new(clients_max);
    }

    /// The addresses in use, with the ports that the system found for those that asked for any, and whether TLS is
    /// spoken there.
    pub(crate) fn addresses(&self) -> io::Result<Vec<(SocketAddr, bool)>> {
        let bound = self.listeners.iter().map(|(listener, door)| {
            let is_tls = door.as_ref().is_some_and(|door| door.tls.is_some());
            listener.local_addr().map(|address| (address, is_tls))
        });
        bound.collect()
    }

    /// Has the listeners watched under tokens from `first` on.
    pub(crate) fn register(&mut self, registry: &Registry, first: usize) -> io::Result<()> {
        for (index, (listener, _)) in self.listeners.iter_mut().enumerate() {
            registry.register(listener, Token(first + index), Interest::READABLE)?;
        }
        Ok(())
    }

    /// Takes the next client that waits at any listener.
    pub(crate) fn accept(&self) -> Accepted {
        for (listener, door) in &self.listeners {
            loop {
                let Some(seat) = self.seats.take() else { return Accepted::Full };
                match listener.accept() {
                    Ok((stream, peer)) => {
                        let door = door.clone();
                        return Accepted::Client(Caller { stream, peer, seat, door });
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // The client gave up, or a signal came: look again.
                    Err(error)
                        if matches!(
                            error.kind(),
                            io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                        ) => {}
                    Err(error) => return Accepted::Short(error),
                }
            }
        }
        Accepted::Nobody
    }

    /// Takes no more clients.
    pub(crate) fn close(&mut self) {
        self.listeners.clear();
    }
}

/// Opens a listening socket on each address of each host and port, which `option` has set.
///
/// # Errors
/// What cannot be listened on, why, and what to do.
pub(crate) fn open_all(
    wanted: &[(String, u16)],
    backlog: i32,
    option: &str,
) -> Result<Vec<std::net::TcpListener>, String> {
    let mut listeners = Vec::new();
    for (host, port) in wanted {
        let addresses = (host.as_str(), *port).to_socket_addrs().map_err(|error| {
            format!("listener {host}:{port}: the host name cannot be resolved: {error}")
        })?;
        let mut addresses: Vec<SocketAddr> = addresses.collect();
        addresses.sort_unstable();
        addresses.dedup();
        for address in addresses {
            let listener =
                listen(address, backlog).map_err(|error| explain(address, &error, option))?;
            listeners.push(listener);
        }
    }
    Ok(listeners)
}

fn listen(address: SocketAddr, backlog: i32) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if let IpAddr::V6(ip) = address.ip() {
        // `[::]` means every address of the machine, of both kinds; any other means itself.
        socket.set_only_v6(!ip.is_unspecified())?;
    }
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

fn explain(address: SocketAddr, error: &io::Error, option: &str) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("another program listens there; stop it or set another port in {option}")
        }
        io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 need a privilege; set a higher port in {option}")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("this machine does not have the address; correct {option}")
        }
        _ => format!("correct {option}"),
    };
    format!("cannot listen on {address}: {error}; {remedy}")
}
