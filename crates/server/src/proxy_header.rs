//! The header of the PROXY protocol: what a proxy says of the client that it passes on.
//!
//! ```text
//!   version 1   PROXY TCP4 192.0.2.1 198.51.100.1 51234 5672\r\n          one line, at most 107 bytes
//!   version 2   \r\n\r\n\0\r\nQUIT\n │ version, command │ family │ length │ addresses │ more, by type and length
//!                12 bytes              1                  1        2        length
//! ```
//!
//! Source: the specification of `HAProxy`, "The PROXY protocol, versions 1 & 2". Destinations and additions (TLVs) are
//! skipped.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest first version: what the specification says a reader must have room for.
const TEXT_BYTES_MAX: usize = 107;
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const BINARY_HEAD_BYTES: usize = 16;
/// The longest header that is taken. Proxies add tens to hundreds of bytes to the addresses.
pub(crate) const BYTES_MAX: usize = 4096;

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProxyHeader {
    /// The client's address; absent when the proxy speaks for itself, for instance to see whether we are there, or
    /// does not know.
    pub(crate) source: Option<SocketAddr>,
    /// How long the header is.
    pub(crate) bytes: usize,
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoHeader {
    /// They do not begin as one.
    Absent,
    /// They begin as one, and go on as none.
    Malformed,
    TooLong,
    /// The version or the command is one that came later.
    Unknown,
}

impl ProxyHeader {
    /// Reads a header from the first bytes of a connection; `None` while more is needed.
    ///
    /// # Errors
    /// [`NoHeader`] when it cannot become one.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, NoHeader> {
        match bytes.first() {
            None => Ok(None),
            Some(b'P') => parse_text(bytes),
            Some(_) => parse_binary(bytes),
        }
    }
}

fn parse_text(bytes: &[u8]) -> Result<Option<ProxyHeader>, NoHeader> {
    const BEGINNING: &[u8] = b"PROXY ";
    let begun = bytes.len().min(BEGINNING.len());
    if bytes[..begun] != BEGINNING[..begun] {
        return Err(NoHeader::Absent);
    }
    let seen = &bytes[..bytes.len().min(TEXT_BYTES_MAX)];
    let Some(end) = seen.windows(2).position(|pair| pair == b"\r\n") else {
        return if seen.len() == TEXT_BYTES_MAX { Err(NoHeader::TooLong) } else { Ok(None) };
    };
    let line = std::str::from_utf8(&seen[BEGINNING.len()..end]).map_err(|_| NoHeader::Malformed)?;
    let source = parse_line(line).ok_or(NoHeader::Malformed)?;
    Ok(Some(ProxyHeader { source, bytes: end + 2 }))
}

/// The line after `PROXY `.
fn parse_line(line: &str) -> Option<Option<SocketAddr>> {
    let mut words = line.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        // Whatever follows is to be ignored.
        return Some(None);
    }
    let parse_ip = |word: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => word.parse::<Ipv4Addr>().ok().map(IpAddr::from),
            "TCP6" => word.parse::<Ipv6Addr>().ok().map(IpAddr::from),
            _ => None,
        }
    };
    let (source, _) = (parse_ip(words.next()?)?, parse_ip(words.next()?)?);
    let (port, _) = (parse_port(words.next()?)?, parse_port(words.next()?)?);
    words.next().is_none().then(|| Some(SocketAddr::new(source, port)))
}

/// Digits only: Rust's own parser would take a sign.
fn parse_port(word: &str) -> Option<u16> {
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok()).flatten()
}

fn parse_binary(bytes: &[u8]) -> Result<Option<ProxyHeader>, NoHeader> {
    let begun = bytes.len().min(SIGNATURE.len());
    if bytes[..begun] != SIGNATURE[..begun] {
        return Err(NoHeader::Absent);
    }
    let Some(&[version_and_command, family, high, low]) =
        bytes.get(SIGNATURE.len()..BINARY_HEAD_BYTES)
    else {
        return Ok(None);
    };
    let is_proxied = match version_and_command {
        0x20 => false,
        0x21 => true,
        _ => return Err(NoHeader::Unknown),
    };
    let end = BINARY_HEAD_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if end > BYTES_MAX {
        return Err(NoHeader::TooLong);
    }
    let Some(addresses) = bytes.get(BINARY_HEAD_BYTES..end) else { return Ok(None) };
    let source = match (is_proxied, family) {
        (true, 0x11) => Some(source_of::<4>(addresses)?),
        (true, 0x21) => Some(source_of::<16>(addresses)?),
        // What is no address of TCP over IP says nothing of the client.
        _ => None,
    };
    Ok(Some(ProxyHeader { source, bytes: end }))
}

/// Source, destination, port of the source, port of the destination; additions may follow.
fn source_of<const N: usize>(addresses: &[u8]) -> Result<SocketAddr, NoHeader>
where
    IpAddr: From<[u8; N]>,
{
    let ip = addresses.first_chunk::<N>().ok_or(NoHeader::Malformed)?;
    let ports = addresses.get(2 * N..2 * N + 4).ok_or(NoHeader::Malformed)?;
    Ok(SocketAddr::new(IpAddr::from(*ip), u16::from_be_bytes([ports[0], ports[1]])))
}

