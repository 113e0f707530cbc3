//! The patterns of a topic exchange, as a tree of words.
//!
//! ```text
//!  patterns  a.b   a.*   a.#.c            root ─ a ─┬─ b      ends a.b
//!                                                   ├─ *      ends a.*
//!                                                   └─ # ─ c  ends a.#.c
//! ```
//!
//! A match walks the tree once. It takes along the set of positions in the routing key that the path from the root
//! can have consumed: one position without `#`, many below one. Each node so is visited at most once per message,
//! whatever the patterns are; trying `#` with every number of words in turn would take exponential time. As long as
//! there is one position, it is a number and not a set, which is what most patterns are about.

use std::sync::Arc;

use equivalent::Equivalent;
use imbl::OrdMap;

use crate::binding::SameKey;
use crate::exchange::words::{self, WORDS_MAX, Words};
use crate::key::{Key, KeyRef};

/// A set of patterns. Cloning it is one reference count; a change copies one path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trie {
    root: Option<Arc<Node>>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    words: Children,
    one: Option<Arc<Self>>,
    any_number: Option<Arc<Self>>,
    /// The bindings whose pattern ends here.
    end: Option<SameKey>,
}

/// The nodes below a node, by word. Most nodes have one or two, for which a map would be wasteful.
#[derive(Clone, Debug)]
enum Children {
    Few(Vec<(Key, Arc<Node>)>),
    Many(OrdMap<Key, Arc<Node>>),
}

/// How long the list of children may become before it is made a map.
const FEW: usize = 8;

impl Trie {
    /// Gives a pattern these bindings, instead of those that it may have had.
    pub(crate) fn set(&mut self, pattern: &Key, bindings: SameKey) {
        let mut node = Arc::make_mut(self.root.get_or_insert_default());
        for word in words::split(pattern.as_bytes()) {
            node = Arc::make_mut(node.child_mut(word));
        }
        node.end = Some(bindings);
    }

    /// Takes a pattern out, and with it the nodes that only it needed.
    pub(crate) fn remove(&mut self, pattern: &Key) {
        let Some(root) = &mut self.root else { return };
        if remove_below(root, &mut words::split(pattern.as_bytes())) {
            self.root = None;
        }
    }

    /// Calls `found` with the bindings of every pattern that matches, each once.
    pub(crate) fn for_each_match(&self, words: &Words<'_>, found: &mut impl FnMut(&SameKey)) {
        if let Some(root) = &self.root {
            root.visit_at(0, words, found);
        }
    }
}

impl Node {
    fn is_bare(&self) -> bool {
        self.end.is_none()
            && self.one.is_none()
            && self.any_number.is_none()
            && self.words.is_empty()
    }

    fn child_mut(&mut self, word: &[u8]) -> &mut Arc<Self> {
        match word {
            words::ONE => self.one.get_or_insert_default(),
            words::ANY_NUMBER => self.any_number.get_or_insert_default(),
            _ => self.words.get_or_insert(Key::new(word)),
        }
    }

    /// `position`: how many words of the key the path to this node has consumed. The recursion is as deep as the
    /// longest pattern has words.
    fn visit_at(&self, position: usize, words: &Words<'_>, found: &mut impl FnMut(&SameKey)) {
        if let Some(node) = &self.any_number {
            node.visit(Positions::all_from(position, words.len()), words, found);
        }
        if position == words.len() {
            if let Some(bindings) = &self.end {
                found(bindings);
            }
            return;
        }
        if let Some(node) = &self.one {
            node.visit_at(position + 1, words, found);
        }
        if let Some(node) = self.words.get(words.at(position)) {
            node.visit_at(position + 1, words, found);
        }
    }

    /// The same below a `#`. `reached`: how many words the path may have consumed.
    fn visit(&self, reached: Positions, words: &Words<'_>, found: &mut impl FnMut(&SameKey)) {
        if let Some(bindings) = self.end.as_ref().filter(|_| reached.contains(words.len())) {
            found(bindings);
        }
        if let Some(node) = &self.any_number {
            node.visit(reached.and_all_after(words.len()), words, found);
        }
        if let Some(node) = &self.one {
            let next = reached.each_plus_one(words.len());
            if !next.is_empty() {
                node.visit(next, words, found);
            }
        }
        if self.words.is_empty() {
            return;
        }
        let mut seen = Positions::NONE;
        for position in reached.iter().take_while(|position| *position < words.len()) {
            let first = words.first_like(position);
            if seen.contains(first) {
                continue;
            }
            seen.insert(first);
            if let Some(node) = self.words.get(words.at(position)) {
                node.visit(after_words_like(first, reached, words), words, found);
            }
        }
    }
}

