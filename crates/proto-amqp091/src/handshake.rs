//! From the first byte to `connection.open-ok`.
//!
//! ```text
//!   C: protocol header          S: start (what I am, how you may log in)
//!   C: start-ok (credentials)   S: tune (the limits I propose)
//!   C: tune-ok (those I take)
//!   C: open (virtual host)      S: open-ok
//! ```

use auth::{Claim, Credentials, Denied, Mechanism, Whence};
use broker::Verb;
use message::Name;
use wire_amqp091::limits::payload_max;
use wire_amqp091::method::{Method, connection};
use wire_amqp091::protocol_header::{self, Greeting, Refused};
use wire_amqp091::{Code, FieldValue, Frame, Kind, Table};

use crate::client_properties::ClientProperties;
use crate::connection::{Abilities, Connection, Stage};
use crate::context::Context;
use crate::errors::Exception;
use crate::firehose::Watched;
use crate::happening::What;
use crate::methods::unexpected;
use crate::notice::Severity;

/// The smallest frame that a client may ask for. RabbitMQ says 8192 since 4.1; the specification says 4096, and old
/// clients mean it.
const FRAME_MAX_MIN: u32 = 4_096;
const CHANNEL_MAX_MIN: u16 = 1;

impl Connection {
    /// Reads the protocol header and answers. `None` while it is incomplete.
    pub(crate) fn greet(&mut self, bytes: &[u8]) -> Option<usize> {
        match protocol_header::classify(bytes)? {
            Greeting::Amqp091 => {
                let mechanisms = self.settings.mechanism_list(self.peer.tls.is_some());
                let start = connection::Start {
                    version_major: 0,
                    version_minor: 9,
                    server_properties: self.settings.server_properties.clone(),
                    mechanisms: mechanisms.as_bytes(),
                    locales: b"en_US",
                };
                self.out.method(0, &start);
                self.stage = Stage::Starting;
            }
            Greeting::Amqp10Sasl => {
                let why = "the client speaks AMQP 1.0, which this version does not";
                self.notice_lost(Severity::Error, why);
                self.out.buffer().extend_from_slice(&protocol_header::AMQP_0_9_1);
                self.end();
            }
            Greeting::Refused(refused) => {
                let why =
                    format!("client did not start with AMQP protocol header: {}", spoken(refused));
                self.notice_lost(Severity::Error, &why);
                self.out.buffer().extend_from_slice(&refused.answer());
                self.end();
            }
        }
        Some(protocol_header::LEN)
    }

    /// A frame before the connection is open.
    pub(crate) fn handshake_frame(&mut self, cx: &mut Context<'_>, frame: &Frame<'_>) {
        let is_heartbeat = frame.kind == Kind::Heartbeat && frame.channel == 0;
        if is_heartbeat {
            return;
        }
        if frame.kind != Kind::Method || frame.channel != 0 {
            return self.fail(cx, &unexpected(frame));
        }
        let method = match Method::decode(frame.payload) {
            Ok(method) => method,
            Err(malformed) => {
                return self.fail(cx, &Exception::malformed(&malformed, frame.payload));
            }
        };
        let result = match (self.stage, &method) {
            (Stage::Starting, Method::ConnectionStartOk(start_ok)) => self.log_in(cx, start_ok),
            (Stage::Tuning, Method::ConnectionTuneOk(tune_ok)) => self.tune(cx, tune_ok),
            (Stage::Opening, Method::ConnectionOpen(open)) => self.open(cx, open),
            (_, Method::ConnectionClose(_)) => {
                self.out.method(0, &connection::CloseOk {});
                self.finish();
                Ok(())
            }
            _ => {
                let stage = stage_name(self.stage);
                let text = format!("unexpected method in connection state {stage}");
                Err(Exception::new(Code::ChannelError, text, method.id()))
            }
        };
        if let Err(exception) = result {
            self.fail(cx, &exception);
        }
    }

