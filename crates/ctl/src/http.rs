//! One HTTP/1.1 request over one connection, bounded.
//!
//! Each request asks the server to close, so that the answer ends where the connection does; how long it is, is checked
//! nevertheless. That is all of HTTP that an operator's command needs.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::follow::follow;
use crate::tls::{self, Tls};

/// The longest answer: the definitions of a node with a million objects fit.
const ANSWER_BYTES_MAX: u64 = 1 << 30;

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Local(PathBuf),
    Tcp {
        host: String,
        port: u16,
    },
    /// TCP with TLS.
    Tls {
        host: String,
        port: u16,
        files: tls::Files,
    },
}

/// An answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// A request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// Complete lines, each with its end.
    pub(crate) headers: &'a str,
    pub(crate) body: Option<&'a [u8]>,
    pub(crate) timeout: Duration,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Sends a request and reads the answer.
///
/// # Errors
/// The server cannot be reached, takes too long, or its answer is not HTTP.
pub(crate) fn ask(address: &Address, request: &Request<'_>) -> io::Result<Answer> {
    let mut stream = connect(address, request.timeout)?;
    stream.write_all(&encode(address, request))?;
    stream.flush()?;
    let mut bytes = Vec::new();
    match stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes) {
        // A server that ends TLS without a word may have been cut off: the answer's own length tells.
        Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof && !bytes.is_empty() => {}
        other => drop(other?),
    }
    parse(&bytes)
}

/// Sends a request whose answer goes on and on: see [`follow`]. Returns the answer when it is a refusal.
///
/// # Errors
/// As [`ask`].
pub(crate) fn watch(
    address: &Address,
    request: &Request<'_>,
    tell: impl FnMut(&str) -> bool,
) -> io::Result<Option<Answer>> {
    let mut stream = connect(address, request.timeout)?;
    stream.write_all(&encode(address, request))?;
    stream.flush()?;
    follow(stream, tell)
}

fn connect(address: &Address, timeout: Duration) -> io::Result<Box<dyn Stream>> {
    match address {
        Address::Local(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(timeout))?;
            stream.set_write_timeout(Some(timeout))?;
            Ok(Box::new(stream))
        }
        Address::Tcp { host, port } => Ok(Box::new(reach(host, *port, timeout)?)),
        Address::Tls { host, port, files } => {
            let tls = Tls::load(files).map_err(io::Error::other)?;
            Ok(Box::new(tls.over(reach(host, *port, timeout)?, host)?))
        }
    }
}

/// A connection to the first of a host's addresses that answers.
fn reach(host: &str, port: u16, timeout: Duration) -> io::Result<TcpStream> {
    let mut fault = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))?;
                return Ok(stream);
            }
            Err(other) => fault = other,
        }
    }
    Err(fault)
}

fn encode(address: &Address, request: &Request<'_>) -> Vec<u8> {
    let host = match address {
        Address::Local(_) => "localhost".to_owned(),
        Address::Tcp { host, port } | Address::Tls { host, port, .. } if host.contains(':') => {
            format!("[{host}]:{port}")
        }
        Address::Tcp { host, port } | Address::Tls { host, port, .. } => format!("{host}:{port}"),
    };
    let length = match request.body {
        Some(body) => {
            format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
        }
        // A method that may have a body has to say that there is none.
        None if request.method == "GET" => String::new(),
        None => "Content-Length: 0\r\n".to_owned(),
    };
    let head = format!(
        "{} {} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nConnection: close\r\n{}{length}\r\n",
        request.method, request.path, request.headers
    );
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(request.body.unwrap_or_default());
    bytes
}

pub(crate) fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the answer is not HTTP: {what}"))
}

pub(crate) fn parse(bytes: &[u8]) -> io::Result<Answer> {
    let end = find(bytes, b"\r\n\r\n").ok_or_else(|| malformed("its head has no end"))?;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| malformed("its head is not text"))?;
    let body = &bytes[end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .filter(|line| line.starts_with("HTTP/1."))
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| malformed("it has no status"))?;
    let header = |name: &str| {
        head.split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    let body = if header("transfer-encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    {
        unchunk(body)?
    } else if let Some(length) = header("content-length") {
        let length: usize = length.parse().map_err(|_| malformed("its length is no number"))?;
        body.get(..length)
            .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the answer was cut off"))?
            .to_vec()
    } else {
        body.to_vec()
    };
    Ok(Answer { status, body })
}

fn unchunk(mut rest: &[u8]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = find(rest, b"\r\n").ok_or_else(|| malformed("a chunk has no size"))?;
        let size = std::str::from_utf8(&rest[..end])
            .ok()
            .and_then(|line| line.split(';').next())
            .and_then(|size| usize::from_str_radix(size.trim(), 16).ok())
            .ok_or_else(|| malformed("a chunk's size is no number"))?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Ok(body);
        }
        let chunk = rest.get(..size).ok_or_else(|| malformed("a chunk is cut off"))?;
        body.extend_from_slice(chunk);
        rest = rest.get(size + 2..).ok_or_else(|| malformed("a chunk has no end"))?;
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_chunks_are_obeyed() {
        let plain = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}xx").unwrap();
        assert_eq!(plain, Answer { status: 200, body: b"{}".to_vec() });
        let chunked =
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n[1\r\n1;x\r\n]\r\n0\r\n\r\n";
        assert_eq!(parse(chunked).unwrap().body, b"[1]");
    }

    #[test]
    fn what_is_cut_off_is_no_answer() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            b"SMTP\r\n\r\n",
            b"",
        ] {
            assert!(parse(bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }
}
