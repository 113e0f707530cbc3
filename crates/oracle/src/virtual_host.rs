//! A virtual host of RabbitMQ for one conversation.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::http;

/// Names of one octet, so that texts with the name in them are as long as with `/`, and are cut off at the same place.
/// Whoever gets the answer 201 has a name for himself.
const NAMES: &str =
    "~^_;,=+&!$()*.:@|-<>[]{}0123456789zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQPONMLKJIHGFEDCBA";
/// Whose turn it is. A name is used again late, because RabbitMQ goes on with the removal of a virtual host, and with the
/// connections to one of its name, when it has answered.
static NEXT_NAME: AtomicUsize = AtomicUsize::new(0);
/// The status of an answer to something that has been made.
const CREATED: u16 = 201;

/// A virtual host that exists as long as this.
#[derive(Debug)]
pub(crate) struct VirtualHost {
    http: SocketAddr,
    name: char,
}

impl VirtualHost {
    /// Makes one.
    ///
    /// # Errors
    /// The HTTP API does not answer, or every name is taken.
    pub(crate) fn create(http: SocketAddr) -> Result<Self, String> {
        for _ in 0..NAMES.len() {
            let turn = NEXT_NAME.fetch_add(1, Ordering::Relaxed);
            let Some(name) = NAMES.chars().nth(turn % NAMES.len()) else { continue };
            let body = r#"{"description": "a conversation of Leveret's oracle", "default_queue_type": "classic"}"#;
            if http::request(http, "PUT", &path(name), body)? == CREATED {
                return Ok(Self { http, name });
            }
        }
        Err("all names for virtual hosts are taken; remove some of those that the oracle has left"
            .to_owned())
    }

    pub(crate) const fn name(&self) -> char {
        self.name
    }
}

impl Drop for VirtualHost {
    fn drop(&mut self) {
        if let Err(reason) = http::request(self.http, "DELETE", &path(self.name), "") {
            eprintln!("oracle: the virtual host '{}' is left: {reason}", self.name);
        }
    }
}

fn path(name: char) -> String {
    format!("/api/vhosts/%{:02X}", u32::from(name))
}
