//! Where a conversation takes place: in a [`World`](crate::World) in memory, or at the sockets of a server elsewhere.

use metadata::Change;
use proto_amqp091::Limits;

/// A client's end of a socket, numbered by the venue that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SocketId(pub usize);

/// What happens around a conversation, besides what clients say and hear.
#[derive(Clone, Debug, PartialEq)]
pub enum Circumstance {
    /// The node has these limits; what it had before is gone.
    Limits(Limits),
    /// What the disk is asked from here on is not done before it is released.
    HoldDisk,
    /// The disk does what it has been asked.
    ReleaseDisk,
    /// Nothing on the disk can grow.
    FillDisk,
    /// What is on the disk can grow again.
    ClearDisk,
    /// The file system of the data directory has too little room, or enough again.
    FreeSpace {
        /// Whether it is too little.
        is_low: bool,
    },
    /// Time passes.
    Pass {
        /// How much, in milliseconds.
        ms: u64,
    },
    /// An operator changes something.
    Administer {
        /// What.
        change: Box<Change>,
        /// Whether that has to be refused.
        is_refused: bool,
    },
    /// The server is told to stop.
    Stop,
    /// The server stops, and starts from what is on disk.
    Restart,
    /// The server is gone without a word, and starts from what is on disk.
    Crash,
}

impl Circumstance {
    /// Whether no client is connected any more afterwards.
    pub(crate) const fn ends_all_clients(&self) -> bool {
        matches!(self, Self::Restart | Self::Crash)
    }
}

/// A server, and the way to it.
pub trait Venue {
    /// A client connects, from the server's own machine or from another one.
    ///
    /// # Errors
    /// What is in the way, in words.
    fn connect(&mut self, is_loopback: bool) -> Result<SocketId, String>;

    /// A client sends bytes.
    fn send(&mut self, socket: SocketId, bytes: &[u8]);

    /// What the server has sent since the last call.
    fn take_output(&mut self, socket: SocketId) -> Vec<u8>;

    /// Whether the socket is open: neither side has closed it.
    fn is_open(&self, socket: SocketId) -> bool;

    /// A client closes its socket without a word.
    fn close(&mut self, socket: SocketId);

    /// Lets the server come to rest. Where that cannot be seen, it is enough to be rather sure; and where the caller
    /// goes on to [wait](Venue::wait) for an answer, nothing need be done.
    fn settle(&mut self, is_answered: bool);

    /// Waits a moment for an answer that has not come. Returns whether there was a point in it; `attempt` counts from 0.
    fn wait(&mut self, attempt: u32) -> bool;

    /// Makes something happen.
    ///
    /// # Errors
    /// What cannot be done here, in words.
    fn happen(&mut self, circumstance: &Circumstance) -> Result<(), String>;

    /// What a virtual host is called here that transcripts call `name`.
    fn virtual_host(&self, name: &str) -> String;

    /// Puts what transcripts say in the place of what only this server says, in the payload of a method that has come.
    fn translate(&self, payload: &mut [u8]);
}
