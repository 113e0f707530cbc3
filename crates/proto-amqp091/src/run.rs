//! Runs of messages: what a channel publishes again and again is taken many at a time.
//!
//! ```text
//!   input   │ publish, header, body │ publish, header, body │ … │ something else
//!             like the last one but for the body ────────────→ one run, to the same queues
//! ```
//!
//! Most producers repeat themselves: the same method and properties, message after message. What is known of the last
//! message, whether its user may publish it, where it goes, and how it is laid out, holds for each that looks the same.

use wire_amqp091::limits::BODY_LEN_MAX;

use crate::connection::{Connection, Stage};
use crate::context::Context;
use crate::publishing::Assembly;

/// How many messages go at a time, so that what is gathered of them stays within the first-level cache.
const RUN_MAX: usize = 256;

impl Connection {
    /// Takes the messages that `bytes` begin with, as far as they are whole and like the one that was published before them.
    /// Returns how many bytes they took.
    #[inline]
    pub(crate) fn publish_run(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> usize {
        match self.repeating {
            Some(number) if !self.watched.is_on => self.publish_run_on(cx, number, bytes),
            _ => 0,
        }
    }

    fn publish_run_on(&mut self, cx: &mut Context<'_>, number: u16, bytes: &[u8]) -> usize {
        let version = cx.broker.topology().definitions().access_version();
        let Some(channel) = self.channels.get_mut(number) else { return 0 };
        let may_go = self.stage == Stage::Running
            && !channel.is_closing
            && matches!(channel.assembly, Assembly::Idle)
            && cx.broker.alarm().takes_one_more()
            && channel.grants.is_current(version)
            && channel.transaction.is_none()
            && cx.broker.expects(&channel.publisher);
        let message_size_max = self.settings.limits.message_size_max.min(BODY_LEN_MAX);
        let message_len_max = usize::try_from(message_size_max).unwrap_or(usize::MAX);
        let body_len_max = self.payload_max.min(message_len_max);
        let last = &mut channel.last_publish;
        let Some(first) = last.body_of(bytes, body_len_max).filter(|_| may_go) else { return 0 };
        // While the store is full, each message has to hear of it before the next one comes.
        let messages_max = if cx.broker.alarm().is_on() { 1 } else { RUN_MAX };
        let mut messages = cx.broker.message_list();
        let (mut used, mut found) = (0, Some(first));
        while let Some((body, len)) = found {
            messages.push(cx.arena.repeat(last.head(), cx.now_ms, body));
            cx.broker.count_size(body.len());
            used += len;
            let is_room = messages.len() < messages_max;
            found = last.body_of(&bytes[used..], body_len_max).filter(|_| is_room);
        }
        cx.broker.publish_run(&mut channel.publisher, messages);
        self.has_published = true;
        if !channel.has_uncounted {
            channel.has_uncounted = true;
            self.story.published.push(number);
        }
        let alarm = cx.broker.alarm();
        if alarm.is_store_full {
            self.block(alarm);
        }
        used
    }
}
