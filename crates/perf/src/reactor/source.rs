//! Sockets for connections that come and go by the thousand.
//!
//! A connection that has ended keeps its pair of ports for a minute (TIME_WAIT), and a machine has some 28,000 of its own
//! for one address of the broker: three seconds' worth of a fast broker. On the broker's own machine there is a way out:
//! all of 127.0.0.0/8 is its own, so that each connection comes from the next one of many addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};

use crate::failure::Failure;

/// Addresses that connections come from, 127.0.0.1 and those behind it: seven million ports.
const SOURCES: u32 = 250;

/// A socket that is connected to `address`, or will be in a moment; it does not block. `number` tells how many there were
/// before.
pub(super) fn connect_from(address: SocketAddr, number: u32) -> Result<TcpStream, Failure> {
    begin(address, number).map_err(|errno| {
        let endpoint = address.to_string();
        match errno {
            Errno::ADDRNOTAVAIL | Errno::ADDRINUSE => Failure::NoPorts { endpoint },
            errno => Failure::Unreachable { endpoint, fault: io::Error::from(errno) },
        }
    })
}

fn begin(address: SocketAddr, number: u32) -> Result<TcpStream, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    if let Some(source) = source(address.ip(), number) {
        bind(&socket, &SocketAddrV4::new(source, 0))?;
    }
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(errno) => Err(errno),
    }
}

/// Where the connection of a number comes from; `None` where the operating system has to know.
fn source(broker: IpAddr, number: u32) -> Option<Ipv4Addr> {
    match broker {
        IpAddr::V4(broker) if broker.is_loopback() => {
            Some(Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + number % SOURCES))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_to_the_own_machine_come_from_many_addresses() {
        let broker = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let sources =
            [0, 1, 249, 250].map(|number| source(broker, number).map(|it| it.octets()[3]));
        assert_eq!(sources, [Some(1), Some(2), Some(250), Some(1)]);
    }

    #[test]
    fn elsewhere_the_operating_system_chooses() {
        for broker in ["192.0.2.1", "::1"] {
            assert_eq!(source(broker.parse().expect("an address"), 3), None);
        }
    }
}
