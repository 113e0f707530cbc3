//! As much of HTTP as it takes to make and remove virtual hosts.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// `guest:guest` in base 64.
const CREDENTIALS: &str = "Z3Vlc3Q6Z3Vlc3Q=";
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Asks for something and gives the status of the answer, for example 201.
///
/// # Errors
/// The server does not answer, or not in HTTP.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &str,
) -> Result<u16, String> {
    let line = format!("{method} http://{address}{path}");
    let answer =
        exchange(address, method, path, body).map_err(|fault| format!("{line}: {fault}"))?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| format!("{line}: this is not HTTP: {answer:.60}"))
}

/// A name as a part of a path.
pub(crate) fn quoted(name: &str) -> String {
    let octet = |octet: u8| match octet {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(octet).to_string(),
        other => format!("%{other:02X}"),
    };
    name.bytes().map(octet).collect()
}

fn exchange(address: SocketAddr, method: &str, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Basic {CREDENTIALS}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
