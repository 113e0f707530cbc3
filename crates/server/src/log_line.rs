//! A line of the log, as RabbitMQ writes it.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use config::{LevelStyle, LogCategory, LogFormat, LogLevel, LogShape, LogTime};

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
    /// Appends it as it is to be written, with what ends it.
    pub(crate) fn write(&self, shape: &LogShape, out: &mut String) {
        match shape.format {
            LogFormat::Plaintext => self.plaintext(shape, out),
            LogFormat::Json => out.push_str(&self.json(shape)),
        }
    }

    fn plaintext(&self, shape: &LogShape, out: &mut String) {
        let one_line = shape.is_single_line.then(|| self.on_one_line());
        let whole = one_line.as_ref().unwrap_or(&self.text);
        let template = if shape.template.is_empty() { TEMPLATE } else { &shape.template };
        for line in whole.lines() {
            self.fill(out, template, line, shape);
            out.push('\n');
        }
    }

    fn on_one_line(&self) -> String {
        self.text.lines().collect::<Vec<_>>().join(", ")
    }

    /// Fills a template in, as RabbitMQ does: what is not known says so.
    fn fill(&self, out: &mut String, template: &str, text: &str, shape: &LogShape) {
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let end = after.find(|letter| !is_name(letter)).unwrap_or(after.len());
            match &after[..end] {
                "msg" => out.push_str(text),
                "time" => write_time(self.at, shape.time, out),
                "level" => out.push_str(&written_level(self.level, shape.level)),
                "pid" => out.push_str(&self.pid),
                "domain" => out.push_str(&self.domain()),
                "" => out.push('$'),
                name => {
                    let _ = write!(out, "<unknown {name}>");
                }
            }
            rest = &after[end..];
        }
        out.push_str(rest);
    }

    fn domain(&self) -> String {
        match self.category {
            LogCategory::Default => "rabbitmq".to_owned(),
            category => format!("rabbitmq.{}", category.as_str()),
        }
    }

    /// The fields of RabbitMQ's that there are, those that are named first.
    fn json(&self, shape: &LogShape) -> String {
        let text = if shape.is_single_line { self.on_one_line() } else { self.text.clone() };
        let mut time = String::new();
        write_time(self.at, shape.time, &mut time);
        let time = match shape.time {
            // A number is a whole one, as in RabbitMQ.
            LogTime::Seconds => time.split('.').next().unwrap_or_default().to_owned(),
            LogTime::Micros => time,
            LogTime::Space | LogTime::T | LogTime::Lager => quoted(&time),
        };
        let mut known = vec![
            ("time", time),
            ("level", quoted(&written_level(self.level, shape.level))),
            ("msg", quoted(&text)),
            ("domain", quoted(&self.domain())),
            ("pid", quoted(&self.pid)),
        ];
        if let Some(number) = shape.verbosity.get(&self.level) {
            known.push(("verbosity", number.to_string()));
        }
        let mut out = String::new();
        let mut put = |name: &str, value: &str| {
            let separator = if out.is_empty() { '{' } else { ',' };
            let _ = write!(out, "{separator}{}:{value}", quoted(name));
        };
        let mut has_others = true;
        for (name, shown) in &shape.fields {
            has_others &= name != "*" || shown.is_some();
            let Some(at) = known.iter().position(|(known, _)| known == name) else { continue };
            let (_, value) = known.remove(at);
            if let Some(shown) = shown {
                put(shown, &value);
            }
        }
        if has_others {
            known.iter().for_each(|(name, value)| put(name, value));
        }
        if out.is_empty() {
            out.push('{');
        }
        out.push_str("}\n");
        out
    }
}

/// RabbitMQ's `log.console.formatter.plaintext.format`.
const TEMPLATE: &str = "$time [$level] $pid $msg";

/// The level's name, short or long.
fn written_level(level: LogLevel, style: LevelStyle) -> String {
    const SHORT: [[&str; 2]; 8] = [
        ["dbg", "dbug"],
        ["inf", "info"],
        ["ntc", "noti"],
        ["wrn", "warn"],
        ["err", "erro"],
        ["crt", "crit"],
        ["alt", "alrt"],
        ["emg", "emgc"],
    ];
    let name = match (style.letters, SHORT.get(level as usize)) {
        (3, Some(names)) => names[0],
        (4, Some(names)) => names[1],
        _ => level.as_str(),
    };
    if style.is_upper { name.to_ascii_uppercase() } else { name.to_owned() }
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

/// Appends `2026-01-01 00:00:00.000000+00:00`, or as it is wished; in UTC.
fn write_time(at: SystemTime, format: LogTime, out: &mut String) {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, micros) = (since.as_secs(), u64::from(since.subsec_micros()));
    match format {
        LogTime::Seconds => {
            let _ = write!(out, "{seconds}.{micros:06}");
            return;
        }
        LogTime::Micros => {
            let _ = write!(out, "{}", since.as_micros());
            return;
        }
        LogTime::Space | LogTime::T | LogTime::Lager => {}
    }
    let Date { year, month, day } = date(seconds / 86_400);
    let between = if format == LogTime::T { 'T' } else { ' ' };
    write_digits(year, 4, out);
    for (before, number) in [
        ('-', month),
        ('-', day),
        (between, seconds / 3_600 % 24),
        (':', seconds / 60 % 60),
        (':', seconds % 60),
    ] {
        out.push(before);
        write_digits(number, 2, out);
    }
    out.push('.');
    if format == LogTime::Lager {
        write_digits(micros / 1_000, 3, out);
    } else {
        write_digits(micros, 6, out);
        out.push_str("+00:00");
    }
}

