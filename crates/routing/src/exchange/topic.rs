//! Topic: keys are words between dots; in a binding key `*` stands for one word and `#` for any number of them.
//!
//! A word may be empty: `a..b` has three, and `.` has two empty ones. The empty key has no word at all, so that
//! `#` matches it and `*` does not. A `*` or `#` that is only part of a word is an ordinary letter. All this is as
//! in RabbitMQ.

use crate::binding::ExchangeId;
use crate::exchange::trie::Trie;
use crate::exchange::words::{self, Words};
use crate::invalid::Invalid;
use crate::targets::Targets;

pub(crate) fn check(key: &[u8]) -> Result<(), Invalid> {
    let count = words::split(key).filter(|word| *word == words::ANY_NUMBER).count();
    if count > Invalid::HASH_WORDS_MAX {
        return Err(Invalid::HashWords { key: key.to_vec(), count });
    }
    Ok(())
}

pub(crate) fn route(patterns: &Trie, start: ExchangeId, keys: &[&[u8]], targets: &mut Targets) {
    let mut cuts = std::mem::take(&mut targets.cuts);
    for key in keys {
        let words = Words::cut(key, &mut cuts);
        patterns.for_each_match(&words, &mut |bindings| {
            bindings.for_each_destination(|destination| targets.add(start, destination));
        });
    }
    targets.cuts = cuts;
}
