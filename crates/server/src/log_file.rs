//! The file of the log: begun, set aside, begun again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use config::{Logging, Rotation, RotationDate, RotationPeriod};

use crate::log_line::date;

/// Lines are written when they have this many bytes, whatever else is to come.
const UNWRITTEN_BYTES_MAX: usize = 64 * 1024;
const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 86_400;

/// A file that lines are added to.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    rotation: Rotation,
    /// Absent while it cannot be opened; the next line tries again.
    file: Option<File>,
    bytes: u64,
    /// Lines that are not written yet; they count in `bytes`.
    unwritten: String,
    /// The number of the time span that the file is of.
    span: u64,
    /// It could not be set aside, and that has been said.
    is_stuck: bool,
}

impl LogFile {
    /// Opens the file, and makes its directory.
    ///
    /// # Errors
    /// Which file, why, and what to do.
    pub(crate) fn open(logging: &Logging, data_dir: &Path, node: &str) -> Result<Self, String> {
        let name = match logging.file_name.as_str() {
            "" => format!("{node}.log"),
            name => name.to_owned(),
        };
        Self::open_named(&name, logging, data_dir)
    }

    /// The same with another name.
    ///
    /// # Errors
    /// As [`LogFile::open`].
    pub(crate) fn open_named(
        name: &str,
        logging: &Logging,
        data_dir: &Path,
    ) -> Result<Self, String> {
        let dir = match logging.dir.as_str() {
            "" => data_dir.join("log"),
            dir => PathBuf::from(dir),
        };
        let path = dir.join(name);
        let rotation = logging.rotation.clone();
        let mut file = Self {
            path,
            rotation,
            file: None,
            bytes: 0,
            unwritten: String::new(),
            span: 0,
            is_stuck: false,
        };
        let opened = file.path.parent().map_or(Ok(()), fs::create_dir_all);
        opened.and_then(|()| file.begin(SystemTime::now())).map_err(|error| {
            let shown = file.path.display();
            format!("log file {shown} cannot be written: {error}; set another one in log.dir or log.file")
        })?;
        Ok(file)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line, which is written with the next [`LogFile::write`] at the latest.
    ///
    /// # Errors
    /// Another file was due, and this one cannot be written, or the next one opened.
    pub(crate) fn add(&mut self, text: &str, at: SystemTime) -> io::Result<()> {
        let is_full = self.rotation.bytes_max > 0
            && self.bytes > 0
            && self.bytes + text.len() as u64 > self.rotation.bytes_max;
        if self.file.is_some() && (is_full || self.span != self.span_of(at)) {
            self.write()?;
            self.set_aside(at);
        }
        if self.file.is_none() {
            self.begin(at)?;
        }
        self.unwritten.push_str(text);
        self.bytes += text.len() as u64;
        if self.unwritten.len() >= UNWRITTEN_BYTES_MAX {
            self.write()?;
        }
        Ok(())
    }

    /// Whether there are lines to be written.
    pub(crate) fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// Writes what was added. What the system does not take is lost: it would pile up.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        let outcome = match &mut self.file {
            Some(file) => file.write_all(self.unwritten.as_bytes()),
            None => Ok(()),
        };
        self.unwritten.clear();
        outcome
    }

    /// Another file is begun with the next line. If this one cannot be set aside, it goes on until it is full anew, or the
    /// next time has come: no line is lost for that.
    fn set_aside(&mut self, at: SystemTime) {
        let Err(error) = set_aside(&self.path, self.rotation.count) else {
            (self.file, self.is_stuck) = (None, false);
            return;
        };
        (self.bytes, self.span) = (0, self.span_of(at));
        if !self.is_stuck {
            self.is_stuck = true;
            let shown = self.path.display();
            let text = format!("the log file {shown} cannot be set aside, and goes on: {error}");
            // The log is this file.
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// Somebody has moved the file away: the next line begins another one.
    pub(crate) fn reopen(&mut self) {
        self.file = None;
    }

    fn begin(&mut self, at: SystemTime) -> io::Result<()> {
        let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        self.bytes = file.metadata()?.len();
        self.span = self.span_of(at);
        self.file = Some(file);
        Ok(())
    }

    fn span_of(&self, at: SystemTime) -> u64 {
        let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.rotation.date.map_or(0, |date| span(date, seconds))
    }
}

/// The number of the time span that a second is in; another number means another file.
fn span(rotation: RotationDate, seconds: u64) -> u64 {
    // A span begins at its hour: what is before it is of the day before.
    let days = (seconds + DAY_S - u64::from(rotation.hour) * HOUR_S) / DAY_S;
    match rotation.period {
        RotationPeriod::Hour => seconds / HOUR_S,
        RotationPeriod::Day => days,
        // The first of 1970 was a Thursday, and a day is added above.
        RotationPeriod::Week(day) => (days + 3 + 7 - u64::from(day)) / 7,
        RotationPeriod::Month(day) => {
            // Boards without a battery begin in 1970, before the first span has begun.
            let date = date(days.saturating_sub(1));
            date.year * 12 + date.month - u64::from(date.day < u64::from(day))
        }
    }
}

/// Adds a file unless it is there under the same path. Returns where it is: two that write one file would set it aside beneath
/// each other.
pub(crate) fn add_once(files: &mut Vec<LogFile>, file: LogFile) -> usize {
    let whole = |file: &LogFile| fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone());
    let path = whole(&file);
    files.iter().position(|known| whole(known) == path).unwrap_or_else(|| {
        files.push(file);
        files.len() - 1
    })
}

