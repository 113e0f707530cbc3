//! What is sent back.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, VARY, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use management_api::Method;
use serde_json::Value;

use crate::api_options::{ApiOptions, Page};

/// The bytes of a piece of what is there as a whole.
const PIECE_BYTES: usize = 64 * 1024;

/// What an answer holds: all of it at once, or piece by piece as the client takes it.
pub type Content = UnsyncBoxBody<Bytes, Infallible>;

/// Something that is sent piece by piece.
pub(crate) fn streamed(
    body: impl Body<Data = Bytes, Error = Infallible> + Send + 'static,
) -> Content {
    body.boxed_unsync()
}

/// All of it, in pieces: what belongs to the answer is kept until the client has taken all but the last one.
fn whole(bytes: Vec<u8>) -> Content {
    if bytes.len() <= PIECE_BYTES {
        return streamed(Full::new(Bytes::from(bytes)));
    }
    let mut left = Bytes::from(bytes);
    let mut pieces = VecDeque::new();
    while !left.is_empty() {
        pieces.push_back(left.split_to(left.len().min(PIECE_BYTES)));
    }
    streamed(Pieces(pieces))
}

/// What is sent while something is kept, which goes when all is sent, or the client is gone.
struct Keeping<T> {
    content: Content,
    _kept: T,
}

/// Keeps something until all is sent.
pub(crate) fn keeping<T: Send + Unpin + 'static>(kept: T, content: Content) -> Content {
    streamed(Keeping { content, _kept: kept })
}

impl<T: Unpin> Body for Keeping<T> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.content).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

/// What is sent piece by piece, and is gone when it is sent.
struct Pieces(VecDeque<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    response: Response<Content>,
}

impl Reply {
    /// Something to see.
    pub(crate) fn ok(value: &Value) -> Self {
        Self::json(StatusCode::OK, value)
    }

    /// It is made.
    pub(crate) fn created() -> Self {
        Self::empty(StatusCode::CREATED)
    }

    /// It is done, and there is nothing to say.
    pub(crate) fn done() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    /// [`Reply::created`] for what is new, [`Reply::done`] for what was there.
    pub(crate) fn put(is_new: bool) -> Self {
        if is_new { Self::created() } else { Self::done() }
    }

    /// Something to see, the text of which is there in pieces.
    pub(crate) fn pieces(pieces: VecDeque<Bytes>) -> Self {
        let mut reply = Self::empty(StatusCode::OK);
        *reply.response.body_mut() = streamed(Pieces(pieces));
        reply.with(CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// A code and a value.
    pub(crate) fn json(status: StatusCode, value: &Value) -> Self {
        Self::bytes(status, "application/json", value.to_string().into_bytes())
    }

    /// A code and nothing else.
    pub(crate) fn empty(status: StatusCode) -> Self {
        let mut response = Response::new(whole(Vec::new()));
        *response.status_mut() = status;
        Self { response }.with(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
    }

    /// Bytes of some type.
    pub(crate) fn bytes(status: StatusCode, content_type: &'static str, bytes: Vec<u8>) -> Self {
        let mut reply = Self::empty(status);
        *reply.response.body_mut() = whole(bytes);
        reply.with(CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    /// An answer that is sent piece by piece.
    pub(crate) fn stream(content_type: &'static str, content: Content) -> Self {
        let mut reply = Self::empty(StatusCode::OK);
        *reply.response.body_mut() = content;
        reply.with(CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    /// With a header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.response.headers_mut().insert(name, value);
        self
    }

    /// With something else around what it holds.
    pub(crate) fn map(self, around: impl FnOnce(Content) -> Content) -> Self {
        Self { response: self.response.map(around) }
    }

    /// With what a path is for.
    pub(crate) fn allowing(self, methods: &[Method]) -> Self {
        let mut allowed = String::from("OPTIONS");
        for method in methods {
            let names = if *method == Method::Get { "HEAD, GET" } else { method.as_str() };
            allowed = format!("{names}, {allowed}");
        }
        match HeaderValue::from_str(&allowed) {
            Ok(value) => self.with(ALLOW, value),
            Err(_) => self,
        }
    }

    /// With the request to log in. Browsers ask their users then.
    pub(crate) fn asking_for_login(self) -> Self {
        self.with(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"RabbitMQ Management\""))
    }

    /// Ready to be sent to a page, with what every answer has.
    pub(crate) fn dressed(self, options: &ApiOptions, page: &Page) -> Response<Content> {
        let mut response = self.into_response();
        options.dress(response.status(), response.headers_mut(), page);
        response
    }

    /// Ready to be sent.
    pub(crate) fn into_response(self) -> Response<Content> {
        self.with(VARY, HeaderValue::from_static("accept, accept-encoding, origin")).response
    }
}
