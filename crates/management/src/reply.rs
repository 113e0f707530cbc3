//! What is sent back.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, VARY, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use management_api::Method;
use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    response: Response<Full<Bytes>>,
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

    /// A code and a value.
    pub(crate) fn json(status: StatusCode, value: &Value) -> Self {
        Self::bytes(status, "application/json", value.to_string().into_bytes())
    }

    /// A code and nothing else.
    pub(crate) fn empty(status: StatusCode) -> Self {
        let mut response = Response::new(Full::new(Bytes::new()));
        *response.status_mut() = status;
        Self { response }.with(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
    }

    /// Bytes of some type.
    pub(crate) fn bytes(status: StatusCode, content_type: &'static str, bytes: Vec<u8>) -> Self {
        let mut reply = Self::empty(status);
        *reply.response.body_mut() = Full::new(Bytes::from(bytes));
        reply.with(CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    /// With a header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.response.headers_mut().insert(name, value);
        self
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

    /// Ready to be sent.
    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let policy = HeaderName::from_static("content-security-policy");
        let policy_text = HeaderValue::from_static("script-src 'self'; object-src 'self'");
        self.with(VARY, HeaderValue::from_static("accept, accept-encoding, origin"))
            .with(policy, policy_text)
            .response
    }

    /// The code.
    #[cfg(test)]
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }
}
