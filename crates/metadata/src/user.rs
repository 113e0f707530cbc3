//! Who may log in.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use message::Name;
use serde::{Deserialize, Serialize};

/// Somebody who may log in, or would, had they a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name.
    pub name: Name,
    /// The password's hash in base64, as definitions files have it; empty for somebody who has none.
    pub password_hash: String,
    /// How it was made.
    pub hashing: Hashing,
    /// What the user may do beside permissions: `administrator`, `management`, …, or labels of the operator's own.
    #[serde(default)]
    pub tags: Vec<String>,
}

impl User {
    /// Whether the user has a tag.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|had| had == tag)
    }

    /// Whether the hash has the form that all hashes have. Whether it is of the hashing that the user claims is found
    /// when somebody logs in: RabbitMQ takes every base64, too.
    pub fn is_hash_readable(&self) -> bool {
        STANDARD.decode(&self.password_hash).is_ok()
    }
}

/// A hash is a secret: it can be tried against lists of passwords.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, password_hash: _, hashing, tags } = self;
        f.debug_struct("User")
            .field("name", name)
            .field("hashing", hashing)
            .field("tags", tags)
            .finish_non_exhaustive()
    }
}

/// How the hash of a password is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hashing {
    /// Four bytes of salt and the SHA-256 of salt and password.
    #[default]
    #[serde(rename = "rabbit_password_hashing_sha256")]
    Sha256,
    /// Four bytes of salt and the SHA-512 of salt and password.
    #[serde(rename = "rabbit_password_hashing_sha512")]
    Sha512,
    /// Four bytes of salt and the MD5 of salt and password.
    #[serde(rename = "rabbit_password_hashing_md5")]
    Md5,
    /// Argon2id, as a PHC string.
    #[serde(rename = "argon2id")]
    Argon2id,
}

impl Hashing {
    /// All of them, RabbitMQ's first.
    pub const ALL: [Self; 4] = [Self::Sha256, Self::Sha512, Self::Md5, Self::Argon2id];

    /// The name that definitions files have for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "rabbit_password_hashing_sha256",
            Self::Sha512 => "rabbit_password_hashing_sha512",
            Self::Md5 => "rabbit_password_hashing_md5",
            Self::Argon2id => "argon2id",
        }
    }

    /// The hashing of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hashing| hashing.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_printed_without_the_hash() {
        let user = User {
            name: Name::fixed("ann"),
            password_hash: "c2VjcmV0".to_owned(),
            hashing: Hashing::Sha256,
            tags: vec!["management".to_owned()],
        };
        assert!(user.is_hash_readable() && user.has_tag("management") && !user.has_tag("manage"));
        let printed = format!("{user:?}");
        assert!(printed.contains("ann") && !printed.contains("c2VjcmV0"), "{printed}");
        let strange = User { password_hash: "zzz".to_owned(), ..user };
        assert!(!strange.is_hash_readable());
    }

    #[test]
    fn hashings_have_the_same_name_everywhere() {
        for hashing in Hashing::ALL {
            assert_eq!(Hashing::parse(hashing.as_str()), Some(hashing));
            let kept = serde_json::to_string(&hashing).unwrap();
            assert_eq!(kept, format!("\"{}\"", hashing.as_str()));
        }
        assert_eq!(Hashing::parse("sha256"), None);
    }
}
