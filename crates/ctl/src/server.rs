//! The server that is asked: where it is, who asks, and what its statuses mean.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::failure::{Failure, code};
use crate::http::{self, Address, Answer, Request};
use crate::invocation::Invocation;
use crate::tls::Files;

/// How long an answer may take if nobody says otherwise, as RabbitMQ's tools wait.
const TIMEOUT_S: u64 = 60;
/// Objects of a list that are asked for at once: the most that the API gives.
const PAGE_SIZE: usize = 500;
/// The node's local socket, in its data directory.
const SOCKET: &str = "management.sock";
/// Where the API is if a URI names no port.
const HTTP_PORT: u16 = 15672;
const HTTPS_PORT: u16 = 15671;

/// A server of the HTTP API.
pub(crate) struct Server {
    address: Address,
    /// What goes before the API's paths, for servers with a `management.path_prefix`.
    prefix: String,
    /// User and password as the header wants them. Never shown.
    credentials: Option<String>,
    timeout: Duration,
}

impl Server {
    /// Where `--uri`, `--data-dir`, their environment variables or the default say.
    ///
    /// # Errors
    /// The URI is none, or no data directory is known.
    pub(crate) fn find(
        invocation: &Invocation,
        data_dir: Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let timeout = Duration::from_secs(invocation.timeout_s.unwrap_or(TIMEOUT_S).max(1));
        let named_dir = invocation.option("data-dir").map(PathBuf::from);
        let uri = invocation
            .option("uri")
            .map(str::to_owned)
            .or_else(|| named_dir.is_none().then(|| std::env::var("LEVERET_URI").ok()).flatten());
        if let Some(uri) = uri {
            return Self::of_uri(&uri, timeout, files(invocation)?);
        }
        let dir = named_dir
            .or_else(|| std::env::var_os("LEVERET_DATA_DIR").map(PathBuf::from))
            .or(data_dir)
            .ok_or_else(|| {
                Failure::usage("no data directory is known; name one with --data-dir")
            })?;
        Ok(Self {
            address: Address::Local(dir.join(SOCKET)),
            prefix: String::new(),
            credentials: None,
            timeout,
        })
    }