    fn log_in(
        &mut self,
        cx: &mut Context<'_>,
        start_ok: &connection::StartOk<'_>,
    ) -> Result<(), Exception> {
        self.abilities = abilities(&start_ok.client_properties);
        self.story.client_properties = ClientProperties::of(&start_ok.client_properties);
        self.notice_client_name();
        let name = start_ok.mechanism;
        let Some(mechanism) = Mechanism::parse(name) else {
            let text = format!("unknown authentication mechanism '{name}'");
            return Err(Exception::new(Code::CommandInvalid, text, 0));
        };
        if !self.settings.offers(mechanism, self.peer.tls.is_some()) {
            let text = format!("invalid authentication mechanism '{name}'");
            return Err(Exception::new(Code::CommandInvalid, text, 0));
        }
        self.story.mechanism = mechanism.as_str();
        let password = match mechanism {
            Mechanism::Plain => auth::plain(start_ok.response).ok(),
            Mechanism::Amqplain => amqplain(start_ok.response),
            Mechanism::Anonymous => self.settings.logins.anonymous.clone(),
            Mechanism::External => {
                self.claim_certificate(cx);
                return Ok(());
            }
        };
        let Some(credentials) = password else {
            let text = format!("{name} response malformed");
            self.tell_login_refused("", &text, false);
            return Err(Exception::new(Code::SyntaxError, text, 0));
        };
        self.claim = Some(Box::new(Claim::Password(credentials)));
        self.stage = Stage::Verifying;
        Ok(())
    }

    /// The certificate says who the client is.
    fn claim_certificate(&mut self, cx: &mut Context<'_>) {
        self.claim = self.peer.certificate_name.clone().map(Claim::Certificate).map(Box::new);
        if self.claim.is_none() {
            let why = "no certificate that was verified, or no name in it";
            self.notice_login_refused("", why, false);
        }
        self.stage = Stage::Verifying;
        if self.claim.is_none() {
            self.refuse_login(cx);
        }
    }

    /// What the client says of itself, to be looked at. [`Connection::logged_in`] or [`Connection::login_denied`] has to
    /// follow; until then, the client is not listened to.
    pub fn take_claim(&mut self) -> Option<(Claim, Whence)> {
        let claim = self.claim.take()?;
        // Until it is known who this is, it is who it says, for the log.
        self.user = claim.user();
        Some((*claim, Whence::of_peer(&self.peer.address, self.peer.is_loopback)))
    }

    /// The client is who it says.
    pub fn logged_in(&mut self, cx: &mut Context<'_>, user: &Name) {
        if self.stage != Stage::Verifying {
            return;
        }
        self.user = user.to_string();
        let limits = self.settings.limits;
        let tune = connection::Tune {
            channel_max: limits.channel_max,
            frame_max: limits.frame_max,
            heartbeat: limits.heartbeat_s,
        };
        self.out.method(0, &tune);
        self.tell(What::LoggedIn);
        self.stage = Stage::Tuning;
        self.resume(cx);
    }

    /// The client is not who it says, or may not come in.
    pub fn login_denied(&mut self, cx: &mut Context<'_>, denied: &Denied) {
        if self.stage != Stage::Verifying {
            return;
        }
        let user = std::mem::take(&mut self.user);
        let user = user.escape_debug().to_string();
        let why = match denied {
            Denied::BadCredentials => format!("user '{user}' - invalid credentials"),
            denied => format!("user '{user}' - {denied}"),
        };
        self.notice_login_refused(&user, &why, true);
        self.refuse_login(cx);
        self.resume(cx);
    }

    /// A client that can hear it is told; another one finds the connection closed.
    fn refuse_login(&mut self, cx: &mut Context<'_>) {
        if self.abilities.authentication_failure_close {
            let text = format!(
                "Login was refused using authentication mechanism {}. For details see the broker logfile.",
                self.story.mechanism
            );
            self.fail(cx, &Exception::new(Code::AccessRefused, text, 0));
        } else {
            self.finish();
        }
    }