impl fmt::Display for NoHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "it does not begin with a header of the PROXY protocol, as proxy_protocol = true demands",
            Self::Malformed => "its header of the PROXY protocol is malformed",
            Self::TooLong => "its header of the PROXY protocol is too long",
            Self::Unknown => "its header of the PROXY protocol is of a version or command not known here",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(line: &str) -> Result<Option<SocketAddr>, NoHeader> {
        let parsed = ProxyHeader::parse(line.as_bytes())?.expect("it is whole");
        assert!(parsed.bytes <= line.len());
        Ok(parsed.source)
    }

    fn binary(version_and_command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([version_and_command, family]);
        bytes.extend(u16::try_from(addresses.len()).unwrap().to_be_bytes());
        bytes.extend(addresses);
        bytes
    }

    #[test]
    fn lines_of_the_first_version_are_read() {
        for (line, source) in [
            ("PROXY TCP4 192.0.2.1 198.51.100.1 51234 5672\r\nAMQP", Some("192.0.2.1:51234")),
            ("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", Some("[2001:db8::1]:1")),
            ("PROXY UNKNOWN\r\n", None),
            ("PROXY UNKNOWN whatever it is\r\n", None),
        ] {
            assert_eq!(text(line), Ok(source.map(|text| text.parse().unwrap())), "{line}");
        }
        for line in [
            "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
            "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY \r\n",
        ] {
            assert_eq!(text(line), Err(NoHeader::Malformed), "{line}");
        }
        assert_eq!(ProxyHeader::parse(b"AMQP\0\0\x09\x01"), Err(NoHeader::Absent));
        assert_eq!(ProxyHeader::parse(b"PRAXY"), Err(NoHeader::Absent));
    }

    #[test]
    fn addresses_of_the_second_version_are_read() {
        let mut four = vec![192, 0, 2, 1, 198, 51, 100, 1, 0x10, 0, 0x16, 0x28];
        let expected = "192.0.2.1:4096".parse().unwrap();
        let parsed = ProxyHeader::parse(&binary(0x21, 0x11, &four)).unwrap().unwrap();
        assert_eq!((parsed.source, parsed.bytes), (Some(expected), 28));
        four.extend([3, 0, 2, 9, 9]);
        let parsed = ProxyHeader::parse(&binary(0x21, 0x11, &four)).unwrap().unwrap();
        assert_eq!((parsed.source, parsed.bytes), (Some(expected), 33), "additions are skipped");
        let local = ProxyHeader::parse(&binary(0x20, 0, &[])).unwrap().unwrap();
        assert_eq!((local.source, local.bytes), (None, 16), "the proxy asks for itself");
        for (bytes, expected) in [
            (binary(0x21, 0x11, &[1, 2, 3]), NoHeader::Malformed),
            (binary(0x21, 0x21, &[0; 35]), NoHeader::Malformed),
            (binary(0x11, 0x11, &[]), NoHeader::Unknown),
            (binary(0x22, 0x11, &[]), NoHeader::Unknown),
            (binary(0x21, 0x11, &[0; BYTES_MAX]), NoHeader::TooLong),
        ] {
            assert_eq!(ProxyHeader::parse(&bytes), Err(expected));
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_refused_or_wait(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(Some(header)) = ProxyHeader::parse(&bytes) {
                prop_assert!(header.bytes <= bytes.len());
            }
        }

        #[test]
        fn a_beginning_waits_and_what_follows_changes_nothing(
            ip in any::<[u8; 4]>(), port in any::<u16>(), is_text in any::<bool>(),
            extra in prop::collection::vec(any::<u8>(), 0..50), rest in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let source = SocketAddr::new(ip.into(), port);
            let mut bytes = if is_text {
                format!("PROXY TCP4 {} 127.0.0.1 {port} 5672\r\n", source.ip()).into_bytes()
            } else {
                let [high, low] = port.to_be_bytes();
                binary(0x21, 0x11, &[&ip[..], &[127, 0, 0, 1, high, low, 0, 1], &extra].concat())
            };
            for cut in 0..bytes.len() {
                prop_assert_eq!(ProxyHeader::parse(&bytes[..cut]), Ok(None));
            }
            let expected = ProxyHeader { source: Some(source), bytes: bytes.len() };
            bytes.extend(rest);
            prop_assert_eq!(ProxyHeader::parse(&bytes), Ok(Some(expected)));
        }

        #[test]
        fn a_header_with_a_wrong_byte_is_never_longer_than_its_bytes(
            at in 0_usize..60, byte in any::<u8>(), extra in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let mut bytes = binary(0x21, 0x11, &[&[7; 12][..], &extra].concat());
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(Some(header)) = ProxyHeader::parse(&bytes) {
                prop_assert!(header.bytes <= bytes.len());
            }
        }
    }
}
