//! Publisher confirms: `basic.ack` from server to client.

use wire_amqp091::content;

use crate::channel::channel_of;
use crate::connection::Connection;

impl Connection {
    /// The broker says that messages of a channel are safe.
    pub(crate) fn confirmed(&mut self, link: u64, first: u64, last: u64) {
        let number = channel_of(link);
        if let Some(channel) = self.channels.get_mut(number)
            && channel.link == link
            && !channel.is_closing
        {
            channel.publisher.confirmed(first, last);
            self.confirm_is_due(number);
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
            while let Some(confirmation) = channel.publisher.poll_confirmation() {
                if !channel.is_closing {
                    let (tag, multiple) = (confirmation.number, confirmation.is_multiple);
                    content::write_ack(self.out.buffer(), number, tag, multiple);
                }
            }
        }
    }
}