    fn of_uri(uri: &str, timeout: Duration, files: Files) -> Result<Self, Failure> {
        // What is wrong is told without the URI, which may have a password.
        let refuse = |what: &str| {
            Failure::usage(format!("--uri {what}; write it as http://user:password@host:15672"))
        };
        let (is_tls, rest) = match uri.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            _ => return Err(refuse("has no scheme that is known")),
        };
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host) = match authority.rsplit_once('@') {
            Some((login, host)) => (login, host),
            None => ("guest:guest", authority),
        };
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| refuse("has a port that is no number"))?)
            }
            _ => (host, if is_tls { HTTPS_PORT } else { HTTP_PORT }),
        };
        let decoded =
            |text| decode(text).ok_or_else(|| refuse("has a percent sign without digits"));
        let login = format!("{}:{}", decoded(user)?, decoded(password)?);
        let host = host.trim_matches(['[', ']']).to_owned();
        let address =
            if is_tls { Address::Tls { host, port, files } } else { Address::Tcp { host, port } };
        Ok(Self {
            address,
            prefix: match prefix.trim_end_matches('/') {
                "" => String::new(),
                prefix => format!("/{prefix}"),
            },
            credentials: Some(STANDARD.encode(login)),
            timeout,
        })
    }

    /// Where it is, without who asks.
    pub(crate) fn place(&self) -> String {
        match &self.address {
            Address::Local(path) => format!("the local socket {}", path.display()),
            Address::Tcp { host, port } => format!("{host}, port {port}"),
            Address::Tls { host, port, .. } => format!("{host}, port {port}, over TLS"),
        }
    }

    /// The host that is asked, for what is not HTTP.
    pub(crate) fn host(&self) -> &str {
        match &self.address {
            Address::Local(_) => "localhost",
            Address::Tcp { host, .. } | Address::Tls { host, .. } => host,
        }
    }

    /// The JSON document at a path.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        document(&self.ask("GET", path, None, "")?)
    }

    /// As [`Self::get`], but what is not there is no failure.
    pub(crate) fn look(&self, path: &str) -> Result<Option<Value>, Failure> {
        let answer = self.raw("GET", path, None, "")?;
        if answer.status == 404 { Ok(None) } else { document(&accepted(answer)?).map(Some) }
    }

    /// Every object of a list, a page at a time. `query` is empty or begins with `&`.
    pub(crate) fn list(&self, path: &str, query: &str) -> Result<Vec<Value>, Failure> {
        // The other lists are short, and some of RabbitMQ's fail when they are asked for a page.
        let is_long = ["/queues", "/exchanges", "/connections", "/channels"]
            .iter()
            .any(|long| path.starts_with(long));
        if !is_long {
            let query = query.replacen('&', "?", 1);
            return match self.get(&format!("{path}{query}"))? {
                Value::Array(all) => Ok(all),
                _ => Ok(Vec::new()),
            };
        }
        let mut items = Vec::new();
        for page in 1.. {
            let path = format!("{path}?page={page}&page_size={PAGE_SIZE}{query}");
            match self.get(&path)? {
                // A list without pages comes whole.
                Value::Array(all) => return Ok(all),
                Value::Object(mut document) => {
                    if let Some(Value::Array(some)) = document.remove("items") {
                        items.extend(some);
                    }
                    let pages = document.get("page_count").and_then(Value::as_u64).unwrap_or(1);
                    if page >= pages {
                        break;
                    }
                }
                _ => break,
            }
        }
        Ok(items)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<(), Failure> {
        self.ask("PUT", path, Some(body), "").map(|_| ())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.ask("POST", path, Some(body), "")
    }

    pub(crate) fn delete(&self, path: &str) -> Result<(), Failure> {
        self.ask("DELETE", path, None, "").map(|_| ())
    }

    /// Deletes what may not be there; tells whether it was.
    pub(crate) fn remove(&self, path: &str, headers: &str) -> Result<bool, Failure> {
        let answer = self.raw("DELETE", path, None, headers)?;
        if answer.status == 404 { Ok(false) } else { accepted(answer).map(|_| true) }
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        headers: &str,
    ) -> Result<Answer, Failure> {
        accepted(self.raw(method, path, body, headers)?)
    }

    /// The answer, whatever its status.
    pub(crate) fn raw(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        headers: &str,
    ) -> Result<Answer, Failure> {
        let body = body.map(|body| body.to_string().into_bytes());
        let mut headers = headers.to_owned();
        if let Some(credentials) = &self.credentials
            && !headers.contains("Authorization:")
        {
            headers.push_str(&format!("Authorization: Basic {credentials}\r\n"));
        }
        let path = format!("{}/api{path}", self.prefix);
        let request = Request {
            method,
            path: &path,
            headers: &headers,
            body: body.as_deref(),
            timeout: self.timeout,
        };
        http::ask(&self.address, &request).map_err(|fault| self.unreachable(&fault))
    }

    /// Tells each event of a stream as it comes, until it ends or `tell` says that it is enough.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses.
    pub(crate) fn follow(&self, path: &str, tell: impl FnMut(&str) -> bool) -> Result<(), Failure> {
        let login = self.credentials.as_ref();
        let headers = login.map_or_else(String::new, |credentials| {
            format!("Authorization: Basic {credentials}\r\n")
        });
        let path = format!("{}/api{path}", self.prefix);
        // A stream that has nothing to say says so a few times a minute.
        let timeout = self.timeout.max(Duration::from_secs(TIMEOUT_S));
        let request =
            Request { method: "GET", path: &path, headers: &headers, body: None, timeout };
        match http::watch(&self.address, &request, tell) {
            Ok(None) => Ok(()),
            Ok(Some(answer)) => accepted(answer).map(|_| ()),
            Err(fault) => Err(self.unreachable(&fault)),
        }
    }

    fn unreachable(&self, fault: &std::io::Error) -> Failure {
        use std::io::ErrorKind::{InvalidData, PermissionDenied, TimedOut, WouldBlock};
        if matches!(fault.kind(), TimedOut | WouldBlock) {
            return Failure::bare(
                code::LATER,
                format!(
                    "Error: operation timed out. Timeout value used: {}",
                    self.timeout.as_millis()
                ),
            );
        }
        let advice = match (&self.address, fault.kind()) {
            (Address::Local(_), PermissionDenied) => {
                "run this as the user that the node runs as, or name the HTTP API with --uri"
            }
            (Address::Local(_), _) => {
                "start the node, or name its data directory with --data-dir, or its HTTP API with --uri"
            }
            // TLS tells what is wrong with the certificate; nothing else says so.
            (Address::Tls { .. }, InvalidData) => {
                "name the authority that has signed the server's certificate with --tls-ca-cert-file, and the host as the certificate does"
            }
            _ => "start the node, or name another address with --uri",
        };
        Failure::bare(
            code::UNAVAILABLE,
            format!(
                "Error: unable to perform an operation on the node at {}: {fault}; {advice}",
                self.place()
            ),
        )
    }
}

