//! The log: lines from all threads, written by one.
//!
//! ```text
//!  shards, management, … ── say ──> a bounded channel ──> the thread "log" ──> console, file, some lines at once
//! ```
//!
//! Whoever has something to say never waits: while the console or the disk does not take lines, those that do not fit
//! into the channel are counted, and the log says how many are missing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, sleep};
use std::time::{Duration, SystemTime};

use config::{LogCategory, LogLevel, LogOutput, Logging};
use message::ClientId;
use proto_amqp091::{Notice, Severity, Subject};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::log_file::{LogFile, add_once};
use crate::log_line::Line;

/// How long the thread rests when it has written. What is said meanwhile waits for the end of that: it wakes nobody, and leaves
/// with one call. A thousand clients that come and go in a second say four thousand lines.
const REST: Duration = Duration::from_millis(5);
/// How many lines may wait to be written.
const LINES_MAX: usize = 4_096;
/// The longest line, in bytes: some of it comes from outside.
const LINE_BYTES_MAX: usize = 16 << 10;
/// How long the end of the process waits for its last lines.
const FLUSH_WAIT: Duration = Duration::from_secs(2);

/// The level that was set while the process runs is what is configured.
const AS_CONFIGURED: u8 = u8::MAX;
/// How far back the last lines are looked for, in bytes.
const TAIL_BYTES: u64 = 4 << 20;

/// The level that holds for everything, whatever is configured.
static LEVEL: AtomicU8 = AtomicU8::new(AS_CONFIGURED);
static LOG: OnceLock<Log> = OnceLock::new();

/// What goes to the thread that writes.
enum Order {
    Line(Line),
    Reopen,
    /// Answers when everything before it is written.
    Flush(SyncSender<()>),
}

struct Log {
    logging: Logging,
    file: Option<PathBuf>,
    /// Has no bound of its own, because it would take room for all lines at once.
    orders: Sender<Order>,
    /// How many orders wait, at most [`LINES_MAX`].
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

impl Log {
    /// Hands an order over. Returns whether there was room.
    fn order(&self, order: Order) -> bool {
        let has_room = self.waiting.fetch_add(1, Ordering::Relaxed) < LINES_MAX;
        if !has_room || self.orders.send(order).is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        has_room
    }
}

/// Opens the log, once per process.
///
/// # Errors
/// A file that cannot be written.
pub(crate) fn open(logging: &Logging, data_dir: &Path, node: &str) -> Result<(), String> {
    let file = match &logging.file {
        Some(output) => Some((output.clone(), LogFile::open(logging, data_dir, node)?)),
        None => None,
    };
    let path = file.as_ref().map(|(_, file)| file.path().to_owned());
    let (mut files, mut of_category) = (Vec::new(), BTreeMap::new());
    let main = file.map(|(output, file)| (output, add_once(&mut files, file)));
    for (category, name) in &logging.category_files {
        let file = LogFile::open_named(name, logging, data_dir)?;
        of_category.insert(*category, add_once(&mut files, file));
    }
    let (orders, receiver) = channel();
    let (waiting, dropped) = (AtomicUsize::new(0), AtomicU64::new(0));
    let log = Log { logging: logging.clone(), file: path, orders, waiting, dropped };
    if LOG.set(log).is_err() {
        return Ok(());
    }
    let (console, category_output) = (logging.console.clone(), logging.category_output.clone());
    let writer = Writer {
        console,
        files,
        main,
        of_category,
        category_output,
        console_text: String::new(),
        is_failing: false,
    };
    Builder::new()
        .name("log".to_owned())
        .spawn(move || writer.run(&receiver))
        .map_err(|error| format!("the system refuses a thread: {error}"))?;
    let subscriber = tracing_subscriber::registry().with(Events);
    // Only a second log would be refused, and there is one.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// Whether there is a log.
pub(crate) fn is_open() -> bool {
    LOG.get().is_some()
}

/// Says something, if what is configured lets it through.
pub(crate) fn say(line: Line) {
    let Some(log) = LOG.get() else { return };
    if is_below(line.level, log.logging.level(line.category)) {
        return;
    }
    if !log.order(Order::Line(line)) {
        log.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// From now on, logs what is at least so important, whatever it is about and wherever it goes.
pub(crate) fn set_level(level: LogLevel) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// Whether a line is less important than what is wanted.
fn is_below(level: LogLevel, configured: LogLevel) -> bool {
    match LEVEL.load(Ordering::Relaxed) {
        AS_CONFIGURED => level < configured,
        wanted => (level as u8) < wanted,
    }
}

/// The last lines of the file, the newest at the end.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(crate) fn last_lines(count: usize) -> Result<Vec<String>, String> {
    let path = LOG.get().and_then(|log| log.file.as_ref());
    let path = path.ok_or("there is no log file: set log.file, or read the console's log")?;
    let read = || -> io::Result<Vec<String>> {
        let mut file = File::open(path)?;
        let begin = file.metadata()?.len().saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        // The first line is whole only at the beginning of the file.
        let lines: Vec<&str> = text.lines().skip(usize::from(begin > 0)).collect();
        Ok(lines[lines.len().saturating_sub(count)..].iter().map(ToString::to_string).collect())
    };
    read().map_err(|error| format!("log file {} cannot be read: {error}", path.display()))
}

/// Begins the file again: it has been moved away.
pub(crate) fn reopen() {
    if let Some(log) = LOG.get() {
        log.order(Order::Reopen);
    }
}

/// Waits until what was said is written, but not for ever.
pub(crate) fn flush() {
    let Some(log) = LOG.get() else { return };
    let (done, wait) = sync_channel(1);
    if log.order(Order::Flush(done)) {
        let _ = wait.recv_timeout(FLUSH_WAIT);
    }
}

/// What a connection has to say.
pub(crate) fn of_client(client: ClientId, notice: Notice) -> Line {
    let level = match notice.severity {
        Severity::Info => LogLevel::Info,
        Severity::Warning => LogLevel::Warning,
        Severity::Error => LogLevel::Error,
    };
    let category = match notice.subject {
        Subject::Connection => LogCategory::Connection,
        Subject::Channel => LogCategory::Channel,
        Subject::User => LogCategory::User,
    };
    line(level, category, proto_amqp091::pid(client), notice.text)
}

fn line(level: LogLevel, category: LogCategory, pid: String, mut text: String) -> Line {
    if text.len() > LINE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(LINE_BYTES_MAX));
        text.push('…');
    }
    Line { at: SystemTime::now(), level, category, pid, text }
}

/// The thread that writes.
struct Writer {
    console: Option<LogOutput>,
    /// Each file once.
    files: Vec<LogFile>,
    /// Which of them lines go to.
    main: Option<(LogOutput, usize)>,
    /// Which of them lines of a category go to instead.
    of_category: BTreeMap<LogCategory, usize>,
    category_output: LogOutput,
    /// What goes to the console, not written yet.
    console_text: String,
    /// The file could not be written, and that has been said.
    is_failing: bool,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            match orders.recv_timeout(Duration::from_secs(1)) {
                Ok(order) => {
                    self.take(order);
                    orders.try_iter().take(LINES_MAX).for_each(|order| self.take(order));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.add_dropped();
            if self.write() {
                sleep(REST);
            }
        }
    }

