//! Methods: the verbs of AMQP 0-9-1, each a struct of its fields.
//!
//! Every class has a file with its part of the method table, in which `class!` makes a struct of each method
//! with its encoder and decoder. [`Method`] is any one of them. The identifiers and fields are those of RabbitMQ's
//! `amqp-rabbitmq-0.9.1.json`; fields that the specification reserves are kept, so that what was decoded can
//! be encoded again.
//!
//! ```text
//!   method frame's payload:   | class id: short | method id: short | fields …
//! ```

#[macro_use]
mod class;

pub mod access;
#[cfg(test)]
mod arbitrary;
pub mod basic;
pub mod channel;
pub mod confirm;
pub mod connection;
pub mod domain;
pub mod exchange;
pub mod queue;
pub mod tx;

use crate::frame::{Kind, unknown};
use crate::malformed::Malformed;

/// Something that can be the payload of a method frame.
pub trait Encode {
    /// Appends class and method identifier and the fields.
    ///
    /// # Panics
    /// When a short string has more than 255 bytes, or a long string or table is 4 GiB or longer.
    fn encode(&self, out: &mut Vec<u8>);
}

/// Splits a method frame's payload into the identifier, as `ID` of the structs has it, and the fields, as their
/// `decode` takes them. This is the way around [`Method`] for methods that come by the million:
///
/// ```
/// use wire_amqp091::method::{self, basic};
/// # let payload = [0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 7, 1];
/// match method::split(&payload)? {
///     (basic::Ack::ID, fields) => assert_eq!(basic::Ack::decode(fields)?.delivery_tag, 7),
///     _ => unreachable!(),
/// }
/// # Ok::<(), wire_amqp091::Malformed>(())
/// ```
///
/// # Errors
/// [`Malformed::UnknownFrame`] when the payload is too short to say which method it is.
#[inline]
pub fn split(payload: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    match payload.split_first_chunk() {
        Some((id, fields)) => Ok((u32::from_be_bytes(*id), fields)),
        None => Err(unknown(Kind::Method as u8, payload)),
    }
}

macro_rules! methods {
    ($($Variant:ident($class:ident::$Name:ident $(<$a:lifetime>)?),)*) => {
        /// Any method.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Method<'a> {
            $(
                #[doc = concat!("[`", stringify!($class), "::", stringify!($Name), "`]")]
                $Variant($class::$Name $(<$a>)?),
            )*
        }

        impl<'a> Method<'a> {
            /// Class and method identifier of every method.
            pub const IDS: &'static [u32] = &[$($class::$Name::ID,)*];

            /// Reads a method frame's payload.
            ///
            /// # Errors
            /// [`Malformed::UnknownFrame`] when it is too short to say which method it is,
            /// [`Malformed::UnknownMethod`], and what the `decode` of the method says.
            pub fn decode(payload: &'a [u8]) -> Result<Self, Malformed> {
                let (id, fields) = split(payload)?;
                match id {
                    $($class::$Name::ID => $class::$Name::decode(fields).map(Self::$Variant),)*
                    _ => Err(unknown_method(id)),
                }
            }

            /// The name in the specification: `queue.declare`.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$Variant(_) => $class::$Name::NAME,)* }
            }

            /// The name of the method with this identifier, as [`Method::id`] gives it.
            pub const fn name_of(id: u32) -> Option<&'static str> {
                match id { $($class::$Name::ID => Some($class::$Name::NAME),)* _ => None }
            }

            /// The class identifier in the upper, the method identifier in the lower half.
            pub const fn id(&self) -> u32 {
                match self { $(Self::$Variant(_) => $class::$Name::ID,)* }
            }
        }

        #[cfg(test)]
        impl Method<'static> {
            pub(crate) fn arbitrary(id: u32, random: &mut stdx::Random) -> Option<Self> {
                match id {
                    $($class::$Name::ID => Some($class::$Name::arbitrary(random).into()),)*
                    _ => None,
                }
            }
        }

        impl Encode for Method<'_> {
            fn encode(&self, out: &mut Vec<u8>) {
                match self { $(Self::$Variant(method) => method.encode(out),)* }
            }
        }

        $(impl<'a> From<$class::$Name $(<$a>)?> for Method<'a> {
            fn from(method: $class::$Name $(<$a>)?) -> Self {
                Self::$Variant(method)
            }
        })*
    };
}

