//! What a connection has to say in the log, in the words of RabbitMQ 4.3, which people and scripts look for.

use message::ClientId;
use wire_amqp091::method::Method;

use crate::connection::{Connection, Stage};
use crate::errors::Exception;

/// The most of a client's own name that is shown, in bytes: it may be as long as a frame.
const CLIENT_NAME_BYTES_MAX: usize = 256;

/// Something for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// What; a second line gives the reason.
    pub text: String,
}

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It happens every day.
    Info,
    /// It may be a sign of trouble.
    Warning,
    /// It has failed.
    Error,
}

/// What something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A connection.
    Connection,
    /// A channel.
    Channel,
    /// A user who logs in.
    User,
}

/// How the log calls a client: RabbitMQ has the name of an Erlang process there.
pub fn pid(client: ClientId) -> String {
    format!("<0.{}.{}>", client.number(), client.shard())
}

impl Connection {
    pub(crate) fn notice(&mut self, severity: Severity, subject: Subject, text: String) {
        self.notices.push(Notice { severity, subject, text });
    }

    /// Of itself, and of the ordinary.
    pub(crate) fn notice_info(&mut self, text: String) {
        self.notice(Severity::Info, Subject::Connection, text);
    }

    pub(crate) fn notice_accepted(&mut self) {
        self.notice_info(format!("accepting AMQP connection {}", self.route()));
    }

    /// The client has said what it is called.
    pub(crate) fn notice_client_name(&mut self) {
        if let Some(name) = self.client_name() {
            self.notice_info(format!(
                "connection {} has a client-provided name: {name}",
                self.route()
            ));
        }
    }

    pub(crate) fn notice_entered(&mut self) {
        let (user, vhost) = (&self.user, &self.vhost);
        let text = format!(
            "connection {}: user '{user}' authenticated and granted access to vhost '{vhost}'",
            self.title()
        );
        self.notice_info(text);
        self.tell_opened();
    }

    /// A login that is refused: once for the user, and once for the connection.
    pub(crate) fn notice_login_refused(&mut self, user: &str, why: &str, is_claim: bool) {
        let text = format!("User '{user}' failed to authenticate: {why}");
        self.notice(Severity::Warning, Subject::User, text);
        let text = format!(
            "Error on AMQP connection {} ({}, state: starting):\n{} login refused: {why}",
            pid(self.first_client),
            self.route(),
            self.story.mechanism
        );
        self.notice(Severity::Error, Subject::Connection, text);
        self.tell_login_refused(user, why, is_claim);
    }

    pub(crate) fn notice_channel_exception(&mut self, number: u16, exception: &Exception) {
        let text = format!(
            "Channel error on connection {} ({}{}), channel {number}:\noperation {} caused a channel exception {}: {}",
            pid(self.first_client),
            self.route(),
            self.whose(),
            operation(exception),
            exception.code.name().to_ascii_lowercase(),
            plain(&exception.explanation),
        );
        self.notice(Severity::Error, Subject::Channel, text);
    }

    pub(crate) fn notice_exception(&mut self, exception: &Exception) {
        if self.stage == Stage::Verifying {
            // Why the login is refused has been said, with more than the client hears.
            return;
        }
        let state = match self.stage {
            Stage::Greeting | Stage::Starting => "starting",
            Stage::Tuning => "tuning",
            Stage::Opening => "opening",
            _ => "running",
        };
        let head = format!(
            "Error on AMQP connection {} ({}{}, state: {state})",
            pid(self.first_client),
            self.title(),
            self.whose()
        );
        let explanation = plain(&exception.explanation);
        let text = match self.stage {
            Stage::Running => format!(
                "{head}:\noperation {} caused a connection exception {}: \"{explanation}\"",
                operation(exception),
                exception.code.name().to_ascii_lowercase(),
            ),
            _ => format!("{head}:\n{explanation}"),
        };
        self.notice(Severity::Error, Subject::Connection, text);
    }

    /// Its end, after it was agreed upon.
    pub(crate) fn notice_closing(&mut self) {
        let text = format!("closing AMQP connection ({})", self.life());
        self.notice_info(text);
        self.tell_closed();
    }

    /// Its end without a word.
    pub(crate) fn notice_lost(&mut self, severity: Severity, why: &str) {
        let text =
            format!("closing AMQP connection {} ({}):\n{why}", pid(self.first_client), self.life());
        self.notice(severity, Subject::Connection, text);
        self.tell_closed();
    }

    /// Who it is, and how long it has been there.
    fn life(&self) -> String {
        let duration_ms = self.seen_at.micros_since(self.accepted_at) / 1_000;
        format!("{}{}, duration: '{}'", self.title(), self.whose(), duration(duration_ms))
    }

    /// From where to where.
    fn route(&self) -> String {
        format!("{} -> {}", self.peer.address, self.peer.local_address)
    }

    /// From where to where, and what the client calls itself.
    fn title(&self) -> String {
        match self.client_name() {
            Some(name) => format!("{} - {name}", self.route()),
            None => self.route(),
        }
    }

    /// What it calls itself, such that it cannot pass for another line of the log.
    fn client_name(&self) -> Option<String> {
        let name = self.connection_name()?;
        let end = name.floor_char_boundary(CLIENT_NAME_BYTES_MAX.min(name.len()));
        Some(plain(&name[..end]))
    }

    fn whose(&self) -> String {
        match self.stage {
            Stage::Greeting | Stage::Starting | Stage::Verifying => String::new(),
            _ if self.user.is_empty() => String::new(),
            Stage::Tuning => format!(", user: '{}'", self.user),
            _ => format!(", vhost: '{}', user: '{}'", self.vhost, self.user),
        }
    }
}

/// What comes from outside cannot pass for another line of the log.
fn plain(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

fn operation(exception: &Exception) -> &'static str {
    Method::name_of(exception.method).unwrap_or("none")
}

/// As RabbitMQ writes it: `9ms`, `4s`, `3M, 2s`, `1H, 3M`, `2D, 1H`.
fn duration(ms: u64) -> String {
    let (s, m, h, d) = (ms / 1_000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match (d, h, m, s) {
        (0, 0, 0, 0) => format!("{ms}ms"),
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, s) => format!("{m}M, {}s", s % 60),
        (0, h, m, _) => format!("{h}H, {}M", m % 60),
        (d, h, ..) => format!("{d}D, {}H", h % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        for (ms, text) in [
            (9, "9ms"),
            (4_100, "4s"),
            (122_000, "2M, 2s"),
            (3_780_000, "1H, 3M"),
            (176_400_000, "2D, 1H"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }
}
