//! The simulated world: everything outside the broker, faked, seeded and repeatable.

pub mod disk;

pub use disk::SimDisk;
