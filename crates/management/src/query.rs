//! What stands behind the question mark.

/// The fields of a query, decoded, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the text behind the question mark.
    pub(crate) fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// All fields.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of the first field of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The values of all fields of this name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Has a field say `true`, whatever it said.
    pub(crate) fn set(&mut self, name: &str) {
        self.0.retain(|(found, _)| found != name);
        self.0.push((name.to_owned(), "true".to_owned()));
    }

    /// Whether a field says `true`.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.find(name) == Some("true")
    }
}
