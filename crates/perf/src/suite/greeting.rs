//! Who a broker says it is, before anybody has logged in.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use wire_amqp091::limits::{FRAME_MAX_DEFAULT, payload_max};
use wire_amqp091::{Method, Table, frame, protocol_header};

use crate::uri::Uri;

/// How long a broker may take to say a word.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest greeting that is listened to.
const GREETING_BYTES_MAX: usize = 64 * 1024;

/// Product and version as connection.start has them.
///
/// # Errors
/// Nobody is there, or says nothing that is AMQP 0-9-1.
pub(super) fn product(uri: &Uri) -> Result<String, String> {
    let bytes = greeting(uri).map_err(|fault| format!("{}: {fault}", uri.endpoint()))?;
    let frame = frame::parse(&bytes, payload_max(FRAME_MAX_DEFAULT)).ok().flatten();
    match frame.map(|(frame, _)| Method::decode(frame.payload)) {
        Some(Ok(Method::ConnectionStart(start))) => Ok(shown(&start.server_properties)),
        _ => Err(format!("{}: it does not speak AMQP 0-9-1", uri.endpoint())),
    }
}

fn greeting(uri: &Uri) -> io::Result<Vec<u8>> {
    let mut last = io::Error::other("the host's name has no address");
    for address in (uri.host.as_str(), uri.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return first_frame(stream),
            Err(fault) => last = fault,
        }
    }
    Err(last)
}

fn first_frame(mut stream: TcpStream) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&protocol_header::AMQP_0_9_1)?;
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while bytes.len() < GREETING_BYTES_MAX {
        let len = stream.read(&mut piece)?;
        bytes.extend_from_slice(&piece[..len]);
        let parsed = frame::parse(&bytes, payload_max(FRAME_MAX_DEFAULT));
        if len == 0 || !matches!(parsed, Ok(None)) {
            break;
        }
    }
    Ok(bytes)
}

fn shown(properties: &Table) -> String {
    let text = |name: &[u8]| {
        let text = properties.value(name).and_then(|value| value.as_str());
        text.unwrap_or_default().replace(['|', '\n'], " ")
    };
    format!("{} {}", text(b"product"), text(b"version")).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_called_by_its_product_and_version() {
        let properties = Table::new().with("version", "4.3.6").with("product", "RabbitMQ");
        assert_eq!(shown(&properties), "RabbitMQ 4.3.6");
        assert_eq!(shown(&Table::new()), "");
    }
}
