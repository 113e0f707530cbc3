//! A map that finds again at once what it found last.

use std::collections::BTreeMap;
use std::ops::Bound;

/// An ordered map for keys that come in runs: asking for the same key as before costs one comparison.
#[derive(Debug)]
pub struct Recent<K, V> {
    slots: Vec<Option<V>>,
    free: Vec<usize>,
    by_key: BTreeMap<K, usize>,
    last: Option<(K, usize)>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), by_key: BTreeMap::new(), last: None }
    }
}

impl<K: Copy + Ord, V> Recent<K, V> {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `key`.
    pub fn get(&self, key: K) -> Option<&V> {
        match self.last {
            Some((last, slot)) if last == key => self.slots[slot].as_ref(),
            _ => self.slots[*self.by_key.get(&key)?].as_ref(),
        }
    }

    /// The value of `key`, which is remembered as the last one.
    #[inline]
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let slot = match self.last {
            Some((last, slot)) if last == key => slot,
            _ => {
                let slot = *self.by_key.get(&key)?;
                self.last = Some((key, slot));
                slot
            }
        };
        self.slots[slot].as_mut()
    }

    /// Whether there is a value for `key`.
    pub fn contains(&self, key: K) -> bool {
        self.by_key.contains_key(&key)
    }

    /// Adds a value.
    ///
    /// # Panics
    /// When there is one for `key`: the caller has looked.
    pub fn insert(&mut self, key: K, value: V) {
        let slot = self.free.pop().unwrap_or_else(|| {
            // Many maps never hold more than one value, and values are large: a vector left to itself begins with four.
            if self.slots.is_empty() {
                self.slots.reserve_exact(1);
            }
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[slot] = Some(value);
        let before = self.by_key.insert(key, slot);
        assert!(before.is_none(), "a key is added once");
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: K) -> Option<V> {
        self.last = None;
        let slot = self.by_key.remove(&key)?;
        self.free.push(slot);
        self.slots[slot].take()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Keys and values, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.by_key.iter().filter_map(|(&key, &slot)| Some((key, self.slots[slot].as_ref()?)))
    }

    /// The values, in no order.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.slots.iter_mut().flatten()
    }

    /// The keys behind `after`, in their order; all of them if there is none.
    pub fn keys_after(&self, after: Option<K>) -> impl Iterator<Item = K> + '_ {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_key.range((from, Bound::Unbounded)).map(|(&key, _)| key)
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_removed_is_not_found_again_by_memory() {
        let mut map = Recent::new();
        map.insert(1, "one");
        map.insert(2, "two");
        assert_eq!(map.get_mut(1), Some(&mut "one"));
        assert_eq!(map.remove(1), Some("one"));
        assert_eq!(map.get(1), None);
        assert_eq!(map.get_mut(1), None);
        map.insert(3, "three");
        assert_eq!((map.get(1), map.get(2), map.get(3)), (None, Some(&"two"), Some(&"three")));
        assert_eq!(map.iter().map(|(key, _)| key).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(map.values_mut().count(), 2);
    }
}
