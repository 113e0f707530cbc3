//! Something that only this process knows.

use std::fmt;

use sha2::{Digest, Sha256};

/// Random bytes, from which tokens are made that nobody else can make.
#[derive(Clone)]
pub struct Secret([u8; Self::BYTES]);

impl Secret {
    /// How many bytes it has.
    pub const BYTES: usize = 32;

    /// A secret of these bytes, which have to be random and known to nobody.
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The token for `purpose`: the same for the same purpose, and of no use for guessing that of another one.
    pub fn token(&self, purpose: [u64; 3]) -> u128 {
        let mut hash = Sha256::new_with_prefix(self.0);
        purpose.iter().for_each(|number| hash.update(number.to_le_bytes()));
        let digest: [u8; 32] = hash.finalize().into();
        let (half, _) = digest.split_at(16);
        u128::from_le_bytes(half.try_into().expect("a half has 16 bytes"))
    }

    /// The token for what lies in these parts: nobody else can make it, or learn from it what they were.
    pub(crate) fn seal(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(self.0);
        for part in parts {
            // With its length in front, no part can pass for two.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret { .. }")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_depend_on_secret_and_purpose() {
        let secret = Secret::new([1; Secret::BYTES]);
        assert_eq!(secret.token([1, 2, 3]), secret.token([1, 2, 3]));
        assert_ne!(secret.token([1, 2, 3]), secret.token([1, 2, 4]));
        assert_ne!(secret.token([1, 2, 3]), Secret::new([2; Secret::BYTES]).token([1, 2, 3]));
        assert_eq!(format!("{secret:?}"), "Secret { .. }");
    }
}
