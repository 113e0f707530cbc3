//! How passwords are kept: as RabbitMQ keeps them, so that accounts move over with their passwords.
//!
//! ```text
//!  | salt, 4 bytes | SHA-256 of salt and password, 32 bytes |      in base64: `password_hash` of a definitions file
//! ```

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const SALT_BYTES: usize = 4;
const DIGEST_BYTES: usize = 32;

/// A salted hash of a password (`rabbit_password_hashing_sha256`).
#[derive(Clone)]
pub struct PasswordHash {
    salt: [u8; SALT_BYTES],
    digest: [u8; DIGEST_BYTES],
}

impl PasswordHash {
    /// How many bytes [`PasswordHash::to_bytes`] gives.
    pub const BYTES: usize = SALT_BYTES + DIGEST_BYTES;

    /// Hashes a password with a salt, which should be random and used for this password only.
    pub fn new(password: &[u8], salt: [u8; SALT_BYTES]) -> Self {
        Self { salt, digest: digest(password, salt) }
    }

    /// Takes over a hash that was kept.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut hash = Self { salt: [0; SALT_BYTES], digest: [0; DIGEST_BYTES] };
        let (salt, digest) = bytes.split_at(SALT_BYTES);
        hash.salt.copy_from_slice(salt);
        hash.digest.copy_from_slice(digest);
        hash
    }

    /// The salt and the digest, to be kept.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (salt, digest) = bytes.split_at_mut(SALT_BYTES);
        salt.copy_from_slice(&self.salt);
        digest.copy_from_slice(&self.digest);
        bytes
    }

    /// Whether this is the password, in a time that does not depend on how much of it is right.
    pub fn verify(&self, password: &[u8]) -> bool {
        digest(password, self.salt).ct_eq(&self.digest).into()
    }
}

/// A hash is a secret too: it can be tried against lists of passwords.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash { .. }")
    }
}

fn digest(password: &[u8], salt: [u8; SALT_BYTES]) -> [u8; DIGEST_BYTES] {
    Sha256::new().chain_update(salt).chain_update(password).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RabbitMQ's manual, "Credentials and Passwords": salt 908DC60A, password test12.
    const EXAMPLE: [u8; PasswordHash::BYTES] = [
        0x90, 0x8d, 0xc6, 0x0a, 0xa5, 0xb9, 0x24, 0xb3, 0x09, 0x6b, 0x88, 0x97, 0xd6, 0x5a, 0x3b,
        0x5f, 0x80, 0xfa, 0x5d, 0xb6, 0x2a, 0x94, 0xb8, 0x31, 0x22, 0xcd, 0xf4, 0xf8, 0xfe, 0xad,
        0x10, 0xd5, 0x15, 0xd8, 0xf3, 0x91,
    ];

    #[test]
    fn hashes_are_those_of_rabbitmq() {
        assert_eq!(PasswordHash::new(b"test12", [0x90, 0x8d, 0xc6, 0x0a]).to_bytes(), EXAMPLE);
    }

    #[test]
    fn a_kept_hash_knows_its_password() {
        let kept = PasswordHash::from_bytes(&EXAMPLE);
        assert!(kept.verify(b"test12"));
        assert!(!kept.verify(b"test13"));
        assert!(!kept.verify(b""));
        assert_eq!(format!("{kept:?}"), "PasswordHash { .. }");
    }
}
