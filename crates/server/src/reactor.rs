//! The thread of one shard: it waits, and runs the shard's turns.
//!
//! ```text
//!   wait for sockets, mail, disk, time
//!     → take mail and completions → accept → read → work ⇄ write → send mail → submit to disk → timers
//! ```
//!
//! There is no `if` about messages here: what bytes mean is the node's.

mod clients;

use std::collections::VecDeque;
use std::io;
use std::thread;
use std::time::Duration;

use broker::Mail;
use message::{ClientId, ShardId};
use mio::{Events, Poll, Token};
use node::{Notice, Shard};
use stdx::Time;
use store::{Lane, Submission};

use crate::arrivals::Arrivals;
use crate::baton::{Baton, PATIENCE};
use crate::clock::Clock;
use crate::disk_threads::DiskThreads;
use crate::journal::Journal;
use crate::listeners::Listeners;
use crate::log;
use crate::mailbox::{Inbox, Inboxes};
use crate::sockets::{FIRST_TOKEN, Input, Sockets};
use crate::tls::Scratch;
use crate::verifier::Verifier;

/// The token of an inbox's waker.
pub(crate) const WAKER: Token = Token(0);
/// The first token of listeners.
const LISTENERS: usize = 1;

/// So many sockets are told to be ready at once, at most.
const EVENTS: usize = 1_024;
/// One read takes at most this much: a system call costs the same for a byte as for many.
const READ_BYTES: usize = 256 * 1024;
/// So much is read before it is worked off and written: more would leave the second-level cache.
const READ_BYTES_BETWEEN_WORK: usize = 256 * 1024;
/// How often work and writing alternate in a turn, at most: then sockets are looked at again.
const WORK_ROUNDS_MAX: usize = 8;
/// How many errands of other threads are run in a turn, at most.
const ERRANDS_PER_TURN: usize = 8;
/// With so many clients a shard may sync by itself: more would seldom all wait for the same sync.
const ALONE_MAX: usize = 4;
/// How long clients are given to agree to the end of the server.
const STOP_WAIT_MS: u64 = 1_000;
/// How often a shard looks whether the others are done.
const STOP_LOOK_MS: u64 = 10;
/// How long the whole end may take.
const STOP_MAX_MS: u64 = 1_800;

/// The thread of one shard.
#[derive(Debug)]
pub(crate) struct Reactor {
    id: ShardId,
    shard: Shard,
    poll: Poll,
    clock: Clock,
    sockets: Sockets,
    arrivals: Arrivals,
    scratch: Scratch,
    /// Only on shard 0.
    listeners: Option<Listeners>,
    inboxes: Inboxes,
    disk: DiskThreads,
    /// What the journal has to do before anything else is confirmed.
    journal_work: Option<Submission>,
    verifier: Verifier,
    buffer: Vec<u8>,
    /// Clients whose sockets are to be read in the next turn, each once.
    readable: VecDeque<ClientId>,
    /// Clients whose sockets have something and must not be read while the shard is behind.
    held: Vec<ClientId>,
    /// Mail that did not fit, by shard.
    unsent: Vec<VecDeque<Vec<Mail>>>,
    next_shard: usize,
    /// Somebody may wait at a listener: it tells only once.
    has_callers: bool,
    accept_at: Option<Time>,
    /// Somebody has waited in vain since the listeners were last empty.
    is_short: bool,
    /// There is more to do: do not wait.
    is_busy: bool,
    stop_since: Option<Time>,
}

impl Reactor {
    pub(crate) fn new(
        id: ShardId,
        shard: Shard,
        poll: Poll,
        clock: Clock,
        inboxes: Inboxes,
        disk: DiskThreads,
        verifier: Verifier,
    ) -> Self {
        let unsent = inboxes.iter().map(|_| VecDeque::new()).collect();
        let mut shard = shard;
        if inboxes.len() > 1 {
            shard.let_clients_move();
        }
        Self {
            id,
            shard,
            poll,
            clock,
            sockets: Sockets::default(),
            arrivals: Arrivals::default(),
            scratch: Scratch::default(),
            listeners: None,
            inboxes,
            disk,
            journal_work: None,
            verifier,
            buffer: vec![0; READ_BYTES],
            readable: VecDeque::new(),
            held: Vec::new(),
            unsent,
            next_shard: 0,
            has_callers: false,
            accept_at: None,
            is_short: false,
            is_busy: false,
            stop_since: None,
        }
    }

