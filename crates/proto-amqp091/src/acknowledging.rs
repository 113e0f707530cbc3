//! Acknowledging: ack, nack, reject, recover.

use message::Settlement;
use wire_amqp091::frame::END;
use wire_amqp091::limits::FRAME_OVERHEAD_BYTES;
use wire_amqp091::method::basic;
use wire_amqp091::{Code, Kind};

use crate::connection::{Connection, Stage};
use crate::context::Context;
use crate::errors::Exception;
use crate::publishing::Assembly;

/// The frame of a `basic.ack` before the delivery tag: frame head (7), class and method (4).
const FRONT_BYTES: usize = 11;
/// The whole frame: front, delivery tag (8), `multiple` (1), end (1).
const ACK_BYTES: usize = FRONT_BYTES + 10;

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
            for run in taken.chunk_by(|a, b| a.due.queue == b.due.queue) {
                let queue = run[0].due.queue;
                if settlement == Settlement::Accept {
                    channel.count_acks(queue, run.len() as u64);
                }
                if channel.transaction.is_none() {
                    let deliveries = run.iter().map(|taken| taken.due.delivery);
                    cx.broker.settle_run(queue, deliveries, settlement);
                }
            }
            if let Some(transaction) = &mut channel.transaction {
                transaction.settle(taken, settlement);
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

    /// Takes the acknowledgements of single deliveries that `bytes` begin with, as most consumers send them: one after the
    /// other on one channel. Returns how many bytes they took. What is wrong with the one behind them is found when
    /// that is taken by itself.
    pub(crate) fn acknowledge_run(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> usize {
        let Some(front) = bytes.first_chunk().filter(|front| is_ack(front)) else { return 0 };
        let number = u16::from_be_bytes([front[1], front[2]]);
        let Some(channel) = self.channels.get_mut(number) else { return 0 };
        let may_go = self.stage == Stage::Running
            && !channel.is_closing
            && channel.transaction.is_none()
            && matches!(channel.assembly, Assembly::Idle);
        let mut used = 0;
        while let Some(tag) = single_ack(&bytes[used..], front).filter(|_| may_go) {
            let Some(first) = channel.unacked.take(tag) else { break };
            let queue = first.due.queue;
            used += ACK_BYTES;
            let mut count = 1;
            // The others are taken while the broker asks for them, as long as they came from the same queue.
            let others = std::iter::from_fn(|| {
                let tag = single_ack(&bytes[used..], front)?;
                let taken = channel.unacked.take_from(queue, tag)?;
                (used, count) = (used + ACK_BYTES, count + 1);
                Some(taken.due.delivery)
            });
            let run = std::iter::once(first.due.delivery).chain(others);
            cx.broker.settle_run(queue, run, Settlement::Accept);
            channel.count_acks(queue, count);
            channel.counters.ack += count;
            self.story.turn.ack += count;
        }
        if used > 0 {
            channel.used_at_ms = cx.now_ms;
            channel.count_held(&mut self.channel_bytes);
            self.look_for_room(cx, number);
        }
        used
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

/// Whether a frame that begins like this is a `basic.ack`.
#[inline]
fn is_ack(front: &[u8; FRONT_BYTES]) -> bool {
    let [kind, _, _, len @ .., c0, c1, m0, m1] = *front;
    kind == Kind::Method as u8
        && u32::from_be_bytes(len) as usize == ACK_BYTES - FRAME_OVERHEAD_BYTES
        && u32::from_be_bytes([c0, c1, m0, m1]) == basic::Ack::ID
}

/// The tag of the acknowledgement of a single delivery that `bytes` begin with, if it is there as a whole and begins like this.
#[inline]
fn single_ack(bytes: &[u8], front: &[u8; FRONT_BYTES]) -> Option<u64> {
    let (frame, _) = bytes.split_first_chunk::<ACK_BYTES>()?;
    let (own, rest) = frame.split_first_chunk::<FRONT_BYTES>()?;
    match *rest {
        [ref tag @ .., 0, END] if own == front => Some(u64::from_be_bytes(tag.try_into().ok()?)),
        _ => None,
    }
}
