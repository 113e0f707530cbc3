//! Names of exchanges, queues and virtual hosts, valid from birth.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A name of at most [`Name::BYTES_MAX`] bytes. Cheap to clone; ordered by its bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

/// A name was longer than [`Name::BYTES_MAX`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameTooLong {
    /// How long it was.
    pub bytes: usize,
}

impl Name {
    /// The longest name that every protocol in view can carry (AMQP 0-9-1 short strings).
    pub const BYTES_MAX: usize = 255;

    /// Takes a name over, or says that it is too long.
    ///
    /// # Errors
    /// [`NameTooLong`] above [`Name::BYTES_MAX`] bytes.
    pub fn new(text: &str) -> Result<Self, NameTooLong> {
        if text.len() > Self::BYTES_MAX {
            return Err(NameTooLong { bytes: text.len() });
        }
        Ok(Self(Arc::from(text)))
    }

    /// A name known when the program is written.
    ///
    /// # Panics
    /// When it is too long, which is a mistake in the program.
    pub fn fixed(text: &'static str) -> Self {
        assert!(text.len() <= Self::BYTES_MAX, "a fixed name fits");
        Self(Arc::from(text))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for the empty name: the default exchange, or "the queue declared last".
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl TryFrom<String> for Name {
    type Error = NameTooLong;

    fn try_from(text: String) -> Result<Self, NameTooLong> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        Self::from(&*name.0)
    }
}

impl fmt::Display for NameTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a name has at most {} bytes, this one has {}", Name::BYTES_MAX, self.bytes)
    }
}

impl std::error::Error for NameTooLong {}
