//! What all those who let people in remember together.
//!
//! Whoever guesses is counted once for the whole node, whichever shard or listener hears them. Nothing else is shared here,
//! and only logins come by: messages never wait for it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::backoff::Backoff;

/// How many passwords that were right are remembered. Beyond this, the oldest are forgotten.
const KNOWN_MAX: usize = 1_024;

/// A password that was right, as a token that only this process can make.
type Token = [u8; 32];

/// What is remembered of logins.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    /// Who has failed.
    pub(crate) backoff: Backoff,
    known: BTreeSet<Token>,
    /// The same, oldest first.
    known_order: VecDeque<Token>,
}

impl Remembered {
    /// Whether this password was right before.
    pub(crate) fn knows(&self, token: &Token) -> bool {
        self.known.contains(token)
    }

    /// This password was right.
    pub(crate) fn remember(&mut self, token: Token) {
        if self.known.insert(token) {
            self.known_order.push_back(token);
            if self.known_order.len() > KNOWN_MAX
                && let Some(oldest) = self.known_order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
    }
}

/// The one memory of a node; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<Remembered>>);

impl Memory {
    /// To be held for a look or a change, never while a password is hashed.
    pub(crate) fn open(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().expect("nothing fails while it is held")
    }
}
