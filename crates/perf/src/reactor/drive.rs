//! The loop of one thread.
//!
//! ```text
//!   turn:  wait ─▶ for each socket with news: read ─▶ client ─▶ write
//!               ─▶ for each socket whose schedule says so:     ─▶ write
//!               ─▶ show the counters
//! ```
//!
//! Level-triggered: a socket is read once and written a few times a turn, so that none of a thousand starves.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use wire_amqp091::limits::{FRAME_MAX_DEFAULT, FRAME_OVERHEAD_BYTES};

use super::socket::Socket;
use super::timer::Timer;
use crate::client::Client;
use crate::clock::now_ns;
use crate::failure::Failure;
use crate::ledger::{Ledger, Tally};

/// What is asked of the operating system with one read.
const READ_BYTES: usize = 256 * 1024;
/// The longest beginning of a frame that can be left from the read before.
const CARRY_BYTES_MAX: usize = FRAME_MAX_DEFAULT as usize + FRAME_OVERHEAD_BYTES;
/// Events taken with one wait; others come with the next.
const EVENTS_MAX: usize = 256;
/// What is due within this time leaves together: a wake-up costs several microseconds.
const TICK_NS: u64 = 50_000;
/// The event of the timer; sockets have their place in the table.
const TIMER: u64 = u64::MAX;

/// The sockets of one thread.
pub(crate) struct Drive<'a, C> {
    epoll: OwnedFd,
    timer: Timer,
    sockets: Vec<Socket<C>>,
    /// When which socket has something to send without being asked.
    schedule: BinaryHeap<Reverse<(u64, usize)>>,
    buffer: Vec<u8>,
    events: Vec<epoll::Event>,
    pub(crate) ledger: Ledger,
    tally: &'a Tally,
    address: SocketAddr,
    /// Sockets made after the first ones.
    made_again: u32,
}

impl<'a, C: Client> Drive<'a, C> {
    /// Connects each client to `address`.
    ///
    /// # Errors
    /// The broker cannot be reached, or the operating system has no more descriptors.
    pub(crate) fn connect(
        address: SocketAddr,
        clients: impl IntoIterator<Item = C>,
        tally: &'a Tally,
    ) -> Result<Self, Failure> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(system)?;
        let timer = Timer::new().map_err(system)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN).map_err(system)?;
        let mut drive = Self {
            epoll,
            timer,
            sockets: Vec::new(),
            schedule: BinaryHeap::new(),
            buffer: vec![0; CARRY_BYTES_MAX + READ_BYTES],
            events: Vec::with_capacity(EVENTS_MAX),
            ledger: Ledger::new(),
            tally,
            address,
            made_again: 0,
        };
        for client in clients {
            let index = drive.sockets.len();
            let socket = Socket::connect(address, client)?;
            drive.sockets.push(socket);
            drive.register(index)?;
            drive.write(index)?;
        }
        Ok(drive)
    }

    /// The client at a place in the order they were given.
    pub(crate) fn client(&self, index: usize) -> &C {
        &self.sockets[index].client
    }

    /// Whether every client has what it asked for.
    pub(crate) fn is_ready(&self) -> bool {
        self.sockets.iter().all(|socket| socket.client.connection().is_ready())
    }

    /// How many questions of all clients have no answer yet.
    pub(crate) fn questions(&self) -> usize {
        self.sockets.iter().map(|socket| socket.client.connection().questions()).sum()
    }

    /// Whether every connection has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.sockets.iter().all(Socket::is_over)
    }

    /// Lets every client begin at `at_ns`.
    ///
    /// # Errors
    /// A connection broke.
    pub(crate) fn start(&mut self, at_ns: u64) -> Result<(), Failure> {
        self.for_each(|client| client.start(at_ns))
    }

    /// Lets every client say goodbye.
    ///
    /// # Errors
    /// A connection broke.
    pub(crate) fn close(&mut self) -> Result<(), Failure> {
        self.for_each(C::close)
    }

    /// Does something to every client and writes what comes of it.
    ///
    /// # Errors
    /// A connection broke.
    pub(crate) fn for_each(&mut self, act: impl Fn(&mut C)) -> Result<(), Failure> {
        for index in 0..self.sockets.len() {
            act(&mut self.sockets[index].client);
            self.write(index)?;
        }
        Ok(())
    }

    /// Waits until something happens, at most `patience`, and deals with it.
    ///
    /// # Errors
    /// A connection broke, or the broker refused something.
    pub(crate) fn turn(&mut self, patience: Duration) -> Result<(), Failure> {
        self.wait(patience)?;
        for place in 0..self.events.len() {
            let key = self.events[place].data.u64();
            if key != TIMER {
                let index = usize::try_from(key).expect("a place in the table");
                self.serve(index, self.events[place].flags)?;
            }
        }
        self.serve_schedule()?;
        self.tally.show(&self.ledger);
        Ok(())
    }

    fn wait(&mut self, patience: Duration) -> Result<(), Failure> {
        let moment_ns = self.schedule.peek().map(|&Reverse((due_ns, _))| due_ns);
        let moment_ns = moment_ns.map(|due_ns| due_ns.max(now_ns() + TICK_NS));
        self.timer.set(moment_ns).map_err(system)?;
        let patience = Timespec::try_from(patience).expect("patience is short");
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&patience)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(system(errno)),
        }
    }

    fn serve(&mut self, index: usize, flags: EventFlags) -> Result<(), Failure> {
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            self.sockets[index].read(&mut self.buffer, &mut self.ledger)?;
        }
        self.write(index)
    }

    fn serve_schedule(&mut self) -> Result<(), Failure> {
        let now_ns = now_ns();
        while let Some(&Reverse((due_ns, index))) = self.schedule.peek() {
            if due_ns > now_ns {
                break;
            }
            self.schedule.pop();
            self.sockets[index].is_scheduled = false;
            self.write(index)?;
        }
        Ok(())
    }

    fn register(&mut self, index: usize) -> Result<(), Failure> {
        let Socket { stream, interest, .. } = &self.sockets[index];
        let data = EventData::new_u64(index as u64);
        epoll::add(&self.epoll, stream, data, *interest).map_err(system)
    }

    fn write(&mut self, index: usize) -> Result<(), Failure> {
        if self.sockets[index].is_over() && self.sockets[index].client.begin_again(now_ns()) {
            // With its last descriptor, a socket leaves the epoll.
            self.sockets[index].connect_again(self.address, self.made_again)?;
            self.made_again = self.made_again.wrapping_add(1);
            self.register(index)?;
        }
        let socket = &mut self.sockets[index];
        if socket.is_over() {
            let registered = !socket.interest.is_empty();
            socket.interest = EventFlags::empty();
            return if registered {
                epoll::delete(&self.epoll, &socket.stream).map_err(system)
            } else {
                Ok(())
            };
        }
        socket.write(&mut self.buffer, &mut self.ledger)?;
        let wanted = socket.wanted_interest();
        if wanted != socket.interest {
            let data = EventData::new_u64(index as u64);
            epoll::modify(&self.epoll, &socket.stream, data, wanted).map_err(system)?;
            socket.interest = wanted;
        }
        if !socket.is_scheduled
            && let Some(due_ns) = socket.client.due_ns()
        {
            self.schedule.push(Reverse((due_ns, index)));
            socket.is_scheduled = true;
        }
        Ok(())
    }
}

fn system(errno: Errno) -> Failure {
    Failure::System { during: "waiting for sockets", fault: errno.into() }
}
