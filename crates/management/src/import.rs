//! Running a plan: the steps from a definitions file to what it says.
//!
//! ```text
//!   settings, exchanges ─→ queues, on all shards in turn ─→ bindings
//! ```
//!
//! Many steps are under way at a time, so that one sync of the disk is for many; what a step rests on has ended before.

use std::collections::VecDeque;

use ::definitions::{Operation, Password, Plan};
use broker::{Refusal, Verb};
use metadata::{Change, User};

use crate::desk::Desk;
use crate::failure::Failure;
use crate::{login, users};

/// So many steps are asked of a shard in one turn: few enough to leave time for messages.
const STEPS_AT_ONCE: usize = 64;

/// Does what a plan says, as far as it goes.
///
/// # Errors
/// The first refusal, with the object that it is about. If that hangs on what is there, what stood before it in the plan
/// has been done; otherwise nothing has.
pub(crate) async fn run(desk: &Desk, plan: Plan) -> Result<(), Failure> {
    if let Some((subject, refusal)) = plan.find_fault() {
        return Err(refused(&subject, &refusal));
    }
    for notice in &plan.notices {
        tracing::warn!("definitions: {notice}");
    }
    let count = plan.operations.len();
    let mut shard = 0;
    let mut left: VecDeque<_> = plan.operations.into();
    while let Some(first) = left.front() {
        let (stage, is_spread) = (first.stage(), first.is_spread());
        let mut steps = Vec::new();
        while let Some(next) =
            left.pop_front_if(|next| next.stage() == stage && steps.len() < STEPS_AT_ONCE)
        {
            steps.push(next);
        }
        let home = if is_spread { shard } else { 0 };
        shard = (shard + 1) % desk.shard_count();
        batch(desk, home, steps).await?;
    }
    tracing::info!(steps = count, "definitions are imported");
    Ok(())
}

async fn batch(desk: &Desk, shard: usize, steps: Vec<Operation>) -> Result<(), Failure> {
    let mut verbs = Vec::with_capacity(steps.len());
    let mut subjects = Vec::with_capacity(steps.len());
    for step in steps {
        subjects.push((step.subject(), step.may_exist()));
        verbs.push(match step {
            Operation::Ask(verb) => verb,
            Operation::SetPassword(password) => user_of(desk, password).await?,
        });
    }
    let ends = desk.operate_all(shard, verbs).await?;
    for (end, (subject, may_exist)) in ends.into_iter().zip(subjects) {
        match end {
            Err(refusal) if may_exist && ::definitions::is_there(&refusal) => {
                tracing::warn!(
                    "definitions: {subject} exists with other properties; left as it is"
                );
            }
            Err(refusal) => return Err(refused(&subject, &refusal)),
            Ok(_) => {}
        }
    }
    Ok(())
}

fn refused(subject: &str, refusal: &Refusal) -> Failure {
    Failure::bad(format!("{subject}: {}", proto_amqp091::refusal_words(refusal).1))
}

/// A user with the hash of a password.
async fn user_of(desk: &Desk, password: Password) -> Result<Verb, Failure> {
    let Password { user: name, tags, password } = password;
    users::must_do(desk, &password)?;
    let (password_hash, hashing) = login::hash(desk, &password).await?;
    Ok(Verb::Administer(Box::new(Change::SetUser(User { name, password_hash, hashing, tags }))))
}
