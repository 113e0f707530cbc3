//! What all lists have in common: name filter, order, pages and columns.
//!
//! ```text
//!   rows ── name, use_regex ──> sort, sort_reverse ──> page, page_size ──> rendered ──> columns
//! ```
//!
//! Only the rows of the page are rendered, so that a page of very many things costs what a page costs.

use std::cmp::Ordering;
use std::collections::VecDeque;

use bytes::Bytes;
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::query::Query;
use crate::reply::Reply;

/// Things on a page, unless asked for another number.
const PAGE_SIZE: usize = 100;
/// Things on a page, at most.
const PAGE_SIZE_MAX: usize = 500;
/// Bytes that a compiled name filter may take.
const FILTER_BYTES_MAX: usize = 1 << 20;
/// Levels of a dotted path to a column, at most.
const PATH_PARTS_MAX: usize = 8;
/// Columns that may be asked for.
const COLUMNS_MAX: usize = 256;
/// About how long the pieces are in which a list is sent, in bytes.
const PIECE_BYTES: usize = 256 * 1024;

/// How a list is wanted.
#[derive(Debug)]
pub(crate) struct Wanted {
    page: Option<Page>,
    filter: Filter,
    sort: Option<Path>,
    is_reversed: bool,
    columns: Option<Vec<Path>>,
}

/// A column, perhaps of an object within: `message_stats.publish`.
pub(crate) type Path = Vec<String>;

#[derive(Clone, Copy, Debug)]
struct Page {
    number: usize,
    size: usize,
}

#[derive(Debug)]
enum Filter {
    All,
    /// Nothing has a match of what is no expression.
    Nothing,
    /// Lower case.
    Part(String),
    Expression(Regex),
}

/// The rows that are to be rendered.
#[derive(Debug)]
pub(crate) struct Selected<R> {
    /// The rows, in order.
    pub(crate) rows: Vec<R>,
    page: Option<Page>,
    total_count: usize,
    filtered_count: usize,
}

/// Rows as they are sent: a list of very many things takes their text and no more.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pieces: VecDeque<Bytes>,
    /// What is behind the pieces.
    text: String,
    count: usize,
}

/// What a list is sorted by: numbers come before texts, and what is missing counts as 0.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Key {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl Wanted {
    /// Reads what a query says of it.
    ///
    /// # Errors
    /// When pages are asked for that cannot be.
    pub(crate) fn parse(query: &Query) -> Result<Self, Failure> {
        let path = |text: &str| text.split('.').take(PATH_PARTS_MAX).map(str::to_owned).collect();
        let columns = query.find("columns").filter(|text| !text.is_empty());
        Ok(Self {
            page: Page::parse(query)?,
            filter: Filter::parse(query),
            sort: query.find("sort").filter(|text| !text.is_empty()).map(path),
            is_reversed: query.is_set("sort_reverse"),
            columns: columns.map(|text| text.split(',').take(COLUMNS_MAX).map(path).collect()),
        })
    }

    /// What it is to be sorted by.
    pub(crate) fn sort_column(&self) -> Option<&[String]> {
        self.sort.as_deref()
    }

    /// Whether it has no column but those.
    pub(crate) fn has_only(&self, is_one: impl Fn(&str) -> bool) -> bool {
        let is_one = |path: &Path| path.first().is_some_and(|first| is_one(first));
        self.columns.as_ref().is_some_and(|columns| columns.iter().all(is_one))
    }

    /// Takes the rows of the page.
    ///
    /// # Errors
    /// When there is no such page.
    pub(crate) fn select<R>(
        &self,
        mut rows: Vec<R>,
        name: impl Fn(&R) -> &str,
        key: impl Fn(&R, &[String]) -> Key,
    ) -> Result<Selected<R>, Failure> {
        let total_count = rows.len();
        if self.page.is_some() {
            // RabbitMQ filters pages only.
            rows.retain(|row| self.filter.lets_pass(name(row)));
        }
        let filtered_count = rows.len();
        if let Some(column) = &self.sort {
            rows = sorted(rows, |row| key(row, column));
        }
        if self.is_reversed {
            rows.reverse();
        }
        if let Some(page) = self.page {
            rows = page.cut(rows)?;
        }
        Ok(Selected { rows, page: self.page, total_count, filtered_count })
    }

    /// A list of values that are there already.
    ///
    /// # Errors
    /// As [`Wanted::select`].
    pub(crate) fn answer(&self, values: Vec<Value>) -> Result<Reply, Failure> {
        let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
        let rows: Vec<_> = values.into_iter().map(|value| (name(&value), value)).collect();
        let selected = self.select(rows, |row| &row.0, |row, column| Key::at(&row.1, column))?;
        let (about, rows) = selected.split();
        Ok(self.finish(&about, rows.into_iter().map(|row| row.1)))
    }

    /// The answer, of the rows as they are rendered.
    pub(crate) fn finish(
        &self,
        about: &Selected<()>,
        items: impl IntoIterator<Item = Value>,
    ) -> Reply {
        let mut written = Written::default();
        items.into_iter().for_each(|item| self.write(&mut written, item));
        Self::close(about, written)
    }

    /// Writes a row that has been rendered.
    pub(crate) fn write(&self, written: &mut Written, mut item: Value) {
        self.project(&mut item);
        written.push(&item);
    }

    /// The answer, of the rows that have been written.
    pub(crate) fn close(about: &Selected<()>, written: Written) -> Reply {
        let item_count = written.count;
        let Some(page) = about.page else { return Reply::pieces(written.between("[", "]")) };
        let Selected { filtered_count, total_count, .. } = about;
        let Page { number, size } = page;
        let page_count = filtered_count.div_ceil(size);
        let before =
            format!(r#"{{"filtered_count":{filtered_count},"item_count":{item_count},"items":["#);
        let after = format!(
            r#"],"page":{number},"page_count":{page_count},"page_size":{size},"total_count":{total_count}}}"#
        );
        Reply::pieces(written.between(&before, &after))
    }

    /// Leaves the columns that are wanted. Single things have columns too.
    pub(crate) fn project(&self, item: &mut Value) {
        let Some(columns) = &self.columns else { return };
        let mut kept = Map::new();
        for path in columns {
            if let Some(value) = at(item, path) {
                put(&mut kept, path, value.clone());
            }
        }
        *item = Value::Object(kept);
    }
}

