//! What each method of a running connection does.

use message::Settlement;
use wire_amqp091::method::{Method, access, basic, channel, confirm, connection, split};
use wire_amqp091::{Code, Frame, Kind, Snippet};

use crate::channel::{Channel, link};
use crate::connection::Connection;
use crate::context::Context;
use crate::errors::Exception;
use crate::happening::What;
use crate::publishing::Assembly;

impl Connection {
    /// A frame on a channel. Returns how much of `rest`, which follows it, was used as well.
    pub(crate) fn channel_frame(
        &mut self,
        cx: &mut Context<'_>,
        frame: &Frame<'_>,
        rest: &[u8],
    ) -> usize {
        let number = frame.channel;
        let result = match self.channels.get(number) {
            _ if frame.kind == Kind::Heartbeat => Err(unexpected(frame)),
            None => self.first_frame(cx, frame).map(|()| 0),
            Some(channel) if channel.is_closing => {
                self.closing_channel_frame(cx, frame);
                Ok(0)
            }
            Some(channel) => match (&channel.assembly, frame.kind) {
                (Assembly::Idle, Kind::Method) => self.channel_method(cx, frame, rest),
                _ => {
                    let taken = self.content_frame(cx, frame);
                    self.count_channel(number);
                    taken.map(|()| 0)
                }
            },
        };
        result.unwrap_or_else(|exception| {
            self.fail_on(cx, number, &exception);
            0
        })
    }

    /// Brings up to date what a channel adds to the memory that its connection holds.
    pub(crate) fn count_channel(&mut self, number: u16) {
        if let Some(channel) = self.channels.get_mut(number) {
            channel.count_held(&mut self.channel_bytes);
        }
    }

    fn remove_channel(&mut self, cx: &mut Context<'_>, number: u16) {
        if let Some(channel) = self.channels.remove(number) {
            cx.broker.count_channel(self.client, false);
            self.story.closed_count += 1;
            self.channel_bytes -= channel.counted_bytes;
        }
    }

    /// A frame on channel 0.
    pub(crate) fn connection_frame(&mut self, cx: &mut Context<'_>, frame: &Frame<'_>) {
        if frame.kind != Kind::Method {
            return self.fail(cx, &unexpected(frame));
        }
        match Method::decode(frame.payload) {
            Ok(Method::ConnectionClose(close)) => {
                self.closed_by_client(cx, close.reply_code, close.reply_text);
            }
            Ok(Method::ConnectionUpdateSecret(_)) => {
                // Passwords do not expire: there is nothing to renew.
                self.out.method(0, &connection::UpdateSecretOk {});
            }
            Ok(method) => {
                let text = "unexpected method in connection state running";
                self.fail(cx, &Exception::new(Code::ChannelError, text, method.id()));
            }
            Err(malformed) => self.fail(cx, &Exception::malformed(&malformed, frame.payload)),
        }
    }

    /// A frame on a channel that is not open: it has to open it.
    fn first_frame(&mut self, cx: &mut Context<'_>, frame: &Frame<'_>) -> Result<(), Exception> {
        let is_open = frame.kind == Kind::Method
            && matches!(split(frame.payload), Ok((channel::Open::ID, _)));
        if matches!(frame.kind, Kind::Header | Kind::Body) {
            let text = "expected method frame, got non method frame instead";
            return Err(Exception::new(Code::UnexpectedFrame, text, 0));
        }
        if !is_open {
            let method = match split(frame.payload) {
                Ok((id, _)) if frame.kind == Kind::Method => id,
                _ => 0,
            };
            return Err(Exception::new(Code::ChannelError, "expected 'channel.open'", method));
        }
        let open_count = self.channels.len();
        if open_count >= usize::from(self.channel_max) {
            let max = self.channel_max;
            let text = format!(
                "number of channels opened ({open_count}) has reached the negotiated channel_max ({max})"
            );
            return Err(Exception::new(Code::NotAllowed, text, 0));
        }
        self.opened_count += 1;
        let link = link(self.opened_count, frame.channel);
        if cx.broker.limits_channels(&self.user) {
            self.ask_for_channel(cx, frame.channel, link);
        } else {
            cx.broker.count_channel(self.client, true);
            self.add_channel(frame.channel, link);
        }
        Ok(())
    }

    /// A channel is open.
    pub(crate) fn add_channel(&mut self, number: u16, link: u64) {
        let origin = broker::Origin { client: self.client, link };
        self.story.opened_count += 1;
        self.channels.insert(number, Channel::new(origin, self.vhost.clone()));
        self.tell(What::ChannelOpened { number });
        self.out.method(number, &channel::OpenOk { reserved_1: b"" });
    }

