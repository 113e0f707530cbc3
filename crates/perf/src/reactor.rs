//! The part that owns sockets: one epoll, one read buffer and a timer per thread, around sans-I/O clients.
//!
//! This module knows nothing of AMQP beyond "a client takes bytes and gives bytes".

mod drive;
mod socket;
mod source;
mod timer;

pub(crate) use drive::Drive;
