//! Virtual hosts of RabbitMQ for one conversation.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::http;

/// Names of one octet, so that texts with the name in them are as long as with `/`, and are cut off at the same place.
/// Whoever gets the answer 201 has a name for himself. Letters are what transcripts call theirs.
const NAMES: &str = "~^_;,=+&!$()*.:@|-<>[]{}0123456789";
/// Whose turn it is. A name is used again late, because RabbitMQ goes on with the removal of a virtual host, and with the
/// connections to one of its name, when it has answered.
static NEXT_NAME: AtomicUsize = AtomicUsize::new(0);
/// The status of an answer to something that has been made.
const CREATED: u16 = 201;
/// The status of an answer to the removal of something protected.
const PRECONDITION_FAILED: u16 = 412;

/// A virtual host that exists as long as this.
#[derive(Debug)]
pub(crate) struct VirtualHost {
    http: SocketAddr,
    name: char,
}

impl VirtualHost {
    /// Makes one as RabbitMQ makes them if nothing is said.
    ///
    /// # Errors
    /// The HTTP API does not answer, or every name is taken.
    pub(crate) fn create(http: SocketAddr) -> Result<Self, String> {
        // RabbitMQ remembers by name what is traced, also when the virtual host has gone.
        let description =
            json!({ "description": "a conversation of Leveret's oracle", "tracing": false });
        for _ in 0..NAMES.len() {
            let turn = NEXT_NAME.fetch_add(1, Ordering::Relaxed);
            let Some(name) = NAMES.chars().nth(turn % NAMES.len()) else { continue };
            let host = Self { http, name };
            if http::request(http, "PUT", &host.path(), &description.to_string())? == CREATED {
                return Ok(host);
            }
            // It is somebody else's, who removes it.
            std::mem::forget(host);
        }
        Err("all names for virtual hosts are taken; remove those that the oracle has left"
            .to_owned())
    }

    pub(crate) const fn name(&self) -> char {
        self.name
    }

    /// Its path in the HTTP API.
    pub(crate) fn path(&self) -> String {
        format!("/api/vhosts/{}", http::quoted(&self.name.to_string()))
    }

    fn remove(&self) -> Result<(), String> {
        if http::request(self.http, "DELETE", &self.path(), "")? == PRECONDITION_FAILED {
            let protection = format!("{}/deletion/protection", self.path());
            http::request(self.http, "DELETE", &protection, "")?;
            http::request(self.http, "DELETE", &self.path(), "")?;
        }
        Ok(())
    }
}

impl Drop for VirtualHost {
    fn drop(&mut self) {
        if let Err(reason) = self.remove() {
            eprintln!("oracle: the virtual host '{}' is left: {reason}", self.name);
        }
    }
}