/// The files that TLS needs, as they are named.
fn files(invocation: &Invocation) -> Result<Files, Failure> {
    let path = |name| invocation.option(name).map(PathBuf::from);
    let certificate = match (path("tls-cert-file"), path("tls-key-file")) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err(Failure::usage("--tls-cert-file and --tls-key-file belong together")),
    };
    Ok(Files { authorities: path("tls-ca-cert-file"), certificate })
}

fn document(answer: &Answer) -> Result<Value, Failure> {
    serde_json::from_slice(&answer.body).map_err(|fault| {
        Failure::stated(code::SOFTWARE, format!("the server's answer is not JSON: {fault}"))
    })
}

/// What the server says about its refusal.
pub(crate) fn reason(answer: &Answer) -> String {
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match &document["reason"] {
        Value::String(reason) => reason.clone(),
        Value::Null => match &document["error"] {
            Value::String(error) => error.clone(),
            _ => format!("the server answered with status {}", answer.status),
        },
        other => other.to_string(),
    }
}

/// Whether it is not the user's permissions that are missing: nobody is logged in.
fn is_unknown(answer: &Answer) -> bool {
    // Whoever may not do something is told `not_authorised`.
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    matches!(document["error"].as_str(), None | Some("not_authorized"))
}

fn accepted(answer: Answer) -> Result<Answer, Failure> {
    match answer.status {
        200..=299 => Ok(answer),
        401 if is_unknown(&answer) => Err(Failure::stated(
            code::DATA,
            "the server does not know the user and the password of --uri (Not_Authorized); they are wrong, or the user may \
             not log in from here, or has to wait after wrong passwords: the log of the server says which",
        )),
        401 | 403 => Err(Failure::stated(
            code::NO_PERMISSION,
            format!(
                "the server does not allow this: {}; give the user of --uri the tag that it takes",
                reason(&answer)
            ),
        )),
        404 => {
            Err(Failure::bare(code::DATA, "Object (queue, stream, exchange, etc) was not found"))
        }
        405 | 501 => {
            Err(Failure::unavailable(format!("this server does not do that: {}", reason(&answer))))
        }
        _ => Err(Failure::unavailable(reason(&answer))),
    }
}

/// A name as a part of a path.
pub(crate) fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: &str) -> Result<Server, Failure> {
        Server::of_uri(uri, Duration::from_secs(1), Files::default())
    }

    #[test]
    fn a_uri_has_defaults() {
        let server = of("http://me:p%40ss@host").unwrap();
        assert_eq!(server.address, Address::Tcp { host: "host".into(), port: 15672 });
        assert_eq!(server.credentials.as_deref(), Some(STANDARD.encode("me:p@ss").as_str()));
        let server = of("http://[::1]:8080/rabbit/").unwrap();
        assert_eq!(server.address, Address::Tcp { host: "::1".into(), port: 8080 });
        assert_eq!(server.prefix, "/rabbit");
        let server = of("https://me:p@host").unwrap();
        assert_eq!(server.place(), "host, port 15671, over TLS");
    }

    #[test]
    fn a_wrong_uri_is_not_repeated() {
        for uri in [
            "ftp://me:sesame@host",
            "me:sesame@host",
            "http://me:sesame%@host",
            "http://me:sesame@host:x",
        ] {
            let Err(failure) = of(uri) else { panic!("{uri}") };
            assert!(!format!("{failure:?}").contains("sesame"), "{failure:?}");
        }
    }

    #[test]
    fn a_wrong_password_is_no_missing_tag() {
        let told = |error: &str| {
            let body = format!(r#"{{"error":"{error}","reason":"Not"}}"#).into_bytes();
            accepted(Answer { status: 401, body }).err().unwrap()
        };
        let (wrong, missing) = (told("not_authorized"), told("not_authorised"));
        assert_eq!((wrong.code(), missing.code()), (code::DATA, code::NO_PERMISSION));
        assert!(format!("{wrong:?}").contains("password of --uri"), "{wrong:?}");
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped("/"), "%2F");
        assert_eq!(escaped("a b\tä"), "a%20b%09%C3%A4");
    }
}
