//! What the configuration may ask of the world, handed in by whoever has one.

use std::fmt;

/// Files as pairs of name and text, or why there are none.
pub type Files = Result<Vec<(String, String)>, String>;

/// Variables and files. Nothing here means that there are none.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The names of all environment variables that begin with `RABBITMQ_`.
    pub names: &'a [String],
    /// The files that a pattern stands for, in order, as pairs of name and text; a `*` may stand in the last part of
    /// the path. A relative path starts where the file is that names it, which is the first argument.
    pub files: &'a dyn Fn(&str, &str) -> Files,
}

impl Surroundings<'_> {
    /// A world without variables and files.
    pub const NONE: Self =
        Surroundings { variable: &|_| None, names: &[], files: &|_, _| Ok(vec![]) };
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("names", &self.names).finish_non_exhaustive()
    }
}
