//! A line of the log, as RabbitMQ writes it.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use config::{LogCategory, LogFormat, LogLevel};

/// Something that was said.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: SystemTime,
    pub(crate) level: LogLevel,
    pub(crate) category: LogCategory,
    /// Who says it: RabbitMQ has the name of an Erlang process there.
    pub(crate) pid: String,
    /// What; each of its lines becomes one of the log.
    pub(crate) text: String,
}

impl Line {
    /// Ready to be written, with what ends it.
    pub(crate) fn written(&self, format: LogFormat) -> String {
        match format {
            LogFormat::Plaintext => self.plaintext(),
            LogFormat::Json => self.json(),
        }
    }

    fn plaintext(&self) -> String {
        let (time, level, pid) = (written_time(self.at), self.level.as_str(), &self.pid);
        let mut out = String::new();
        for line in self.text.lines() {
            let _ = writeln!(out, "{time} [{level}] {pid} {line}");
        }
        out
    }

    /// The fields of RabbitMQ's default field map that there are.
    fn json(&self) -> String {
        let mut out = String::new();
        let domain = match self.category {
            LogCategory::Default => "rabbitmq".to_owned(),
            category => format!("rabbitmq.{}", category.as_str()),
        };
        let fields = [
            ("time", written_time(self.at)),
            ("level", self.level.as_str().to_owned()),
            ("msg", self.text.clone()),
            ("domain", domain),
            ("pid", self.pid.clone()),
        ];
        for (index, (name, value)) in fields.iter().enumerate() {
            let separator = if index == 0 { '{' } else { ',' };
            let _ = write!(out, "{separator}\"{name}\":{}", quoted(value));
        }
        out.push_str("}\n");
        out
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            control if control.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// `2026-01-01 00:00:00.000000+00:00`, in UTC.
fn written_time(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, micros) = (since.as_secs(), since.subsec_micros());
    let Date { year, month, day } = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}+00:00")
}

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: u64,
    pub(crate) month: u64,
    pub(crate) day: u64,
}

/// The day that comes so many days after the first of 1970. Years begin in March here, so that the day that a leap
/// year adds is the last one.
pub(crate) fn date(days: u64) -> Date {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    Date { year: year + era * 400 + u64::from(month <= 2), month, day }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn line(text: &str) -> Line {
        Line {
            at: UNIX_EPOCH + Duration::from_micros(1_767_225_600_000_012),
            level: LogLevel::Warning,
            category: LogCategory::Connection,
            pid: "<0.7.1>".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn lines_look_as_those_of_rabbitmq() {
        assert_eq!(
            line("a\nb").written(LogFormat::Plaintext),
            "2026-01-01 00:00:00.000012+00:00 [warning] <0.7.1> a\n\
             2026-01-01 00:00:00.000012+00:00 [warning] <0.7.1> b\n"
        );
        assert_eq!(
            line("a\n\"b\"\u{1}").written(LogFormat::Json),
            "{\"time\":\"2026-01-01 00:00:00.000012+00:00\",\"level\":\"warning\",\"msg\":\"a\\n\\\"b\\\"\\u0001\",\
             \"domain\":\"rabbitmq.connection\",\"pid\":\"<0.7.1>\"}\n"
        );
    }

    #[test]
    fn days_have_dates() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_454, (2026, 1, 1)),
        ] {
            let Date { year, month, day } = date(days);
            assert_eq!((year, month, day), expected, "{days}");
        }
    }
}
