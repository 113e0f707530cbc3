//! A node before anybody is served: an operator asks, and the answers are waited for.
//!
//! The turns are those of every node, but shard after shard in one place, with a disk that does at once what it is asked.

use std::collections::VecDeque;
use std::sync::mpsc;

use broker::{Answer, Mail, Refusal, Verb};
use message::ShardId;
use stdx::Time;
use store::{Completion, Disk, Fault};

use crate::shard::Shard;

/// What is on its way to a shard.
#[derive(Default)]
struct Post {
    mail: VecDeque<Vec<Mail>>,
    completions: VecDeque<Completion>,
}

/// Has all of `verbs` done, each by the shard with that index, `now_ms` milliseconds after 1970. The ends stand in the
/// order of the verbs; those that rest on each other are asked for one call after the other. Everything is on disk when
/// this returns.
///
/// # Errors
/// [`Fault`] when the disk fails: nothing may be served then.
pub fn operate_alone(
    shards: &mut [Shard],
    disk: &mut dyn Disk,
    now_ms: u64,
    verbs: Vec<(usize, Verb)>,
) -> Result<Vec<Result<Answer, Refusal>>, Fault> {
    let count = verbs.len();
    let (sender, receiver) = mpsc::channel();
    for (index, (shard, verb)) in verbs.into_iter().enumerate() {
        let sender = sender.clone();
        // The receiver lives as long as the shards are asked.
        let answer = move |end| drop(sender.send((index, end)));
        shards[shard].operate(verb, Box::new(answer));
    }
    let mut posts: Vec<Post> = shards.iter().map(|_| Post::default()).collect();
    while turn_all(shards, &mut posts, disk, now_ms)? {}
    let mut ends: Vec<_> = receiver.try_iter().collect();
    assert_eq!(ends.len(), count, "everything that an operator asks for has an end");
    ends.sort_by_key(|(index, _)| *index);
    Ok(ends.into_iter().map(|(_, end)| end).collect())
}

/// One turn of every shard. Returns whether anything was done.
fn turn_all(
    shards: &mut [Shard],
    posts: &mut [Post],
    disk: &mut dyn Disk,
    now_ms: u64,
) -> Result<bool, Fault> {
    let now = Time::ZERO;
    let mut is_busy = false;
    for index in 0..shards.len() {
        let (shard, post) = (&mut shards[index], &mut posts[index]);
        is_busy |= !post.mail.is_empty() || !post.completions.is_empty();
        shard.begin_turn(now, now_ms);
        post.mail.drain(..).for_each(|batch| shard.deliver_mail(batch));
        for completion in post.completions.drain(..) {
            shard.complete(completion)?;
        }
        shard.work(now);
        for (to, post) in posts.iter_mut().enumerate().filter(|(to, _)| *to != index) {
            let to = ShardId::try_from(to).expect("a node has at most 256 shards");
            while let Some(batch) = shard.poll_mail(to) {
                is_busy = true;
                post.mail.push_back(batch);
            }
        }
        while let Some(submission) = shard.poll_submission(now) {
            is_busy = true;
            posts[index].completions.push_back(submission.execute(disk));
        }
        is_busy |= shard.broker().has_rest();
    }
    Ok(is_busy)
}