methods! {
    ConnectionStart(connection::Start<'a>),
    ConnectionStartOk(connection::StartOk<'a>),
    ConnectionSecure(connection::Secure<'a>),
    ConnectionSecureOk(connection::SecureOk<'a>),
    ConnectionTune(connection::Tune),
    ConnectionTuneOk(connection::TuneOk),
    ConnectionOpen(connection::Open<'a>),
    ConnectionOpenOk(connection::OpenOk<'a>),
    ConnectionClose(connection::Close<'a>),
    ConnectionCloseOk(connection::CloseOk),
    ConnectionBlocked(connection::Blocked<'a>),
    ConnectionUnblocked(connection::Unblocked),
    ConnectionUpdateSecret(connection::UpdateSecret<'a>),
    ConnectionUpdateSecretOk(connection::UpdateSecretOk),
    ChannelOpen(channel::Open<'a>),
    ChannelOpenOk(channel::OpenOk<'a>),
    ChannelFlow(channel::Flow),
    ChannelFlowOk(channel::FlowOk),
    ChannelClose(channel::Close<'a>),
    ChannelCloseOk(channel::CloseOk),
    AccessRequest(access::Request<'a>),
    AccessRequestOk(access::RequestOk),
    ExchangeDeclare(exchange::Declare<'a>),
    ExchangeDeclareOk(exchange::DeclareOk),
    ExchangeDelete(exchange::Delete<'a>),
    ExchangeDeleteOk(exchange::DeleteOk),
    ExchangeBind(exchange::Bind<'a>),
    ExchangeBindOk(exchange::BindOk),
    ExchangeUnbind(exchange::Unbind<'a>),
    ExchangeUnbindOk(exchange::UnbindOk),
    QueueDeclare(queue::Declare<'a>),
    QueueDeclareOk(queue::DeclareOk<'a>),
    QueueBind(queue::Bind<'a>),
    QueueBindOk(queue::BindOk),
    QueuePurge(queue::Purge<'a>),
    QueuePurgeOk(queue::PurgeOk),
    QueueDelete(queue::Delete<'a>),
    QueueDeleteOk(queue::DeleteOk),
    QueueUnbind(queue::Unbind<'a>),
    QueueUnbindOk(queue::UnbindOk),
    BasicQos(basic::Qos),
    BasicQosOk(basic::QosOk),
    BasicConsume(basic::Consume<'a>),
    BasicConsumeOk(basic::ConsumeOk<'a>),
    BasicCancel(basic::Cancel<'a>),
    BasicCancelOk(basic::CancelOk<'a>),
    BasicPublish(basic::Publish<'a>),
    BasicReturn(basic::Return<'a>),
    BasicDeliver(basic::Deliver<'a>),
    BasicGet(basic::Get<'a>),
    BasicGetOk(basic::GetOk<'a>),
    BasicGetEmpty(basic::GetEmpty<'a>),
    BasicAck(basic::Ack),
    BasicReject(basic::Reject),
    BasicRecoverAsync(basic::RecoverAsync),
    BasicRecover(basic::Recover),
    BasicRecoverOk(basic::RecoverOk),
    BasicNack(basic::Nack),
    TxSelect(tx::Select),
    TxSelectOk(tx::SelectOk),
    TxCommit(tx::Commit),
    TxCommitOk(tx::CommitOk),
    TxRollback(tx::Rollback),
    TxRollbackOk(tx::RollbackOk),
    ConfirmSelect(confirm::Select),
    ConfirmSelectOk(confirm::SelectOk),
}

impl Method<'_> {
    /// The class identifier.
    pub const fn class_id(&self) -> u16 {
        class_of(self.id())
    }

    /// The method identifier within its class.
    pub const fn method_id(&self) -> u16 {
        method_of(self.id())
    }

    /// Whether a content header and a body follow the method.
    pub const fn carries_content(&self) -> bool {
        matches!(
            self,
            Self::BasicPublish(_)
                | Self::BasicReturn(_)
                | Self::BasicDeliver(_)
                | Self::BasicGetOk(_)
        )
    }
}

/// The class identifier within an `ID`.
pub const fn class_of(id: u32) -> u16 {
    let [c0, c1, _, _] = id.to_be_bytes();
    u16::from_be_bytes([c0, c1])
}

/// The method identifier within an `ID`.
pub const fn method_of(id: u32) -> u16 {
    let [_, _, m0, m1] = id.to_be_bytes();
    u16::from_be_bytes([m0, m1])
}

#[cold]
const fn unknown_method(id: u32) -> Malformed {
    Malformed::UnknownMethod { class_id: class_of(id), method_id: method_of(id) }
}

#[cfg(test)]
mod tests;
