//! Definitions files that are imported at every start, before anybody is served.

use std::fs;
use std::path::{Path, PathBuf};

use broker::{Refusal, Verb};
use config::Config;
use definitions::{Operation, Plan, Scope};
use metadata::{Change, Hashing, PasswordRule, User};
use node::Boot;
use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::disk::FsDisk;

/// The global parameter that remembers which files were imported. Names that begin so are not exported.
const IMPORTED: &str = "internal_imported_definitions";
/// So many steps are under way at a time.
const STEPS_AT_ONCE: usize = 1024;

/// Where the files are; `None` for none.
pub(crate) fn configured(config: &Config) -> Option<&str> {
    let path = config.definitions.path.as_deref();
    path.or(config.management.load_definitions.as_deref())
}

/// Imports all files, or says which of them cannot be, and why.
pub(crate) fn load(config: &Config, boot: &mut Boot, disk: &mut FsDisk) -> Result<(), String> {
    let Some(path) = configured(config) else { return Ok(()) };
    let files = read(Path::new(path))?;
    let mut digest = Sha256::new();
    files.iter().for_each(|(_, bytes)| digest.update(bytes));
    let digest: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let topology = boot.shards[0].broker().topology();
    let known = topology.definitions().global_parameters().find(|(name, _)| *name == IMPORTED);
    if config.definitions.skips_unchanged && known.is_some_and(|(_, known)| *known == digest) {
        tracing::info!(path, "definitions are the same as the last time; not imported again");
        return Ok(());
    }
    let passwords = Passwords {
        hashing: Hashing::parse(&config.accounts.password_hashing).unwrap_or_default(),
        rule: password_rule(config),
    };
    for (file, bytes) in files {
        let told = |problem: String| format!("definitions file {}: {problem}", file.display());
        let topology = boot.shards[0].broker().topology();
        let scope = Scope::Node { acting_user: None };
        let plan = definitions::read(&bytes, &scope, topology);
        run(boot, disk, plan.map_err(|invalid| told(invalid.to_string()))?, &passwords)
            .map_err(told)?;
        tracing::info!(file = %file.display(), "definitions are imported");
    }
    let change = Change::SetGlobalParameter { name: IMPORTED.to_owned(), value: digest.into() };
    let plan = Plan {
        operations: vec![Operation::Ask(Verb::Administer(Box::new(change)))],
        ..Plan::default()
    };
    run(boot, disk, plan, &passwords)
}

/// What passwords have to be like.
pub(crate) fn password_rule(config: &Config) -> PasswordRule {
    let rule = &config.accounts.password_rule;
    let bytes_min = rule.length_min.unwrap_or(0) as usize;
    PasswordRule::new(bytes_min, rule.pattern.as_deref())
        .expect("a pattern is checked when it is read")
}

/// How passwords are kept that stand in a file as they are, and what they have to be like.
struct Passwords {
    hashing: Hashing,
    rule: PasswordRule,
}

/// A file, or all files of a directory in the order of their names.
fn read(path: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, String> {
    let refused = |path: &Path, error| {
        format!("definitions {} cannot be read: {error}; see load_definitions", path.display())
    };
    let mut paths = vec![path.to_owned()];
    if path.is_dir() {
        let entries = fs::read_dir(path).map_err(|error| refused(path, error))?;
        paths = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()
            .map_err(|error| refused(path, error))?;
        paths.retain(|path| path.is_file());
        paths.sort();
    }
    let read = |path: PathBuf| match fs::read(&path) {
        Ok(bytes) => Ok((path, bytes)),
        Err(error) => Err(refused(&path, error)),
    };
    paths.into_iter().map(read).collect()
}

/// Does what a plan says, or says which step was refused.
fn run(
    boot: &mut Boot,
    disk: &mut FsDisk,
    plan: Plan,
    passwords: &Passwords,
) -> Result<(), String> {
    plan.notices.iter().for_each(|notice| tracing::warn!("definitions: {notice}"));
    if let Some((subject, refusal)) = plan.find_fault() {
        return Err(format!("{subject}: {}", words(&refusal)));
    }
    let shards = boot.shards.len();
    let mut left = plan.operations.into_iter().peekable();
    while let Some(first) = left.peek() {
        let stage = first.stage();
        let (mut subjects, mut verbs) = (Vec::new(), Vec::new());
        while let Some(step) =
            left.next_if(|step| step.stage() == stage && verbs.len() < STEPS_AT_ONCE)
        {
            subjects.push((step.subject(), step.may_exist()));
            let shard = if step.is_spread() { verbs.len() % shards } else { 0 };
            verbs.push((shard, verb(step, passwords)?));
        }
        let ends = node::operate_alone(&mut boot.shards, disk, Clock::wall_ms(), verbs);
        let ends = ends.map_err(|fault| fault.to_string())?;
        for (end, (subject, may_exist)) in ends.into_iter().zip(subjects) {
            match end {
                Err(refusal) if may_exist && definitions::is_there(&refusal) => {
                    tracing::warn!("{subject} exists with other properties; left as it is");
                }
                Err(refusal) => return Err(format!("{subject}: {}", words(&refusal))),
                Ok(_) => {}
            }
        }
    }
    Ok(())
}

fn verb(step: Operation, passwords: &Passwords) -> Result<Verb, String> {
    match step {
        Operation::Ask(verb) => Ok(verb),
        Operation::SetPassword(password) => {
            if !passwords.rule.allows(&password.password) {
                return Err(format!(
                    "user '{}': the password is not as credential_validator wants it",
                    password.user
                ));
            }
            let hashing = passwords.hashing;
            let password_hash = hashed(&password.password, hashing)?;
            let user = User { name: password.user, password_hash, hashing, tags: password.tags };
            Ok(Verb::Administer(Box::new(Change::SetUser(user))))
        }
    }
}

/// The hash of a password that stands in a file, with a salt that nobody else has.
pub(crate) fn hashed(password: &str, hashing: Hashing) -> Result<String, String> {
    let mut salt = [0; auth::SALT_BYTES];
    rustix::rand::getrandom(&mut salt, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| format!("the system gives no random numbers: {error}"))?;
    Ok(auth::hash(password.as_bytes(), hashing, salt))
}

fn words(refusal: &Refusal) -> String {
    proto_amqp091::refusal_words(refusal).1
}
