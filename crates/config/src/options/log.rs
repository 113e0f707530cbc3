//! What is logged, and where it goes.

use super::{Definition, narrow, switch};
use crate::draft::Draft;
use crate::logging::{
    LevelStyle, LogCategory, LogFormat, LogLevel, LogShape, LogTime, RotationDate,
};
use crate::unit::Unit;

const FORMATS: &str = "plaintext or json";

pub(super) const TABLE: &[Definition] = &[
    Definition::text(
        "log.console",
        "Whether lines go to the terminal, or to who started the broker. On unless a file is configured, where \
         RabbitMQ has a file by default.",
        "true or false",
        |draft, _, value| {
            draft.log.has_console = switch(value);
            draft.log.has_console.is_some()
        },
    )
    .example("true"),
    Definition::text(
        "log.console.level",
        "What is less important is not written to the console.",
        LogLevel::EXPECTED,
        |draft, _, value| level(value, |level| draft.log.console.level = level),
    )
    .default("debug"),
    Definition::text(
        "log.console.formatter",
        "How lines on the console look: `plaintext`, or `json` with an object on each line.",
        FORMATS,
        |draft, _, value| format(value, |format| draft.log.console.shape.format = format),
    )
    .default("plaintext"),
    Definition::text(
        "log.console.stdio",
        "Whether the console is `stdout` or `stderr`. RabbitMQ has `stdout`, which here carries the line that begins \
         with `ready`.",
        "stdout or stderr",
        |draft, _, value| {
            draft.log.console.is_stdout = value == "stdout";
            matches!(value, "stdout" | "stderr")
        },
    )
    .default("stderr"),
    Definition::text(
        "log.file",
        "The name of the log file, in `log.dir` unless it is a whole path; `false` for no file. There is none unless \
         this or `log.dir` is set.",
        "the name of a file, or false",
        |draft, _, value| {
            draft.log.has_file = Some(value != "false");
            draft.config.log.file_name = if value == "false" { "" } else { value }.to_owned();
            !value.is_empty() && !value.contains('\0') && value != "true"
        },
    )
    .example("rabbit.log"),
    Definition::text(
        "log.file.level",
        "What is less important is not written to the file.",
        LogLevel::EXPECTED,
        |draft, _, value| level(value, |level| draft.log.file.level = level),
    )
    .default("debug"),
    Definition::text(
        "log.file.formatter",
        "How lines in the file look: `plaintext`, or `json` with an object on each line.",
        FORMATS,
        |draft, _, value| format(value, |format| draft.log.file.shape.format = format),
    )
    .default("plaintext"),
    Definition::text(
        "log.file.rotation.date",
        "At which times the file is set aside and another one begun, in UTC.",
        RotationDate::EXPECTED,
        |draft, _, value| {
            draft.config.log.rotation.date = RotationDate::parse(value);
            draft.config.log.rotation.date.is_some()
        },
    )
    .example("$D0"),
    Definition::number(
        "log.file.rotation.size",
        "How large the file may become before it is set aside; 0 for as large as it gets.",
        0..=u64::MAX,
        |draft, n| draft.config.log.rotation.bytes_max = n,
    )
    .unit(Unit::Bytes)
    .default("0"),
    Definition::number(
        "log.file.rotation.count",
        "How many files that were set aside are kept.",
        0..=1_000,
        |draft, n| draft.config.log.rotation.count = narrow(n),
    )
    .default("5"),
    Definition::text(
        "log.dir",
        "The directory of the log file.",
        "the path of a directory",
        |draft, _, value| {
            draft.config.log.dir = value.to_owned();
            !value.is_empty() && !value.contains('\0')
        },
    )
    .example("/var/log/rabbitmq"),
    Definition::text(
        "log.default.level",
        "What is logged of everything that has no category with a level of its own.",
        LogLevel::EXPECTED,
        |draft, _, value| level(value, |level| draft.config.log.default_level = level),
    )
    .default("info"),
    category("log.connection.level", |draft, _, value| {
        category_level(draft, LogCategory::Connection, value)
    }),
    category("log.channel.level", |draft, _, value| {
        category_level(draft, LogCategory::Channel, value)
    }),
    category("log.queue.level", |draft, _, value| {
        category_level(draft, LogCategory::Queue, value)
    }),
    category("log.user.level", |draft, _, value| {
        category_level(draft, LogCategory::User, value)
    }),
    category("log.upgrade.level", |draft, _, value| {
        category_level(draft, LogCategory::Upgrade, value)
    }),
    category_file("log.connection.file", |draft, _, value| {
        file_of_category(draft, LogCategory::Connection, value)
    }),
    category_file("log.channel.file", |draft, _, value| {
        file_of_category(draft, LogCategory::Channel, value)
    }),
    category_file("log.queue.file", |draft, _, value| {
        file_of_category(draft, LogCategory::Queue, value)
    }),
    category_file("log.user.file", |draft, _, value| {
        file_of_category(draft, LogCategory::User, value)
    }),
    category_file("log.upgrade.file", |draft, _, value| {
        file_of_category(draft, LogCategory::Upgrade, value)
    }),
];

