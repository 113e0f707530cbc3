//! The names of a disk, and changes of them that are durable only when their directory is synced.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    File(u64),
    Dir,
}

/// All names of a disk, as whole paths.
pub(super) type Names = BTreeMap<Arc<str>, Entry>;

/// A change of the names in one directory.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Add { path: Arc<str>, entry: Entry },
    Rename { from: Arc<str>, to: Arc<str>, entry: Entry },
    Remove { path: Arc<str> },
}

impl Change {
    pub(super) fn dir(&self) -> &str {
        match self {
            Self::Add { path, .. } | Self::Remove { path } => parent(path),
            Self::Rename { to, .. } => parent(to),
        }
    }

    pub(super) fn apply(&self, names: &mut Names) {
        match self {
            Self::Add { path, entry } => drop(names.insert(Arc::clone(path), *entry)),
            Self::Rename { from, to, entry } => {
                names.remove(from);
                names.insert(Arc::clone(to), *entry);
            }
            Self::Remove { path } => drop(names.remove(path)),
        }
    }
}

/// The directory that a path lies in.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Drops what lies in directories that are not there.
pub(super) fn retain_reachable(names: &mut Names) {
    let is_lost = |names: &Names, path: &str| {
        let dir = parent(path);
        !dir.is_empty() && names.get(dir) != Some(&Entry::Dir)
    };
    // A directory comes before what lies in it, so that one round is enough.
    let mut lost = Vec::new();
    for path in names.keys() {
        if is_lost(names, path) || lost.iter().any(|lost: &Arc<str>| **lost == *parent(path)) {
            lost.push(Arc::clone(path));
        }
    }
    for path in lost {
        names.remove(&path);
    }
}