/// Appends the last digits of a number: a line of the log has seven numbers of known length, for which the machinery of
/// formats is slow.
fn write_digits(number: u64, width: u32, out: &mut String) {
    for place in (0..width).rev() {
        let digit = u8::try_from(number / 10_u64.pow(place) % 10).unwrap_or_default();
        out.push(char::from(b'0' + digit));
    }
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

    impl Line {
        fn written(&self, shape: &LogShape) -> String {
            let mut out = String::new();
            self.write(shape, &mut out);
            out
        }
    }

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
            line("a\nb").written(&LogShape::default()),
            "2026-01-01 00:00:00.000012+00:00 [warning] <0.7.1> a\n\
             2026-01-01 00:00:00.000012+00:00 [warning] <0.7.1> b\n"
        );
        assert_eq!(
            line("a\n\"b\"\u{1}").written(&json("")),
            "{\"time\":\"2026-01-01 00:00:00.000012+00:00\",\"level\":\"warning\",\"msg\":\"a\\n\\\"b\\\"\\u0001\",\
             \"domain\":\"rabbitmq.connection\",\"pid\":\"<0.7.1>\"}\n"
        );
    }

    fn json(fields: &str) -> LogShape {
        let field = |word: &str| {
            let (name, shown) = word.split_once(':').unwrap_or((word, word));
            (name.to_owned(), (shown != "-").then(|| shown.to_owned()))
        };
        let fields = fields.split_whitespace().map(field).collect();
        LogShape { format: LogFormat::Json, fields, ..LogShape::default() }
    }

    #[test]
    fn objects_have_the_fields_that_are_wished() {
        let said = line("a\nb");
        for (fields, expected) in [
            ("msg level:lvl *:-", r#"{"msg":"a\nb","lvl":"warning"}"#),
            ("verbosity:v msg *:-", r#"{"v":4,"msg":"a\nb"}"#),
            ("*:-", "{}"),
            (
                "msg:- time:- pid",
                r#"{"pid":"<0.7.1>","level":"warning","domain":"rabbitmq.connection","verbosity":4}"#,
            ),
        ] {
            let verbosity = [(LogLevel::Warning, 4)].into();
            let shape = LogShape { verbosity, ..json(fields) };
            assert_eq!(said.written(&shape), format!("{expected}\n"), "{fields}");
        }
        let shape =
            LogShape { time: LogTime::Micros, is_single_line: true, ..json("time msg *:-") };
        assert_eq!(said.written(&shape), "{\"time\":1767225600000012,\"msg\":\"a, b\"}\n");
        let shape = LogShape { time: LogTime::Seconds, ..json("time *:-") };
        assert_eq!(said.written(&shape), "{\"time\":1767225600}\n");
    }

    #[test]
    fn text_looks_as_its_template() {
        let said = line("a\nb");
        let template = |template: &str, time, letters| LogShape {
            template: template.to_owned(),
            time,
            level: LevelStyle { is_upper: true, letters },
            ..LogShape::default()
        };
        for (shape, expected) in [
            (
                template("$level $msg!$line", LogTime::T, 0),
                "WARNING a!<unknown line>\nWARNING b!<unknown line>\n",
            ),
            (
                template("$time $msg", LogTime::T, 0),
                "2026-01-01T00:00:00.000012+00:00 a\n2026-01-01T00:00:00.000012+00:00 b\n",
            ),
            (
                LogShape {
                    is_single_line: true,
                    ..template("$time $level $msg", LogTime::Seconds, 3)
                },
                "1767225600.000012 WRN a, b\n",
            ),
            (
                LogShape { is_single_line: true, ..template("", LogTime::Lager, 4) },
                "2026-01-01 00:00:00.000 [WARN] <0.7.1> a, b\n",
            ),
        ] {
            assert_eq!(said.written(&shape), expected);
        }
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