    fn tune(&mut self, cx: &Context<'_>, tune_ok: &connection::TuneOk) -> Result<(), Exception> {
        let limits = self.settings.limits;
        check_negotiated(
            "channel_max",
            tune_ok.channel_max.into(),
            CHANNEL_MAX_MIN.into(),
            limits.channel_max.into(),
        )?;
        check_negotiated("frame_max", tune_ok.frame_max, FRAME_MAX_MIN, limits.frame_max)?;
        // Without a limit on either side, the protocol's own holds.
        self.channel_max = match tune_ok.channel_max {
            0 => u16::MAX,
            channel_max => channel_max,
        };
        self.out.frame_max = tune_ok.frame_max;
        self.payload_max = payload_max(tune_ok.frame_max);
        self.heartbeat.start(tune_ok.heartbeat, cx.now);
        self.stage = Stage::Opening;
        Ok(())
    }

    /// Whether a client may use a virtual host, the broker knows: there are limits.
    fn open(&mut self, cx: &mut Context<'_>, open: &connection::Open<'_>) -> Result<(), Exception> {
        let (vhost, user) = (name(open.virtual_host)?, name(&self.user)?);
        self.vhost = vhost.clone();
        self.ask_to_enter(cx, Verb::Enter { vhost, user });
        Ok(())
    }

    /// The broker lets the client in.
    pub(crate) fn entered(&mut self) {
        self.out.method(0, &connection::OpenOk { reserved_1: "" });
        self.stage = Stage::Running;
        // What was looked up before was of another virtual host.
        self.watched = Watched::default();
        self.notice_entered();
    }
}

fn name(text: &str) -> Result<Name, Exception> {
    Name::new(text).map_err(|too_long| {
        Exception::new(Code::SyntaxError, too_long.to_string(), connection::Open::ID)
    })
}

/// What a client speaks that is refused, for people.
const fn spoken(refused: Refused) -> &'static str {
    match refused {
        Refused::OtherAmqp0 => "it asks for another AMQP 0",
        Refused::Amqp10Plain => "it asks for AMQP 1.0",
        Refused::Amqp10Tls => "it asks for AMQP 1.0 over TLS",
        Refused::Http => "this is HTTP; is it meant for the management port?",
        Refused::Tls => "this is TLS, and the port has none",
        Refused::Unknown => "its first bytes are of no protocol known here",
    }
}

/// RabbitMQ's rule: a client may lower a limit, but neither below the minimum nor to "none" where the server has one.
fn check_negotiated(name: &str, client: u32, min: u32, server: u32) -> Result<(), Exception> {
    let (word, bound, limit) = if client != 0 && client < min {
        ("lower", "minimum", min)
    } else if server != 0 && (client == 0 || client > server) {
        ("higher", "maximum", server)
    } else {
        return Ok(());
    };
    let text =
        format!("negotiated {name} = {client} is {word} than the {bound} allowed value ({limit})");
    Err(Exception::new(Code::NotAllowed, text, connection::Tune::ID))
}

fn abilities(client_properties: &Table) -> Abilities {
    let Some(FieldValue::Table(capabilities)) = client_properties.value(b"capabilities") else {
        return Abilities::default();
    };
    let has = |name: &[u8]| capabilities.value(name).and_then(FieldValue::as_bool) == Some(true);
    Abilities {
        authentication_failure_close: has(b"authentication_failure_close"),
        connection_blocked: has(b"connection.blocked"),
        consumer_cancel_notify: has(b"consumer_cancel_notify"),
    }
}

/// AMQPLAIN: the pairs of a field table, without its length.
fn amqplain(response: &[u8]) -> Option<Credentials> {
    let table = Table::decode(response).ok()?;
    let text = |key: &[u8]| match table.value(key) {
        Some(FieldValue::LongString(bytes)) => Some(bytes.clone()),
        _ => None,
    };
    Some(Credentials { user: text(b"LOGIN")?, password: text(b"PASSWORD")? })
}

/// RabbitMQ's names for where a connection stands.
pub(crate) const fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Greeting => "handshake",
        Stage::Starting | Stage::Verifying => "starting",
        Stage::Tuning => "tuning",
        Stage::Opening => "opening",
        Stage::Running => "running",
        Stage::Closing { .. } | Stage::Leaving => "closing",
        Stage::Finished => "closed",
    }
}
