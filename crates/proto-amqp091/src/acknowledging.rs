//! Acknowledging: ack, nack, reject, recover.

use message::Settlement;
use wire_amqp091::Code;
use wire_amqp091::method::basic;

use crate::connection::Connection;
use crate::context::Context;
use crate::errors::Exception;

impl Connection {
    /// Ends one delivery, or all up to it.
    pub(crate) fn acknowledge(
        &mut self,
        cx: &mut Context<'_>,
        number: u16,
        tag: u64,
        multiple: bool,
        settlement: Settlement,
        method: u32,
    ) -> Result<(), Exception> {
        let Some(channel) = self.channels.get_mut(number) else { return Ok(()) };
        let unknown = || {
            let text = format!("unknown delivery tag {tag}");
            Exception::new(Code::PreconditionFailed, text, method)
        };
        let mut count = 1;
        if multiple {
            let taken = channel.unacked.take_through(tag).ok_or_else(unknown)?;
            count = taken.len() as u64;
            if settlement == Settlement::Accept {
                for run in taken.chunk_by(|a, b| a.due.queue == b.due.queue) {
                    channel.count_acks(run[0].due.queue, run.len() as u64);
                }
            }
            match &mut channel.transaction {
                Some(transaction) => transaction.settle(taken, settlement),
                None => taken.iter().for_each(|taken| cx.broker.settle(taken.due, settlement)),
            }
        } else {
            let taken = channel.unacked.take(tag).ok_or_else(unknown)?;
            if settlement == Settlement::Accept {
                channel.count_acks(taken.due.queue, 1);
            }
            match &mut channel.transaction {
                Some(transaction) => transaction.settle(vec![taken], settlement),
                None => cx.broker.settle(taken.due, settlement),
            }
        }
        if settlement == Settlement::Accept {
            channel.counters.ack += count;
            self.story.turn.ack += count;
        }
        channel.used_at_ms = cx.now_ms;
        channel.count_held(&mut self.channel_bytes);
        self.look_for_room(cx, number);
        Ok(())
    }

    /// Puts all that is out back into its queues.
    pub(crate) fn recover(
        &mut self,
        cx: &mut Context<'_>,
        number: u16,
        requeue: bool,
        method: u32,
    ) -> Result<(), Exception> {
        if !requeue {
            return Err(Exception::new(Code::NotImplemented, "requeue=false", method));
        }
        if let Some(channel) = self.channels.get_mut(number) {
            for taken in channel.unacked.take_through(0).unwrap_or_default() {
                cx.broker.settle(taken.due, Settlement::Requeue);
            }
            channel.count_held(&mut self.channel_bytes);
            self.look_for_room(cx, number);
        }
        if method == basic::Recover::ID {
            self.out.method(number, &basic::RecoverOk {});
        }
        Ok(())
    }
}
