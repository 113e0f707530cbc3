//! One AMQP 0-9-1 conversation.
//!
//! A [`Connection`] stands between the bytes of one client and the verbs of the broker:
//!
//! ```text
//!   bytes ──receive──→ frames → methods → channels ──verbs──→ Broker
//!   bytes ←──output─── frames ← methods ← channels ←──hear──── events
//! ```
//!
//! Here is all that only this protocol has: the handshake, channels, delivery tags, prefetch, the order of method,
//! header and body, and the reply codes and texts of RabbitMQ 4.3. This crate knows no socket and no clock, nor where
//! a queue lives, nor any other protocol.

mod acknowledging;
mod arguments;
mod asking;
mod blocking;
mod breakdown;
mod channel;
mod client_properties;
mod closing;
mod confirming;
mod connection;
mod consumers;
mod context;
mod counting;
mod delivering;
mod errors;
mod firehose;
mod handshake;
mod happening;
mod heartbeat;
mod labels;
mod methods;
mod moving;
mod notice;
mod observe;
mod operating;
mod outgoing;
mod peer;
mod permitting;
mod piece;
mod prefetch;
mod publishing;
mod rendering;
mod repeat;
mod replying;
mod run;
mod settings;
mod transaction;
mod unacked;

pub use breakdown::End;
pub use client_properties::ClientProperties;
pub use connection::Connection;
pub use context::Context;
pub use counting::Octets;
pub use errors::refusal_words;
pub use happening::{Happening, Identity, NewConsumer, What};
pub use notice::{Notice, Severity, Subject, pid};
pub use observe::{
    ChannelBreakdown, ChannelState, ConnectionActivity, ConnectionState, ConsumerState,
};
pub use operating::{MessageProperties, MessageView, Publication, Unpublished, publish};
pub use peer::{Peer, PeerCertificate, TlsFacts};
pub use rendering::{READER, reason_word};
pub use settings::{Founder, Limits, RABBITMQ_VERSION, Settings};
