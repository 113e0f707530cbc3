//! The data directory: where it is, and that it is ours alone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::management::LOCAL_SOCKET;

/// A data directory that no other process uses. The lock ends with the value, or with the process.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: Option<File>,
}

impl DataDir {
    /// Makes the directory if it is missing, and locks it.
    ///
    /// # Errors
    /// Which directory, what is wrong, and what to do.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        // What is printed must be found from anywhere.
        let path = &std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let shown = path.display();
        let refuse = |error: &io::Error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => format!(
                "data directory {shown} cannot be written: {error}; give this user the right to, or name another one with --data-dir"
            ),
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => format!(
                "data directory {shown} is not a directory: {error}; name another one with --data-dir"
            ),
            _ => format!(
                "data directory {shown} cannot be used: {error}; name another one with --data-dir"
            ),
        };
        fs::create_dir_all(path).map_err(|error| refuse(&error))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(|error| refuse(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(in_use(path)),
            Err(TryLockError::Error(error)) => Err(refuse(&error)),
        }
    }

    /// Locks a directory that is only looked at, and changes nothing there: one without a lock file is nobody's.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn look(path: &Path) -> Result<Self, String> {
        let cannot = |error: &io::Error| {
            format!("data directory {} cannot be read: {error}", path.display())
        };
        let lock = match File::open(path.join("lock")) {
            Ok(lock) => Some(lock),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(cannot(&error)),
        };
        match lock.as_ref().map(File::try_lock) {
            None | Some(Ok(())) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Some(Err(TryLockError::WouldBlock)) => Err(in_use(path)),
            Some(Err(TryLockError::Error(error))) => Err(cannot(&error)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn in_use(path: &Path) -> String {
    let shown = path.display();
    format!(
        "data directory {shown} is in use by another process; stop that one or name another directory with --data-dir"
    )
}

/// Where state goes if nobody says where: `$XDG_STATE_HOME/leveret`, or `~/.local/state/leveret`.
///
/// # Errors
/// When the user has no home directory.
pub(crate) fn default_path() -> Result<PathBuf, String> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.filter(|path| path.is_absolute()).or_else(|| {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        home.filter(|home| home.is_absolute()).map(|home| home.join(".local/state"))
    });
    state.map(|state| state.join("leveret")).ok_or_else(|| {
        "there is no home directory to keep data in; name one with --data-dir".to_owned()
    })
}

/// Where the service of the machine keeps its data: see `packaging/systemd/leveret.service`.
const SERVICE: &str = "/var/lib/leveret";

/// Where the node is that an operator means who names none: this user's own, unless that does not run and the
/// machine's service does.
pub(crate) fn operated_path() -> Option<PathBuf> {
    operated(default_path().ok(), PathBuf::from(SERVICE))
}

fn operated(own: Option<PathBuf>, service: PathBuf) -> Option<PathBuf> {
    // A node that ended badly leaves its socket behind, so that this may be wrong; then it is told which was asked.
    let has_socket = |path: &PathBuf| path.join(LOCAL_SOCKET).exists();
    match own {
        Some(own) if has_socket(&own) || !has_socket(&service) => Some(own),
        _ => Some(service),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_meant_where_nothing_else_runs() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (own, service) = (dir.path().join("own"), dir.path().join("service"));
        let operated = || operated(Some(own.clone()), service.clone()).expect("one of them");
        assert_eq!(operated(), own);
        fs::create_dir_all(&service).expect("made");
        fs::write(service.join(LOCAL_SOCKET), "").expect("made");
        assert_eq!(operated(), service);
        fs::create_dir_all(&own).expect("made");
        fs::write(own.join(LOCAL_SOCKET), "").expect("made");
        assert_eq!(operated(), own);
        assert_eq!(super::operated(None, service.clone()), Some(service.clone()));
    }
}
