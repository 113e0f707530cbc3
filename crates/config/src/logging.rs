//! What is logged, how it looks, and where it goes.

use std::collections::BTreeMap;

/// What is configured of logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    /// What goes to the terminal, or to who started the broker; `None` for nothing.
    pub console: Option<LogOutput>,
    /// What goes to a file; `None` for nothing.
    pub file: Option<LogOutput>,
    /// The directory of the file; empty for `log` in the data directory.
    pub dir: String,
    /// The name of the file, or its whole path; empty for one named after the node.
    pub file_name: String,
    /// When a file is set aside and another one begun.
    pub rotation: Rotation,
    /// What is logged of each category that differs from the default.
    pub levels: BTreeMap<LogCategory, LogLevel>,
    /// What is logged of all other categories.
    pub default_level: LogLevel,
}

/// A place where lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOutput {
    /// What is less important is not written here.
    pub level: LogLevel,
    /// How lines look.
    pub format: LogFormat,
    /// Whether the console is standard output rather than standard error.
    pub is_stdout: bool,
}

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// `2026-01-01 00:00:00.000000+00:00 [info] <0.1.0> text`.
    #[default]
    Plaintext,
    /// An object of JSON on each line.
    Json,
}

/// When a log file is set aside. Without any of it, never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// At which times, as RabbitMQ writes them.
    pub date: Option<RotationDate>,
    /// When it has so many bytes; 0 for never.
    pub bytes_max: u64,
    /// How many files that were set aside are kept.
    pub count: u32,
}

/// A time that comes again: `$D0` at midnight, `$H` every hour, `$W0` on Sunday, `$M1` on the first of the month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationDate {
    /// How often it comes.
    pub period: RotationPeriod,
    /// The hour of the day, from 0.
    pub hour: u8,
}

/// How often a time comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationPeriod {
    /// Every hour.
    Hour,
    /// Every day.
    Day,
    /// Every week, on this day, from 0 for Sunday.
    Week(u8),
    /// Every month, on this day, from 1.
    Month(u8),
}

/// How important a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For who looks for a fault.
    Debug,
    /// What happens in ordinary days.
    #[default]
    Info,
    /// What is out of the ordinary and no trouble.
    Notice,
    /// What may become trouble.
    Warning,
    /// What has failed.
    Error,
    /// What keeps the broker from its work.
    Critical,
    /// What somebody must do something about at once.
    Alert,
    /// The broker is of no use.
    Emergency,
    /// Nothing is as important as that.
    None,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogCategory {
    /// Connections that come and go.
    Connection,
    /// Errors on channels.
    Channel,
    /// Queues.
    Queue,
    /// Logins.
    User,
    /// What an older version has left.
    Upgrade,
    /// Everything else.
    Default,
}

impl LogLevel {
    const NAMES: [(Self, &'static str); 9] = [
        (Self::Debug, "debug"),
        (Self::Info, "info"),
        (Self::Notice, "notice"),
        (Self::Warning, "warning"),
        (Self::Error, "error"),
        (Self::Critical, "critical"),
        (Self::Alert, "alert"),
        (Self::Emergency, "emergency"),
        (Self::None, "none"),
    ];
    pub(crate) const EXPECTED: &'static str =
        "debug, info, notice, warning, error, critical, alert, emergency or none";

    /// Reads a level as RabbitMQ calls it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(_, name)| *name == text).map(|(level, _)| level)
    }

    /// Its name in RabbitMQ's words.
    pub fn as_str(self) -> &'static str {
        Self::NAMES[self as usize].1
    }
}

impl LogCategory {
    /// Its name in RabbitMQ's words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Channel => "channel",
            Self::Queue => "queue",
            Self::User => "user",
            Self::Upgrade => "upgrade",
            Self::Default => "default",
        }
    }
}

impl Logging {
    /// What is logged of a category, wherever it goes.
    pub fn level(&self, category: LogCategory) -> LogLevel {
        self.levels.get(&category).copied().unwrap_or(self.default_level)
    }
}

impl RotationDate {
    pub(crate) const EXPECTED: &'static str = "a time that comes again: $D0 for midnight, $H every hour, $W0D3 on Sundays at 3, $M1D0 on the first";

    /// Reads `$H`, `$D[hour]`, `$W[day]D[hour]`, `$M[day]D[hour]`, as far as they mean one time.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('$')?;
        let number = |text: &str, max: u8| match text {
            "" => Some(0),
            text if text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse::<u8>().ok().filter(|&number| number <= max)
            }
            _ => None,
        };
        let day_and_hour = |text: &str, max| {
            let (day, hour) = text.split_once('D').unwrap_or((text, ""));
            Some((number(day, max)?, number(hour, 23)?))
        };
        // Minutes behind an `H` have no meaning of their own here: a file begins with the hour.
        let (period, hour) = match text.split_at_checked(1)? {
            ("H", "" | "0" | "00") => (RotationPeriod::Hour, 0),
            ("D", hour) => (RotationPeriod::Day, number(hour, 23)?),
            ("W", rest) => {
                let (day, hour) = day_and_hour(rest, 6)?;
                (RotationPeriod::Week(day), hour)
            }
            ("M", rest) => {
                let (day, hour) = day_and_hour(rest, 31)?;
                (RotationPeriod::Month(day.max(1)), hour)
            }
            _ => return None,
        };
        Some(Self { period, hour })
    }
}