impl Written {
    fn push(&mut self, item: &Value) {
        if self.count > 0 {
            self.text.push(',');
        }
        self.text.push_str(&item.to_string());
        self.count += 1;
        if self.text.len() >= PIECE_BYTES {
            self.pieces.push_back(std::mem::take(&mut self.text).into());
        }
    }

    fn between(self, before: &str, after: &str) -> VecDeque<Bytes> {
        let Self { mut pieces, mut text, .. } = self;
        text.push_str(after);
        pieces.push_back(text.into());
        pieces.push_front(before.to_owned().into());
        pieces
    }
}

impl<R> Selected<R> {
    /// What is to be said of the list, and the rows.
    pub(crate) fn split(self) -> (Selected<()>, Vec<R>) {
        let Self { rows, page, total_count, filtered_count } = self;
        (Selected { rows: Vec::new(), page, total_count, filtered_count }, rows)
    }
}

impl Page {
    fn parse(query: &Query) -> Result<Option<Self>, Failure> {
        let number = |name: &str| match query.find(name) {
            None => Ok(None),
            Some(text) => text
                .parse::<i64>()
                .map(Some)
                .map_err(|_| Failure::bad("Pagination parameters are invalid")),
        };
        let (page, size) = (number("page")?, number("page_size")?);
        let Some(page) = page.or_else(|| query.is_set("pagination").then_some(1)) else {
            return Ok(None);
        };
        let is_size = |size: &usize| (1..=PAGE_SIZE_MAX).contains(size);
        let wanted =
            size.map_or(Some(PAGE_SIZE), |size| usize::try_from(size).ok().filter(is_size));
        match (usize::try_from(page), wanted) {
            (Ok(number), Some(size)) if number > 0 => Ok(Some(Self { number, size })),
            _ => {
                let size = size.map_or_else(|| "undefined".to_owned(), |size| size.to_string());
                let reason =
                    format!("Invalid pagination parameters: page number {page}, page size {size}");
                Err(Failure::Invalid("invalid_pagination_parameters", reason))
            }
        }
    }

    fn cut<R>(self, rows: Vec<R>) -> Result<Vec<R>, Failure> {
        let first = (self.number - 1).saturating_mul(self.size);
        if first > 0 && first >= rows.len() {
            let reason = format!(
                "Page out of range, page: {} page size: {}, len: {}",
                self.number,
                self.size,
                rows.len()
            );
            return Err(Failure::Invalid("page_out_of_range", reason));
        }
        Ok(rows.into_iter().skip(first).take(self.size).collect())
    }
}

