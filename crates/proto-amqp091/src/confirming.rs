//! Publisher confirms: `basic.ack` and `basic.nack` from server to client.

use broker::Publisher;
use wire_amqp091::content;
use wire_amqp091::method::basic;

use crate::channel::channel_of;
use crate::connection::Connection;
use crate::context::Context;

impl Connection {
    /// The broker has decided about messages of a channel: `tell` hands it on.
    pub(crate) fn decided(
        &mut self,
        cx: &mut Context<'_>,
        link: u64,
        tell: impl FnOnce(&mut Publisher),
    ) {
        let number = channel_of(link);
        if let Some(channel) = self.channels.get_mut(number)
            && channel.link == link
            && !channel.is_closing
        {
            tell(&mut channel.publisher);
            if self.committing == Some(number) {
                self.look_for_commit(cx);
                self.resume(cx);
            } else {
                self.confirm_is_due(number);
            }
        }
    }

    /// Lists a channel as having confirms to write at the end of the turn.
    pub(crate) fn confirm_is_due(&mut self, number: u16) {
        if let Some(channel) = self.channels.get_mut(number)
            && !channel.is_confirm_due
        {
            channel.is_confirm_due = true;
            self.confirm_due.push(number);
        }
    }

    /// Writes the confirms of a turn, many messages in one where that can be said.
    pub(crate) fn write_confirms(&mut self) {
        for number in self.confirm_due.drain(..) {
            let Some(channel) = self.channels.get_mut(number) else { continue };
            channel.is_confirm_due = false;
            if channel.transaction.is_some() {
                continue;
            }
            while let Some(confirmation) = channel.publisher.poll_confirmation() {
                let (delivery_tag, multiple) = (confirmation.number, confirmation.is_multiple);
                if channel.is_closing {
                    continue;
                }
                if confirmation.is_rejected {
                    let nack = basic::Nack { delivery_tag, multiple, requeue: true };
                    self.out.method(number, &nack);
                } else {
                    content::write_ack(self.out.buffer(), number, delivery_tag, multiple);
                }
            }
            let confirm = channel.publisher.take_confirmed();
            channel.counters.confirm += confirm;
            self.story.turn.confirm += confirm;
        }
    }
}
