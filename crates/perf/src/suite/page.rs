//! A page that holds the tables between two marks.

/// What stands before and behind them.
const MARKS: [&str; 2] = ["<!-- leveret perf suite: begin -->", "<!-- leveret perf suite: end -->"];

/// The page with other tables between its marks.
///
/// # Errors
/// It does not have the marks, one behind the other.
pub(super) fn with_tables(page: &str, tables: &str) -> Result<String, String> {
    let [begin, end] = MARKS;
    let missing = || format!("it has no lines {begin} and {end} for the tables to stand between");
    let (before, rest) = page.split_once(begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(end).ok_or_else(missing)?;
    Ok(format!("{before}{begin}\n\n{}\n\n{end}{after}", tables.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_changes() {
        let [begin, end] = MARKS;
        let page = format!("# Title\n{begin}\nold\n{end}\nrest\n");
        let written = with_tables(&page, "\nnew\n").expect("a page with marks");
        assert_eq!(written, format!("# Title\n{begin}\n\nnew\n\n{end}\nrest\n"));
        assert_eq!(with_tables(&written, "new"), Ok(written.clone()));
        assert!(with_tables("# Title", "new").is_err());
    }
}
