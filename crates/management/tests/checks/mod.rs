//! Bytes as requests, one after the other, to a node that has just begun. Whatever they are, each has an answer, and nothing
//! panics. The mutation test here and the fuzz target share this.
//!
//! ```text
//!   PUT /api/queues/%2F/q           method and target
//!   authorization: Basic …          headers; without this one, the request comes from the local socket
//!                                   an empty line
//!   {"durable": true}               the body
//!   ====                            a line between two requests
//! ```

mod node;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Request, Response};
use management::{Content, Origin, respond};
use testkit::{Layout, World};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Requests that are looked at.
const REQUESTS_MAX: usize = 24;
/// How long an answer that never ends is read.
const READ_MAX: Duration = Duration::from_millis(200);

/// Asks for all that the bytes say.
///
/// # Panics
/// When an answer is wrong in itself, and when whoever answers panics.
pub(crate) fn requests(bytes: &[u8], runtime: &Runtime) {
    let desk =
        node::desk(World::new(Layout::ALL[1], proto_amqp091::Limits::default()), node::facts());
    let bodies = Semaphore::new(1);
    for text in split(bytes, b"\n====\n").take(REQUESTS_MAX) {
        let Some(request) = request(text) else { continue };
        let method = request.method().clone();
        let is_local = !request.headers().contains_key(AUTHORIZATION);
        let origin =
            if is_local { Origin::Local } else { Origin::Tcp(([127, 0, 0, 1], 40_000).into()) };
        runtime.block_on(async {
            let response = respond(request, origin, desk.clone(), &bodies).await;
            check(&method, response).await;
        });
    }
}

/// An answer has a code that has a meaning here, and is JSON if it says so.
async fn check(method: &hyper::Method, response: Response<Content>) {
    let status = response.status();
    assert!(
        !status.is_server_error() || matches!(status.as_u16(), 501 | 503),
        "{method} is answered by {status}"
    );
    let type_of = response.headers().get(CONTENT_TYPE).map(|value| value.as_bytes().to_vec());
    let Ok(body) = timeout(READ_MAX, response.into_body().collect()).await else { return };
    let body = body.expect("what is made here does not break off").to_bytes();
    if type_of.as_deref() == Some(b"application/json") && !body.is_empty() {
        serde_json::from_slice::<serde_json::Value>(&body).expect("it says that it is JSON");
    }
}

fn request(text: &[u8]) -> Option<Request<Full<Bytes>>> {
    let head_end = find(text, b"\n\n");
    let (head, body) = head_end.map_or((text, &[][..]), |end| (&text[..end], &text[end + 2..]));
    let mut lines = split(head, b"\n");
    let first = lines.next()?;
    let blank = first.iter().position(|byte| *byte == b' ')?;
    let mut builder = Request::builder().method(&first[..blank]).uri(&first[blank + 1..]);
    for line in lines {
        let colon = find(line, b": ")?;
        builder = builder.header(&line[..colon], &line[colon + 2..]);
    }
    builder.body(Full::new(Bytes::copy_from_slice(body))).ok()
}

fn split<'b>(bytes: &'b [u8], separator: &'static [u8]) -> impl Iterator<Item = &'b [u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = find(text, separator);
        rest = end.map(|end| &text[end + separator.len()..]);
        Some(end.map_or(text, |end| &text[..end]))
    })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
