//! The thread that looks at passwords that take long.
//!
//! ```text
//!   shard ──inquiry──▶ this thread: tens of milliseconds each, one after the other ──errand──▶ shard
//! ```
//!
//! A client has one inquiry at most, so that no more wait here than there are clients.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, Builder};
use std::time::Duration;

use auth::Inquiry;
use message::{ClientId, ShardId};
use node::Errand;

use crate::mailbox::Inboxes;

/// How long to wait until a shard that has too many errands is asked again.
const RETRY_AFTER: Duration = Duration::from_millis(1);

/// A password, who has sent it, and to which shard.
#[derive(Debug)]
struct Task {
    shard: ShardId,
    client: ClientId,
    inquiry: Inquiry,
}

/// The way to the thread. It ends when all of these are gone.
#[derive(Clone, Debug)]
pub(crate) struct Verifier(Sender<Task>);

impl Verifier {
    /// Starts the thread.
    pub(crate) fn start(inboxes: Inboxes) -> io::Result<Self> {
        let (sender, receiver) = channel();
        Builder::new()
            .name("verifier".to_owned())
            .spawn(move || verify_all(&receiver, &inboxes))?;
        Ok(Self(sender))
    }

    /// Has a password looked at. The shard is told in a later turn.
    pub(crate) fn verify(&self, shard: ShardId, client: ClientId, inquiry: Inquiry) {
        // Without the thread the client is let go by the timeout of the handshake.
        let _ = self.0.send(Task { shard, client, inquiry });
    }
}

fn verify_all(tasks: &Receiver<Task>, inboxes: &Inboxes) {
    while let Ok(Task { shard, client, inquiry }) = tasks.recv() {
        let inbox = &inboxes[usize::from(shard)];
        let is_right = inquiry.verify();
        let mut errand = Errand::new(move |shard| shard.complete_login(client, &inquiry, is_right));
        while let Err(returned) = inbox.put_errand(errand) {
            if inbox.is_stopping() {
                return;
            }
            errand = returned;
            thread::sleep(RETRY_AFTER);
        }
    }
}
