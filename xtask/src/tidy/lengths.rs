//! How long files and functions may be. A file over the limit holds more than one noun; a function over the
//! limit does more than one thing.

use super::Finding;
use super::source::Source;

const FILE_LINES_MAX: usize = 800;
/// Above this a file is told, so that it is split before it has to be.
const FILE_LINES_NOTICE: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    if !source.has_extension("rs") && !source.has_extension("py") {
        return;
    }
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        let what = format!("{lines} lines, at most {FILE_LINES_MAX}; split it by noun");
        findings.push(Finding::new(&source.path, 1, what));
    } else if lines > FILE_LINES_NOTICE {
        let what = format!("{lines} lines; files should stay below {FILE_LINES_NOTICE}");
        findings.push(Finding::notice(&source.path, 1, what));
    }
    check_functions(source, findings);
}

/// Relies on rustfmt: the line that ends a function is the first `}` at the column of its `fn` line.
fn check_functions(source: &Source, findings: &mut Vec<Finding>) {
    let lines: Vec<&str> = source.code.lines().collect();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let Some(length) = function_lines(&lines[start..]) else { continue };
        if length > FUNCTION_LINES_MAX {
            let what = format!(
                "function `{name}` has {length} lines, at most {FUNCTION_LINES_MAX}; take a step out of it"
            );
            findings.push(Finding::new(&source.path, start + 1, what));
        }
    }
}

fn function_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let is_modifier = |word: &str| {
        word.starts_with("pub")
            || word.starts_with('"')
            || word.ends_with(')')
            || matches!(word, "const" | "async" | "extern" | "unsafe" | "default")
    };
    let word = words.find(|word| !is_modifier(word))?;
    if word != "fn" {
        return None;
    }
    words.next()?.split(['(', '<']).next()
}

/// From the line of `fn` to the line of its last brace, both counted. None for a declaration without body.
fn function_lines(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?;
    let indent = first.len() - first.trim_start().len();
    for (index, line) in lines.iter().enumerate() {
        let at_column = line.len() - line.trim_start().len() == indent;
        let is_end = index > 0 && at_column && line.trim_start().starts_with('}');
        let is_one_line = index == 0 && line.trim_end().ends_with('}');
        let opens = line.contains('{');
        if is_end || is_one_line {
            return Some(index + 1);
        }
        if at_column && line.trim_end().ends_with(';') && !opens {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::tests::findings_of;
    use super::*;

    fn function(lines: usize) -> String {
        format!("    pub(crate) fn long(\n    ) {{\n{}    }}\n", "        f();\n".repeat(lines - 3))
    }

    #[test]
    fn a_long_function_is_refused() {
        assert!(findings_of(check, "a.rs", &function(70)).is_empty());
        let findings = findings_of(check, "a.rs", &format!("\n{}", function(71)));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].0, 2);
        assert!(findings[0].1.starts_with("function `long` has 71 lines"), "{}", findings[0].1);
    }

    #[test]
    fn declarations_and_short_functions_do_not_run_into_what_follows() {
        let calls = "    f();\n".repeat(100);
        let text = format!(
            "trait T {{\n    fn a(&self);\n    fn b() {{}}\n}}\nconst X: () = {{\n{calls}}};\n"
        );
        assert!(findings_of(check, "a.rs", &text).is_empty());
    }

    #[test]
    fn a_long_file_is_told_and_a_longer_one_refused() {
        let mut findings = Vec::new();
        check(&Source::new("a.rs", &"x\n".repeat(501)), &mut findings);
        assert!(findings[0].is_notice);
        check(&Source::new("a.py", &"x\n".repeat(801)), &mut findings);
        assert!(!findings[1].is_notice);
        check(&Source::new("a.md", &"x\n".repeat(801)), &mut findings);
        assert_eq!(findings.len(), 2);
    }
}
