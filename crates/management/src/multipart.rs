//! Forms with a file, as browsers send them (RFC 7578).
//!
//! ```text
//!   --boundary CR LF  headers CR LF CR LF  content CR LF  --boundary CR LF  …  --boundary--
//! ```

use bytes::Bytes;
use hyper::header::HeaderValue;

use crate::failure::Failure;

/// The longest line that separates parts.
const BOUNDARY_BYTES_MAX: usize = 128;
/// How many parts are looked at.
const PARTS_MAX: usize = 16;

/// A form with a file.
#[derive(Debug, PartialEq)]
pub(crate) struct Form {
    /// The file's content.
    pub(crate) file: Bytes,
    /// Where the browser is to go then: a page of the same server.
    pub(crate) redirect: Option<HeaderValue>,
}

impl Form {
    /// Reads a form; `None` if the body is none. No JSON begins as one.
    ///
    /// # Errors
    /// That it is no whole form, or has no file.
    pub(crate) fn parse(body: &Bytes) -> Result<Option<Self>, Failure> {
        if !body.starts_with(b"--") {
            return Ok(None);
        }
        let broken = || Failure::bad("the form in the body is not whole");
        let line = find(body, b"\r\n").filter(|end| *end <= BOUNDARY_BYTES_MAX);
        let boundary = body.slice(..line.ok_or_else(broken)?);
        let separator = [b"\r\n", &boundary[..]].concat();
        let (mut file, mut redirect) = (None, None);
        let mut rest = body.slice(boundary.len()..);
        for _ in 0..PARTS_MAX {
            if rest.starts_with(b"--") {
                let file = file.ok_or_else(|| Failure::bad("the form in the body has no file"))?;
                return Ok(Some(Self { file, redirect }));
            }
            let end = find(&rest, &separator).ok_or_else(broken)?;
            let part = rest.slice(2.min(end)..end);
            let head_end = find(&part, b"\r\n\r\n").ok_or_else(broken)?;
            let (head, content) = (part.slice(..head_end), part.slice(head_end + 4..));
            match name_of(&head) {
                Some(b"file") => file = Some(content),
                Some(b"redirect") => redirect = own_page(&content),
                _ => {}
            }
            rest = rest.slice(end + separator.len()..);
        }
        Err(broken())
    }
}

/// The name of a part's field.
fn name_of(head: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b" name=\"";
    let start = find(head, NAME)? + NAME.len();
    let length = head[start..].iter().position(|byte| *byte == b'"')?;
    Some(&head[start..start + length])
}

/// A page of this server: a form on a stranger's page must not lead elsewhere.
fn own_page(page: &[u8]) -> Option<HeaderValue> {
    let is_own = (page.starts_with(b"/") && !page.starts_with(b"//") && !page.starts_with(b"/\\"))
        || page.starts_with(b"../")
        || page.starts_with(b"#");
    HeaderValue::from_bytes(page).ok().filter(|_| is_own)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(redirect: &str) -> Bytes {
        Bytes::from(format!(
            "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.json\"\r\n\
             Content-Type: application/json\r\n\r\n{{\"queues\":[]}}\r\n--xyz\r\n\
             Content-Disposition: form-data; name=\"redirect\"\r\n\r\n{redirect}\r\n--xyz--\r\n"
        ))
    }

    #[test]
    fn a_form_has_a_file_and_the_page_to_go_to() {
        let read = Form::parse(&form("../#/overview")).unwrap().unwrap();
        assert_eq!(&read.file[..], b"{\"queues\":[]}");
        assert_eq!(read.redirect.unwrap(), "../#/overview");
        for elsewhere in ["https://example.com", "//example.com", "/\\example.com", "javascript:x"]
        {
            assert_eq!(Form::parse(&form(elsewhere)).unwrap().unwrap().redirect, None);
        }
        assert_eq!(Form::parse(&Bytes::from_static(b"{\"a\":1}")).unwrap(), None);
    }

    #[test]
    fn what_is_no_whole_form_is_refused() {
        let whole = form("/x");
        for end in 2..whole.len() - 4 {
            assert!(Form::parse(&whole.slice(..end)).is_err(), "{end}");
        }
        assert!(Form::parse(&Bytes::from_static(b"--x\r\n\r\n\r\n--x--")).is_err());
    }
}
