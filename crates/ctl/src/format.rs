//! Rows as text: separated by tabs, drawn as a table, as JSON, as CSV, as Erlang terms.

use serde_json::{Map, Value};

use crate::terms::Cell;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Formatter {
    Table,
    PrettyTable,
    Json,
    Csv,
    Erlang,
}

impl Formatter {
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            // RabbitMQ takes its names in either spelling; a stream of JSON is one document per line.
            "table" => Self::Table,
            "pretty_table" | "pretty-table" | "PrettyTable" => Self::PrettyTable,
            "json" => Self::Json,
            "csv" => Self::Csv,
            "erlang" => Self::Erlang,
            _ => return None,
        })
    }
}

/// A list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// RabbitMQ draws a few lists unless told otherwise.
    pub(crate) is_drawn: bool,
    /// What an empty table is: an empty line, or nothing.
    pub(crate) is_line_if_empty: bool,
}

impl Rows {
    pub(crate) fn render(&self, formatter: Formatter, has_headers: bool) -> String {
        match formatter {
            Formatter::Table if self.is_drawn => self.drawn(has_headers),
            Formatter::Table => self.table(has_headers),
            Formatter::PrettyTable => self.drawn(has_headers),
            Formatter::Json => self.json(),
            Formatter::Csv => self.csv(has_headers),
            Formatter::Erlang => self.erlang(),
        }
    }

    fn table(&self, has_headers: bool) -> String {
        if self.rows.is_empty() {
            return if self.is_line_if_empty { "\n".to_owned() } else { String::new() };
        }
        let mut text = String::new();
        if has_headers {
            text.push_str(&self.columns.join("\t"));
            text.push('\n');
        }
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(Cell::shown).collect();
            text.push_str(&cells.join("\t"));
            text.push('\n');
        }
        text
    }

    fn json(&self) -> String {
        let mut text = "[\n".to_owned();
        for (index, row) in self.rows.iter().enumerate() {
            let object: Map<String, Value> =
                self.columns.iter().cloned().zip(row.iter().map(Cell::json)).collect();
            if index > 0 {
                text.push(',');
            }
            text.push_str(&Value::Object(object).to_string());
            text.push('\n');
        }
        text.push_str("]\n");
        text
    }

    fn csv(&self, has_headers: bool) -> String {
        let line = |cells: &mut dyn Iterator<Item = String>| {
            let cells: Vec<String> =
                cells.map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            cells.join(",") + "\n"
        };
        if self.rows.is_empty() {
            return String::new();
        }
        let mut text = String::new();
        if has_headers {
            text.push_str(&line(&mut self.columns.iter().cloned()));
        }
        for row in &self.rows {
            text.push_str(&line(&mut row.iter().map(Cell::shown)));
        }
        text
    }

    fn erlang(&self) -> String {
        let rows: Vec<String> = self
            .rows
            .iter()
            .map(|row| {
                let pairs: Vec<String> = self
                    .columns
                    .iter()
                    .zip(row)
                    .map(|(column, cell)| format!("{{{column},{}}}", cell.erlang()))
                    .collect();
                format!("[{}]", pairs.join(","))
            })
            .collect();
        format!("[{}]\n", rows.join(",\n "))
    }

    /// With the line-drawing characters of a terminal, as RabbitMQ draws it.
    fn drawn(&self, has_headers: bool) -> String {
        let cells: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(Cell::shown).collect()).collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| {
                let header = if has_headers { self.columns[column].chars().count() } else { 0 };
                cells.iter().map(|row| row[column].chars().count()).fold(header, usize::max)
            })
            .collect();
        let rule = |left: char, middle: char, right: char| {
            let lines: Vec<String> = widths.iter().map(|width| "q".repeat(width + 2)).collect();
            format!("\u{1b}(0{left}{}{right}\u{1b}(B\n", lines.join(&middle.to_string()))
        };
        let bar = "\u{1b}(0x\u{1b}(B";
        let line = |cells: &mut dyn Iterator<Item = (String, usize)>| {
            let mut line = bar.to_owned();
            for (cell, padding) in cells {
                line.push_str(&format!(" {cell}{} {bar}", " ".repeat(padding)));
            }
            line + "\n"
        };
        let mut text = rule('l', 'w', 'k');
        if has_headers {
            text.push_str(&line(&mut self.columns.iter().zip(&widths).map(|(name, width)| {
                (format!("\u{1b}[1m{name}\u{1b}[0m"), width - name.chars().count())
            })));
        }
        for (index, row) in cells.into_iter().enumerate() {
            if index > 0 || has_headers {
                text.push_str(&rule('t', 'n', 'u'));
            }
            text.push_str(&line(&mut row.into_iter().zip(&widths).map(|(cell, width)| {
                let padding = width - cell.chars().count();
                (cell, padding)
            })));
        }
        text + &rule('m', 'v', 'j')
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows() -> Rows {
        Rows {
            columns: vec!["name".into(), "tags".into()],
            rows: vec![
                vec![Cell::text("a \"b\""), Cell::names(&json!("t1,t2"))],
                vec![Cell::text("/"), Cell::names(&json!(""))],
            ],
            is_drawn: false,
            is_line_if_empty: true,
        }
    }

    #[test]
    fn a_table_has_tabs() {
        assert_eq!(rows().render(Formatter::Table, true), "name\ttags\na \"b\"\t[t1, t2]\n/\t[]\n");
        assert_eq!(rows().render(Formatter::Table, false), "a \"b\"\t[t1, t2]\n/\t[]\n");
    }

    #[test]
    fn an_empty_table_has_no_headers() {
        let empty = Rows { rows: Vec::new(), ..rows() };
        assert_eq!(empty.render(Formatter::Table, true), "\n");
        assert_eq!(empty.render(Formatter::Json, true), "[\n]\n");
    }

    #[test]
    fn json_is_an_object_per_line() {
        assert_eq!(
            rows().render(Formatter::Json, true),
            "[\n{\"name\":\"a \\\"b\\\"\",\"tags\":[\"t1\",\"t2\"]}\n,{\"name\":\"/\",\"tags\":[]}\n]\n"
        );
    }

    #[test]
    fn csv_quotes_everything() {
        assert_eq!(
            rows().render(Formatter::Csv, true),
            "\"name\",\"tags\"\n\"a \"\"b\"\"\",\"[t1, t2]\"\n\"/\",\"[]\"\n"
        );
    }

    #[test]
    fn erlang_terms_are_lists_of_pairs() {
        assert_eq!(
            rows().render(Formatter::Erlang, true),
            "[[{name,<<\"a \\\"b\\\"\">>},{tags,[t1,t2]}],\n [{name,<<\"/\">>},{tags,[]}]]\n"
        );
    }

    #[test]
    fn a_drawn_table_is_rabbitmqs() {
        let rows =
            Rows { columns: vec!["name".into()], rows: vec![vec![Cell::text("q1")]], ..rows() };
        assert_eq!(
            rows.render(Formatter::PrettyTable, true),
            "\u{1b}(0lqqqqqqk\u{1b}(B\n\u{1b}(0x\u{1b}(B \u{1b}[1mname\u{1b}[0m \u{1b}(0x\u{1b}(B\n\
             \u{1b}(0tqqqqqqu\u{1b}(B\n\u{1b}(0x\u{1b}(B q1   \u{1b}(0x\u{1b}(B\n\u{1b}(0mqqqqqqj\u{1b}(B\n"
        );
    }
}
