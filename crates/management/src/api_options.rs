//! How requests are answered, whatever they ask for: what an operator configures of the HTTP API.

use std::time::Duration;

use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW,
    HeaderMap, HeaderName, HeaderValue, ORIGIN,
};
use hyper::{Method, StatusCode};

use crate::login::Origin;

/// What an operator configures of the HTTP API.
#[derive(Clone, Debug)]
pub struct ApiOptions {
    /// What stands before every path: nothing, or `/broker`. The local socket is without it.
    pub path_prefix: String,
    /// The longest body of a request, in bytes; `None` for what each route takes.
    pub body_bytes_max: Option<usize>,
    /// Origins whose pages may call the API; `*` for all.
    pub cors_origins: Vec<String>,
    /// How long a browser may remember that, in seconds.
    pub cors_max_age_s: u32,
    /// Headers that every answer has, by their names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Whether `Allow` stands only where a method is refused.
    pub hides_allow: bool,
    /// How long a connection may say nothing.
    pub idle_wait: Duration,
    /// How many requests a connection may make; 0 for as many as it likes.
    pub requests_max: u32,
    /// Whether lists have no statistics.
    pub has_no_stats: bool,
    /// Whether lists of queues have their totals even so.
    pub has_queue_totals: bool,
    /// Whether rates are told.
    pub has_rates: bool,
    /// How far apart samples are, from which rates are made.
    pub sample_interval: Duration,
    /// Whether operator policies may be changed here.
    pub permits_operator_policies: bool,
    /// Whether user interfaces are told to take definitions only from files that end in `.json`.
    pub needs_json_extension: bool,
}

/// RabbitMQ's defaults, as far as they make sense here.
impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            path_prefix: String::new(),
            body_bytes_max: None,
            cors_origins: Vec::new(),
            cors_max_age_s: 1_800,
            headers: vec![(
                CONTENT_SECURITY_POLICY,
                "script-src 'self'; object-src 'self'".to_owned(),
            )],
            hides_allow: false,
            idle_wait: Duration::from_secs(60),
            requests_max: 0,
            has_no_stats: false,
            has_queue_totals: false,
            has_rates: true,
            sample_interval: Duration::from_secs(5),
            permits_operator_policies: true,
            needs_json_extension: false,
        }
    }
}

/// The header whose default is not "absent".
const CONTENT_SECURITY_POLICY: &str = "content-security-policy";

/// What a request says of the page that makes it.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    origin: Option<HeaderValue>,
    wanted_headers: Option<HeaderValue>,
    is_preflight: bool,
}

impl Page {
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        Self {
            // A page that is no origin's says so by this word.
            origin: headers.get(ORIGIN).filter(|origin| *origin != "null").cloned(),
            wanted_headers: headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned(),
            is_preflight: method == Method::OPTIONS,
        }
    }
}

impl ApiOptions {
    /// The path without what stands before every path; `None` where that is missing.
    pub(crate) fn path<'p>(&self, path: &'p str, origin: Origin) -> Option<&'p str> {
        match origin {
            Origin::Local => Some(path),
            Origin::Tcp(_) => {
                let rest = path.strip_prefix(self.path_prefix.as_str())?;
                (rest.is_empty() || rest.starts_with('/')).then_some(rest)
            }
        }
    }

    /// Adds what every answer has, and what the page that asks has to know.
    pub(crate) fn dress(&self, status: StatusCode, headers: &mut HeaderMap, page: &Page) {
        for (name, value) in &self.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        self.admit(headers, page);
        if self.hides_allow && status != StatusCode::METHOD_NOT_ALLOWED {
            headers.remove(ALLOW);
        }
    }

    /// Tells a browser that a page may see the answer, if it may.
    fn admit(&self, headers: &mut HeaderMap, page: &Page) {
        let Some(origin) = &page.origin else { return };
        if !self.cors_origins.iter().any(|allowed| allowed == "*" || origin == allowed.as_str()) {
            return;
        }
        if page.is_preflight {
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(self.cors_max_age_s));
            if let Some(wanted) = &page.wanted_headers {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
            }
            if let Some(methods) = headers.get(ALLOW).cloned() {
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
            }
        }
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dressed(options: &ApiOptions, method: &Method, asked: &[(&'static str, &str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        let asked: HeaderMap = asked.iter().map(header).collect();
        let mut headers = HeaderMap::new();
        headers.insert(ALLOW, HeaderValue::from_static("GET, OPTIONS"));
        options.dress(StatusCode::OK, &mut headers, &Page::of(method, &asked));
        headers
    }

    #[test]
    fn a_page_of_an_allowed_origin_may_see_answers() {
        let cors_origins = vec!["https://a.example".to_owned()];
        let mut options = ApiOptions { cors_origins, ..ApiOptions::default() };
        let page = [("origin", "https://a.example"), ("access-control-request-headers", "x-a")];
        let headers = dressed(&options, &Method::OPTIONS, &page);
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], "GET, OPTIONS");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "x-a");
        assert_eq!(headers[ACCESS_CONTROL_MAX_AGE], "1800");
        let headers = dressed(&options, &Method::GET, &page);
        assert!(headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
        assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_METHODS));
        for other in ["https://b.example", "null", "https://a.example.org"] {
            let headers = dressed(&options, &Method::GET, &[("origin", other)]);
            assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{other}");
        }
        options.cors_origins = vec!["*".to_owned()];
        let headers = dressed(&options, &Method::GET, &[("origin", "https://b.example")]);
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://b.example");
    }

    #[test]
    fn answers_have_the_headers_that_are_configured() {
        let headers = vec![("x-frame-options", "DENY".to_owned())];
        let options = ApiOptions { headers, hides_allow: true, ..ApiOptions::default() };
        let headers = dressed(&options, &Method::GET, &[]);
        assert_eq!(headers["x-frame-options"], "DENY");
        assert!(!headers.contains_key(CONTENT_SECURITY_POLICY) && !headers.contains_key(ALLOW));
        let headers = dressed(&ApiOptions::default(), &Method::GET, &[]);
        assert!(headers.contains_key(CONTENT_SECURITY_POLICY) && headers.contains_key(ALLOW));
    }

    #[test]
    fn paths_begin_with_the_prefix() {
        let options = ApiOptions { path_prefix: "/broker".to_owned(), ..ApiOptions::default() };
        let tcp = Origin::Tcp(([127, 0, 0, 1], 1).into());
        assert_eq!(options.path("/broker/api/whoami", tcp), Some("/api/whoami"));
        assert_eq!(options.path("/brokers/api/whoami", tcp), None);
        assert_eq!(options.path("/api/whoami", tcp), None);
        assert_eq!(options.path("/api/whoami", Origin::Local), Some("/api/whoami"));
        assert_eq!(ApiOptions::default().path("/api/whoami", tcp), Some("/api/whoami"));
    }
}
