//! How values of arguments and headers are compared, in two ways.
//!
//! As part of a binding's identity, values of different types differ, as in RabbitMQ: the order here is total and
//! strict. When a header is held against a binding's argument, RabbitMQ compares what remains of a value once its
//! type tag is taken off, which makes some types equal: see [`header_matches`].

use std::cmp::Ordering;

use message::{Arguments, Value};

/// A total order of values, by type and then by what is in them.
pub(crate) fn values(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::F32(a), Value::F32(b)) => a.total_cmp(b),
        (Value::F64(a), Value::F64(b)) => a.total_cmp(b),
        (
            Value::Decimal { scale: scale_a, unscaled: a },
            Value::Decimal { scale: scale_b, unscaled: b },
        ) => (scale_a, a).cmp(&(scale_b, b)),
        (Value::Text(a), Value::Text(b)) | (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => each(a.iter(), b.iter(), values),
        (Value::Table(a), Value::Table(b)) => arguments(a, b),
        _ => type_rank(a).cmp(&type_rank(b)).then_with(|| a.as_integer().cmp(&b.as_integer())),
    }
}

/// A total order of tables.
pub(crate) fn arguments(a: &Arguments, b: &Arguments) -> Ordering {
    each(a.iter(), b.iter(), |a, b| a.0.cmp(b.0).then_with(|| values(a.1, b.1)))
}

/// Whether a header satisfies what a headers binding asks for.
///
/// Asked of RabbitMQ 4.3.6: whole numbers are equal whatever their width, and so are floats; text equals bytes;
/// an empty list equals an empty table; what stands inside lists and tables must agree in type. No value on the
/// side of the binding asks for presence only. A message's timestamp counts as milliseconds, a binding's as
/// seconds, so that the same timestamp on both sides does not match.
///
/// One difference: RabbitMQ tells tables apart that differ only in the order of their fields; here they are equal.
pub(crate) fn header_matches(wanted: &Value, header: &Value) -> bool {
    match (wanted, header) {
        (Value::Void, _) => true,
        (Value::Text(a) | Value::Bytes(a), Value::Text(b) | Value::Bytes(b)) => a == b,
        (Value::Array(a), Value::Table(b)) => a.is_empty() && b.is_empty(),
        (Value::Table(a), Value::Array(b)) => a.is_empty() && b.is_empty(),
        _ => match (whole_number(wanted, 1), whole_number(header, 1000)) {
            (Some(a), Some(b)) => a == b,
            _ => match (float(wanted), float(header)) {
                // The bits are compared because 0.0 and -0.0 differ in RabbitMQ.
                (Some(a), Some(b)) => a.to_bits() == b.to_bits(),
                _ => values(wanted, header) == Ordering::Equal,
            },
        },
    }
}

fn whole_number(value: &Value, timestamp_unit: i128) -> Option<i128> {
    match *value {
        Value::Timestamp(seconds) => Some(i128::from(seconds) * timestamp_unit),
        _ => value.as_integer().map(i128::from),
    }
}

fn float(value: &Value) -> Option<f64> {
    match *value {
        Value::F32(number) => Some(number.into()),
        Value::F64(number) => Some(number),
        _ => None,
    }
}

fn type_rank(value: &Value) -> u8 {
    match value {
        Value::Void => 0,
        Value::Bool(_) => 1,
        Value::I8(_) => 2,
        Value::U8(_) => 3,
        Value::I16(_) => 4,
        Value::U16(_) => 5,
        Value::I32(_) => 6,
        Value::U32(_) => 7,
        Value::I64(_) => 8,
        Value::F32(_) => 9,
        Value::F64(_) => 10,
        Value::Decimal { .. } => 11,
        Value::Text(_) => 12,
        Value::Bytes(_) => 13,
        Value::Timestamp(_) => 14,
        Value::Array(_) => 15,
        Value::Table(_) => 16,
    }
}

/// Compares two sequences element by element; a prefix comes before what it begins.
fn each<T>(
    mut a: impl Iterator<Item = T>,
    mut b: impl Iterator<Item = T>,
    compare: impl Fn(T, T) -> Ordering,
) -> Ordering {
    loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) => match compare(a, b) {
                Ordering::Equal => {}
                order => return order,
            },
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(value: Value) -> Value {
        Value::Table(Arguments::from([("a".to_owned(), value)]))
    }

    /// One value of each kind; those that RabbitMQ 4.3.6 takes for each other share a number.
    fn classes() -> Vec<(u8, Value)> {
        vec![
            (1, Value::I8(1)),
            (1, Value::U8(1)),
            (1, Value::I16(1)),
            (1, Value::U16(1)),
            (1, Value::I32(1)),
            (1, Value::U32(1)),
            (1, Value::I64(1)),
            (2, Value::Bool(true)),
            (3, Value::Bool(false)),
            (4, Value::F32(1.0)),
            (4, Value::F64(1.0)),
            (5, Value::F64(0.0)),
            (6, Value::F64(-0.0)),
            (7, Value::Decimal { scale: 0, unscaled: 1 }),
            (8, Value::Decimal { scale: 1, unscaled: 10 }),
            (9, Value::text("1")),
            (9, Value::Bytes(b"1".to_vec())),
            (10, Value::Array(vec![])),
            (10, Value::Table(Arguments::new())),
            (11, Value::Array(vec![Value::I32(1)])),
            (12, Value::Array(vec![Value::I64(1)])),
            (13, table(Value::I32(1))),
            (14, table(Value::I64(1))),
        ]
    }

    #[test]
    fn headers_match_as_rabbitmq_compares_them() {
        for (wanted_class, wanted) in classes() {
            for (header_class, header) in classes() {
                let expected = wanted_class == header_class;
                assert_eq!(header_matches(&wanted, &header), expected, "{wanted:?} {header:?}");
            }
            assert!(header_matches(&Value::Void, &wanted));
            assert!(!header_matches(&wanted, &Value::Void));
        }
        assert!(header_matches(&Value::Void, &Value::Void));
    }

    #[test]
    fn a_timestamp_in_a_message_counts_milliseconds() {
        assert!(!header_matches(&Value::Timestamp(1), &Value::Timestamp(1)));
        assert!(header_matches(&Value::Timestamp(1000), &Value::Timestamp(1)));
        assert!(header_matches(&Value::I64(1000), &Value::Timestamp(1)));
        assert!(header_matches(&Value::Timestamp(1), &Value::I64(1)));
        assert!(!header_matches(&Value::Timestamp(u64::MAX), &Value::Timestamp(u64::MAX)));
    }

    #[test]
    fn identity_tells_all_types_apart() {
        let all = classes();
        for (i, (_, a)) in all.iter().enumerate() {
            for (j, (_, b)) in all.iter().enumerate() {
                assert_eq!(values(a, b) == Ordering::Equal, i == j, "{a:?} {b:?}");
                assert_eq!(values(a, b), values(b, a).reverse(), "{a:?} {b:?}");
            }
        }
        let nan = Value::F64(f64::NAN);
        assert_eq!(values(&nan, &nan), Ordering::Equal);
    }
}
