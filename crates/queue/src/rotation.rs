//! Whose turn it is.
//!
//! ```text
//!   priority 10    b → d → a        the line that is served: its first one takes the next message
//!   priority  0    c → e            served when nobody above may take anything
//!   priority -5    f
//! ```
//!
//! Only consumers that may take a message stand here. The one whose turn it was goes to the end of its line; one that has
//! used up its credit or its window leaves, and comes back at the end when it gets some. So consumers of equal priority
//! share evenly, none waits behind one that is stuck, and a higher one that may take again is served at once.

use std::collections::{BTreeMap, VecDeque};

/// Consumers that may take the next message, by their keys in the table.
#[derive(Debug, Default)]
pub(crate) struct Rotation {
    /// The line that is served. Empty only if nobody stands anywhere.
    first: VecDeque<usize>,
    /// The priority of those in `first`.
    priority: i32,
    /// The lines of lower priorities, none of them empty.
    lower: BTreeMap<i32, VecDeque<usize>>,
}

impl Rotation {
    /// Whose turn it is.
    #[inline]
    pub(crate) fn next(&self) -> Option<usize> {
        self.first.front().copied()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Whether one stands in the line that is served, and nobody else.
    #[inline]
    pub(crate) fn is_one(&self) -> bool {
        self.first.len() == 1
    }

    /// Somebody comes, and stands at the end of its line.
    #[inline]
    pub(crate) fn join(&mut self, key: usize, priority: i32) {
        if priority == self.priority {
            self.first.push_back(key);
        } else {
            self.join_other(key, priority);
        }
    }

    #[inline(never)]
    fn join_other(&mut self, key: usize, priority: i32) {
        if self.first.is_empty() {
            self.priority = priority;
        } else if priority > self.priority {
            let first = std::mem::take(&mut self.first);
            self.lower.insert(self.priority, first);
            self.priority = priority;
        } else {
            self.lower.entry(priority).or_default().push_back(key);
            return;
        }
        self.first.push_back(key);
    }

    /// The one whose turn it was goes to the end of its line.
    #[inline]
    pub(crate) fn turn(&mut self) {
        if self.first.len() > 1 {
            self.first.rotate_left(1);
        }
    }

    /// The one whose turn it was leaves.
    #[inline]
    pub(crate) fn leave(&mut self) {
        self.first.pop_front();
        if self.first.is_empty() {
            self.serve_next_line();
        }
    }

    /// Somebody leaves, whoever's turn it is.
    pub(crate) fn remove(&mut self, key: usize, priority: i32) {
        if priority == self.priority {
            self.first.retain(|&standing| standing != key);
            if self.first.is_empty() {
                self.serve_next_line();
            }
        } else if let Some(line) = self.lower.get_mut(&priority) {
            line.retain(|&standing| standing != key);
            if line.is_empty() {
                self.lower.remove(&priority);
            }
        }
    }

    #[inline(never)]
    fn serve_next_line(&mut self) {
        if let Some((priority, line)) = self.lower.pop_last() {
            (self.priority, self.first) = (priority, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whose turns come next if everybody stays.
    fn turns(rotation: &mut Rotation, count: usize) -> Vec<usize> {
        let mut turn = || {
            let next = rotation.next().expect("somebody stands there");
            rotation.turn();
            next
        };
        (0..count).map(|_| turn()).collect()
    }

    #[test]
    fn those_of_equal_priority_take_turns() {
        let mut rotation = Rotation::default();
        (1..=3).for_each(|key| rotation.join(key, 7));
        assert_eq!(turns(&mut rotation, 7), [1, 2, 3, 1, 2, 3, 1]);
    }

    #[test]
    fn a_higher_one_is_served_first_and_a_lower_one_when_it_leaves() {
        let mut rotation = Rotation::default();
        rotation.join(1, 0);
        rotation.join(2, i32::MAX);
        rotation.join(3, i32::MIN);
        rotation.join(4, 0);
        assert_eq!(turns(&mut rotation, 2), [2, 2]);
        rotation.leave();
        assert_eq!(turns(&mut rotation, 3), [1, 4, 1]);
        rotation.join(2, i32::MAX);
        assert_eq!(turns(&mut rotation, 1), [2]);
        rotation.leave();
        rotation.leave();
        rotation.leave();
        assert_eq!(turns(&mut rotation, 1), [3]);
        rotation.leave();
        assert_eq!(rotation.next(), None);
        assert!(rotation.is_empty());
    }

    #[test]
    fn a_line_keeps_its_order_while_others_are_served() {
        let mut rotation = Rotation::default();
        (1..=3).for_each(|key| rotation.join(key, 0));
        assert_eq!(turns(&mut rotation, 1), [1]);
        rotation.join(9, 1);
        assert_eq!(turns(&mut rotation, 1), [9]);
        rotation.leave();
        assert_eq!(turns(&mut rotation, 3), [2, 3, 1]);
    }

    #[test]
    fn one_that_is_gone_is_passed_over_wherever_it_stands() {
        let mut rotation = Rotation::default();
        for (key, priority) in [(1, 0), (2, 0), (3, 5), (4, -5)] {
            rotation.join(key, priority);
        }
        rotation.remove(1, 0);
        rotation.remove(3, 5);
        rotation.remove(4, -5);
        assert_eq!(turns(&mut rotation, 2), [2, 2]);
        rotation.remove(2, 0);
        assert!(rotation.is_empty());
    }
}
