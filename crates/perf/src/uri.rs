//! Where the broker is and who logs in: `amqp://user:password@host:port/vhost`.
//!
//! RabbitMQ's URI specification, with one difference that people expect: a URI that ends in `/` means the virtual host
//! `/`, as does one without a path, rather than the virtual host whose name is empty.

use std::fmt;
use std::str::FromStr;

/// The port that AMQP has.
const PORT: u16 = 5672;
/// User and password of a broker that nobody has configured.
const GUEST: &str = "guest";

/// A parsed URI, every part of it decoded.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Uri {
    pub(crate) user: String,
    pub(crate) password: String,
    /// A name or an address; an IPv6 address without its brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) vhost: String,
}

impl Uri {
    /// Host and port for people.
    pub(crate) fn endpoint(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// Without the password, because this ends up in terminals and logs.
impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "amqp://{}:...@{}/{}", self.user, self.endpoint(), self.vhost)
    }
}

impl FromStr for Uri {
    type Err = String;

    /// # Errors
    /// One line that says what is wrong.
    fn from_str(text: &str) -> Result<Self, String> {
        let rest = match text.split_once("://") {
            Some(("amqp", rest)) => rest,
            Some(("amqps", _)) => return Err("TLS is not supported; use amqp://".to_owned()),
            _ => return Err("a broker's URI begins with amqp://".to_owned()),
        };
        if rest.contains(['?', '#']) {
            return Err("query parameters are not supported; percent-encode ? and #".to_owned());
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, endpoint) = match authority.rsplit_once('@') {
            Some((login, endpoint)) => (Some(login), endpoint),
            None => (None, authority),
        };
        let (user, password) = match login {
            Some(login) => login.split_once(':').unwrap_or((login, "")),
            None => (GUEST, GUEST),
        };
        let (host, port) = host_and_port(endpoint)?;
        let vhost = if path.is_empty() { "/".to_owned() } else { decode(path)? };
        Ok(Self { user: decode(user)?, password: decode(password)?, host, port, vhost })
    }
}

fn host_and_port(endpoint: &str) -> Result<(String, u16), String> {
    let (host, port) = if let Some(bracketed) = endpoint.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or("the bracket [ is never closed")?;
        if !rest.is_empty() && !rest.starts_with(':') {
            return Err("only :port may follow the bracket ]".to_owned());
        }
        (host.to_owned(), rest.strip_prefix(':'))
    } else {
        let (host, port) = match endpoint.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (endpoint, None),
        };
        if port.is_some_and(|port| port.contains(':')) {
            return Err("an IPv6 address belongs in brackets: amqp://[::1]:5672".to_owned());
        }
        (decode(host)?, port)
    };
    if host.is_empty() {
        return Err("the URI names no host".to_owned());
    }
    let port = match port {
        None | Some("") => PORT,
        Some(port) => port.parse().map_err(|_| format!("{port:?} is not a port"))?,
    };
    Ok((host, port))
}

/// Puts the bytes in the place of `%2f` and its like.
fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or_else(|| format!("% in {text:?} is not followed by two hexadecimal digits"))?;
        bytes.push(byte);
        rest = &behind[2..];
    }
    String::from_utf8(bytes).map_err(|_| format!("{text:?} is not UTF-8 once it is decoded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().expect("a good URI")
    }

    fn refusal(text: &str) -> String {
        text.parse::<Uri>().expect_err("a bad URI")
    }

    #[test]
    fn every_part_has_a_default_but_the_host() {
        let Uri { user, password, host, port, vhost } = uri("amqp://broker");
        assert_eq!((user.as_str(), password.as_str()), ("guest", "guest"));
        assert_eq!((host.as_str(), port, vhost.as_str()), ("broker", 5672, "/"));
        assert_eq!(uri("amqp://broker:/").port, 5672);
        assert_eq!(uri("amqp://me@broker").password, "");
    }

    #[test]
    fn every_part_is_decoded() {
        let Uri { user, password, host, port, vhost } = uri("amqp://a%40b:p%3Aq%2F@h:1234/v%2fw");
        assert_eq!((user.as_str(), password.as_str()), ("a@b", "p:q/"));
        assert_eq!((host.as_str(), port, vhost.as_str()), ("h", 1234, "v/w"));
    }

    #[test]
    fn the_virtual_host_of_an_empty_path_is_the_slash() {
        assert_eq!(uri("amqp://h").vhost, "/");
        assert_eq!(uri("amqp://h/").vhost, "/");
        assert_eq!(uri("amqp://h/%2f").vhost, "/");
        assert_eq!(uri("amqp://h/caf%C3%A9").vhost, "café");
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        let bracketed = uri("amqp://guest:guest@[::1]:5673/");
        assert_eq!((bracketed.host.as_str(), bracketed.port), ("::1", 5673));
        assert_eq!(bracketed.endpoint(), "[::1]:5673");
        assert_eq!(uri("amqp://[fe80::1]").port, 5672);
        assert!(refusal("amqp://::1:5673").contains("brackets"));
        assert!(refusal("amqp://[::1").contains("never closed"));
        assert!(refusal("amqp://[::1]5673").contains("only :port"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_a_reason() {
        assert!(refusal("broker:5672").contains("amqp://"));
        assert!(refusal("amqps://broker").contains("TLS"));
        assert!(refusal("amqp://:5672").contains("no host"));
        assert!(refusal("amqp://h:port").contains("not a port"));
        assert!(refusal("amqp://h:70000").contains("not a port"));
        assert!(refusal("amqp://h/a%2").contains("hexadecimal"));
        assert!(refusal("amqp://h/a%+1").contains("hexadecimal"));
        assert!(refusal("amqp://h/%ff").contains("UTF-8"));
        assert!(refusal("amqp://h/?heartbeat=1").contains("query"));
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(format!("{:?}", uri("amqp://me:secret@h/v")), "amqp://me:...@h:5672/v");
    }
}
