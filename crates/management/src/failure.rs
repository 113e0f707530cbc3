//! Why a request is not answered as its caller hoped, in RabbitMQ's codes and words.

use hyper::StatusCode;
use management_api::Method;
use serde_json::{Value, json};

use crate::reply::Reply;

/// Why a request fails.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    /// What was sent makes no sense, or may not be. Tells what.
    BadRequest(String),
    /// As [`Failure::BadRequest`], with a word of its own for programs.
    Invalid(&'static str, String),
    /// Nobody has logged in.
    NoCredentials,
    /// The user is not who it says, or may not come from there.
    BadCredentials,
    /// The user may not. Tells why.
    NotAuthorised(String),
    /// There is no such thing.
    NotFound,
    /// There is, and the user may not know.
    Hidden,
    /// There is no such thing. Tells what.
    Missing(String),
    /// The path is for other methods.
    MethodNotAllowed(Vec<Method>),
    /// RabbitMQ has this, and here it is missing. Tells what.
    NotYet(String),
    /// It cannot be done as things are. Tells why.
    Precondition(String),
    /// The body is longer than it may be.
    TooLarge,
    /// The configuration forbids it, in these words.
    Restricted(&'static str),
    /// The body did not come in time.
    Slow,
    /// A check fails. The whole answer.
    Unhealthy(Value),
    /// The node cannot answer. Tells why.
    Unavailable(String),
}

impl Failure {
    /// A request that makes no sense.
    pub(crate) fn bad(reason: impl Into<String>) -> Self {
        Self::BadRequest(reason.into())
    }

    /// Something that is not there.
    pub(crate) fn missing(reason: impl Into<String>) -> Self {
        Self::Missing(reason.into())
    }

    /// What is sent.
    pub(crate) fn reply(self) -> Reply {
        let told = |status, error: &str, reason: &str| {
            Reply::json(status, &json!({ "error": error, "reason": reason }))
        };
        match self {
            Self::BadRequest(reason) => told(StatusCode::BAD_REQUEST, "bad_request", &reason),
            Self::Invalid(error, reason) => told(StatusCode::BAD_REQUEST, error, &reason),
            Self::NoCredentials => Reply::empty(StatusCode::UNAUTHORIZED).asking_for_login(),
            Self::BadCredentials => {
                told(StatusCode::UNAUTHORIZED, "not_authorized", "Not_Authorized")
            }
            Self::NotAuthorised(reason) => {
                told(StatusCode::UNAUTHORIZED, "not_authorised", &reason)
            }
            Self::NotFound => told(StatusCode::NOT_FOUND, "Object Not Found", "Not Found"),
            Self::Missing(reason) => told(StatusCode::NOT_FOUND, "not_found", &reason),
            Self::Hidden => told(StatusCode::NOT_FOUND, "not_found", "Not Found"),
            Self::MethodNotAllowed(allowed) => {
                Reply::empty(StatusCode::METHOD_NOT_ALLOWED).allowing(&allowed)
            }
            Self::NotYet(reason) => told(StatusCode::NOT_IMPLEMENTED, "not_implemented", &reason),
            Self::Precondition(reason) => {
                told(StatusCode::PRECONDITION_FAILED, "precondition_failed", &reason)
            }
            Self::TooLarge => told(
                StatusCode::BAD_REQUEST,
                "bad_request",
                "Exceeded HTTP request body size limit",
            ),
            Self::Restricted(reason) => {
                let status = StatusCode::METHOD_NOT_ALLOWED;
                told(status, "method_not_allowed", reason)
            }
            Self::Slow => told(
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "the body of the request did not come in time",
            ),
            Self::Unhealthy(answer) => Reply::json(StatusCode::SERVICE_UNAVAILABLE, &answer),
            Self::Unavailable(reason) => {
                told(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", &reason)
            }
        }
    }
}
