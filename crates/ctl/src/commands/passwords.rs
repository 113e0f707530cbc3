//! Passwords: whether one is right, and what its hash is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

use crate::call::Call;
use crate::command::{CTL_AND_DIAGNOSTICS, Command, Section, command, text};
use crate::failure::{Failure, code};
use crate::output::Output;
use crate::server::reason;

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Users,
        "authenticate_user",
        "<username> <password>",
        "Tells whether a user logs in with that password",
        authenticate,
    )
    .takes(1, 2)
    .secret()
    .says(|call| format!("Authenticating user \"{}\" ...", call.argument(0))),
    command(
        Section::Users,
        "hash_password",
        "<cleartext_password> [--hashing-algorithm <algorithm>]",
        "Hashes a password, for add_user --pre-hashed-password and definitions",
        hash,
    )
    .takes(0, 1)
    .with(&[text("hashing-algorithm", "sha256 (if it is not said) or sha512")])
    .secret()
    .of(CTL_AND_DIAGNOSTICS)
    .checks(check_algorithm)
    .says(|_| "Will hash provided password".to_owned()),
];

fn password(call: &Call<'_>, index: usize, code: u8) -> Result<String, Failure> {
    if let Some(password) = call.arguments().get(index) {
        return Ok(password.clone());
    }
    match call.ask("Password")? {
        password if password.is_empty() => {
            Err(Failure::stated(code, "Password is not provided via argument or stdin"))
        }
        password => Ok(password),
    }
}

fn authenticate(call: &Call<'_>) -> Result<Output, Failure> {
    let user = call.argument(0);
    let password = password(call, 1, code::SOFTWARE)?;
    let body = json!({ "username": user, "password": password });
    let answer = call.server.raw("POST", "/leveret/authenticate", Some(&body), "")?;
    match answer.status {
        200 => return Ok(Output::text("Success")),
        401 if reason(&answer) == "invalid credentials" => return Err(wrong(user)),
        // RabbitMQ does not have it.
        404 | 405 => {}
        _ => return Err(Failure::unavailable(reason(&answer))),
    }
    // The API is asked who this is; a user without a tag is told so only after the password was right.
    let login = STANDARD.encode(format!("{user}:{password}"));
    let answer =
        call.server.raw("GET", "/whoami", None, &format!("Authorization: Basic {login}\r\n"))?;
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let is_right = match answer.status {
        // The local socket may answer without looking at the password.
        200 => document["name"] == json!(user),
        401 => reason(&answer).contains("management user"),
        _ => false,
    };
    if is_right {
        return Ok(Output::text("Success"));
    }
    if answer.status == 200 {
        return Err(Failure::unavailable(
            "the local socket does not check passwords; name the HTTP API with --uri",
        ));
    }
    Err(wrong(user))
}

fn wrong(user: &str) -> Failure {
    Failure::stated(
        code::DATA,
        format!(
            "Error: failed to authenticate user \"{user}\"\nuser '{user}' - invalid credentials"
        ),
    )
}

fn check_algorithm(call: &Call<'_>) -> Result<(), Failure> {
    match call.option("hashing-algorithm") {
        None
        | Some(
            "sha256"
            | "sha512"
            | "rabbit_password_hashing_sha256"
            | "rabbit_password_hashing_sha512",
        ) => Ok(()),
        Some(other) => Err(Failure::argument(format!("unsupported hashing algorithm: {other}"))),
    }
}

fn hash(call: &Call<'_>) -> Result<Output, Failure> {
    let password = password(call, 0, code::UNAVAILABLE)?;
    let mut salt = [0; 4];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut random| std::io::Read::read_exact(&mut random, &mut salt))
        .map_err(|fault| Failure::stated(code::SOFTWARE, format!("no random salt: {fault}")))?;
    let is_long = call.option("hashing-algorithm").is_some_and(|name| name.ends_with("512"));
    Ok(Output::text(hashed(&password, salt, is_long)))
}

/// RabbitMQ's form: the salt, then the hash of salt and password, in base64.
fn hashed(password: &str, salt: [u8; 4], is_long: bool) -> String {
    let salted = [&salt, password.as_bytes()].concat();
    let mut bytes = salt.to_vec();
    if is_long {
        bytes.extend_from_slice(&Sha512::digest(salted));
    } else {
        bytes.extend_from_slice(&Sha256::digest(salted));
    }
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_that_rabbitmq_makes() {
        let known = "wgfjyo3qD5EvCuSkDdYWYaoOu5b8BnXDzJ09NQfH/pn32qLR";
        let salt = STANDARD.decode(known).unwrap()[..4].try_into().unwrap();
        assert_eq!(hashed("abc", salt, false), known);
        let known = "cm3KDtOgPUsXb9fIUaOry+peX7beF/SxvMAz7qbBpJjXHkgTbutafQPscx2N1Q8ebskyKo/u4yN5fuE7KgwbE2+5FD8=";
        let salt = STANDARD.decode(known).unwrap()[..4].try_into().unwrap();
        assert_eq!(hashed("abc", salt, true), known);
    }
}