    /// Makes this shard the one that accepts clients.
    pub(crate) fn accept_from(&mut self, mut listeners: Listeners) -> io::Result<()> {
        listeners.register(self.poll.registry(), LISTENERS)?;
        self.listeners = Some(listeners);
        Ok(())
    }

    /// Runs turns until the process stops and everything is on disk.
    pub(crate) fn run(self) {
        let mut reactor = Box::new(self);
        let mut events = Events::with_capacity(EVENTS);
        // The first turn hands the disk what recovery left to do.
        reactor.is_busy = true;
        while !reactor.is_done() {
            reactor.round(&mut events);
            let Some(work) = reactor.journal_work.take() else { continue };
            if reactor.is_alone() {
                reactor = Journal::execute(reactor, work);
            } else {
                reactor.journal().submit(work);
            }
        }
    }

    /// Whether nobody but a few clients would miss the shard, and nothing waits for it.
    fn is_alone(&self) -> bool {
        let is_idle = !self.is_busy && !self.inboxes[usize::from(self.id)].is_rung();
        is_idle && self.shard.client_count() <= ALONE_MAX && !self.shard.has_rest()
    }

    /// Runs turns on another thread, until the shard's own thread is back from the disk.
    pub(crate) fn stand_in(mut reactor: Box<Self>, baton: &Baton<Box<Self>>) {
        let mut events = Events::with_capacity(EVENTS);
        while !baton.is_wanted() {
            if reactor.is_done() {
                thread::sleep(PATIENCE);
                continue;
            }
            reactor.round(&mut events);
            if let Some(work) = reactor.journal_work.take() {
                reactor.journal().submit(work);
            }
        }
        baton.give_back(reactor);
    }

    pub(crate) const fn journal(&self) -> &Journal {
        &self.disk.journal
    }

