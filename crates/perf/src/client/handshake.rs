//! The answers of a client until its connection is open.
//!
//! ```text
//!   client                                server
//!   "AMQP" 0 0 9 1             ──▶
//!                              ◀──        connection.start     mechanisms, capabilities
//!   connection.start-ok        ──▶                             PLAIN: NUL user NUL password
//!                              ◀──        connection.tune      limits
//!   connection.tune-ok, open   ──▶                             no heartbeats; the virtual host
//!                              ◀──        connection.open-ok
//! ```

use wire_amqp091::limits::FRAME_MAX_DEFAULT;
use wire_amqp091::method::connection::{Open, Start, StartOk, Tune, TuneOk};
use wire_amqp091::{FieldValue, Table, frame};

use crate::failure::Failure;
use crate::uri::Uri;

/// Who logs in, and to which virtual host.
#[derive(Clone)]
pub(crate) struct Login {
    /// NUL, user, NUL, password: RFC 4616.
    response: Vec<u8>,
    vhost: String,
}

impl Login {
    pub(crate) fn from_uri(uri: &Uri) -> Self {
        let response = format!("\0{}\0{}", uri.user, uri.password).into_bytes();
        Self { response, vhost: uri.vhost.clone() }
    }

    /// Appends connection.start-ok.
    ///
    /// # Errors
    /// The server does not offer PLAIN.
    pub(crate) fn answer_start(&self, start: &Start<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        let mut offered = start.mechanisms.split(u8::is_ascii_whitespace);
        if !offered.any(|mechanism| mechanism == b"PLAIN") {
            let offered = start.mechanisms.escape_ascii();
            return Err(Failure::Usage(format!(
                "the broker offers no PLAIN login, only {offered}"
            )));
        }
        let start_ok = StartOk {
            client_properties: client_properties(),
            mechanism: "PLAIN",
            response: &self.response,
            locale: "en_US",
        };
        frame::write_method(out, 0, &start_ok);
        Ok(())
    }

    /// Appends connection.tune-ok and connection.open, and tells the largest frame that may be sent, in bytes.
    /// Heartbeats are declined: a load tool that sends nothing else is no use.
    pub(crate) fn answer_tune(&self, tune: &Tune, out: &mut Vec<u8>) -> u32 {
        let frame_max = match tune.frame_max {
            0 => FRAME_MAX_DEFAULT,
            offered => offered.min(FRAME_MAX_DEFAULT),
        };
        let tune_ok = TuneOk { channel_max: tune.channel_max, frame_max, heartbeat: 0 };
        frame::write_method(out, 0, &tune_ok);
        let open = Open { virtual_host: &self.vhost, reserved_1: "", reserved_2: false };
        frame::write_method(out, 0, &open);
        frame_max
    }
}

fn client_properties() -> Table {
    let capabilities = [
        "authentication_failure_close",
        "basic.nack",
        "connection.blocked",
        "consumer_cancel_notify",
        "publisher_confirms",
    ];
    let capabilities =
        capabilities.into_iter().fold(Table::new(), |table, name| table.with(name, true));
    Table::new()
        .with("product", "leveret perf")
        .with("version", env!("CARGO_PKG_VERSION"))
        .with("connection_name", "leveret perf")
        .with("capabilities", FieldValue::Table(capabilities))
}

#[cfg(test)]
mod tests {
    use wire_amqp091::Method;

    use super::*;

    fn login() -> Login {
        Login::from_uri(&"amqp://me:secret@h/v".parse().expect("a good URI"))
    }

    fn start(mechanisms: &[u8]) -> Start<'_> {
        Start {
            version_major: 0,
            version_minor: 9,
            server_properties: Table::new(),
            mechanisms,
            locales: b"en_US",
        }
    }

    fn methods(mut bytes: &[u8]) -> Vec<Method<'_>> {
        let mut methods = Vec::new();
        while let Some((frame, len)) = frame::parse(bytes, 4096).expect("our own frames") {
            methods.push(Method::decode(frame.payload).expect("our own methods"));
            bytes = &bytes[len..];
        }
        methods
    }

    #[test]
    fn the_login_is_plain() {
        let mut out = Vec::new();
        login().answer_start(&start(b"AMQPLAIN PLAIN"), &mut out).expect("PLAIN is offered");
        let [Method::ConnectionStartOk(start_ok)] = &methods(&out)[..] else { panic!("{out:?}") };
        assert_eq!((start_ok.mechanism, start_ok.response), ("PLAIN", &b"\0me\0secret"[..]));
    }

    #[test]
    fn a_server_without_plain_is_told_so() {
        let refused = login().answer_start(&start(b"EXTERNAL X-PLAIN"), &mut Vec::new());
        assert!(
            refused.is_err_and(|failure| failure.to_string().contains("only EXTERNAL X-PLAIN"))
        );
    }

    #[test]
    fn the_smaller_frame_holds_and_zero_is_no_limit() {
        for (offered, agreed) in [(4096, 4096), (1 << 20, 131_072), (0, 131_072)] {
            let mut out = Vec::new();
            let tune = Tune { channel_max: 2047, frame_max: offered, heartbeat: 60 };
            assert_eq!(login().answer_tune(&tune, &mut out), agreed);
            let [Method::ConnectionTuneOk(tune_ok), Method::ConnectionOpen(open)] =
                &methods(&out)[..]
            else {
                panic!("{out:?}")
            };
            assert_eq!(
                (tune_ok.channel_max, tune_ok.frame_max, tune_ok.heartbeat),
                (2047, agreed, 0)
            );
            assert_eq!(open.virtual_host, "v");
        }
    }
}
