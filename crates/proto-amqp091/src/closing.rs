//! The ends of channels and connections, ours and the client's.

use broker::{Origin, Request, Verb};
use message::Settlement;
use queue::ConsumerId;
use wire_amqp091::method::{Method, channel, connection};
use wire_amqp091::{Code, Frame, Kind};

use crate::connection::{Connection, Stage};
use crate::context::Context;
use crate::errors::Exception;
use crate::happening::What;
use crate::notice::Severity;

/// How long a client has to agree to the end of its connection.
const CLOSE_OK_WAIT_MS: u64 = 3_000;

/// The conversation that stands for the connection itself.
pub(crate) const CONNECTION_LINK: u64 = 0;

impl Connection {
    /// Closes the connection because the server stops or an operator wants it.
    pub fn force_close(&mut self, cx: &mut Context<'_>, explanation: &str) {
        match self.stage {
            Stage::Running | Stage::Opening | Stage::Tuning => {
                self.fail(cx, &Exception::new(Code::ConnectionForced, explanation, 0));
            }
            Stage::Greeting | Stage::Starting | Stage::Verifying => self.finish(),
            Stage::Closing { .. } | Stage::Leaving | Stage::Finished => {}
        }
    }

    /// The socket is gone, or has to go: what the client had is given back.
    pub fn lost(&mut self, cx: &mut Context<'_>) {
        self.seen_at = cx.now;
        match self.stage {
            Stage::Finished => {}
            // It knows that it is over.
            Stage::Closing { .. } | Stage::Leaving => {
                self.notice_closing();
                self.abandon(cx);
            }
            _ => {
                self.notice_lost(Severity::Warning, "client unexpectedly closed TCP connection");
                self.abandon(cx);
            }
        }
        self.tell_last_counts(cx);
    }

    /// Gives back what the client had, and is over.
    pub(crate) fn abandon(&mut self, cx: &mut Context<'_>) {
        self.release(cx);
        self.end();
    }

    /// Closes the channel or, if the error is a hard one, the connection.
    pub(crate) fn fail_on(&mut self, cx: &mut Context<'_>, number: u16, exception: &Exception) {
        if exception.code.is_hard() || number == 0 {
            return self.fail(cx, exception);
        }
        self.notice_channel_exception(number, exception);
        let close = channel::Close {
            reply_code: exception.code.number(),
            reply_text: &exception.text(),
            class_id: exception.class_id(),
            method_id: exception.method_id(),
        };
        self.out.method(number, &close);
        self.release_channel(cx, number);
        if let Some(channel) = self.channels.get_mut(number) {
            channel.is_closing = true;
        }
    }

    /// Closes the connection.
    pub(crate) fn fail(&mut self, cx: &mut Context<'_>, exception: &Exception) {
        self.close(cx, exception, false);
    }

    /// Closes the connection of a client whose bytes make no sense any more.
    pub(crate) fn fail_deaf(&mut self, cx: &mut Context<'_>, exception: &Exception) {
        if matches!(self.stage, Stage::Closing { .. } | Stage::Leaving) {
            self.finish();
        } else {
            self.close(cx, exception, true);
        }
    }

    fn close(&mut self, cx: &mut Context<'_>, exception: &Exception, is_deaf: bool) {
        self.notice_exception(exception);
        self.write_confirms();
        let close = connection::Close {
            reply_code: exception.code.number(),
            reply_text: &exception.text(),
            class_id: exception.class_id(),
            method_id: exception.method_id(),
        };
        self.out.method(0, &close);
        self.release(cx);
        self.stage = Stage::Closing { until: cx.now.plus_millis(CLOSE_OK_WAIT_MS), is_deaf };
    }

    /// The client closes the connection: its queues are deleted before it hears that it is closed, because clients
    /// declare them again at once.
    pub(crate) fn closed_by_client(&mut self, cx: &mut Context<'_>, number: u16, text: &str) {
        if number != Code::ReplySuccess.number() {
            self.notice_info(format!(
                "the client closed the connection: {number} {}",
                text.escape_debug()
            ));
        }
        self.stage = Stage::Leaving;
        self.release(cx);
    }

    /// The broker has let the client go.
    pub(crate) fn left(&mut self) {
        if self.stage == Stage::Leaving {
            self.out.method(0, &connection::CloseOk {});
            self.finish();
        }
    }

    /// While we wait for the client to agree, nothing else that it says matters.
    pub(crate) fn closing_frame(&mut self, frame: &Frame<'_>) {
        if frame.kind != Kind::Method || frame.channel != 0 {
            return;
        }
        match Method::decode(frame.payload) {
            Ok(Method::ConnectionCloseOk(_)) => self.finish(),
            Ok(Method::ConnectionClose(_)) => {
                self.out.method(0, &connection::CloseOk {});
                self.finish();
            }
            _ => {}
        }
    }

    /// Gives back all that the client holds: consumers, deliveries, exclusive queues.
    fn release(&mut self, cx: &mut Context<'_>) {
        let numbers: Vec<u16> = self.channels.iter().map(|(number, _)| number).collect();
        self.story.closed_count += numbers.len() as u64;
        for number in numbers {
            self.release_channel(cx, number);
        }
        self.tell_counts(cx);
        self.channels.clear();
        self.channel_bytes = 0;
        self.confirm_due.clear();
        self.asked = None;
        // What it says from here on ends its connection, and publishes nothing.
        self.is_blocked = false;
        let origin = Origin { client: self.client, link: CONNECTION_LINK };
        cx.broker.request(Request { origin, verb: Verb::Leave });
    }

    /// Gives back what a channel holds. Its consumers go first, so that they do not get it again.
    pub(crate) fn release_channel(&mut self, cx: &mut Context<'_>, number: u16) {
        self.cancel_replies(cx, number, None);
        self.count_published(cx, number);
        self.committing = self.committing.filter(|&committing| committing != number);
        let consumers = self.consumers.of_channel(number);
        let consumer_count = consumers.len();
        for consumer in consumers {
            if let Some(gone) = self.consumers.remove(consumer) {
                let id = ConsumerId { client: self.client, number: consumer };
                cx.broker.drop_consumer(gone.queue, id);
                self.tell_consumer_deleted(gone);
            }
        }
        if self.channels.get(number).is_some_and(|channel| !channel.is_closing) {
            self.tell(What::ChannelClosed { number, consumer_count });
        }
        if let Some(channel) = self.channels.get_mut(number) {
            channel.consumers.clear();
            channel.assembly = crate::publishing::Assembly::Idle;
            let held = channel.transaction.as_mut().map(|transaction| transaction.take_dues());
            channel.unacked.put_back(held.unwrap_or_default());
            for taken in channel.unacked.take_through(0).unwrap_or_default() {
                cx.broker.settle(taken.due, Settlement::Failed);
            }
            channel.count_held(&mut self.channel_bytes);
        }
    }
}