    fn round(&mut self, events: &mut Events) {
        if let Err(error) = self.wait(events) {
            tracing::error!(%error, "a shard cannot wait for its sockets; stopping");
            log::flush();
            std::process::abort();
        }
        self.turn(events);
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let can_sleep = !self.is_busy && self.inboxes[usize::from(self.id)].fall_asleep();
        let timeout = if can_sleep { self.timeout() } else { Some(Duration::ZERO) };
        let polled = self.poll.poll(events, timeout);
        self.inboxes[usize::from(self.id)].wake_up();
        match polled {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let now = self.clock.now();
        let stop_at = self.stop_since.map(|since| since.plus_millis(STOP_WAIT_MS));
        let stop_at = stop_at.map(|at| if at > now { at } else { now.plus_millis(STOP_LOOK_MS) });
        let arrivals = self.arrivals.next_timeout();
        let times = [self.shard.poll_timeout(), self.accept_at, stop_at, arrivals];
        let next = times.into_iter().flatten().min()?;
        Some(Duration::from_micros(next.micros_since(now)))
    }

    fn turn(&mut self, events: &Events) {
        let now = self.clock.now();
        self.is_busy = false;
        self.shard.set_space_low(self.inboxes[usize::from(self.id)].is_space_low());
        self.take_mail();
        self.take_completions();
        self.run_errands();
        self.take_events(events);
        self.accept(now);
        self.adopt(now);
        self.serve_arrivals(now);
        self.read(now);
        self.shard.handle_timeout(now);
        if self.inboxes[usize::from(self.id)].is_stopping() {
            self.stop(now);
        }
        self.work(now);
        while let Some((client, inquiry)) = self.shard.poll_inquiry() {
            self.verifier.verify(self.id, client, inquiry);
        }
        self.send_mail();
        self.hand_over(now);
        while let Some(submission) = self.shard.poll_submission(now) {
            if submission.lane() == Lane::Journal {
                let earlier = self.journal_work.replace(submission);
                assert!(earlier.is_none(), "the journal has one piece of work at a time");
            } else {
                self.disk.submit(submission);
            }
        }
        self.release_held(now);
        self.end(now);
        while let Some(notice) = self.shard.poll_notice() {
            match notice {
                Notice::Client { client, notice } => log::say(log::of_client(client, notice)),
                Notice::Shard { text } => tracing::warn!(shard = self.id, "{text}"),
            }
        }
    }

    fn take_mail(&mut self) {
        let mut batches = Vec::new();
        let inbox = &self.inboxes[usize::from(self.id)];
        for (from, sender) in self.inboxes.iter().enumerate() {
            while let Some((batch, is_sender_waiting)) = inbox.take_mail(from) {
                batches.push(batch);
                if is_sender_waiting {
                    sender.wake();
                }
            }
        }
        // Only after the mail is taken: it may speak of what its senders have seen declared.
        self.shard.begin_turn(self.clock.now(), Clock::wall_ms());
        batches.into_iter().for_each(|batch| self.shard.deliver_mail(batch));
    }

    fn take_completions(&mut self) {
        while let Some(completion) = self.inboxes[usize::from(self.id)].take_completion() {
            if let Err(fault) = self.shard.complete(completion) {
                // What the disk holds is not known any more. Nothing more is confirmed, and the next start
                // reads what is really there.
                tracing::error!("{fault}; stopping at once");
                log::flush();
                std::process::abort();
            }
        }
    }

    /// Runs some of what other threads have asked for; a turn that is too long is felt by every client.
    fn run_errands(&mut self) {
        let inbox = &self.inboxes[usize::from(self.id)];
        for _ in 0..ERRANDS_PER_TURN {
            let Some(errand) = inbox.take_errand() else { return };
            errand.run(&mut self.shard);
        }
        self.is_busy = true;
    }

    fn take_events(&mut self, events: &Events) {
        for event in events {
            self.has_callers |= (LISTENERS..FIRST_TOKEN).contains(&event.token().0);
            let Some(socket) = self.sockets.by_token(event.token()) else {
                self.arrivals.hear(event.token(), event.is_read_closed() || event.is_error());
                continue;
            };
            if event.is_writable() {
                socket.is_writable = true;
                self.shard.touch(socket.client);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                socket.is_readable = true;
                socket.has_ended |= event.is_read_closed() || event.is_error();
                if !socket.is_listed {
                    socket.is_listed = true;
                    self.readable.push_back(socket.client);
                }
            }
        }
    }

    fn read(&mut self, now: Time) {
        let mut read_bytes = 0;
        for _ in 0..self.readable.len() {
            let Some(client) = self.readable.pop_front() else { return };
            let Some(socket) = self.sockets.by_client(client) else { continue };
            socket.is_listed = false;
            if !self.shard.wants_input(client, now) {
                if !std::mem::replace(&mut socket.is_held, true) {
                    self.held.push(client);
                }
                continue;
            }
            match socket.read(&mut self.buffer, &mut self.scratch) {
                Input::Bytes(count) => {
                    self.shard.receive(client, &self.buffer[..count], now);
                    read_bytes += count;
                }
                // TLS may have asked something that has to be answered.
                Input::Nothing if socket.has_pending() => self.shard.touch(client),
                Input::Nothing => {}
                Input::Broken(error) => {
                    self.shard.complain(client, format!("TLS failed: {error}"));
                    self.lose(client, now);
                    continue;
                }
                Input::Gone => {
                    self.lose(client, now);
                    continue;
                }
            }
            self.list_again(client);
            if read_bytes >= READ_BYTES_BETWEEN_WORK {
                read_bytes = 0;
                self.work(now);
            }
        }
    }

    /// Lists a socket that still has something to be read.
    fn list_again(&mut self, client: ClientId) {
        if let Some(socket) = self.sockets.by_client(client)
            && socket.is_readable
            && !socket.is_listed
        {
            socket.is_listed = true;
            self.readable.push_back(client);
            self.is_busy = true;
        }
    }

    /// Works and writes in turns: what is written makes room for more to be delivered.
    fn work(&mut self, now: Time) {
        for _ in 0..WORK_ROUNDS_MAX {
            self.shard.work(now);
            let mut has_sent = false;
            while let Some(client) = self.shard.poll_touched() {
                has_sent |= self.write(client, now);
            }
            if !has_sent {
                return;
            }
        }
        self.is_busy = true;
    }

    /// A client's socket is gone.
    fn lose(&mut self, client: ClientId, now: Time) {
        self.sockets.remove(client);
        self.shard.lost(client, now);
    }

    /// Writes what a client's socket takes, and closes it when that was its end. Returns whether anything was sent.
    fn write(&mut self, client: ClientId, now: Time) -> bool {
        let Some(socket) = self.sockets.by_client(client) else { return false };
        let has_output = self.shard.output_len(client) > 0;
        let mut has_sent = false;
        if socket.is_writable && (has_output || socket.has_pending()) {
            match socket.write(self.shard.output(client), &mut self.scratch) {
                Some(count) => {
                    has_sent = count > 0;
                    self.shard.sent(client, count, now);
                }
                None => {
                    self.lose(client, now);
                    return true;
                }
            }
        }
        let is_sent = self.shard.output_len(client) == 0 && !socket.has_pending();
        if is_sent && self.shard.is_finished(client) {
            if let Some(socket) = self.sockets.remove(client) {
                socket.close(&mut self.buffer, &mut self.scratch);
            }
            self.shard.lost(client, now);
            return true;
        }
        has_sent
    }

    fn send_mail(&mut self) {
        let mut unsent_bytes = 0;
        for to in 0..self.inboxes.len() {
            let shard = ShardId::try_from(to).expect("a node has at most 256 shards");
            let waiting = &mut self.unsent[to];
            waiting.extend(self.shard.poll_mail(shard));
            while let Some(batch) = waiting.pop_front() {
                if let Err(batch) = self.inboxes[to].put_mail(self.id.into(), batch) {
                    waiting.push_front(batch);
                    break;
                }
            }
            unsent_bytes += waiting.iter().flatten().map(Mail::message_bytes).sum::<usize>();
        }
        self.shard.set_unsent_mail(unsent_bytes);
    }

    /// Lists the sockets again that were held back, if they may be read by now.
    fn release_held(&mut self, now: Time) {
        for client in std::mem::take(&mut self.held) {
            let Some(socket) = self.sockets.by_client(client) else { continue };
            if self.shard.wants_input(client, now) {
                socket.is_held = false;
                self.list_again(client);
            } else {
                self.held.push(client);
            }
        }
    }

    fn stop(&mut self, now: Time) {
        if self.stop_since.is_none() {
            self.stop_since = Some(now);
            if let Some(listeners) = &mut self.listeners {
                listeners.close();
            }
            self.arrivals.close();
            self.shard.stop(now);
        }
    }

    /// On the way out: tells the other shards when this one needs nothing from them any more, and asks for what it has
    /// to be written.
    fn end(&mut self, now: Time) {
        let Some(since) = self.stop_since else { return };
        let is_late = now >= since.plus_millis(STOP_WAIT_MS);
        let is_quiet = (self.shard.client_count() == 0 || is_late)
            && self.unsent.iter().all(VecDeque::is_empty);
        if self.inboxes[usize::from(self.id)].set_quiet(is_quiet) {
            self.inboxes.iter().for_each(Inbox::wake);
        }
    }

    /// What is left of the clients may have sent mail to any shard: none ends before all are quiet.
    fn is_done(&self) -> bool {
        let Some(since) = self.stop_since else { return false };
        let is_over = self.clock.now() >= since.plus_millis(STOP_MAX_MS);
        (self.inboxes.iter().all(Inbox::is_quiet) && self.shard.is_flushed()) || is_over
    }
}
