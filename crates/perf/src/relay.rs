//! What it costs to pass bytes on and nothing else: the bound of every broker.
//!
//! ```text
//!   writer ──▶ loopback ──▶ relay: read, write, read, write, … ──▶ loopback ──▶ reader
//!                           the one thread that is measured
//! ```

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use clap::{Args, value_parser};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::client::message_len;
use crate::clock::{now_ns, seconds};
use crate::failure::Failure;
use crate::options::parse_seconds;
use crate::report::{float, grouped_float, rounded};
use crate::run::{EXIT_REFUSED, complain, print};

/// What is read and written at once: as much as the load tool writes.
const PIECE_BYTES: usize = 64 * 1024;
const MILLION: f64 = 1e6;

/// Passes bytes from one loopback connection to another and tells what that costs for messages of a size.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Bytes of the body of the messages that are meant
    #[arg(long, value_name = "BYTES", default_value_t = 16, value_parser = value_parser!(u32).range(0..=16_777_216))]
    size: u32,

    /// Measure for this many seconds
    #[arg(long, value_name = "S", default_value = "2", value_parser = parse_seconds)]
    duration: f64,

    /// Print the figures as one line of JSON
    #[arg(long)]
    json: bool,
}

/// The figures. Field names are those of the JSON, and those of a load where they mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Report {
    seconds: f64,
    bytes: u64,
    /// What a message of the size has on its way to a broker.
    message_bytes: u64,
    published_per_s: f64,
    consumed_per_s: f64,
    /// Of the one thread that passes bytes on.
    cpu_s_per_million: f64,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> ExitCode {
    match measure(Duration::from_secs_f64(options.duration)) {
        Ok((bytes, cpu_s, span_s)) => {
            let message_bytes = message_len(options.size as usize) as u64;
            print(&Report::new(bytes, message_bytes, cpu_s, span_s).text(options.json))
        }
        Err(fault) => {
            complain(&Failure::System { during: "passing bytes on", fault }.to_string());
            ExitCode::from(EXIT_REFUSED)
        }
    }
}

/// The bytes that were passed on, the processor time of the thread that did it, and how long it took, in seconds.
fn measure(duration: Duration) -> io::Result<(u64, f64, f64)> {
    let (writing, relay_in) = pair()?;
    let (relay_out, reading) = pair()?;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| write_until(&is_over, writing));
        scope.spawn(|| drain(reading));
        let relay = scope.spawn(|| relay(relay_in, relay_out));
        thread::sleep(duration);
        is_over.store(true, Relaxed);
        relay.join().map_err(|_| io::Error::other("the relay panicked"))?
    })
}

/// Both ends of a loopback connection.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    Ok((client, server))
}

fn write_until(is_over: &AtomicBool, mut stream: TcpStream) {
    let piece = vec![b'.'; PIECE_BYTES];
    while !is_over.load(Relaxed) && stream.write_all(&piece).is_ok() {}
    // The relay sees the end of the stream, and so does the reader behind it.
    let _ = stream.shutdown(Shutdown::Write);
}

fn drain(mut stream: TcpStream) {
    let mut buffer = vec![0; PIECE_BYTES];
    while stream.read(&mut buffer).is_ok_and(|len| len > 0) {}
}

fn relay(mut from: TcpStream, mut to: TcpStream) -> io::Result<(u64, f64, f64)> {
    let mut buffer = vec![0; PIECE_BYTES];
    let (start_ns, start_cpu_ns) = (now_ns(), thread_cpu_ns());
    let mut bytes = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => {
                to.write_all(&buffer[..len])?;
                bytes += len as u64;
            }
            Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok((bytes, seconds(thread_cpu_ns() - start_cpu_ns), seconds(now_ns() - start_ns)))
}

/// The processor time of the thread that asks.
fn thread_cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let part = |part: i64| u64::try_from(part).unwrap_or_default();
    part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec)
}

impl Report {
    fn new(bytes: u64, message_bytes: u64, cpu_s: f64, span_s: f64) -> Self {
        let messages = float(bytes) / float(message_bytes);
        let per_s = rounded(messages / span_s, 1);
        Self {
            seconds: rounded(span_s, 3),
            bytes,
            message_bytes,
            published_per_s: per_s,
            consumed_per_s: per_s,
            cpu_s_per_million: rounded(cpu_s / (messages / MILLION), 4),
        }
    }

    fn text(&self, is_json: bool) -> String {
        if is_json {
            return serde_json::to_string(self).expect("numbers under names are JSON") + "\n";
        }
        format!(
            "{} messages of {} bytes a second, {:.4} CPU-seconds per million\n",
            grouped_float(self.consumed_per_s),
            self.message_bytes,
            self.cpu_s_per_million
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_those_of_the_messages_that_the_bytes_would_have_been() {
        let report = Report::new(150_000_000, 75, 0.5, 2.0);
        assert_eq!((report.consumed_per_s, report.cpu_s_per_million), (1e6, 0.25));
        assert!(report.text(true).contains("\"cpu_s_per_million\":0.25"));
        assert!(report.text(false).starts_with("1,000,000 messages of 75 bytes"));
    }

    #[test]
    fn what_is_written_arrives_on_the_other_side() {
        let (bytes, _, _) = measure(Duration::ZERO).expect("loopback");
        assert!(bytes.is_multiple_of(PIECE_BYTES as u64));
    }
}