impl Filter {
    fn parse(query: &Query) -> Self {
        let Some(name) = query.find("name").filter(|name| !name.is_empty()) else {
            return Self::All;
        };
        if !query.is_set("use_regex") {
            return Self::Part(name.to_lowercase());
        }
        let expression =
            RegexBuilder::new(name).case_insensitive(true).size_limit(FILTER_BYTES_MAX).build();
        expression.map_or(Self::Nothing, Self::Expression)
    }

    fn lets_pass(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::Part(part) => name.to_lowercase().contains(part.as_str()),
            Self::Expression(expression) => expression.is_match(name),
        }
    }
}

impl Key {
    /// What a value has in a column.
    pub(crate) fn at(value: &Value, path: &[String]) -> Self {
        at(value, path).map_or(Self::Number(0.0), Self::of)
    }

    /// A value as a key.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Number(number) => Self::Number(number.as_f64().unwrap_or_default()),
            Value::Bool(is_set) => Self::Text(is_set.to_string()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Null => Self::Number(0.0),
            Value::Array(_) | Value::Object(_) => Self::Text(value.to_string()),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
        }
    }
}

fn sorted<R>(rows: Vec<R>, key: impl Fn(&R) -> Key) -> Vec<R> {
    let mut keyed: Vec<_> = rows.into_iter().map(|row| (key(&row), row)).collect();
    keyed.sort_by(|a, b| a.0.compare(&b.0));
    keyed.into_iter().map(|(_, row)| row).collect()
}

/// What lies at a path.
fn at<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, part| value.get(part))
}

fn put(object: &mut Map<String, Value>, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        object.insert(first.clone(), value);
        return;
    }
    let inner = object.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        put(inner, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(query: &str) -> Wanted {
        Wanted::parse(&Query::parse(query)).unwrap()
    }

    fn names(query: &str) -> Vec<String> {
        let rows = ["b", "A", "c10", "c2"].map(str::to_owned).to_vec();
        let key = |row: &String, _: &[String]| Key::Text(row.clone());
        wanted(query).select(rows, |row| row, key).unwrap().rows
    }

    #[test]
    fn rows_are_filtered_sorted_and_cut_in_this_order() {
        assert_eq!(names(""), ["b", "A", "c10", "c2"]);
        assert_eq!(names("name=c"), ["b", "A", "c10", "c2"], "a filter is for pages");
        assert_eq!(names("page=1&name=C"), ["c10", "c2"]);
        assert_eq!(names("page=1&name=%5Ea%7C2%24&use_regex=true"), ["A", "c2"]);
        assert_eq!(names("page=1&name=(&use_regex=true"), Vec::<String>::new());
        assert_eq!(names("sort=name"), ["A", "b", "c10", "c2"]);
        assert_eq!(names("sort=name&sort_reverse=true&page=2&page_size=3"), ["A"]);
        assert_eq!(names("sort_reverse=true"), ["c2", "c10", "A", "b"]);
    }

    #[test]
    fn pages_that_cannot_be_are_refused_in_rabbitmqs_words() {
        let refused = |query: &str| match Wanted::parse(&Query::parse(query)) {
            Err(Failure::Invalid(_, reason) | Failure::BadRequest(reason)) => reason,
            other => panic!("{other:?}"),
        };
        let invalid = "Invalid pagination parameters: page number";
        assert_eq!(refused("page=0"), format!("{invalid} 0, page size undefined"));
        assert_eq!(refused("page=1&page_size=501"), format!("{invalid} 1, page size 501"));
        assert_eq!(refused("page=x"), "Pagination parameters are invalid");
        let beyond =
            wanted("page=9&page_size=2").select(vec![1, 2], |_| "", |_, _| Key::Number(0.0));
        let reason = "Page out of range, page: 9 page size: 2, len: 2".to_owned();
        assert_eq!(beyond.unwrap_err(), Failure::Invalid("page_out_of_range", reason));
    }

    #[test]
    fn columns_may_lie_within() {
        let mut item = json!({ "name": "q", "stats": { "in": 1, "out": 2 }, "type": "x" });
        wanted("columns=name,stats.in,nothing").project(&mut item);
        assert_eq!(item, json!({ "name": "q", "stats": { "in": 1 } }));
    }

    #[test]
    fn numbers_come_before_texts() {
        let values = [json!("10"), json!(2), json!(null), json!("1")];
        let keys = values.iter().map(Key::of).collect::<Vec<_>>();
        let sorted = sorted(keys, Clone::clone);
        let expected =
            [Key::Number(0.0), Key::Number(2.0), Key::Text("1".into()), Key::Text("10".into())];
        assert_eq!(sorted, expected);
    }
}
