//! A user and its connection.

use stdx::Random;

use crate::client::Client;
use crate::workload::Role;

/// A user.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) role: Box<dyn Role>,
    /// Its connection, and the number that no other connection of the world has.
    pub(crate) link: Option<(u64, Client)>,
    /// Whether it waits until all that the plan declares is there.
    pub(crate) needs_setup: bool,
}

impl User {
    pub(crate) fn new(role: Box<dyn Role>, needs_setup: bool) -> Self {
        Self { role, link: None, needs_setup }
    }

    /// Begins a connection.
    pub(crate) fn connect(&mut self, connection: u64, random: &mut Random) {
        let frame_max = [4_096, 20_000, 131_072][random.below(3) as usize];
        self.link = Some((connection, Client::new(frame_max)));
    }

    /// Forgets its connection. Returns its number, if there was one.
    pub(crate) fn lose(&mut self) -> Option<u64> {
        self.role.reset();
        self.link.take().map(|(connection, _)| connection)
    }

    /// What it waits for.
    pub(crate) fn waiting(&self) -> Option<String> {
        let (connection, client) = self.link.as_ref()?;
        if client.asked_count() > 0 {
            let count = client.asked_count();
            return Some(format!("{count} requests of connection {connection}"));
        }
        self.role.waiting()
    }
}
