//! What a client got from the node, frame by frame put together.

use std::fmt;

use wire_amqp091::Properties;
use wire_amqp091::method::Method;

use crate::action::PROPERTIES;
use crate::fields::{Field, fields, property, show, show_text};

/// The content of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The property bytes.
    pub properties: Vec<u8>,
    /// The body.
    pub body: Vec<u8>,
    /// In how many frames the body came.
    pub body_frames: usize,
}

/// Something that came from the node.
#[derive(Clone, PartialEq, Eq)]
pub enum Received {
    /// A protocol header.
    Header([u8; 8]),
    /// A sign of life.
    Heartbeat,
    /// A method, as the payload of its frame, and the content that came with it.
    Method {
        /// The payload, which is known to be one.
        payload: Vec<u8>,
        /// The content.
        content: Option<Content>,
    },
    /// The node has closed the socket.
    Closed,
}

impl Received {
    /// The method, if it is one.
    pub fn method(&self) -> Option<Method<'_>> {
        match self {
            Self::Method { payload, .. } => {
                Some(Method::decode(payload).expect("the client has decoded it before"))
            }
            _ => None,
        }
    }

    /// The content, if there is any.
    pub const fn content(&self) -> Option<&Content> {
        match self {
            Self::Method { content, .. } => content.as_ref(),
            _ => None,
        }
    }
}

/// As a transcript would write it.
impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(bytes) => write!(f, "the protocol header {bytes:02x?}"),
            Self::Heartbeat => f.write_str("heartbeat"),
            Self::Closed => f.write_str("close"),
            Self::Method { payload, content } => {
                let method = Method::decode(payload).map_err(|_| fmt::Error)?;
                f.write_str(method.name())?;
                for (name, field) in fields(&method) {
                    write!(f, " {name}={}", show(&field))?;
                }
                let Some(content) = content else { return Ok(()) };
                let properties = Properties::decode(&content.properties).map_err(|_| fmt::Error)?;
                for name in PROPERTIES {
                    match property(&properties, name) {
                        None | Some(Field::Absent) => {}
                        Some(field) => write!(f, " {name}={}", show(&field))?,
                    }
                }
                write!(f, " {}", show_text(&content.body))
            }
        }
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
