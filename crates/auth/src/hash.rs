//! How passwords are kept: as RabbitMQ keeps them, so that accounts move over with their passwords, or better.
//!
//! ```text
//!  sha256, sha512, md5   base64 of  | salt, 4 bytes | digest of salt and password |
//!  argon2id              base64 of  $argon2id$v=19$m=…,t=…,p=…$salt$digest            (a PHC string)
//! ```

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use metadata::Hashing;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

/// How many random bytes [`hash`] wants.
pub const SALT_BYTES: usize = 16;
/// How many of them RabbitMQ's hashes have.
const SHORT_SALT_BYTES: usize = 4;

/// What Argon2id costs: 19 MiB and two passes, which is OWASP's choice.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// What a hash that was made elsewhere may cost at most: more would be a way to stop the broker.
const MEMORY_KIB_MAX: u32 = 256 * 1024;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 16;

/// Hashes a password with a salt, which should be random and used for this password only. With [`Hashing::Argon2id`]
/// that takes tens of milliseconds.
pub fn hash(password: &[u8], hashing: Hashing, salt: [u8; SALT_BYTES]) -> String {
    let [a, b, c, d, ..] = salt;
    let short = [a, b, c, d];
    match hashing {
        Hashing::Sha256 => salted::<Sha256>(password, short),
        Hashing::Sha512 => salted::<Sha512>(password, short),
        Hashing::Md5 => salted::<Md5>(password, short),
        Hashing::Argon2id => {
            let salt = SaltString::encode_b64(&salt).expect("16 bytes are a good salt");
            let hash = argon2id().hash_password(password, &salt);
            STANDARD.encode(hash.expect("the parameters are good").to_string())
        }
    }
}

/// Whether this is the password of that hash, in a time that does not depend on how much of it is right. A hash that
/// cannot be read has no password.
pub fn verify(hash: &str, hashing: Hashing, password: &[u8]) -> bool {
    let Ok(kept) = STANDARD.decode(hash) else { return false };
    match hashing {
        Hashing::Sha256 => is_salted::<Sha256>(&kept, password),
        Hashing::Sha512 => is_salted::<Sha512>(&kept, password),
        Hashing::Md5 => is_salted::<Md5>(&kept, password),
        Hashing::Argon2id => is_argon2id(&kept, password),
    }
}

/// Whether a password is looked at in microseconds rather than in tens of milliseconds.
pub const fn is_quick(hashing: Hashing) -> bool {
    !matches!(hashing, Hashing::Argon2id)
}

/// Does the work of one Argon2id, for nothing: it hides that there is nothing to be verified.
pub(crate) fn pretend(password: &[u8]) {
    let mut digest = [0; 32];
    let done = argon2id().hash_password_into(password, &[0; SALT_BYTES], &mut digest);
    std::hint::black_box((done.is_ok(), digest));
}

fn argon2id() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).expect("the parameters are good");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn is_argon2id(kept: &[u8], password: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(kept) else { return false };
    let Ok(hash) = PasswordHash::new(text) else { return false };
    let Ok(params) = Params::try_from(&hash) else { return false };
    let is_bearable = params.m_cost() <= MEMORY_KIB_MAX
        && params.t_cost() <= PASSES_MAX
        && params.p_cost() <= LANES_MAX;
    is_bearable && argon2id().verify_password(password, &hash).is_ok()
}

fn salted<D: Digest>(password: &[u8], salt: [u8; SHORT_SALT_BYTES]) -> String {
    let digest = D::new().chain_update(salt).chain_update(password).finalize();
    let mut bytes = salt.to_vec();
    bytes.extend_from_slice(&digest);
    STANDARD.encode(bytes)
}

fn is_salted<D: Digest>(kept: &[u8], password: &[u8]) -> bool {
    let Some((salt, expected)) = kept.split_at_checked(SHORT_SALT_BYTES) else { return false };
    let digest = D::new().chain_update(salt).chain_update(password).finalize();
    digest.ct_eq(expected).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RabbitMQ's manual, "Credentials and Passwords": salt 908DC60A, password test12.
    const EXAMPLE: &str = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";
    const SALT: [u8; SALT_BYTES] =
        [0x90, 0x8d, 0xc6, 0x0a, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

    #[test]
    fn hashes_are_those_of_rabbitmq() {
        assert_eq!(hash(b"test12", Hashing::Sha256, SALT), EXAMPLE);
        assert!(verify(EXAMPLE, Hashing::Sha256, b"test12"));
        assert!(!verify(EXAMPLE, Hashing::Sha512, b"test12"));
    }

    #[test]
    fn every_hash_knows_its_password() {
        for hashing in Hashing::ALL {
            let kept = hash(b"secret", hashing, SALT);
            assert!(verify(&kept, hashing, b"secret"), "{hashing:?}");
            assert!(!verify(&kept, hashing, b"Secret"), "{hashing:?}");
            assert!(!verify(&kept, hashing, b""), "{hashing:?}");
            assert!(!kept.contains("secret"));
        }
    }

    #[test]
    fn what_is_no_hash_has_no_password() {
        let costly = STANDARD.encode(
            "$argon2id$v=19$m=4194304,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        );
        for hashing in Hashing::ALL {
            for kept in ["", "AAA=", "no base64", EXAMPLE, costly.as_str()] {
                assert!(!verify(kept, hashing, b""), "{hashing:?} {kept}");
            }
        }
    }
}
