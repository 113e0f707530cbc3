//! What the command line says.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

/// Holds the conversations of `tests/transcripts` with a real server and tells where it goes another way.
#[derive(Debug, Parser)]
#[command(name = "oracle")]
pub(crate) struct Options {
    /// The server, a RabbitMQ: amqp://guest:guest@ADDRESS:PORT.
    #[arg(long, default_value = "amqp://guest:guest@127.0.0.1:5670", value_parser = parse_uri)]
    pub(crate) uri: SocketAddr,

    /// Its HTTP API, which makes a virtual host for each conversation: http://ADDRESS:PORT. The user is guest.
    #[arg(long, default_value = "http://127.0.0.1:15670", value_parser = parse_uri)]
    pub(crate) http: SocketAddr,

    /// A program of Leveret's to ask instead; each conversation gets a process and a folder of its own.
    #[arg(long)]
    pub(crate) leveret: Option<PathBuf>,

    /// Files whose name contains this, or conversations whose title does.
    #[arg(long)]
    pub(crate) only: Option<String>,

    /// How many conversations at a time.
    #[arg(long, default_value_t = 8)]
    pub(crate) jobs: usize,

    /// How long all of it may take, in seconds; what has not been asked by then is told, and fails the run.
    #[arg(long, default_value_t = 600)]
    pub(crate) seconds: u64,

    /// Tell of every conversation, and how the justified differences show.
    #[arg(long)]
    pub(crate) verbose: bool,

    /// The top of the checkout.
    #[arg(long, default_value = ".")]
    pub(crate) root: PathBuf,
}

/// The address in a URI; scheme, user and path are not looked at.
fn parse_uri(text: &str) -> Result<SocketAddr, String> {
    let (_, rest) = text.split_once("://").ok_or("a URI has a `://`")?;
    let rest = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
    let address = rest.split('/').next().unwrap_or_default().replace("localhost", "127.0.0.1");
    address
        .parse()
        .map_err(|error| format!("`{address}`: {error}; an address and a port are needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_uri_is_read() {
        let address = "127.0.0.1:5670".parse().unwrap();
        for uri in
            ["amqp://guest:guest@127.0.0.1:5670", "http://localhost:5670/", "a://127.0.0.1:5670/x"]
        {
            assert_eq!(parse_uri(uri), Ok(address), "{uri}");
        }
        assert!(parse_uri("127.0.0.1").is_err() && parse_uri("amqp://somewhere").is_err());
    }
}
