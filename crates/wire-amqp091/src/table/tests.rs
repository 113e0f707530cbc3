//! Field tables, value by value, whole and broken.

use super::*;

/// One of each type, with the bytes that RabbitMQ reads and writes for it.
fn every_type() -> Vec<(FieldValue, &'static [u8])> {
    vec![
        (true.into(), b"t\x01"),
        ((-2i8).into(), b"b\xfe"),
        (254u8.into(), b"B\xfe"),
        ((-2i16).into(), b"s\xff\xfe"),
        (0xfffe_u16.into(), b"u\xff\xfe"),
        ((-2i32).into(), b"I\xff\xff\xff\xfe"),
        (7u32.into(), b"i\0\0\0\x07"),
        ((-2i64).into(), b"l\xff\xff\xff\xff\xff\xff\xff\xfe"),
        (FieldValue::F32(1.5), b"f\x3f\xc0\0\0"),
        (FieldValue::F64(-2.0), b"d\xc0\0\0\0\0\0\0\0"),
        (FieldValue::Decimal { scale: 2, digits: 314 }, b"D\x02\0\0\x01\x3a"),
        (FieldValue::Timestamp(1), b"T\0\0\0\0\0\0\0\x01"),
        ("ab".into(), b"S\0\0\0\x02ab"),
        (FieldValue::Bytes(vec![0, 255]), b"x\0\0\0\x02\0\xff"),
        (FieldValue::Array(vec![true.into(), FieldValue::Void]), b"A\0\0\0\x03t\x01V"),
        (Table::new().with("k", 1u8).into(), b"F\0\0\0\x04\x01kB\x01"),
        (FieldValue::Void, b"V"),
    ]
}

fn nested(depth: usize) -> Table {
    (1..depth).fold(Table::new(), |inner, _| Table::new().with("", inner))
}

#[test]
fn every_type_has_its_bytes() {
    for (value, bytes) in every_type() {
        let mut table = b"\x04name".to_vec();
        table.extend(bytes);
        let decoded = Table::decode(&table).unwrap();
        assert_eq!(decoded.value(b"name"), Some(&value));
        assert_eq!(decoded.to_bytes(), table, "{value:?}");
        assert_eq!(check(&table), Ok(()));
    }
}

#[test]
fn order_and_duplicates_are_kept_and_the_first_is_found() {
    let table = Table::new().with("b", 1i32).with("a", 2i32).with("b", 3i32);
    let again = Table::decode(&table.to_bytes()).unwrap();
    assert_eq!(again, table);
    assert_eq!(again.value(b"b").and_then(FieldValue::as_i64), Some(1));
    let names: Vec<_> = again.iter().map(|(name, _)| name).collect();
    assert_eq!(names, [b"b", b"a", b"b"]);
}

#[test]
fn other_spellings_are_read_as_the_common_ones() {
    let table = Table::decode(b"\x01aL\0\0\0\0\0\0\0\x05\x01bt\x07").unwrap();
    assert_eq!(table.value(b"a"), Some(&FieldValue::I64(5)));
    assert_eq!(table.value(b"b"), Some(&FieldValue::Bool(true)));
}

#[test]
fn a_table_cut_within_a_pair_is_refused() {
    for (value, _) in every_type() {
        let bytes = Table::new().with("name", value).to_bytes();
        assert_eq!(Table::decode(&bytes[..0]), Ok(Table::new()));
        for len in 1..bytes.len() {
            let cut = &bytes[..len];
            assert_eq!(Table::decode(cut), Err(Malformed::Table(TableFlaw::Short)), "{cut:?}");
            assert_eq!(check(cut), Err(Malformed::Table(TableFlaw::Short)), "{cut:?}");
        }
    }
}

#[test]
fn an_inner_table_cannot_reach_beyond_its_own_length() {
    let bytes = b"\x01aF\0\0\0\x05\x01bS\0\0\0\0\x02xyz";
    assert_eq!(Table::decode(bytes), Err(Malformed::Table(TableFlaw::Short)));
    assert_eq!(check(bytes), Err(Malformed::Table(TableFlaw::Short)));
}

#[test]
fn unknown_types_are_refused() {
    for bytes in [b"\x01kZx".as_slice(), b"\x01kU\0\0", b"\x01kA\0\0\0\x02Zx"] {
        assert!(matches!(
            Table::decode(bytes),
            Err(Malformed::Table(TableFlaw::UnknownType(b'Z' | b'U')))
        ));
        assert_eq!(check(bytes), Table::decode(bytes).map(|_| ()));
    }
}

#[test]
fn numbers_that_are_none_are_refused() {
    for bytes in [b"\x01kd\x7f\xf8\0\0\0\0\0\0".as_slice(), b"\x01kf\x7f\x80\0\0"] {
        assert_eq!(Table::decode(bytes), Err(Malformed::Table(TableFlaw::NotFinite)));
        assert_eq!(check(bytes), Err(Malformed::Table(TableFlaw::NotFinite)));
    }
}

#[test]
fn nesting_has_a_limit() {
    let deepest = nested(TABLE_DEPTH_MAX).to_bytes();
    assert_eq!(Table::decode(&deepest), Ok(nested(TABLE_DEPTH_MAX)));
    assert_eq!(check(&deepest), Ok(()));
    let too_deep = nested(TABLE_DEPTH_MAX + 1).to_bytes();
    assert_eq!(Table::decode(&too_deep), Err(Malformed::Table(TableFlaw::TooDeep)));
    assert_eq!(check(&too_deep), Err(Malformed::Table(TableFlaw::TooDeep)));
}

#[test]
fn a_walk_yields_pairs_without_owning_them_and_ends_at_an_error() {
    let bytes = b"\x01aS\0\0\0\x02xy\x01bI\0\0\0\x07\x01cZ";
    let mut pairs = Pairs::new(bytes);
    let (name, value) = pairs.next().unwrap().unwrap();
    assert_eq!((name, value), (b"a".as_slice(), RawValue { tag: b'S', bytes: b"xy" }));
    let (_, value) = pairs.next().unwrap().unwrap();
    assert_eq!(value.decode(), Ok(FieldValue::I32(7)));
    assert!(pairs.next().unwrap().is_err());
    assert!(pairs.next().is_none());
}

#[test]
fn whole_numbers_of_any_width_are_numbers() {
    let numbers: Vec<_> = every_type().iter().filter_map(|(value, _)| value.as_i64()).collect();
    assert_eq!(numbers, [-2, 254, -2, 0xfffe, -2, 7, -2]);
}
