//! Reply addresses: where a client takes answers without a queue.
//!
//! Whoever asks a question sends the name of an address along, and an answer that is published to that name goes straight to
//! the asking client, wherever it is connected. Nothing is kept: an answer to an address that is closed is gone. The name
//! says whose address it is, and has a part that nobody can guess.
//!
//! ```text
//!   amq.rabbitmq.reply-to. │ client, shard  │ conversation   │ token
//!                            16 hex digits    16 hex digits    32 hex digits
//! ```

use std::collections::BTreeSet;
use std::fmt;

use message::{ClientId, Message, Name};

use crate::broker::Broker;
use crate::event::{Answer, Event};
use crate::mail::Mail;
use crate::refusal::{Object, Refusal};
use crate::request::Origin;

/// What the names of all reply addresses begin with. No queue can have such a name.
pub const REPLY_PREFIX: &str = "amq.rabbitmq.reply-to.";

const NUMBER_DIGITS: usize = 16;
const TOKEN_DIGITS: usize = 32;

/// Where answers for one conversation of a client go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplyAddress {
    /// Whose answers.
    pub client: ClientId,
    /// The conversation.
    pub link: u64,
    /// What only those know who were told the name.
    pub token: u128,
}

/// Whoever reads a log must not be able to answer.
impl fmt::Debug for ReplyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplyAddress {{ client: {:?}, link: {}, .. }}", self.client, self.link)
    }
}

impl ReplyAddress {
    /// The name to publish to, through the default exchange.
    pub fn name(&self) -> String {
        let client = self.client.number() << 8 | u64::from(self.client.shard());
        format!("{REPLY_PREFIX}{client:016x}{:016x}{:032x}", self.link, self.token)
    }

    /// The address that has this name, whether it is open or not; `None` for what cannot be such a name.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let digits = name.strip_prefix(REPLY_PREFIX.as_bytes())?;
        let is_hex = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != 2 * NUMBER_DIGITS + TOKEN_DIGITS || !digits.iter().all(is_hex) {
            return None;
        }
        let digits = std::str::from_utf8(digits).ok()?;
        let (client, rest) = digits.split_at(NUMBER_DIGITS);
        let (link, token) = rest.split_at(NUMBER_DIGITS);
        let client = u64::from_str_radix(client, 16).ok()?;
        let shard = (client & 0xFF) as u8;
        Some(Self {
            client: ClientId::new(client >> 8, shard),
            link: u64::from_str_radix(link, 16).ok()?,
            token: u128::from_str_radix(token, 16).ok()?,
        })
    }
}

/// The reply addresses of a shard's clients.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    open: BTreeSet<ReplyAddress>,
}

impl Broker {
    /// A client of this shard takes answers from here on.
    pub fn open_reply(&mut self, address: ReplyAddress) {
        self.replies.open.insert(address);
    }

    /// A client of this shard takes no more answers.
    pub fn close_reply(&mut self, address: ReplyAddress) {
        self.replies.open.remove(&address);
    }

    /// Sends an answer on its way to its client. Whether it arrives nobody hears.
    pub(crate) fn reply(&mut self, address: ReplyAddress, message: Message) {
        let shard = address.client.shard();
        if shard == self.shard {
            self.reply_here(address, message);
        } else if usize::from(shard) < self.shards {
            self.post(shard, Mail::Reply { address, message });
        }
    }

    pub(crate) fn reply_here(&mut self, address: ReplyAddress, message: Message) {
        if self.replies.open.contains(&address) {
            let ReplyAddress { client, link, .. } = address;
            self.tell(client, Event::Reply { link, message: Box::new(message) });
        }
    }

    /// Asks whether an address is open: if so, it is described as a queue with nothing in it and one consumer.
    pub(crate) fn find_reply(&mut self, origin: Origin, address: ReplyAddress, vhost: Name) {
        let shard = address.client.shard();
        if shard == self.shard {
            self.find_reply_here(origin, address, vhost);
        } else if usize::from(shard) < self.shards {
            self.post(shard, Mail::FindReply { origin, address, vhost });
        } else {
            self.answer(origin, Err(no_address(address, vhost)));
        }
    }

    pub(crate) fn find_reply_here(&mut self, origin: Origin, address: ReplyAddress, vhost: Name) {
        let reply = if self.replies.open.contains(&address) {
            let name = name_of(address);
            Ok(Answer::QueueDeclared { name, ready_count: 0, consumer_count: 1 })
        } else {
            Err(no_address(address, vhost))
        };
        self.answer(origin, reply);
    }
}

fn name_of(address: ReplyAddress) -> Name {
    Name::new(&address.name()).expect("the name of an address is short")
}

fn no_address(address: ReplyAddress, vhost: Name) -> Refusal {
    Refusal::NotFound { object: Object::Queue, name: name_of(address), vhost }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_by_its_name_and_by_no_other() {
        let address = ReplyAddress { client: ClientId::new(77, 3), link: 5 << 16, token: 1 << 100 };
        let name = address.name();
        assert_eq!(ReplyAddress::parse(name.as_bytes()), Some(address));
        assert!(Name::new(&name).is_ok());
        for other in [&name[..name.len() - 1], &name.to_uppercase(), REPLY_PREFIX, "q", ""] {
            assert_eq!(ReplyAddress::parse(other.as_bytes()), None, "{other}");
        }
        assert_eq!(ReplyAddress::parse(format!("{name}0").as_bytes()), None);
    }

    #[test]
    fn a_log_does_not_tell_the_token() {
        let address = ReplyAddress { client: ClientId::new(1, 0), link: 1, token: 987_654_321 };
        assert!(!format!("{address:?}").contains("987654321"));
    }
}