    /// We have closed the channel: only the client's agreement ends it. A close of its own that crossed ours is
    /// answered, and the agreement still comes.
    fn closing_channel_frame(&mut self, cx: &mut Context<'_>, frame: &Frame<'_>) {
        if frame.kind != Kind::Method {
            return;
        }
        match split(frame.payload) {
            Ok((channel::CloseOk::ID, _)) => {
                self.remove_channel(cx, frame.channel);
            }
            Ok((channel::Close::ID, _)) => {
                self.out.method(frame.channel, &channel::CloseOk {});
            }
            _ => {}
        }
    }

    /// A method on an open channel. Publishing and acknowledging come by the million and go first.
    fn channel_method(
        &mut self,
        cx: &mut Context<'_>,
        frame: &Frame<'_>,
        rest: &[u8],
    ) -> Result<usize, Exception> {
        let malformed = |malformed| Exception::malformed(&malformed, frame.payload);
        match split(frame.payload).map_err(malformed)? {
            (basic::Publish::ID, fields) => {
                return self.publish_method(cx, frame.channel, fields, rest);
            }
            (basic::Ack::ID, fields) => {
                let ack = basic::Ack::decode(fields).map_err(malformed)?;
                let (tag, multiple) = (ack.delivery_tag, ack.multiple);
                self.acknowledge(
                    cx,
                    frame.channel,
                    tag,
                    multiple,
                    Settlement::Accept,
                    basic::Ack::ID,
                )?;
            }
            _ => {
                let method = Method::decode(frame.payload).map_err(malformed)?;
                self.rare_method(cx, frame.channel, &method)?;
            }
        }
        Ok(0)
    }

    fn rare_method(
        &mut self,
        cx: &mut Context<'_>,
        number: u16,
        method: &Method<'_>,
    ) -> Result<(), Exception> {
        let id = method.id();
        match method {
            Method::BasicNack(nack) => {
                let settlement = returned(nack.requeue, Settlement::Requeue);
                self.acknowledge(cx, number, nack.delivery_tag, nack.multiple, settlement, id)
            }
            Method::BasicReject(reject) => {
                let settlement = returned(reject.requeue, Settlement::Failed);
                self.acknowledge(cx, number, reject.delivery_tag, false, settlement, id)
            }
            Method::BasicRecover(recover) => self.recover(cx, number, recover.requeue, id),
            Method::BasicRecoverAsync(recover) => self.recover(cx, number, recover.requeue, id),
            Method::BasicQos(qos) => self.set_prefetch(cx, number, qos),
            Method::ConfirmSelect(select) => self.select_confirms(number, select),
            Method::ChannelOpen(_) => {
                Err(Exception::new(Code::ChannelError, "second 'channel.open' seen", id))
            }
            Method::ChannelClose(_) => {
                self.write_confirms();
                self.release_channel(cx, number);
                self.remove_channel(cx, number);
                self.out.method(number, &channel::CloseOk {});
                Ok(())
            }
            Method::ChannelFlow(flow) if flow.active => {
                self.out.method(number, &channel::FlowOk { active: true });
                Ok(())
            }
            Method::ChannelFlow(_) => Err(Exception::new(Code::NotImplemented, "active=false", id)),
            // An answer of a client that is faster than our close: nothing to do.
            Method::ChannelCloseOk(_) | Method::BasicCancelOk(_) => Ok(()),
            Method::AccessRequest(_) => {
                self.out.method(number, &access::RequestOk { ticket: 1 });
                Ok(())
            }
            Method::TxSelect(_) => self.select_transactions(number),
            Method::TxCommit(_) => self.commit(cx, number),
            Method::TxRollback(_) => self.roll_back(number),
            _ => self.ask(cx, number, method),
        }
    }

    fn select_confirms(&mut self, number: u16, select: &confirm::Select) -> Result<(), Exception> {
        if let Some(channel) = self.channels.get_mut(number) {
            if channel.transaction.is_some() {
                let text = "cannot switch from tx to confirm mode";
                return Err(Exception::new(Code::PreconditionFailed, text, confirm::Select::ID));
            }
            channel.publisher.confirm();
        }
        if !select.no_wait {
            self.out.method(number, &confirm::SelectOk {});
        }
        Ok(())
    }
}

/// A frame where none of its kind may be, in RabbitMQ's words.
pub(crate) fn unexpected(frame: &Frame<'_>) -> Exception {
    let text = format!("type {}, {}", frame.kind as u8, Snippet::of(frame.payload));
    Exception::new(Code::UnexpectedFrame, text, 0)
}

/// What a negative acknowledgement means for the message.
const fn returned(requeue: bool, back: Settlement) -> Settlement {
    if requeue { back } else { Settlement::Discard }
}