/// `a.log` becomes `a.log.0`, that becomes `a.log.1`, and so on; what is beyond the count goes.
fn set_aside(path: &Path, count: u32) -> io::Result<()> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    if count == 0 {
        return fs::remove_file(path);
    }
    for number in (1..count).rev() {
        let older = numbered(number - 1);
        if older.exists() {
            fs::rename(older, numbered(number))?;
        }
    }
    fs::rename(path, numbered(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logging(rotation: Rotation, dir: &Path) -> Logging {
        let dir = dir.to_str().expect("a path").to_owned();
        Logging { dir, file_name: "a.log".to_owned(), rotation, ..Logging::default() }
    }

    fn write(log: &mut LogFile, text: &str) {
        log.add(text, SystemTime::now()).expect("added");
        log.write().expect("written");
    }

    fn files(dir: &Path) -> Vec<(String, String)> {
        let entries = fs::read_dir(dir).expect("listed").map(|entry| entry.expect("listed"));
        let mut files: Vec<_> = entries
            .map(|entry| {
                let text = fs::read_to_string(entry.path()).expect("read");
                (entry.file_name().to_string_lossy().into_owned(), text)
            })
            .collect();
        files.sort();
        files
    }

    fn owned(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_file_that_is_full_is_set_aside_and_the_oldest_goes() {
        let temporary = tempfile::tempdir().expect("made");
        let rotation = Rotation { date: None, bytes_max: 4, count: 2 };
        let mut log = LogFile::open(&logging(rotation, temporary.path()), Path::new(""), "n")
            .expect("opened");
        for text in ["1\n", "2\n", "3\n", "4\n", "5\n", "6\n", "7\n"] {
            write(&mut log, text);
        }
        let expected = owned(&[("a.log", "7\n"), ("a.log.0", "5\n6\n"), ("a.log.1", "3\n4\n")]);
        assert_eq!(files(temporary.path()), expected);
    }

    #[test]
    fn lines_that_are_not_written_yet_go_to_the_file_that_they_are_of() {
        let temporary = tempfile::tempdir().expect("made");
        let rotation = Rotation { date: None, bytes_max: 4, count: 2 };
        let mut log = LogFile::open(&logging(rotation, temporary.path()), Path::new(""), "n")
            .expect("opened");
        for text in ["1\n", "2\n", "3\n"] {
            log.add(text, SystemTime::now()).expect("added");
        }
        assert_eq!(files(temporary.path()), owned(&[("a.log", ""), ("a.log.0", "1\n2\n")]));
        assert!(log.has_unwritten());
        log.write().expect("written");
        assert_eq!(files(temporary.path()), owned(&[("a.log", "3\n"), ("a.log.0", "1\n2\n")]));
    }

    #[test]
    fn no_line_is_lost_when_a_file_cannot_be_set_aside() {
        let temporary = tempfile::tempdir().expect("made");
        let rotation = Rotation { date: None, bytes_max: 4, count: 1 };
        let mut log = LogFile::open(&logging(rotation, temporary.path()), Path::new(""), "n")
            .expect("opened");
        let in_the_way = temporary.path().join("a.log.0");
        fs::create_dir(&in_the_way).expect("made");
        for text in ["1\n", "2\n", "3\n", "4\n"] {
            write(&mut log, text);
        }
        fs::remove_dir(&in_the_way).expect("removed");
        assert_eq!(files(temporary.path()), owned(&[("a.log", "1\n2\n3\n4\n")]));
        write(&mut log, "5\n");
        let expected = owned(&[("a.log", "5\n"), ("a.log.0", "1\n2\n3\n4\n")]);
        assert_eq!(files(temporary.path()), expected);
    }

    #[test]
    fn two_places_with_one_file_write_one_file() {
        let temporary = tempfile::tempdir().expect("made");
        let logging = logging(Rotation::default(), temporary.path());
        let mut files = Vec::new();
        let mut add = |name: &str| {
            let file = LogFile::open_named(name, &logging, Path::new("")).expect("opened");
            add_once(&mut files, file)
        };
        assert_eq!([add("a.log"), add("b.log"), add("./a.log")], [0, 1, 0]);
        assert_eq!(files.len(), 2);
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_again() {
        let temporary = tempfile::tempdir().expect("made");
        let mut log =
            LogFile::open(&logging(Rotation::default(), temporary.path()), Path::new(""), "n")
                .expect("opened");
        write(&mut log, "1\n");
        let path = temporary.path().join("a.log");
        fs::rename(&path, temporary.path().join("old")).expect("moved");
        write(&mut log, "2\n");
        log.reopen();
        write(&mut log, "3\n");
        assert_eq!(files(temporary.path()), owned(&[("a.log", "3\n"), ("old", "1\n2\n")]));
    }

    #[test]
    fn spans_begin_at_their_time() {
        let at = |days: u64, hours: u64| days * DAY_S + hours * HOUR_S;
        let is_new = |period, hour, before, after| {
            let rotation = RotationDate { period, hour };
            span(rotation, before) != span(rotation, after)
        };
        assert!(is_new(RotationPeriod::Hour, 0, at(0, 1) - 1, at(0, 1)));
        assert!(is_new(RotationPeriod::Day, 0, at(1, 0) - 1, at(1, 0)));
        assert!(!is_new(RotationPeriod::Day, 3, at(1, 0) - 1, at(1, 2)));
        assert!(is_new(RotationPeriod::Day, 3, at(1, 3) - 1, at(1, 3)));
        // The fourth of January 1970 was a Sunday.
        assert!(is_new(RotationPeriod::Week(0), 0, at(3, 0) - 1, at(3, 0)));
        assert!(!is_new(RotationPeriod::Week(0), 0, at(3, 0), at(10, 0) - 1));
        assert!(is_new(RotationPeriod::Month(1), 0, at(31, 0) - 1, at(31, 0)));
        assert!(is_new(RotationPeriod::Month(15), 6, at(45, 6) - 1, at(45, 6)));
        assert!(!is_new(RotationPeriod::Month(15), 6, at(31, 0) - 1, at(31, 0)));
        assert!(!is_new(RotationPeriod::Month(1), 5, at(0, 0), at(0, 5)));
    }
}
