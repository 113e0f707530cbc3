//! The files of the checkout that people write, as text.

use std::fs;
use std::path::Path;

use super::code;

/// Folders that hold what programs write.
const FOREIGN_FOLDERS: &[&str] =
    &["target", ".git", "node_modules", "__pycache__", "corpus", "artifacts"];
/// What is read besides files without an extension in `.ci`.
const EXTENSIONS: &[&str] = &["rs", "md", "toml", "py", "txt", "sh", "html", "css", "js", "yml"];

/// One file.
#[derive(Debug)]
pub(super) struct Source {
    /// Relative to the top of the checkout, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// The text with comments and the insides of literals blanked, line for line. Empty unless it is Rust.
    pub(super) code: String,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") { code::blank(text) } else { String::new() };
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }

    pub(super) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }

    /// Lines of code with their numbers, counted from 1.
    pub(super) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Lines of text with their numbers, counted from 1.
    pub(super) fn text_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// Reads every file that a rule may look at, in the order of their paths.
///
/// # Errors
/// A folder or file cannot be read, or is not UTF-8.
pub(super) fn read_all(root: &Path) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let tell = |fault| format!("{}: {fault}", folder.display());
        for entry in fs::read_dir(&folder).map_err(tell)? {
            let path = entry.map_err(tell)?.path();
            if path.is_dir() {
                let is_foreign = path.file_name().is_some_and(|name| {
                    FOREIGN_FOLDERS.iter().any(|foreign| name.to_str() == Some(foreign))
                });
                if !is_foreign {
                    folders.push(path);
                }
            } else if is_read(&path) {
                let text = fs::read_to_string(&path)
                    .map_err(|fault| format!("{}: {fault}", path.display()))?;
                let relative = path.strip_prefix(root).unwrap_or(&path);
                sources.push(Source::new(&relative.to_string_lossy(), &text));
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn is_read(path: &Path) -> bool {
    match path.extension() {
        Some(extension) => EXTENSIONS.iter().any(|known| extension == *known),
        None => path.parent().and_then(Path::file_name).is_some_and(|folder| folder == ".ci"),
    }
}
