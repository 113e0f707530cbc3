//! What happens to a connection, for whoever watches the node: what the log says of it, as values, and what would be too much
//! for the log.

use std::sync::Arc;

use message::{Arguments, ClientId, Name};

use crate::connection::Connection;
use crate::observe::{ConnectionActivity, ConnectionState};

/// The most of what a client says that is kept with an event, in bytes: what is longer is left out, or cut.
const ARGUMENTS_BYTES_MAX: usize = 4 * 1024;
const TEXT_BYTES_MAX: usize = 512;

/// Something that happened to a connection.
#[derive(Clone, Debug)]
pub struct Happening {
    /// Whose connection it is.
    pub who: Arc<Identity>,
    /// What.
    pub what: What,
}

/// Whose connection something happened to.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The node's number for it.
    pub client: ClientId,
    /// The client's address, and the node's that it has connected to.
    pub addresses: (String, String),
    /// The name that the client gave it.
    pub user_provided_name: Option<String>,
    /// Who has logged in, or wanted to.
    pub user: String,
    /// Where it is.
    pub vhost: Name,
    /// Whether it is encrypted.
    pub is_tls: bool,
    /// How it has logged in.
    pub mechanism: &'static str,
}

impl Happening {
    /// About how many bytes of memory it takes, its identity left out, which all that happens to a connection shares.
    pub fn held_bytes(&self) -> usize {
        let beside = match &self.what {
            What::LoginRefused { why, .. } => size_of::<Identity>() + why.len(),
            What::Opened(state) => {
                size_of::<ConnectionState>()
                    + size_of::<Identity>()
                    + state.client_properties.held_bytes()
            }
            What::ConsumerCreated(consumer) => {
                size_of::<NewConsumer>()
                    + consumer.tag.len()
                    + message::held_bytes(&consumer.arguments)
            }
            What::ConsumerDeleted { tag, .. } => tag.len(),
            _ => 0,
        };
        size_of::<Self>() + beside
    }
}

impl Identity {
    /// RabbitMQ's name for it: `127.0.0.1:41876 -> 127.0.0.1:5672`.
    pub fn name(&self) -> String {
        format!("{} -> {}", self.addresses.0, self.addresses.1)
    }
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// A user has logged in.
    LoggedIn,
    /// Somebody was not let in.
    LoginRefused {
        /// Why.
        why: String,
        /// Whether there was a claim to be looked at: a name with a password, or a certificate.
        is_claim: bool,
    },
    /// The connection is open.
    Opened(Box<ConnectionState>),
    /// It is gone.
    Closed,
    /// A channel is open.
    ChannelOpened {
        /// Its number.
        number: u16,
    },
    /// A channel is closed.
    ChannelClosed {
        /// Its number.
        number: u16,
        /// How many consumers it had.
        consumer_count: usize,
    },
    /// A consumer is there.
    ConsumerCreated(Box<NewConsumer>),
    /// A consumer is gone.
    ConsumerDeleted {
        /// Its channel.
        channel: u16,
        /// Its tag.
        tag: Box<str>,
        /// Its queue.
        queue: Name,
    },
}

/// A consumer that has come.
#[derive(Clone, Debug)]
pub struct NewConsumer {
    /// Its channel.
    pub channel: u16,
    /// Its tag.
    pub tag: Box<str>,
    /// Its queue.
    pub queue: Name,
    /// Whether it acknowledges.
    pub settles: bool,
    /// Whether it is the only one of its queue.
    pub is_exclusive: bool,
    /// Unacknowledged deliveries at most; 0 for no bound.
    pub prefetch_count: u16,
    /// What else it asked for.
    pub arguments: Arguments,
}

impl Connection {
    /// What happened to it since the last call.
    pub fn take_happenings(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.happenings)
    }

    /// Something has happened to a connection whose client is known.
    pub(crate) fn tell(&mut self, what: What) {
        let who = match &self.identity {
            Some(who) => Arc::clone(who),
            None => Arc::new(self.identify()),
        };
        self.happenings.push(Happening { who, what });
    }

    /// It is open.
    pub(crate) fn tell_opened(&mut self) {
        self.identity = Some(Arc::new(self.identify()));
        let mut state = self.state_while(ConnectionActivity::Running);
        state.client_properties = state.client_properties.shorter(ARGUMENTS_BYTES_MAX);
        // The identity has it, as far as it is shown.
        state.user_provided_name = None;
        self.tell(What::Opened(Box::new(state)));
    }

    /// It is gone. One that was never open has never been there: strangers could push out with it what matters.
    pub(crate) fn tell_closed(&mut self) {
        if self.identity.is_some() {
            self.tell(What::Closed);
        }
    }

    /// A user was not let in. `is_claim`: somebody has looked at what the client says of itself, and has counted that.
    pub(crate) fn tell_login_refused(&mut self, user: &str, why: &str, is_claim: bool) {
        let mechanism = self.story.mechanism;
        let who = Arc::new(Identity { user: cut(user), mechanism, ..self.identify() });
        self.happenings
            .push(Happening { who, what: What::LoginRefused { why: cut(why), is_claim } });
    }

    /// A consumer is there.
    pub(crate) fn tell_consumer_created(&mut self, mut consumer: NewConsumer) {
        consumer.arguments = bounded(consumer.arguments);
        self.tell(What::ConsumerCreated(Box::new(consumer)));
    }

    /// A consumer is gone.
    pub(crate) fn tell_consumer_deleted(&mut self, consumer: crate::consumers::Consumer) {
        let crate::consumers::Consumer { channel, tag, terms, .. } = consumer;
        self.tell(What::ConsumerDeleted { channel, tag, queue: terms.queue });
    }

    fn identify(&self) -> Identity {
        Identity {
            client: self.client,
            addresses: (self.peer.address.clone(), self.peer.local_address.clone()),
            user_provided_name: self.connection_name().map(|name| cut(&name)),
            user: cut(&self.user),
            vhost: self.vhost.clone(),
            is_tls: self.peer.tls.is_some(),
            mechanism: self.story.mechanism,
        }
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES_MAX.min(text.len()))].to_owned()
}

/// Arguments that are short enough.
fn bounded(arguments: Arguments) -> Arguments {
    message::shorter(&arguments, ARGUMENTS_BYTES_MAX).unwrap_or(arguments)
}
