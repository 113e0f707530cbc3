//! Why a run fails, told so that a person knows what to do.

use std::{fmt, io};

use wire_amqp091::{Code, Malformed};

/// What ends a run before its time.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The options or the broker's state make no sense together; the text says what to do.
    Usage(String),
    /// No connection could be made.
    Unreachable {
        /// Host and port.
        endpoint: String,
        /// What the operating system said.
        fault: io::Error,
    },
    /// No local port is left for another connection.
    NoPorts {
        /// Host and port of the broker.
        endpoint: String,
    },
    /// The broker closed a channel or a connection.
    Closed {
        /// What was asked for when it did.
        during: String,
        /// The reply code.
        code: u16,
        /// The reply text.
        text: String,
    },
    /// The connection ended without a word.
    Lost {
        /// What was going on.
        during: String,
        /// What the operating system said; `None` for an orderly end.
        fault: Option<io::Error>,
    },
    /// The broker sent what is not AMQP 0-9-1.
    Malformed(Malformed),
    /// The broker sent what has no place in the conversation.
    Unexpected(String),
    /// The operating system refused something that is not a connection.
    System {
        /// What was asked for.
        during: &'static str,
        /// What it said.
        fault: io::Error,
    },
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            Self::Unreachable { endpoint, fault } => {
                write!(f, "cannot connect to {endpoint}: {fault}")?;
                if fault.kind() == io::ErrorKind::ConnectionRefused {
                    f.write_str("; is the broker running there? --uri names another place")?;
                }
                Ok(())
            }
            Self::NoPorts { endpoint } => write!(
                f,
                "no local port is left for another connection to {endpoint}: each port of net.ipv4.ip_local_port_range \
                 is in use, or waits for a minute after its connection has ended (TIME_WAIT). Churn for a shorter \
                 time, on the broker's own machine (which has more addresses), or with net.ipv4.tcp_tw_reuse = 1"
            ),
            Self::Closed { during, code, text } => {
                write!(f, "the broker refused {during}: {code} {text}")?;
                match remedy(*code, text) {
                    Some(remedy) => write!(f, "\n{remedy}"),
                    None => Ok(()),
                }
            }
            Self::Lost { during, fault: None } => {
                write!(f, "the broker closed the connection during {during} without a reason")
            }
            Self::Lost { during, fault: Some(fault) } => {
                write!(f, "the connection broke during {during}: {fault}")
            }
            Self::Malformed(malformed) => {
                write!(f, "the broker sent what is not AMQP 0-9-1: {malformed}")
            }
            Self::Unexpected(what) => write!(f, "the broker sent {what}"),
            Self::System { during, fault } => write!(f, "{during} failed: {fault}"),
        }
    }
}

/// What to do about a refusal, where that is known.
fn remedy(code: u16, text: &str) -> Option<&'static str> {
    match Code::from_number(code)? {
        _ if text.contains("transient_nonexcl_queues") => Some(
            "This broker wants durable queues: add --durable (or --persistent), or permit others in \
             its configuration: deprecated_features.permit.transient_nonexcl_queues = true",
        ),
        Code::AccessRefused if text.contains("Login was refused") => Some(
            "Check user and password in --uri; the user guest may log in from the broker's own machine \
             only",
        ),
        Code::PreconditionFailed if text.contains("inequivalent arg") => Some(
            "The queue exists with other properties: match them with --durable and --queue-type, take \
             another --queue, or delete it",
        ),
        Code::NotAllowed if text.contains("vhost") => {
            Some("Check the path of --uri: amqp://host/name means the virtual host `name`")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(code: u16, text: &str) -> String {
        let during = "declaring queue 'q'".to_owned();
        Failure::Closed { during, code, text: text.to_owned() }.to_string()
    }

    #[test]
    fn a_refused_connection_names_the_place_and_the_remedy() {
        let fault = io::ErrorKind::ConnectionRefused.into();
        let text = Failure::Unreachable { endpoint: "h:5672".to_owned(), fault }.to_string();
        assert!(text.starts_with("cannot connect to h:5672: "), "{text}");
        assert!(text.contains("--uri"), "{text}");
    }

    #[test]
    fn a_refusal_comes_with_code_text_and_remedy() {
        let text = closed(406, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q'");
        assert!(text.starts_with("the broker refused declaring queue 'q': 406 PREC"), "{text}");
        assert!(text.contains("--durable"), "{text}");
        let text =
            closed(541, "INTERNAL_ERROR - Feature `transient_nonexcl_queues` is deprecated.");
        assert!(text.contains("--durable"), "{text}");
        assert!(!closed(404, "NOT_FOUND - no queue").contains('\n'));
    }
}
