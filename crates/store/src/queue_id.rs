//! The name of a queue on disk: the number that the whole node knows it by.

pub use message::QueueId;
