//! Files that are on their way to another machine: what they hold, who may do what with them, and nothing else.
//!
//! The same files give the same bytes wherever and whenever they are packed: in the order of their paths, with one time,
//! and with owners that are numbers.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Folder { mode: u32 },
    File { mode: u32, bytes: Vec<u8> },
    Link { target: String },
}

/// Entries by their paths, which are relative and have no `.` in front.
#[derive(Debug, Default, Clone)]
pub(super) struct Tree {
    entries: BTreeMap<String, Entry>,
    /// User and group of all that is not the superuser's, by path.
    owners: BTreeMap<String, (u64, u64)>,
}

impl Tree {
    /// A folder, and those around it, which everybody may look into.
    pub(super) fn folder(&mut self, path: &str, mode: u32) {
        self.make_parents(path);
        self.entries.insert(path.to_owned(), Entry::Folder { mode });
    }

    pub(super) fn file(&mut self, path: &str, mode: u32, bytes: impl Into<Vec<u8>>) {
        self.make_parents(path);
        self.entries.insert(path.to_owned(), Entry::File { mode, bytes: bytes.into() });
    }

    /// A file of the checkout.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn copy(&mut self, from: &Path, path: &str, mode: u32) -> Result<(), String> {
        let bytes = fs::read(from).map_err(|fault| format!("{}: {fault}", from.display()))?;
        self.file(path, mode, bytes);
        Ok(())
    }

    pub(super) fn link(&mut self, path: &str, target: &str) {
        self.make_parents(path);
        self.entries.insert(path.to_owned(), Entry::Link { target: target.to_owned() });
    }

    /// Gives an entry to a user and a group that are not the superuser's.
    pub(super) fn give(&mut self, path: &str, user: u64, group: u64) {
        self.owners.insert(path.to_owned(), (user, group));
    }

    fn make_parents(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            self.entries.entry(path[..at].to_owned()).or_insert(Entry::Folder { mode: 0o755 });
        }
    }

    /// What a file holds.
    pub(super) fn bytes(&self, path: &str) -> Option<&[u8]> {
        match self.entries.get(path)? {
            Entry::File { bytes, .. } => Some(bytes),
            Entry::Folder { .. } | Entry::Link { .. } => None,
        }
    }

    /// How many bytes all files hold.
    pub(super) fn size_bytes(&self) -> usize {
        self.entries.keys().filter_map(|path| self.bytes(path)).map(<[u8]>::len).sum()
    }

    /// The names and bytes of all files.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.keys().filter_map(|path| Some((path.as_str(), self.bytes(path)?)))
    }

    /// An archive, each entry of it as old as `epoch_s` seconds after 1970. `prefix` stands before every path.
    pub(super) fn archive(&self, prefix: &str, epoch_s: u64) -> io::Result<Vec<u8>> {
        let mut archive = Builder::new(Vec::new());
        for (path, entry) in &self.entries {
            let (user, group) = self.owners.get(path).copied().unwrap_or_default();
            let (mut header, path) = (Header::new_gnu(), format!("{prefix}{path}"));
            header.set_uid(user);
            header.set_gid(group);
            header.set_mtime(epoch_s);
            match entry {
                Entry::Folder { mode } => {
                    header.set_entry_type(EntryType::Directory);
                    header.set_mode(*mode);
                    header.set_size(0);
                    archive.append_data(&mut header, format!("{path}/"), io::empty())?;
                }
                Entry::File { mode, bytes } => {
                    header.set_entry_type(EntryType::Regular);
                    header.set_mode(*mode);
                    header.set_size(bytes.len() as u64);
                    archive.append_data(&mut header, path, bytes.as_slice())?;
                }
                Entry::Link { target } => {
                    header.set_entry_type(EntryType::Symlink);
                    header.set_mode(0o777);
                    header.set_size(0);
                    archive.append_link(&mut header, path, target)?;
                }
            }
        }
        archive.into_inner()
    }

    /// Writes all entries into a folder, for programs that pack folders. Owners stay behind.
    ///
    /// # Errors
    /// The path at which it went wrong, and why.
    pub(super) fn lay_out(&self, root: &Path, epoch_s: u64) -> Result<(), String> {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(epoch_s);
        for (path, entry) in &self.entries {
            let path = root.join(path);
            lay(&path, entry).map_err(|fault| format!("{}: {fault}", path.display()))?;
        }
        // Whatever is put into a folder makes it younger: folders come after what they hold.
        for (path, entry) in self.entries.iter().rev() {
            if !matches!(entry, Entry::Link { .. }) {
                let path = root.join(path);
                File::open(&path)
                    .and_then(|file| file.set_times(FileTimes::new().set_modified(time)))
                    .map_err(|fault| format!("{}: {fault}", path.display()))?;
            }
        }
        Ok(())
    }
}

fn lay(path: &Path, entry: &Entry) -> io::Result<()> {
    match entry {
        Entry::Folder { mode } => {
            fs::create_dir_all(path)?;
            fs::set_permissions(path, Permissions::from_mode(*mode))
        }
        Entry::File { mode, bytes } => {
            fs::write(path, bytes)?;
            fs::set_permissions(path, Permissions::from_mode(*mode))
        }
        Entry::Link { target } => symlink(target, path),
    }
}

/// Bytes packed by gzip, without a name or a time.
pub(super) fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    packer.write_all(bytes)?;
    packer.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn some() -> Tree {
        let mut tree = Tree::default();
        tree.link("usr/bin/b", "a");
        tree.file("usr/bin/a", 0o755, "program");
        tree.folder("var/lib/a", 0o750);
        tree.give("var/lib/a", 999, 998);
        tree
    }

    #[test]
    fn an_archive_has_every_entry_after_its_folder_and_nothing_of_this_machine() {
        let bytes = some().archive("", 86_400).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let (path, header) = (entry.path().unwrap().display().to_string(), entry.header());
            assert_eq!(header.mtime().unwrap(), 86_400);
            let (mode, user) = (header.mode().unwrap(), header.uid().unwrap());
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push(format!("{path} {mode:o} {user} {text}"));
        }
        let wanted = [
            "usr/ 755 0 ",
            "usr/bin/ 755 0 ",
            "usr/bin/a 755 0 program",
            "usr/bin/b 777 0 ",
            "var/ 755 0 ",
            "var/lib/ 755 0 ",
            "var/lib/a/ 750 999 ",
        ];
        assert_eq!(found, wanted);
        assert_eq!(bytes, some().archive("", 86_400).unwrap());
    }

    #[test]
    fn a_folder_is_laid_out_with_its_modes_and_times() {
        let folder = tempfile::tempdir().unwrap();
        some().lay_out(folder.path(), 86_400).unwrap();
        let of = |path: &str| fs::symlink_metadata(folder.path().join(path)).unwrap();
        assert_eq!(of("usr/bin/a").permissions().mode() & 0o7777, 0o755);
        assert_eq!(of("var/lib/a").permissions().mode() & 0o7777, 0o750);
        assert!(of("usr/bin/b").is_symlink());
        let day = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
        for path in ["usr", "usr/bin/a", "var/lib/a"] {
            assert_eq!(of(path).modified().unwrap(), day, "{path}");
        }
    }
}