/// The positions behind every word that stands at a reached position and equals the one at `first`.
fn after_words_like(first: usize, reached: Positions, words: &Words<'_>) -> Positions {
    let mut next = Positions::NONE;
    for position in reached.iter().take_while(|position| *position < words.len()) {
        if words.first_like(position) == first {
            next.insert(position + 1);
        }
    }
    next
}

/// Removes the rest of a pattern below `node`; true when the node is of no more use.
fn remove_below<'a>(node: &mut Arc<Node>, rest: &mut impl Iterator<Item = &'a [u8]>) -> bool {
    let node = Arc::make_mut(node);
    match rest.next() {
        None => node.end = None,
        Some(words::ONE) => remove_child(&mut node.one, rest),
        Some(words::ANY_NUMBER) => remove_child(&mut node.any_number, rest),
        Some(word) => node.words.remove_below(KeyRef::new(word), rest),
    }
    node.is_bare()
}

fn remove_child<'a>(child: &mut Option<Arc<Node>>, rest: &mut impl Iterator<Item = &'a [u8]>) {
    if child.as_mut().is_some_and(|node| remove_below(node, rest)) {
        *child = None;
    }
}

impl Default for Children {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Children {
    fn is_empty(&self) -> bool {
        match self {
            Self::Few(list) => list.is_empty(),
            Self::Many(map) => map.is_empty(),
        }
    }

    fn get(&self, word: KeyRef<'_>) -> Option<&Node> {
        match self {
            Self::Few(list) => {
                list.iter().find(|(key, _)| word.equivalent(key)).map(|(_, node)| &**node)
            }
            Self::Many(map) => map.get(&word).map(|node| &**node),
        }
    }

    fn get_or_insert(&mut self, word: Key) -> &mut Arc<Node> {
        if let Self::Few(list) = self
            && list.len() == FEW
            && list.iter().all(|(key, _)| *key != word)
        {
            *self = Self::Many(std::mem::take(list).into_iter().collect());
        }
        match self {
            Self::Few(list) => {
                let place = list.iter().position(|(key, _)| *key == word).unwrap_or_else(|| {
                    list.push((word, Arc::default()));
                    list.len() - 1
                });
                &mut list[place].1
            }
            Self::Many(map) => map.entry(word).or_default(),
        }
    }

    /// A map does not become a list again: it shrinks with what is in it.
    fn remove_below<'a>(&mut self, word: KeyRef<'_>, rest: &mut impl Iterator<Item = &'a [u8]>) {
        match self {
            Self::Few(list) => {
                let Some(place) = list.iter().position(|(key, _)| key.borrowed() == word) else {
                    return;
                };
                if remove_below(&mut list[place].1, rest) {
                    list.swap_remove(place);
                }
            }
            Self::Many(map) => {
                if map.get_mut(&word).is_some_and(|node| remove_below(node, rest)) {
                    map.remove(&word);
                }
            }
        }
    }
}

/// One bit for each position: there is one more of them than words.
const LIMBS: usize = WORDS_MAX / 64 + 1;

/// A set of positions between the words of a key, from 0 (before the first) to their number (behind the last).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Positions([u64; LIMBS]);

impl Positions {
    const NONE: Self = Self([0; LIMBS]);

    /// The positions from `first` to `last`.
    fn all_from(first: usize, last: usize) -> Self {
        let mut all = Self::NONE;
        (first..=last).for_each(|position| all.insert(position));
        all
    }

    fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    fn contains(&self, position: usize) -> bool {
        self.0[position / 64] & (1 << (position % 64)) != 0
    }

    fn insert(&mut self, position: usize) {
        self.0[position / 64] |= 1 << (position % 64);
    }

    /// The positions in ascending order.
    fn iter(mut self) -> impl Iterator<Item = usize> {
        std::iter::from_fn(move || {
            let index = self.0.iter().position(|limb| *limb != 0)?;
            let limb = &mut self.0[index];
            let bit = limb.trailing_zeros() as usize;
            *limb &= *limb - 1;
            Some(index * 64 + bit)
        })
    }

    /// What can be reached by one word more.
    fn each_plus_one(self, last: usize) -> Self {
        let mut next = Self::NONE;
        self.iter().take_while(|position| *position < last).for_each(|p| next.insert(p + 1));
        next
    }

    /// What can be reached by any number of words more.
    fn and_all_after(self, last: usize) -> Self {
        let mut next = self;
        if let Some(earliest) = self.iter().next() {
            (earliest..=last).for_each(|position| next.insert(position));
        }
        next
    }
}