    fn take(&mut self, order: Order) {
        if let Some(log) = LOG.get() {
            log.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        match order {
            Order::Line(line) => self.add(&line),
            Order::Reopen => {
                self.write();
                self.files.iter_mut().for_each(LogFile::reopen);
            }
            Order::Flush(done) => {
                self.write();
                let _ = done.try_send(());
            }
        }
    }

    fn add_dropped(&mut self) {
        let dropped = LOG.get().map_or(0, |log| log.dropped.swap(0, Ordering::Relaxed));
        if dropped > 0 {
            let text = format!("{dropped} lines of the log are missing: it was written too slowly");
            self.add(&line(LogLevel::Warning, LogCategory::Default, pid_of_thread(), text));
        }
    }

    fn add(&mut self, line: &Line) {
        if let Some(console) =
            self.console.as_ref().filter(|console| !is_below(line.level, console.level))
        {
            line.write(&console.shape, &mut self.console_text);
        }
        let own = self.of_category.get(&line.category).map(|at| (&self.category_output, *at));
        let main = self.main.as_ref().map(|(output, at)| (output, *at));
        let Some((output, at)) = own.or(main) else { return };
        let Some(file) = self.files.get_mut(at) else { return };
        if is_below(line.level, output.level) {
            return;
        }
        let mut text = String::new();
        line.write(&output.shape, &mut text);
        let outcome = file.add(&text, line.at);
        self.tell(outcome);
    }

    /// Writes what was added. Returns whether there was anything.
    fn write(&mut self) -> bool {
        let mut has_written = false;
        if !self.console_text.is_empty()
            && let Some(console) = &self.console
        {
            let text = self.console_text.as_bytes();
            // A console that is gone is no reason to stop serving.
            let _ = match console.is_stdout {
                true => io::stdout().lock().write_all(text),
                false => io::stderr().lock().write_all(text),
            };
            self.console_text.clear();
            has_written = true;
        }
        for at in 0..self.files.len() {
            if self.files[at].has_unwritten() {
                let outcome = self.files[at].write();
                self.tell(outcome);
                has_written = true;
            }
        }
        has_written
    }

    /// Tells people of a file that cannot be written, once.
    fn tell(&mut self, outcome: io::Result<()>) {
        if let Err(error) = &outcome
            && !self.is_failing
        {
            // There may be nobody who reads this, but it is the only place that is left.
            let _ = writeln!(io::stderr().lock(), "the log file cannot be written: {error}");
        }
        self.is_failing = outcome.is_err();
    }
}

/// Takes what the code says with the macros of `tracing`.
struct Events;

impl<S: Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warning,
            Level::INFO => LogLevel::Info,
            Level::DEBUG | Level::TRACE => LogLevel::Debug,
        };
        let category = LogCategory::Default;
        if LOG.get().is_none_or(|log| is_below(level, log.logging.level(category))) {
            return;
        }
        let mut words = Words::default();
        event.record(&mut words);
        say(line(level, category, pid_of_thread(), words.message + &words.fields));
    }
}

/// The text of an event: its message, and its fields behind it.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        use std::fmt::Write;
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

/// RabbitMQ has the name of an Erlang process there.
fn pid_of_thread() -> String {
    let name = std::thread::current().name().map(str::to_owned);
    let shard = name.as_deref().and_then(|name| name.strip_prefix("shard-"));
    format!("<0.0.{}>", shard.unwrap_or("0"))
}
