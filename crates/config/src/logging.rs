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
    /// Files of their own, which lines of a category go to instead; by name, or whole path.
    pub category_files: BTreeMap<LogCategory, String>,
    /// How lines in those files look, and which there are.
    pub category_output: LogOutput,
    /// When a file is set aside and another one begun.
    pub rotation: Rotation,
    /// What is logged of each category that differs from the default.
    pub levels: BTreeMap<LogCategory, LogLevel>,
    /// What is logged of all other categories.
    pub default_level: LogLevel,
}

/// A place where lines go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOutput {
    /// What is less important is not written here.
    pub level: LogLevel,
    /// How lines look.
    pub shape: LogShape,
    /// Whether the console is standard output rather than standard error.
    pub is_stdout: bool,
}

/// How lines look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogShape {
    /// Text, or objects.
    pub format: LogFormat,
    /// How the time is written.
    pub time: LogTime,
    /// How the level is written.
    pub level: LevelStyle,
    /// Whether a text of several lines becomes one, with commas.
    pub is_single_line: bool,
    /// Plain text: what is on a line, with `$time`, `$level`, `$pid`, `$msg` and the like. Empty for
    /// `$time [$level] $pid $msg`.
    pub template: String,
    /// Objects: fields in their order, each with the name that it is to have, or none if it is left out; `*` are all that
    /// are not named.
    pub fields: Vec<(String, Option<String>)>,
    /// Objects: the number that the field `verbosity` has for each level.
    pub verbosity: BTreeMap<LogLevel, u32>,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogTime {
    /// `2026-01-01 00:00:00.000000+00:00`.
    #[default]
    Space,
    /// `2026-01-01T00:00:00.000000+00:00`.
    T,
    /// Microseconds since 1970.
    Micros,
    /// Seconds since 1970, with a fraction.
    Seconds,
    /// `2026-01-01 00:00:00.000`.
    Lager,
}

/// How a level is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelStyle {
    /// In upper case.
    pub is_upper: bool,
    /// In how many letters: 3 or 4; 0 for its whole name.
    pub letters: u8,
}

/// What is on a line.
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

impl LogTime {
    pub(crate) const EXPECTED: &'static str =
        "rfc3339_space, rfc3339_T, epoch_usecs, epoch_secs or lager_default";

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "rfc3339_space" => Self::Space,
            "rfc3339_T" => Self::T,
            "epoch_usecs" => Self::Micros,
            "epoch_secs" => Self::Seconds,
            "lager_default" => Self::Lager,
            _ => return None,
        })
    }
}

impl LevelStyle {
    pub(crate) const EXPECTED: &'static str = "lc, uc, lc3, uc3, lc4 or uc4";

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (case, letters) = text.split_at_checked(2)?;
        let is_upper = match case {
            "lc" => false,
            "uc" => true,
            _ => return None,
        };
        let letters = match letters {
            "" => 0,
            "3" => 3,
            "4" => 4,
            _ => return None,
        };
        Some(Self { is_upper, letters })
    }
}

impl LogShape {
    pub(crate) const EXPECTED_FIELDS: &'static str = "names of fields with blanks between them: `time`, `time:ts` under another name, `pid:-` left out, `*:-` all others \
         left out";
    pub(crate) const EXPECTED_VERBOSITY: &'static str = "levels and numbers: debug:7 info:6 …";

    /// Reads `time:ts level msg *:-`. A field that lines do not have may be left out, and not be shown.
    pub(crate) fn parse_fields(text: &str) -> Option<Vec<(String, Option<String>)>> {
        const KNOWN: [&str; 7] = ["time", "level", "msg", "domain", "pid", "verbosity", "*"];
        let field = |word: &str| match word.split_once(':') {
            None => (word.to_owned(), Some(word.to_owned())),
            Some((name, "-")) => (name.to_owned(), None),
            Some((name, other)) => (name.to_owned(), Some(other.to_owned())),
        };
        let is_there = |(name, shown): &(String, Option<String>)| {
            shown.is_none() || KNOWN.contains(&name.as_str())
        };
        let fields = text.split_ascii_whitespace().map(field);
        fields.map(|field| is_there(&field).then_some(field)).collect()
    }

    /// Reads `debug:7 info:6`.
    pub(crate) fn parse_verbosity(text: &str) -> Option<BTreeMap<LogLevel, u32>> {
        let pair = |word: &str| {
            let (level, number) = word.split_once(':')?;
            Some((LogLevel::parse(level)?, number.parse().ok()?))
        };
        text.split_ascii_whitespace().map(pair).collect()
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
