//! The bindings of a hash or random exchange: one of them is chosen by a number.
//!
//! ```text
//!   bindings in the order in which they were made     a      b          c
//!   how many buckets each has                         1      3          1
//!   buckets                                          [0]  [1  2  3]    [4]
//! ```
//!
//! The order is part of what a user sees: with the same bindings made in the same order, a message goes to the same
//! queue as in RabbitMQ, and after a restart to the same queue as before it.
//!
//! The bindings stand in a tree that is searched by bucket: a node knows how many buckets there are below it. Which
//! node is the root of which follows from a number drawn from a binding's place (a *treap*), so that the tree is as
//! deep as the logarithm of its size, whatever is added and removed. Clones share their nodes.

use std::sync::Arc;

use imbl::OrdMap;

use crate::binding::{BeforeDestination, Binding, ByDestination};

#[derive(Clone, Debug, Default)]
pub(crate) struct Ring {
    root: Branch,
    /// Where each binding stands.
    places: OrdMap<ByDestination, u64>,
    next_place: u64,
}

type Branch = Option<Arc<Node>>;

#[derive(Clone, Debug)]
struct Node {
    place: u64,
    /// How many buckets it has.
    weight: u64,
    /// How many buckets it and all below it have.
    total: u64,
    binding: Arc<Binding>,
    left: Branch,
    right: Branch,
}

impl Ring {
    /// How many buckets there are.
    pub(crate) fn len(&self) -> u64 {
        total(&self.root)
    }

    /// The binding that has this bucket.
    pub(crate) fn at(&self, mut bucket: u64) -> Option<&Arc<Binding>> {
        let mut branch = &self.root;
        while let Some(node) = branch {
            let left = total(&node.left);
            if bucket < left {
                branch = &node.left;
            } else if bucket < left + node.weight {
                return Some(&node.binding);
            } else {
                bucket -= left + node.weight;
                branch = &node.right;
            }
        }
        None
    }

    /// The bindings, in the order in which they were made.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Binding>> {
        let mut open = Vec::new();
        let mut branch = &self.root;
        std::iter::from_fn(move || {
            while let Some(node) = branch {
                open.push(node);
                branch = &node.left;
            }
            let node = open.pop()?;
            branch = &node.right;
            Some(&node.binding)
        })
    }

    /// Adds a binding that is not there, behind all others, with one bucket.
    pub(crate) fn insert(&mut self, binding: &Arc<Binding>) {
        self.push(binding, 1);
    }

    /// Takes a binding out that is there.
    pub(crate) fn remove(&mut self, binding: &Arc<Binding>) {
        let place = self.places.remove(&ByDestination::new(Arc::clone(binding)));
        remove(&mut self.root, place.expect("the binding is there"));
    }

    /// Adds a binding that is not there, behind all others, with `weight` buckets. Of several bindings to one
    /// destination only the first has any, as in RabbitMQ.
    pub(crate) fn insert_once(&mut self, binding: &Arc<Binding>, weight: u64) {
        let is_first = self.first_to(binding).is_none();
        self.push(binding, if is_first { weight } else { 0 });
    }

    /// Takes a binding out that is there. When others lead to the same destination, the first of them has buckets
    /// from then on, as many as `weight` says. (In RabbitMQ the destination gets nothing more, although it is bound.)
    pub(crate) fn remove_once(&mut self, binding: &Arc<Binding>, weight: impl Fn(&Binding) -> u64) {
        self.remove(binding);
        if let Some((place, first)) = self.first_to(binding) {
            set_weight(&mut self.root, place, weight(&first));
        }
    }

    fn push(&mut self, binding: &Arc<Binding>, weight: u64) {
        let place = self.next_place;
        self.next_place += 1;
        self.places.insert(ByDestination::new(Arc::clone(binding)), place);
        let binding = Arc::clone(binding);
        push(
            &mut self.root,
            Node { place, weight, total: weight, binding, left: None, right: None },
        );
    }

    /// The first binding to the destination of this one, and its place.
    fn first_to(&self, binding: &Binding) -> Option<(u64, Arc<Binding>)> {
        let destination = binding.destination;
        self.places
            .range(BeforeDestination(destination)..)
            .take_while(|(entry, _)| entry.binding.destination == destination)
            .min_by_key(|(_, place)| **place)
            .map(|(entry, place)| (*place, Arc::clone(&entry.binding)))
    }
}

impl Node {
    fn sum(&mut self) {
        self.total = total(&self.left) + self.weight + total(&self.right);
    }
}

fn total(branch: &Branch) -> u64 {
    branch.as_ref().map_or(0, |node| node.total)
}

/// Who is above: the node with the higher rank.
const fn rank(place: u64) -> u64 {
    let z = place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ z >> 27
}

fn push(branch: &mut Branch, mut added: Node) {
    match branch {
        Some(node) if rank(node.place) > rank(added.place) => {
            let node = Arc::make_mut(node);
            push(&mut node.right, added);
            node.sum();
        }
        _ => {
            added.left = branch.take();
            added.sum();
            *branch = Some(Arc::new(added));
        }
    }
}

fn remove(branch: &mut Branch, place: u64) {
    let Some(node) = branch else { return };
    if node.place == place {
        *branch = merge(node.left.clone(), node.right.clone());
        return;
    }
    let node = Arc::make_mut(node);
    remove(if place < node.place { &mut node.left } else { &mut node.right }, place);
    node.sum();
}

/// One branch of two, where all of `right` stands behind all of `left`.
fn merge(left: Branch, right: Branch) -> Branch {
    let (mut left, mut right) = match (left, right) {
        (None, only) | (only, None) => return only,
        (Some(left), Some(right)) => (left, right),
    };
    if rank(left.place) > rank(right.place) {
        let node = Arc::make_mut(&mut left);
        node.right = merge(node.right.take(), Some(right));
        node.sum();
        Some(left)
    } else {
        let node = Arc::make_mut(&mut right);
        node.left = merge(Some(left), node.left.take());
        node.sum();
        Some(right)
    }
}

fn set_weight(branch: &mut Branch, place: u64, weight: u64) {
    let Some(node) = branch else { return };
    let node = Arc::make_mut(node);
    match place.cmp(&node.place) {
        std::cmp::Ordering::Less => set_weight(&mut node.left, place, weight),
        std::cmp::Ordering::Equal => node.weight = weight,
        std::cmp::Ordering::Greater => set_weight(&mut node.right, place, weight),
    }
    node.sum();
}