/// How lines look that go to one place: `$output` is the field of the draft, `$prefix` what its options begin with.
macro_rules! shape_table {
    ($prefix:literal, $output:ident) => {
        &[
            Definition::text(
                concat!($prefix, ".formatter.time_format"),
                "How times are written: rfc3339_space, rfc3339_T, epoch_usecs, epoch_secs or lager_default; in UTC.",
                LogTime::EXPECTED,
                |draft, _, value| {
                    let time = LogTime::parse(value);
                    time.map(|time| draft.log.$output.shape.time = time).is_some()
                },
            )
            .default("rfc3339_space"),
            Definition::text(
                concat!($prefix, ".formatter.level_format"),
                "How levels are written: in lower or upper case, whole or in 3 or 4 letters.",
                LevelStyle::EXPECTED,
                |draft, _, value| {
                    let style = LevelStyle::parse(value);
                    style.map(|style| draft.log.$output.shape.level = style).is_some()
                },
            )
            .default("lc"),
            Definition::text(
                concat!($prefix, ".formatter.single_line"),
                "Whether a text of several lines becomes one line, with commas.",
                "on or off",
                |draft, _, value| {
                    draft.log.$output.shape.is_single_line = matches!(value, "on" | "true");
                    matches!(value, "on" | "off" | "true" | "false")
                },
            )
            .default("off"),
            Definition::text(
                concat!($prefix, ".formatter.plaintext.format"),
                "What stands on a line of plain text: `$time`, `$level`, `$pid`, `$msg` and `$domain` are filled in.",
                "a text with $msg in it",
                |draft, _, value| {
                    value.clone_into(&mut draft.log.$output.shape.template);
                    value.contains("$msg")
                },
            )
            .default("$time [$level] $pid $msg"),
            Definition::text(
                concat!($prefix, ".formatter.json.field_map"),
                "Which fields objects have, in which order and under which names: `time:ts level msg *:-` has three, the time \
                 as ts. Fields are time, level, msg, domain, pid, and verbosity if levels have numbers.",
                LogShape::EXPECTED_FIELDS,
                |draft, _, value| {
                    let fields = LogShape::parse_fields(value);
                    fields.map(|fields| draft.log.$output.shape.fields = fields).is_some()
                },
            )
            .default("time level msg"),
            Definition::text(
                concat!($prefix, ".formatter.json.verbosity_map"),
                "Numbers of levels, for the field verbosity: `debug:7 info:6 notice:5 warning:4 error:3`.",
                LogShape::EXPECTED_VERBOSITY,
                |draft, _, value| {
                    let numbers = LogShape::parse_verbosity(value);
                    numbers.map(|numbers| draft.log.$output.shape.verbosity = numbers).is_some()
                },
            )
            .example("debug:7 info:6 notice:5 warning:4 error:3 critical:2 alert:1 emergency:0"),
        ]
    };
}

/// Lines on the console.
pub(super) const CONSOLE: &[Definition] = shape_table!("log.console", console);
/// Lines in files.
pub(super) const FILE: &[Definition] = shape_table!("log.file", file);

/// Lines of a category have a file of their own.
const fn category_file(
    name: &'static str,
    set: fn(&mut Draft, &[&str], &str) -> bool,
) -> Definition {
    Definition::text(
        name,
        "A file that lines of this category go to instead, in `log.dir` unless it is a whole path. It looks and is set aside \
         as `log.file` is.",
        "the name of a file",
        set,
    )
    .example("connections.log")
}

fn file_of_category(draft: &mut Draft, category: LogCategory, value: &str) -> bool {
    draft.config.log.category_files.insert(category, value.to_owned());
    !value.is_empty() && !value.contains('\0') && !matches!(value, "true" | "false")
}

const fn category(name: &'static str, set: fn(&mut Draft, &[&str], &str) -> bool) -> Definition {
    Definition::text(
        name,
        "What is logged of this category. Without it, what `log.default.level` says.",
        LogLevel::EXPECTED,
        set,
    )
    .example("warning")
}

fn category_level(draft: &mut Draft, category: LogCategory, value: &str) -> bool {
    level(value, |level| {
        draft.config.log.levels.insert(category, level);
    })
}

fn level(value: &str, set: impl FnOnce(LogLevel)) -> bool {
    LogLevel::parse(value).map(set).is_some()
}

fn format(value: &str, set: impl FnOnce(LogFormat)) -> bool {
    let format = match value {
        "plaintext" => Some(LogFormat::Plaintext),
        "json" => Some(LogFormat::Json),
        _ => None,
    };
    format.map(set).is_some()
}
