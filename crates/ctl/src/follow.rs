//! An answer that goes on and on: server-sent events, told one by one as they come.

use std::io::{self, BufRead, BufReader, Read};

use crate::http::{Answer, malformed, parse};

/// The longest line: an event with the largest piece of a body that is shown.
const LINE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The longest answer that is a refusal.
const REFUSAL_BYTES_MAX: u64 = 1024 * 1024;

/// Reads an answer and tells the data of each event to `tell`, until the answer ends or `tell` says that it is enough. Returns
/// the answer instead when it is a refusal.
///
/// # Errors
/// The server says nothing for too long, or its answer is not HTTP.
pub(crate) fn follow(
    stream: impl Read,
    mut tell: impl FnMut(&str) -> bool,
) -> io::Result<Option<Answer>> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut head)? == 0 {
            return Err(malformed("its head has no end"));
        }
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    if !text.split(' ').nth(1).is_some_and(|status| status.starts_with('2')) {
        reader.take(REFUSAL_BYTES_MAX).read_to_end(&mut head)?;
        return parse(&head).map(Some);
    }
    let is_chunked = text.lines().any(|line| {
        line.split_once(':').is_some_and(|(name, value)| {
            name == "transfer-encoding" && value.trim().ends_with("chunked")
        })
    });
    if is_chunked {
        lines(Chunks { reader, left: 0, is_over: false }, &mut tell)?;
    } else {
        lines(reader, &mut tell)?;
    }
    Ok(None)
}

fn lines(stream: impl Read, tell: &mut impl FnMut(&str) -> bool) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&line);
        // What else there is, names and ids, the data have, too.
        if let Some(data) = line.trim_end().strip_prefix("data: ")
            && !tell(data)
        {
            return Ok(());
        }
    }
}

/// What lies in the chunks of an answer (RFC 9112, section 7.1).
struct Chunks<R> {
    reader: BufReader<R>,
    /// What is left of the chunk.
    left: u64,
    is_over: bool,
}

impl<R: Read> Read for Chunks<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 && !self.is_over {
            let mut line = String::new();
            if self.reader.by_ref().take(1024).read_line(&mut line)? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer was cut off"));
            }
            // A chunk ends with a line of its own.
            if line.trim().is_empty() {
                continue;
            }
            let size = line.split(';').next().unwrap_or_default().trim();
            self.left = u64::from_str_radix(size, 16)
                .map_err(|_| malformed("a chunk's size is no number"))?;
            self.is_over = self.left == 0;
        }
        let count = self.reader.by_ref().take(self.left).read(out)?;
        if count == 0 && self.left > 0 && !out.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer was cut off"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(answer: &str) -> io::Result<Vec<String>> {
        let mut all = Vec::new();
        follow(answer.as_bytes(), |data| {
            all.push(data.to_owned());
            all.len() < 3
        })?;
        Ok(all)
    }

    #[test]
    fn each_event_is_told_whatever_the_chunks() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = format!(
            "{head}10\r\nevent: a\ndata: 1\r\n9\r\n\n\n:\n\ndata\r\n5;x\r\n: 2\n\n\r\n0\r\n\r\n"
        );
        assert_eq!(told(&answer).unwrap(), ["1", "2"]);
        let plain = "HTTP/1.1 200 OK\r\n\r\ndata: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n";
        assert_eq!(told(plain).unwrap(), ["1", "2", "3"]);
    }

    #[test]
    fn a_refusal_is_an_answer_and_what_is_cut_off_is_none() {
        let refused = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}";
        let answer = follow(refused.as_bytes(), |_| true).unwrap();
        assert_eq!(answer.map(|answer| answer.status), Some(404));
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for cut in
            ["HTTP/1.1 200 OK\r\n", head, &format!("{head}9\r\ndata"), &format!("{head}x\r\n")]
        {
            assert!(told(cut).is_err(), "{cut:?}");
        }
    }
}
