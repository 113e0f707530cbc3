//! Prometheus' text format, version 0.0.4.

use std::fmt::Write as _;

/// The type of what is written here.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often something was how large.
    Histogram,
    /// How often something was, and how large all of it was together.
    Summary,
    /// What RabbitMQ does not tell the kind of.
    Untyped,
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// A count.
    Count(u64),
    /// Anything else.
    Real(f64),
}

impl From<u64> for Number {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for Number {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

impl From<bool> for Number {
    fn from(flag: bool) -> Self {
        Self::Count(flag.into())
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

/// Writes what stands before a metric's samples.
pub(crate) fn write_head(out: &mut String, prefix: &str, name: &str, kind: Kind, help: &str) {
    let kind = match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
        Kind::Untyped => "untyped",
    };
    put(out, format_args!("# TYPE {prefix}{name} {kind}\n# HELP {prefix}{name} "));
    for character in help.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
    out.push('\n');
}

/// Writes a sample, whose name comes in parts.
pub(crate) fn write_sample(
    out: &mut String,
    name: [&str; 3],
    labels: &[(&str, &str)],
    value: Number,
) {
    name.into_iter().for_each(|part| out.push_str(part));
    for (index, (label, text)) in labels.iter().enumerate() {
        out.push(if index == 0 { '{' } else { ',' });
        out.push_str(label);
        out.push_str("=\"");
        escape(out, text);
        out.push('"');
    }
    out.push_str(if labels.is_empty() { " " } else { "} " });
    write_number(out, value);
    out.push('\n');
}

/// Writes a label's text as it stands between quotes.
fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

fn write_number(out: &mut String, value: Number) {
    match value {
        Number::Count(count) => put(out, format_args!("{count}")),
        Number::Real(number) if number.is_nan() => out.push_str("NaN"),
        Number::Real(f64::INFINITY) => out.push_str("+Inf"),
        Number::Real(f64::NEG_INFINITY) => out.push_str("-Inf"),
        Number::Real(number) => put(out, format_args!("{number}")),
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_help_are_escaped() {
        let mut out = String::new();
        write_head(&mut out, "p_", "x", Kind::Gauge, "a \\ b\nc \"d\"");
        let labels = [("vhost", "a\"b"), ("queue", "back\\slash\nü")];
        write_sample(&mut out, ["p_", "x", ""], &labels, Number::Count(5));
        write_sample(&mut out, ["p_", "x", ""], &[], Number::Real(1.5));
        let expected = "# TYPE p_x gauge\n# HELP p_x a \\\\ b\\nc \"d\"\n\
             p_x{vhost=\"a\\\"b\",queue=\"back\\\\slash\\nü\"} 5\np_x 1.5\n";
        assert_eq!(out, expected);
    }

    #[test]
    fn what_is_no_number_has_its_words() {
        let mut out = String::new();
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-9] {
            write_sample(&mut out, ["", "x", ""], &[], number.into());
        }
        assert_eq!(out, "x NaN\nx +Inf\nx -Inf\nx 0.000000001\n");
    }
}
